"""A tier's growth: its parts add up exactly, whatever moved."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.measure.tier_moves import PARTS, growth_parts, panel

creator = st.tuples(st.integers(-1, 4), st.integers(-1, 4), st.integers(0, 10**9), st.integers(0, 10**9))


@given(st.lists(creator, min_size=1, max_size=60))
def test_the_parts_of_every_tier_add_up_to_its_change_exactly(creators):
    before, after, f0, f1 = (np.array(c) for c in zip(*creators, strict=True))
    _, tier, _, added = growth_parts(before, after, f0.astype(float), f1.astype(float))
    for t in range(5):
        change = f1[after == t].sum() - f0[before == t].sum()
        assert added[tier == t].sum() == change


def test_each_part_by_hand():
    before, after = np.array([1, 0, 2, 1, 1, -1, 1]), np.array([1, 1, 1, 2, 0, 1, -1])
    f0 = np.array([100.0, 9, 900, 150, 60, 0, 80])
    f1 = np.array([130.0, 20, 190, 700, 8, 70, 0])
    _, tier, part, added = growth_parts(before, after, f0, f1)
    of_tier_1 = {PARTS[p]: added[(tier == 1) & (part == p)].sum() for p in range(len(PARTS))}
    assert of_tier_1 == {
        "stayers": 30.0,
        "from_below": 20.0,
        "from_above": 190.0,
        "to_above": -150.0,
        "to_below": -60.0,
        "entry": 70.0,
        "exit": -80.0,
    }


def test_many_distinct_gaps_are_put_together_without_losing_pairs_or_days():
    gaps = np.arange(1, 400)
    frame = pl.DataFrame(
        {"creator_id": [f"c{g}" for g in gaps], "before": "nano", "after": "nano", "gap_days": gaps, "times": 2}
    )
    found = panel(frame, ("nano", "micro"))
    assert found.days.size < 130
    assert found.counts.sum() == 2 * gaps.size
    assert np.isclose((found.counts.sum(axis=(1, 2)) * found.days).sum(), 2 * gaps.sum())
