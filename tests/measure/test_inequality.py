"""Inequality through a workspace: known Gini and exponent, income from bookings and rate cards, thin segments."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError
from tidegauge.measure.registry import run

T0 = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def creators(names, platform="douyin"):
    n = len(names)
    return pl.DataFrame(
        {"creator_id": names, "platform": [platform] * n, "native_id": names, "first_seen_at": [T0] * n}
    )


def followers(names, counts):
    return pl.DataFrame({"creator_id": names, "observed_at": [T0] * len(names), "followers": counts})


def row(result, quantity, **where):
    found = result.rows.filter(pl.col("quantity") == quantity, *(pl.col(c) == w for c, w in where.items()))
    assert found.height == 1, (quantity, found)
    return found.row(0, named=True)


def test_gini_and_tail_of_a_pareto_are_those_of_the_formula(make_tables):
    names = [f"c{i}" for i in range(3_000)]
    counts = (1_000 * np.random.default_rng(3).random(3_000) ** (-1 / 2.0)).astype(int)
    r = run("inequality", make_tables({"creators": creators(names), "creator_snapshots": followers(names, counts)}))
    g, a = row(r, "gini"), row(r, "tail_exponent")
    assert g["low"] < 1 / (2 * 2.0 - 1) < g["high"]
    assert abs(a["value"] - 2.0) < 0.15
    assert 0.05 < a["high"] - a["low"] < 0.6
    assert row(r, "goodness_p")["value"] > 0.05
    curve = r.rows.filter(pl.col("quantity") == "lorenz").sort("point").get_column("value").to_list()
    assert curve == sorted(curve)
    assert row(r, "lorenz", point="0.50")["value"] == pytest.approx(1 - 0.5 ** (1 - 1 / 2.0), abs=0.02)
    assert r.rows.filter((pl.col("low") > pl.col("value")) | (pl.col("high") < pl.col("value"))).is_empty()


def test_everybody_equal_and_one_with_everything(make_tables):
    names = [f"c{i}" for i in range(20)]
    same = make_tables({"creators": creators(names), "creator_snapshots": followers(names, [500] * 20)})
    assert row(run("inequality", same), "gini")["value"] == pytest.approx(0.0, abs=1e-12)
    one = make_tables({"creators": creators(names), "creator_snapshots": followers(names, [0] * 19 + [9])})
    assert row(run("inequality", one), "gini")["value"] == pytest.approx(1.0)
    assert set(run("inequality", one).rows.get_column("quantity")) == {"gini", "top1_share", "top10_share", "lorenz"}


def test_thin_segments_are_named_not_shown(make_tables):
    names = ["a", "b", "c", "d"]
    frame = creators(names).with_columns(platform=pl.Series(["douyin"] * 3 + ["weibo"]))
    r = run("inequality", make_tables({"creators": frame, "creator_snapshots": followers(names, [1, 2, 3, 4])}))
    assert set(r.rows.get_column("platform")) == {"douyin"}
    assert any("weibo" in n.en for n in r.notes)
    with pytest.raises(MeasureError, match="no segment"):
        run("inequality", make_tables({"creators": frame[:1], "creator_snapshots": followers(names[:1], [1])}))


def test_income_is_bookings_in_full_else_rate_card_times_sponsored_posts(make_tables):
    names = [f"c{i}" for i in range(5)]
    frames = {
        "creators": creators(names),
        "placements": pl.DataFrame(
            {
                "campaign_id": ["k", "k", "k"],
                "creator_id": ["c0", "c0", "c1"],
                "post_id": ["p", "q", "r"],
                "format": ["short_video"] * 3,
                "cost": [100.0, 50.0, 30.0],
                "published_at": [T0] * 3,
            }
        ),
        "offers": pl.DataFrame(
            {
                "creator_id": ["c0", "c2", "c2", "c3", "c4"],
                "format": ["short_video", "short_video", "long_video", "short_video", "short_video"],
                "role": ["KOL"] * 5,
                "terms": [""] * 5,
                "price": [9_999.0, 10.0, 30.0, 70.0, 80.0],
                "currency": ["CNY"] * 4 + ["USD"],
                "valid_from": [T0.date()] * 5,
            }
        ),
        "posts": pl.DataFrame(
            {
                "post_id": ["s1", "s2", "s3", "s4"],
                "creator_id": ["c2", "c2", "c3", "c4"],
                "platform": ["douyin"] * 4,
                "published_at": [T0] * 4,
                "sponsored": [True, True, False, True],
            }
        ),
    }
    r = run("inequality", make_tables(frames), quantity="income")
    # c0 earned 150, c1 30, c2 two posts at the middle price of 20; c3 had no sponsored post, c4 another currency.
    assert row(r, "gini")["n"] == 3
    assert row(r, "top10_share")["value"] == pytest.approx(0.3 * 150 / 220)
    assert any("33%" in n.en for n in r.notes)
    with pytest.raises(MeasureError, match="placements"):
        run("inequality", make_tables({"creators": creators(names)}), quantity="income")
