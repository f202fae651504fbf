"""Resampling: totals are unbiased, spread is right, grouping and tails behave."""

from __future__ import annotations

import numpy as np

from tidegauge.measure import bootstrap


def test_spread_of_resampled_sums_is_that_of_theory_with_and_without_grouping():
    for n in (500, 20_000):
        x = np.random.default_rng(0).normal(10.0, 3.0, (n, 1))
        draws = bootstrap.resampled_sums(x, np.random.default_rng(1), 999)
        assert abs(draws.mean() / x.sum() - 1) < 0.002
        assert abs(draws.std() / (3.0 * np.sqrt(n)) - 1) < 0.12


def test_the_same_seed_gives_the_same_draws_and_columns_stay_together():
    x = np.random.default_rng(0).exponential(1.0, (6_000, 2))
    x[:, 1] = 2 * x[:, 0]
    one, two = (bootstrap.resampled_sums(x, np.random.default_rng(7), 50, size=x[:, 0]) for _ in range(2))
    assert np.array_equal(one, two)
    assert np.allclose(one[:, 1], 2 * one[:, 0])


def test_a_heavy_tail_can_be_drawn_larger_than_anything_seen_a_light_one_hardly():
    rng = np.random.default_rng(4)
    heavy, light = rng.pareto(1.2, 2_000) + 1, rng.uniform(1, 2, 2_000)
    for x, most, possible in ((heavy, 1e9, True), (light, 1.1, False)):
        falling = np.sort(x)[::-1][: bootstrap.tail_length(np.sort(x)[::-1]) + 1]
        largest = (bootstrap.tail_factors(falling, np.random.default_rng(1), 400) * falling[:-1]).max(axis=1)
        assert (largest > 1.5 * falling[0]).mean() > 0.02 if possible else largest.max() < most * falling[0]


def test_tail_factors_follow_the_pareto_law_that_the_sizes_suggest():
    falling = np.sort((np.random.default_rng(0).random(401)) ** (-1 / 1.5))[::-1]
    drawn = bootstrap.tail_factors(falling, np.random.default_rng(1), 200) * falling[:400]
    hill = 1.0 / np.log(drawn / falling[400]).mean()
    fitted = 400 / np.log(falling[:400] / falling[400]).sum()
    assert drawn.min() >= falling[400]
    assert abs(hill / fitted - 1) < 0.02


def test_nobody_and_one_creator():
    assert bootstrap.resampled_sums(np.empty((0, 3)), np.random.default_rng(0), 5).shape == (5, 3)
    assert (bootstrap.resampled_sums(np.array([[7.0]]), np.random.default_rng(0), 5) == 7.0).all()


def test_percentile_leaves_out_what_is_not_a_number():
    draws = np.column_stack([np.r_[np.nan, np.arange(101.0)], np.full(102, np.nan)])
    low, high = bootstrap.percentile(draws, 0.9)
    assert np.allclose((low[0], high[0]), (5.0, 95.0))
    assert np.isnan(low[1])
