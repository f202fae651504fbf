"""How audiences gather is recovered from who comments where, and is assumed where nobody does."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tidegauge.plan.audience.affinity import (
    OWN_SHARE,
    affinity_of,
    drawn_categories,
    gathering_of,
    levels_of,
    likely_categories,
    publics,
)
from tidegauge.plan.audience.model import ACTIVITY_LEVEL, ACTIVITY_SHARE

SHARE = np.array(ACTIVITY_SHARE)
CATEGORIES = ["a", "b", "c", "d", "e"]


def comments(
    seed: int, *, own: float, spread: float, people: int = 40_000, creators: int = 300, each: int = 80
) -> pl.DataFrame:
    """A public in which everybody has a category and an activity; creators draw commenters from it."""
    rng = np.random.default_rng(seed)
    public = rng.integers(0, 5, people)
    level = np.array(levels_of(spread))[rng.choice(3, people, p=SHARE)]
    inside = [np.flatnonzero(public == k) for k in range(5)]
    rows = []
    for c in range(creators):
        k = c % 5
        n_own = rng.binomial(each, own)
        picked = [
            rng.choice(pool, n, p=level[pool] / level[pool].sum())
            for pool, n in ((inside[k], n_own), (np.arange(people), each - n_own))
        ]
        keys = np.unique(np.concatenate(picked))
        rows.append(pl.DataFrame({"c": c, "platform": "p", "category": CATEGORIES[k], "audience_key": keys}))
    return pl.concat(rows).with_columns(pl.col("audience_key").cast(pl.String))


@pytest.mark.parametrize("own", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("spread", [1.0, 2.5])
def test_affinities_are_recovered_from_below(own, spread):
    found = affinity_of(comments(1, own=own, spread=spread))
    rest = 1 - own  # of an audience, drawn from everybody, the creator's own category included
    different = spread * (1 - own**2) if own else spread
    same = spread * (rest**2 + 2 * own * rest + 5 * own**2)
    # Chao's number of people is a lower bound where activity differs, and so are the affinities.
    least = 0.9 if spread == 1.0 else 0.5
    assert least * different <= found.different <= 1.1 * different
    assert least * same <= found.same <= 1.1 * same
    assert found.same / found.different == pytest.approx(same / different, rel=0.12)


def test_comments_move_the_structure_and_few_of_them_hardly_do():
    share = np.full(5, 0.2)
    many = gathering_of(affinity_of(comments(2, own=0.8, spread=2.5)), share)
    assert many.measured
    assert many.own == pytest.approx(0.8, abs=0.05)
    heavy = gathering_of(affinity_of(comments(2, own=0.3, spread=4.4)), share)
    assert float(np.array(heavy.level) ** 2 @ SHARE) > float(np.array(ACTIVITY_LEVEL) ** 2 @ SHARE) + 0.1
    few = gathering_of(affinity_of(comments(2, own=0.8, spread=2.5, each=6, creators=60)), share)
    assert OWN_SHARE <= few.own < 0.72
    weak = gathering_of(affinity_of(comments(3, own=0.1, spread=1.0)), share)
    assert weak.own == OWN_SHARE  # affinities are lower bounds: comments only ever raise what is assumed
    assert np.array(weak.level) == pytest.approx(np.array(ACTIVITY_LEVEL))


def test_without_comments_the_structure_is_the_assumed_one():
    seen = pl.DataFrame(schema={"c": pl.Int64, "platform": pl.String, "category": pl.String, "audience_key": pl.String})
    assert affinity_of(seen) is None
    assumed = gathering_of(None, np.full(5, 0.2))
    assert (assumed.own, assumed.level, assumed.measured) == (OWN_SHARE, ACTIVITY_LEVEL, False)


@pytest.mark.parametrize("spread", [1.0, 1.3, 2.0, 4.4])
def test_levels_have_mean_one_and_the_spread_asked_for(spread):
    level = np.array(levels_of(spread))
    assert level @ SHARE == pytest.approx(1.0)
    assert level**2 @ SHARE == pytest.approx(spread, rel=1e-6)


def test_publics_split_the_population_with_room_for_everybody_else():
    split = publics(np.array([4.0, 1.0, 1.0]))
    assert split.sum() == pytest.approx(1.0)
    assert split[0] == pytest.approx(2 * split[1])
    assert 0.0 < split[-1] < 1.0


def test_a_silent_creator_is_placed_where_its_commenters_are():
    seen = comments(4, own=0.8, spread=1.5)
    truth = np.arange(300) % 5
    hidden = np.arange(300) % 4 == 0
    category = np.where(hidden, -1, truth)
    blank = seen.with_columns(pl.when(pl.col("c") % 4 != 0).then("category").alias("category"))
    found = likely_categories(blank, category, CATEGORIES)
    assert np.array_equal(found[~hidden], truth[~hidden])
    told = hidden & (found >= 0)
    assert told.sum() > 0.7 * hidden.sum()
    assert np.mean(found[told] == truth[told]) > 0.9


def test_creators_nobody_tells_of_are_spread_by_the_publics_sizes():
    keys = np.random.default_rng(5).integers(0, 2**64, 20_000, dtype=np.uint64)
    category = np.where(np.arange(20_000) < 10_000, -1, 1)
    drawn = drawn_categories(category, keys, np.array([0.3, 0.2, 0.1]))
    assert np.all(drawn[10_000:] == 1)
    assert np.bincount(drawn[:10_000]) / 10_000 == pytest.approx(np.array([3, 2, 1]) / 6, abs=0.02)
