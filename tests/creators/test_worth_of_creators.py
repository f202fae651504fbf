"""Price, dependence, quality and overlap against planted truth."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.creators import audience_overlap, dependence, fair_prices, price_rationality, quality
from tidegauge.creators.price_model import fit_price_model

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def test_fair_price_finds_the_planted_overpricing(twin):
    planted = twin.truth["offers"].join(twin.truth["creators"].select("creator_id", "inflated"), on="creator_id")
    honest = planted.filter(~pl.col("inflated"))
    both = fair_prices(twin.tables).join(honest, on=["creator_id", "format", "terms"])
    assert both.height > 200
    off = (both["fair"].log() - both["fair_price"].log()).to_numpy()
    assert abs(np.median(off)) < 0.2
    inside = ((both["fair_price"] >= both["fair_low"]) & (both["fair_price"] <= both["fair_high"])).mean()
    assert inside > 0.8
    dear = both.group_by("overpriced").agg(pl.col("over").median()).sort("overpriced")["over"].to_list()
    assert dear[1] - dear[0] > 0.3  # planted factors are 1.4 to 2.2


def test_price_model_recovers_slopes_and_shrinks_small_platforms():
    rng = np.random.default_rng(1)
    n = 800
    platform = rng.choice(["a", "b", "c"], n, p=[0.6, 0.395, 0.005])
    views = rng.normal(9, 1.5, n)
    slope = np.where(platform == "a", 0.7, 1.0)
    price = np.exp(2 + slope * (views - 9) + (platform == "b") * 0.5 + rng.normal(0, 0.2, n))
    price[:20] *= 5  # a few fancy prices
    frame = pl.DataFrame({"platform": platform, "log_views": views, "price": price}).with_columns(
        format=pl.lit("short_video"), terms=pl.lit(""), tier=pl.lit("mid"), category=pl.lit("food"), role=pl.lit("KOL")
    )
    model, leverage = fit_price_model(frame)
    found = dict(zip(platform, model.slope(frame), strict=True))
    assert found["a"] == pytest.approx(0.7, abs=0.04)
    assert found["b"] == pytest.approx(1.0, abs=0.04)
    assert 0.5 < found["c"] < 1.3
    assert np.sqrt(model.noise) < 0.3
    strange = frame.head(1).with_columns(platform=pl.lit("new"))
    assert model.predict(strange)[1][0] > model.predict(frame.head(1))[1][0]
    assert leverage.max() < 0.9


def test_rationality_is_high_where_views_make_the_price_and_zero_where_they_do_not(make_tables):
    rng = np.random.default_rng(6)
    creators, posts, snapshots, offers = [], [], [], []
    for i in range(120):
        platform = "bilibili" if i < 60 else "douyin"
        cid, level = f"{platform}:{i}", rng.normal(8, 1.5)
        creators.append({"creator_id": cid, "platform": platform, "native_id": str(i), "first_seen_at": NOW})
        for k in range(6):
            pid = f"{platform}:{i}_{k}"
            born = NOW - dt.timedelta(days=31 + k)
            posts.append(
                {"post_id": pid, "creator_id": cid, "platform": platform, "format": "short_video", "published_at": born}
            )
            snapshots.append({"post_id": pid, "observed_at": NOW, "views": int(np.exp(level + rng.normal(0, 0.3)))})
        price = np.exp(level - 2 + rng.normal(0, 0.1)) if i < 60 else np.exp(rng.normal(6, 1.2))
        offers.append(
            {
                "creator_id": cid,
                "format": "short_video",
                "role": "KOL",
                "price": float(price),
                "currency": "CNY",
                "valid_from": NOW.date(),
            }
        )
    tables = make_tables(
        {
            k: pl.DataFrame(v)
            for k, v in {"creators": creators, "posts": posts, "post_snapshots": snapshots, "offers": offers}.items()
        }
    )
    found = {r["platform"]: r for r in price_rationality(tables).iter_rows(named=True)}
    assert found["bilibili"]["low"] > 0.8
    assert found["douyin"]["value"] < 0.25
    assert found["all"]["n"] == 120


def test_without_offers_prices_are_the_cited_ones_and_say_so(make_tables):
    sizes = {"xiaohongshu:1": 200_000, "xiaohongshu:2": 3_000, "bilibili:3": 80_000, "bilibili:4": None}
    tables = make_tables(
        {
            "creators": pl.DataFrame(
                [
                    {"creator_id": c, "platform": c.split(":")[0], "native_id": c[-1], "first_seen_at": NOW}
                    for c in sizes
                ]
            ),
            "creator_snapshots": pl.DataFrame(
                [{"creator_id": c, "observed_at": NOW, "followers": n} for c, n in sizes.items()]
            ),
        }
    )
    rows = {r["creator_id"]: r for r in fair_prices(tables).iter_rows(named=True)}
    assert all(r["basis"] == "reference" and "http" in r["assumed"] for r in rows.values())
    assert 3_000 < rows["xiaohongshu:1"]["fair"] < 30_000
    assert rows["xiaohongshu:2"]["fair"] < 1_500

    def width(creator):
        return rows[creator]["fair_high"] / rows[creator]["fair_low"]

    assert width("bilibili:4") > width("bilibili:3") > 3
    assert all(r["price"] is None and r["over"] is None for r in rows.values())


def test_dependence_follows_the_planted_share(twin):
    found = dependence(twin.tables, seed=2).join(
        twin.truth["creators"].select("creator_id", pl.col("dependence").alias("true")), on="creator_id"
    )
    assert found.height > 400
    assert found.select(pl.corr("value", "true")).item() > 0.5
    assert (
        (found["low"] >= 0)
        & (found["high"] <= 1)
        & (found["low"] <= found["value"])
        & (found["value"] <= found["high"])
    ).all()


def test_dependence_is_recovered_where_shocks_are_all_that_is_shared(make_tables):
    rng = np.random.default_rng(11)
    shock = rng.normal(0, 0.5, 30)
    creators, posts, snapshots, true = [], [], [], []
    for i in range(80):
        loading = 1.6 if i % 2 else 0.2
        creators.append(
            {"creator_id": f"bilibili:{i}", "platform": "bilibili", "native_id": str(i), "first_seen_at": NOW}
        )
        true.append(
            {"creator_id": f"bilibili:{i}", "true": loading**2 * shock.var() / (loading**2 * shock.var() + 0.25)}
        )
        for w in range(30):
            pid = f"bilibili:{i}_{w}"
            born = dt.datetime(2025, 1, 2, tzinfo=dt.UTC) + dt.timedelta(days=7 * w + 1)
            posts.append(
                {
                    "post_id": pid,
                    "creator_id": f"bilibili:{i}",
                    "platform": "bilibili",
                    "format": "mid_video",
                    "published_at": born,
                }
            )
            views = np.exp(9 + loading * shock[w] + rng.normal(0, 0.5))
            snapshots.append({"post_id": pid, "observed_at": born + dt.timedelta(days=30), "views": int(views)})
    tables = make_tables(
        {k: pl.DataFrame(v) for k, v in {"creators": creators, "posts": posts, "post_snapshots": snapshots}.items()}
    )
    found = dependence(tables).join(pl.DataFrame(true), on="creator_id").sort("creator_id")
    high = found.filter(pl.col("true") > 0.5)
    low = found.filter(pl.col("true") < 0.1)
    assert high["value"].median() == pytest.approx(high["true"].median(), abs=0.15)
    assert low["value"].median() < 0.15
    inside = ((found["true"] >= found["low"]) & (found["true"] <= found["high"])).mean()
    assert inside > 0.75
    assert low["holds"].median() > high["holds"].median() + 0.4


def test_quality_puts_planted_inflation_first(twin):
    found = (
        quality(twin.tables)
        .rename({"inflated": "chance"})
        .join(twin.truth["creators"].select("creator_id", "inflated"), on="creator_id")
    )
    planted = found.filter("inflated")
    assert planted.height > 20
    sure = found.filter(pl.col("chance") > 0.6)
    base = found["inflated"].mean()
    assert sure.height >= 5
    assert sure["inflated"].mean() > 4 * base  # precision
    assert (planted["chance"] > 0.6).mean() > 0.15  # recall
    assert sure["reasons"].list.len().min() >= 1
    assert found["value"].is_between(0, 1).all()


def test_overlap_of_samples_is_brought_up_to_the_whole(make_tables):
    rng = np.random.default_rng(4)
    people = {"a": np.arange(0, 3000), "b": np.arange(1500, 4500), "c": np.arange(9000, 12000)}
    creators, posts, samples = [], [], []
    for name, audience in people.items():
        creators.append(
            {"creator_id": f"bilibili:{name}", "platform": "bilibili", "native_id": name, "first_seen_at": NOW}
        )
        for k in range(6):
            pid = f"bilibili:{name}{k}"
            posts.append({"post_id": pid, "creator_id": f"bilibili:{name}", "platform": "bilibili"})
            for person in rng.choice(audience, 180, replace=False):
                samples.append(
                    {"creator_id": f"bilibili:{name}", "post_id": pid, "audience_key": f"k{person}", "observed_at": NOW}
                )
    tables = make_tables(
        {"creators": pl.DataFrame(creators), "posts": pl.DataFrame(posts), "audience_samples": pl.DataFrame(samples)}
    )
    found = {(r["creator_a"][-1], r["creator_b"][-1]): r for r in audience_overlap(tables).iter_rows(named=True)}
    ab, ac = found["a", "b"], found["a", "c"]
    assert ab["low"] <= 0.5 <= ab["high"]
    assert ab["share"] == pytest.approx(0.5, abs=0.15)
    assert ab["seen_both"] < 0.35 * ab["n"]  # the sample alone shows far less
    assert ac["share"] == 0
    assert 0 < ac["high"] < 0.05
