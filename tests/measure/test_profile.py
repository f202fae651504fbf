"""Profile: cells are recovered with their intervals, thin ones shrink, floors and blanks do no harm."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError
from tidegauge.measure.pooling import cell_variances, pool
from tidegauge.measure.registry import run

START = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)


def test_pooled_intervals_cover_better_and_are_nearer_than_the_cells_alone():
    rng = np.random.default_rng(1)
    hits = alone_hits = cells = 0
    error = alone = 0.0
    for _ in range(60):
        k = 24
        group = np.repeat([0, 1], 12)
        theta = np.array([8.0, 10.0])[group] + rng.normal(0, 0.6, k)
        n = rng.integers(1, 15, k).astype(float)
        samples = [rng.normal(t, 1.2, int(m)) for t, m in zip(theta, n, strict=True)]
        y = np.array([s.mean() for s in samples])
        spread = np.array([s.var(ddof=1) if s.size > 1 else 0.0 for s in samples])
        s2, df = cell_variances(spread, n)
        found = pool(y, s2, df, group, rng)
        hits += ((found.low <= theta) & (theta <= found.high)).sum()
        alone_hits += (np.abs(y - theta) <= 1.645 * np.sqrt(spread / n)).sum()
        error += ((found.mean - theta) ** 2).sum()
        alone += ((y - theta) ** 2).sum()
        cells += k
    assert 0.86 <= hits / cells <= 0.95
    assert alone_hits / cells < 0.8
    assert error < 0.75 * alone


def test_cells_that_do_not_differ_shrink_to_one_value_and_far_ones_do_not():
    rng = np.random.default_rng(2)
    s2, df, group = np.full(10, 0.5), np.full(10, 8.0), np.zeros(10, np.int64)
    same = pool(rng.normal(3, 0.7, 10), s2, df, group, rng)
    apart = pool(np.arange(10.0) * 5, s2, df, group, rng)
    assert np.ptp(same.mean) < 1.3
    assert same.own.mean() < 0.6
    assert apart.own.min() > 0.95


def test_few_cells_are_not_pooled():
    y = np.array([1.0, 5.0])
    found = pool(y, np.array([0.1, 0.1]), np.array([9.0, 9.0]), np.zeros(2, np.int64), np.random.default_rng(1))
    assert found.mean.tolist() == [1.0, 5.0]
    assert found.own.tolist() == [1.0, 1.0]


def ecosystem(
    seed: int = 1, *, floor: int | None = None
) -> tuple[dict[str, pl.DataFrame], dict[tuple[str, str], float]]:
    """Two platforms, five categories with between 1 and 30 creators; the truth is the cells' log views per post."""
    rng = np.random.default_rng(seed)
    accounts, posts, reads, follows, offers, truth = [], [], [], [], [], {}
    for platform, base in (("douyin", 9.0), ("bilibili", 8.0)):
        for category, size in (("beauty", 30), ("tech", 20), ("food", 12), ("auto", 4), ("pets", 2)):
            level = base + rng.normal(0, 0.5)
            truth[platform, category] = level
            for c in range(size):
                cid = f"{platform}:{category}{c}"
                own = level + rng.normal(0, 0.8)
                accounts.append(
                    {"creator_id": cid, "platform": platform, "native_id": cid, "category": category}
                    | {"first_seen_at": START}
                )
                size0 = int(np.exp(own + 2))
                for day, grown in ((0, 1.0), (30, 1.1)):
                    at = START + dt.timedelta(days=day)
                    follows.append({"creator_id": cid, "observed_at": at, "followers": int(size0 * grown)})
                offers.append(
                    {"creator_id": cid, "format": "short_video", "role": "KOL", "terms": "", "currency": "CNY"}
                    | {"price": float(np.exp(own + 1)), "valid_from": START.date()}
                )
                for p in range(int(rng.integers(2, 9))):
                    views = int(np.exp(own + rng.normal(0, 0.7)))
                    held = floor is not None and views > floor
                    pid = f"{cid}-{p}"
                    posts.append(
                        {"post_id": pid, "creator_id": cid, "platform": platform, "published_at": START}
                        | {"format": "short_video"}
                    )
                    reads.append(
                        {"post_id": pid, "observed_at": START + dt.timedelta(days=9), "censored": held}
                        | {"views": floor if held else views, "saves": int(rng.poisson(0.02 * views)), "likes": None}
                        | {"shares": int(rng.poisson(0.005 * views))}
                    )
    frames = {
        "creators": accounts,
        "posts": posts,
        "post_snapshots": reads,
        "creator_snapshots": follows,
        "offers": offers,
    }
    return {k: pl.DataFrame(v, infer_schema_length=None) for k, v in frames.items()}, truth


