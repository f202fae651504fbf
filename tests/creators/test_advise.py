"""Advice: matched comparisons recover a planted effect under selection; standing, words and edges."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from creator_cases import all_finite, creator, frames, posted

from tidegauge.creators.advise import advise
from tidegauge.creators.gains import gains
from tidegauge.creators.matching import compare
from tidegauge.errors import MeasureError


def test_matching_recovers_an_effect_under_selection_and_covers_it():
    rng = np.random.default_rng(8)
    hits, naive, values = 0, [], []
    runs = 120
    for _ in range(runs):
        n = 400
        x = rng.normal(size=(n, 2))
        treated = rng.random(n) < 1 / (1 + np.exp(2.2 - 1.5 * x[:, 0]))  # the large ones turn
        outcome = 0.8 * x[:, 0] + 0.3 * np.sin(2 * x[:, 1]) + 0.25 * treated + rng.normal(0, 0.5, n)
        found = compare(outcome, x, treated)
        assert found is not None
        hits += found.low <= 0.25 <= found.high
        values.append(found.value)
        naive.append(outcome[treated].mean() - outcome[~treated].mean())
    assert 0.82 < hits / runs < 0.97
    assert np.mean(values) == pytest.approx(0.25, abs=0.06)
    assert np.mean(naive) > 0.7


def test_too_few_on_a_side_is_no_comparison():
    assert compare(np.zeros(12), np.zeros((12, 1)), np.arange(12) < 3) is None
    assert compare(np.zeros(40), np.zeros((40, 1)), np.arange(40) < 20) is None  # nothing varies


def turning(rng: np.random.Generator, effect: float) -> dict[str, pl.DataFrame]:
    """120 creators; a third turn from short to long videos half-way, which multiplies their views by e^effect."""
    rows: dict[str, list] = {"creators": [], "creator_snapshots": [], "posts": [], "post_snapshots": []}
    for i in range(120):
        cid = f"bilibili:{i}"
        rows["creators"].append(creator(cid, category="美食" if i % 2 else "旅行"))
        level, turned = rng.normal(9, 1), i % 3 == 0
        before = posted(cid, level + rng.normal(0, 0.4, 14), every_days=2, ends_days=59)
        after = level + (effect if turned else 0.0) + rng.normal(0, 0.4, 14)
        later = posted(cid, after, first=14, every_days=2, form="long_video" if turned else "short_video")
        rows["posts"] += before[0] + later[0]
        rows["post_snapshots"] += before[1] + later[1]
    return frames(**{k: v for k, v in rows.items() if v})


def test_a_format_that_lifted_creators_alike_is_found(make_tables):
    tables = make_tables(turning(np.random.default_rng(1), 0.6))
    found = gains(tables, "bilibili:1")
    assert all_finite(found)
    row = found.filter(name="long_video", outcome="views_per_post").row(0, named=True)
    assert row["low"] < np.expm1(0.6) < row["high"]
    assert row["p_holm"] < 0.01
    assert row["n"] == 40
    told = advise(tables, "bilibili:1")
    assert any("long video" in t.en.lower() and "matched" in t.en for t in told.lines)
    assert any("长视频" in t.zh for t in told.lines)
    assert any("no experiment" in t.en for t in told.lines)


def test_advice_places_the_creator_among_its_peers(twin):
    big = twin.truth["creators"].filter(pl.col("stop_day") >= 110).sort("followers_end", descending=True)
    who = big.filter(platform="kuaishou")["creator_id"][3]
    found = advise(twin.tables, who)
    assert found.cell[0] == "platform"
    assert all_finite(found.standing)
    assert all_finite(found.gains)
    assert all_finite(found.crowded)
    rows = {r["metric"]: r for r in found.standing.iter_rows(named=True)}
    assert {"views_next", "follower_growth", "engagement", "price_fair"} <= set(rows)
    for r in rows.values():
        assert 0 <= r["percentile_low"] <= r["percentile"] <= r["percentile_high"] <= 100
        assert r["n"] >= 10
    assert all(t.zh and t.en for t in found.lines)
    kept = found.as_dict()
    assert set(kept) >= {"standing", "gains", "crowded", "lines", "provenance"}
    assert found.crowded.filter("own").height <= 1


def test_a_lonely_creator_is_told_what_cannot_be_told(make_tables):
    tables = make_tables(frames(creators=[creator("douyin:1"), creator("douyin:2")]))
    found = advise(tables, "douyin:1")
    assert found.gains.is_empty()
    assert found.crowded.is_empty()
    assert any("Too few" in t.en for t in found.lines)
    with pytest.raises(MeasureError, match="no creator"):
        advise(tables, "douyin:9")
