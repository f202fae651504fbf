"""Expected views: known truth is recovered, intervals cover, fallbacks are told."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from briefs import HIDDEN, NOW, workspace

from tidegauge.plan.offers.expected import expected_views, reach_over_followers, viewers_over_views
from tidegauge.plan.offers.posts_read import as_of, cadence, weekday_rhythm, weekly_channel_views
from tidegauge.plan.offers.pricing import assumed_prices, price_bands, video_premium


def wanted_of(frames, *, claim: float | None = 1.0) -> pl.DataFrame:
    """Offers as rows for `expected_views`; `claim` scales what the rate cards state (None: they state nothing)."""
    stated = pl.lit(None, pl.Int64) if claim is None else (pl.col("expected_views") * claim).cast(pl.Int64)
    return (
        frames["offers"]
        .select("creator_id", "format", stated.alias("claim"))
        .join(frames["creators"].select("creator_id", "platform"), on="creator_id")
        .join(frames["creator_snapshots"].select("creator_id", "followers"), on="creator_id")
        .sort("creator_id", "format")
    )


def test_every_source_is_named_and_only_posts_and_rate_cards_count_as_read(make_tables):
    frames = workspace(n=160)
    tables = make_tables(frames)
    assert as_of(tables) == NOW
    found = expected_views(tables, wanted_of(frames, claim=None), NOW)
    shown = found.filter(~pl.col("platform").is_in(HIDDEN))
    hidden = found.filter(pl.col("platform").is_in(HIDDEN))
    assert set(shown["views_basis"]) <= {"posts", "similar_creators"}
    assert set(hidden["views_basis"]) <= {"likes", "similar_creators"}
    assert hidden["views_assumed"].all()
    assert (hidden.filter(pl.col("views_basis") == "likes")["views_shared_sd"] > 0).all()
    assert not shown.filter(pl.col("views_basis") == "posts")["views_assumed"].any()
    stated = expected_views(tables, wanted_of(frames), NOW)
    assert "rate_card" in set(stated["views_basis"])
    assert not stated.filter(pl.col("views_basis") == "rate_card")["views_assumed"].any()
    for rows in (found, stated):
        assert rows.select(pl.col("views", "views_low", "views_high").is_finite().all()).row(0) == (True, True, True)
        assert (rows["views_low"] < rows["views"]).all()
        assert (rows["views"] < rows["views_high"]).all()


def test_views_are_near_the_truth_for_creators_with_posts(make_tables):
    frames = workspace(n=400)
    found = expected_views(make_tables(frames), wanted_of(frames, claim=None), NOW)
    seen = found.filter(pl.col("views_basis") == "posts")
    line = 0.4 * seen["followers"].to_numpy() ** 0.9
    # The truth is this line times a quality of log spread 0.6; a post's expected count is exp(0.8² / 2) of its median.
    gap = np.log(seen["views"].to_numpy()) - np.log(line)
    assert abs(np.median(gap) - 0.32) < 0.25
    assert 0.3 < np.std(gap) < 0.9


def test_rate_cards_that_boast_are_brought_back_by_the_creators_own_posts(make_tables):
    frames = workspace(n=300)
    tables = make_tables(frames)
    honest, boasting = (expected_views(tables, wanted_of(frames, claim=c), NOW) for c in (1.0, 4.0))
    ratio = [
        boasting.filter(pl.col("views_basis") == "rate_card")["views"].median()
        / honest.filter(pl.col("views_basis") == "rate_card")["views"].median()
    ]
    assert 0.7 < ratio[0] < 1.6, "a fourfold boast of all rate cards must not make views fourfold"


def test_without_any_post_followers_times_a_cited_ratio_is_the_last_resort(make_tables):
    frames = workspace(n=30)
    tables = make_tables({k: frames[k] for k in ("creators", "creator_snapshots")})
    now = as_of(tables)
    wanted = (
        frames["creators"]
        .select("creator_id", "platform", pl.lit("short_video").alias("format"), pl.lit(None, pl.Int64).alias("claim"))
        .join(frames["creator_snapshots"].select("creator_id", "followers"), on="creator_id")
    )
    wanted = pl.concat([wanted, wanted.head(1).with_columns(followers=pl.lit(None, pl.Int64))])
    found = expected_views(tables, wanted, now)
    assert set(found["views_basis"].drop_nulls()) == {"followers_ratio"}
    assert found["views"].to_list()[-1] is None
    assert reach_over_followers() == {"x": 0.3, "facebook": 0.3, "instagram": 0.48}
    assert viewers_over_views()[0] == {"youtube": 0.75, "tiktok": 0.68}


def test_the_growth_of_a_channels_total_stands_in_for_posts(make_tables):
    days = [NOW - dt.timedelta(days=d) for d in (20, 10, 0)]
    snaps = pl.DataFrame(
        {
            "creator_id": ["youtube:a"] * 3 + ["youtube:falls"] * 3 + ["youtube:once"],
            "observed_at": [*days, *days, NOW],
            "followers": [1000] * 7,
            "views_total": [1_000, 2_000, 3_000, 900, 800, 700, 5],
        }
    )
    tables = make_tables({"creator_snapshots": snaps})
    assert weekly_channel_views(tables, NOW).to_dicts() == [{"creator_id": "youtube:a", "weekly_views": 700.0}]


def test_the_rhythm_counts_days_in_the_workspaces_time_zone(make_tables):
    monday_night_utc = dt.datetime(2026, 8, 31, 20, tzinfo=dt.UTC)  # Tuesday morning in Shanghai
    frames = {
        "creators": workspace(n=2)["creators"].head(1),
        "posts": pl.DataFrame(
            {
                "post_id": ["x:1"],
                "creator_id": workspace(n=2)["creators"]["creator_id"][:1],
                "platform": ["bilibili"],
                "published_at": [monday_night_utc],
            }
        ),
    }
    tables = make_tables(frames)
    assert weekday_rhythm(tables, NOW).select("weekday", "posts").rows() == [(1, 1)]
    assert cadence(tables, NOW)["posts_per_week"].to_list() == [1 / 8]


def test_assumed_prices_follow_the_cited_bands_and_never_leave_their_range():
    items = pl.DataFrame(
        {
            "platform": ["xiaohongshu", "xiaohongshu", "youtube", "wechat", "bilibili", "xiaohongshu"],
            "format": ["image_text", "short_video", "long_video", "article", "mid_video", "image_text"],
            "followers": [20_000, 20_000, None, 50, 10_000_000, None],
            "views": [None, None, 100_000.0, 10_000.0, None, 10.0],
        }
    )
    priced = assumed_prices(items)
    price, low, high = (priced[c].to_list() for c in ("price", "price_low", "price_high"))
    assert price[1] / price[0] == pytest.approx(1 + video_premium())
    assert (low[0], high[0]) == (300, 7500)
    assert price[2] == pytest.approx(100_000 * np.sqrt(0.015 * 0.08))
    assert "borrowed" in priced["price_source"][2]
    assert (low[3], high[3]) == (5_000, 15_000)
    assert price[4] is None
    assert price[5] == min(b.price_low for b in price_bands())
    known = priced.drop_nulls("price")
    assert (known["price_low"] <= known["price"]).all()
    assert (known["price"] <= known["price_high"]).all()
