"""Recovery after a platform's fall: known half-lives are told apart where posts are many, honest where they are few."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.creators.recovery import find_falls, recovery
from tidegauge.creators.shock_path import shock_path

START = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def world(rng, fall_log, half_lives, each):
    posts, seen = [], []
    for i, half in enumerate(half_lives):
        for k, day in enumerate(np.sort(rng.uniform(0, 150, each))):
            pid = f"bilibili:{i}_{k}"
            born = START + dt.timedelta(days=float(day))
            posts.append({"post_id": pid, "creator_id": f"bilibili:{i}", "platform": "bilibili", "published_at": born})
            lost = fall_log * 2.0 ** (-(day - 70) / half) if day >= 70 else 0.0
            views = int(np.exp(9 + lost + rng.normal(0, 0.3)))
            seen.append({"post_id": pid, "observed_at": born + dt.timedelta(days=30), "views": views})
    ids = [f"bilibili:{i}" for i in range(len(half_lives))]
    creators = {"creator_id": ids, "platform": "bilibili", "native_id": [i[9:] for i in ids]}
    frame = pl.DataFrame(creators).with_columns(first_seen_at=pl.lit(START))
    posts_frame = pl.DataFrame(posts).with_columns(format=pl.lit("mid_video"))
    return {"creators": frame, "posts": posts_frame, "post_snapshots": pl.DataFrame(seen)}


def test_slow_and_fast_recoveries_are_told_apart_and_covered(make_tables):
    rng = np.random.default_rng(3)
    true = np.where(np.arange(80) % 2, 10.0, 40.0)
    found = recovery(make_tables(world(rng, -1.2, true, 60)))
    assert found.height == 80
    known = true[[int(c[9:]) for c in found["creator_id"]]]
    fast, slow = found["value"].to_numpy()[known == 10], found["value"].to_numpy()[known == 40]
    assert np.median(fast) == pytest.approx(10, rel=0.5)
    assert np.median(slow) == pytest.approx(40, rel=0.5)
    inside = (known >= found["low"].to_numpy()) & (known <= found["high"].to_numpy())
    assert inside.mean() > 0.8
    assert (found["falls"] >= 1).all()
    assert found["told"].median() > 0.2


def test_without_a_fall_nothing_is_claimed(make_tables):
    rng = np.random.default_rng(3)
    assert recovery(make_tables(world(rng, 0.0, np.full(60, 20.0), 30))).is_empty()


def test_falls_are_found_on_their_day():
    rng = np.random.default_rng(8)
    day = rng.integers(0, 140, 4000)
    residual = np.where(day >= 60, -0.9 * 2.0 ** (-(day - 60) / 20.0), 0.0) + rng.normal(0, 0.5, 4000)
    falls = find_falls("weibo", shock_path(day, residual, np.ones(4000), np.repeat(np.arange(200), 20)))
    assert falls[0].day == pytest.approx(60, abs=4)
    assert falls[0].depth_log == pytest.approx(-0.9, abs=0.25)