def picked(rows: pl.DataFrame, quantity: str) -> dict[tuple[str, str], dict]:
    kept = rows.filter(pl.col("quantity") == quantity)
    return {(r["platform"], r["category"]): r for r in kept.iter_rows(named=True)}


def test_all_figures_through_a_workspace(make_tables):
    frames, truth = ecosystem()
    result = run("profile", make_tables(frames))
    rows = result.rows
    views = picked(rows, "views_per_post")
    covered = [views[k]["low"] <= np.expm1(t) <= views[k]["high"] for k, t in truth.items()]
    assert len(views) == 10
    assert sum(covered) >= 7  # fewer in one world of a hundred
    assert all(r["low"] <= 0.02 <= r["high"] for r in picked(rows, "save_rate").values())
    assert all(r["value"] == pytest.approx(0.005, rel=0.25) for r in picked(rows, "share_rate").values())
    assert all(r["value"] == pytest.approx(0.1, abs=0.01) for r in picked(rows, "follower_growth").values())
    price = picked(rows, "price")
    assert price["douyin", "beauty"]["unit"] == "CNY"
    assert price["douyin", "beauty"]["n"] == 30
    thin, thick = views["douyin", "pets"], views["douyin", "beauty"]
    assert np.log(thin["high"] / thin["low"]) > 1.5 * np.log(thick["high"] / thick["low"])
    assert rows.select(pl.col("low") <= pl.col("value"), pl.col("value") <= pl.col("high")).to_numpy().all()
    result.plot().to_dict()

    by_format = run("profile", make_tables(frames), by=("platform", "format")).rows
    assert "follower_growth" not in by_format.get_column("quantity").to_list()  # an account's, not a format's


def test_floors_are_read_as_floors(make_tables):
    exact, _ = ecosystem()
    held, _ = ecosystem(floor=8_000)
    assert held["post_snapshots"].get_column("censored").mean() > 0.2
    true = picked(run("profile", make_tables(exact)).rows, "views_per_post")
    found = picked(run("profile", make_tables(held)).rows, "views_per_post")
    naive = held["post_snapshots"].join(exact["posts"], on="post_id").join(exact["creators"], on="creator_id")
    cell = naive.filter(pl.col("platform") == "douyin", pl.col("category") == "beauty")
    as_read = cell.select(((pl.col("views") + 1).log().mean()).exp()).item()
    key = ("douyin", "beauty")
    assert abs(np.log(found[key]["value"] / true[key]["value"])) < 0.15
    assert abs(np.log(found[key]["value"] / true[key]["value"])) < abs(np.log(as_read / true[key]["value"]))


def test_only_followers_and_only_one_cell(make_tables):
    frames, _ = ecosystem()
    alone = {
        k: frames[k].filter(pl.col("creator_id").str.starts_with("douyin:beauty"))
        for k in ("creators", "creator_snapshots")
    }
    rows = run("profile", make_tables(alone)).rows
    assert rows.get_column("quantity").to_list() == ["follower_growth"]
    assert rows.get_column("n").item() == 30


def test_nothing_is_refused_with_the_mend(make_tables):
    frames, _ = ecosystem()
    with pytest.raises(MeasureError, match="post_snapshots"):
        run("profile", make_tables({"creators": frames["creators"]}))
