"""Arithmetic of shares: identities that must hold for any amounts, and figures worked out by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tidegauge.measure import concentration, shares

amounts = st.integers(0, 10**9).map(float)
pairs = st.tuples(st.integers(1, 6), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(arrays(float, shape, elements=amounts), arrays(float, shape, elements=amounts))
)


@given(pairs)
def test_market_mix_and_own_add_up_to_the_change_of_every_segment(pair):
    before, after = pair
    market, mix, own = shares.shift_share(before, after)
    change = (after - before).sum(axis=1)
    scale = 1.0 + np.abs(before).sum() * (1.0 + after.sum() / max(before.sum(), 1.0)) + after.sum()
    assert np.allclose(market + mix + own, change, rtol=0, atol=1e-9 * scale)


def test_shift_share_by_hand():
    before = np.array([[100.0, 0.0], [0.0, 100.0]])  # each segment lives in one kind
    after = np.array([[150.0, 0.0], [0.0, 100.0]])
    market, mix, own = shares.shift_share(before, after)
    assert market.tolist() == [25.0, 25.0]  # the whole grew by a quarter
    assert mix.tolist() == [25.0, -25.0]  # kind one by half, kind two not at all
    assert np.allclose(own, 0.0)


def test_shift_share_is_the_same_for_a_stack_as_one_by_one():
    rng = np.random.default_rng(0)
    before, after = rng.integers(0, 9, (2, 7, 3, 4)).astype(float)
    stacked = shares.shift_share(before, after)
    for b in range(7):
        for one, all_of_them in zip(shares.shift_share(before[b], after[b]), stacked, strict=True):
            assert np.allclose(one, all_of_them[b])


def test_ranks_share_the_better_place():
    assert shares.ranks(np.array([5.0, 9.0, 5.0, 1.0])).tolist() == [2.0, 1.0, 2.0, 4.0]


def test_shares_of_nothing_are_not_numbers():
    assert np.isnan(shares.shares(np.zeros(3))).all()


def test_displacement_of_pure_noise_reaches_down_to_nearly_zero_and_a_clear_move_is_found():
    rng = np.random.default_rng(3)
    before = np.full(4, 0.25)
    noise = rng.normal(0, 0.01, (999, 4))
    noise -= noise.mean(axis=1, keepdims=True)
    quiet = [shares.displacement(before, noise[i], noise[i] + noise, rng) for i in range(60)]
    assert sum(low == 0.0 for _, low, _ in quiet) >= 48
    assert max(high for _, _, high in quiet) < 0.06
    moved = np.array([0.10, -0.10, 0.05, -0.05])
    value, low, high = shares.displacement(before, moved, moved + noise, rng)
    assert abs(value - 0.15) < 0.01
    assert low < 0.15 < high


def test_one_segment_cannot_be_displaced():
    rng = np.random.default_rng(0)
    assert shares.displacement(np.ones(1), np.zeros(1), np.zeros((50, 1)), rng) == (0.0, 0.0, 0.0)


@given(arrays(float, st.integers(2, 40), elements=st.integers(0, 1000).map(float)), st.integers(2, 5))
def test_gini_is_between_0_and_1_and_a_weight_is_a_repetition(values, times):
    rising = np.sort(values)
    if rising.sum() == 0:
        assert np.isnan(concentration.gini(rising))
        return
    g = float(concentration.gini(rising))
    assert 0.0 <= g <= 1.0 + 1e-12
    repeated = float(concentration.gini(np.repeat(rising, times)))
    assert np.isclose(float(concentration.gini(rising, np.full(rising.size, float(times)))), repeated)


def test_gini_by_the_definition_over_all_pairs():
    x = np.sort(np.random.default_rng(1).pareto(1.5, 200))
    n = x.size
    by_pairs = np.abs(x[:, None] - x[None, :]).sum() / (2 * n * (n - 1) * x.mean())
    assert np.isclose(float(concentration.gini(x)), by_pairs)


def test_top_share_counts_the_creator_on_the_edge_in_part():
    assert np.isclose(float(concentration.top_share(np.array([1.0, 1.0, 8.0]), 0.5)), (8 + 0.5) / 10)


def test_gini_of_a_large_sample_is_not_changed_by_grouping_its_body():
    x = np.sort(np.random.default_rng(2).lognormal(8, 1.5, 50_000))
    draws = concentration.resampled(x, concentration.gini, np.random.default_rng(0), 50)
    assert draws.shape == (50,)
    assert abs(np.median(draws) - float(concentration.gini(x))) < 0.01
