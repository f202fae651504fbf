"""Tails: recovery of known exponents, a kernel equal to its NumPy twin, tests that tell power laws from others."""

from __future__ import annotations

import numpy as np
import pytest

from tidegauge.measure import pareto


def power(exponent, n, seed):
    return np.random.default_rng(seed).random(n) ** (-1.0 / exponent)


def scan_in_numpy(rising, starts):
    best = (-1, np.nan, np.inf)
    for s in starts:
        tail = rising[s:]
        k = tail.size
        spread = np.log(tail / tail[0]).sum()
        if spread <= 0:
            continue
        exponent = k / spread
        fitted = 1 - (tail / tail[0]) ** -exponent
        i = np.arange(k)
        distance = max(np.abs((i + 1) / k - fitted).max(), np.abs(i / k - fitted).max())
        if distance < best[2]:
            best = (s, exponent, distance)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_the_kernel_equals_its_numpy_twin(seed):
    rising = np.sort(np.round(np.random.default_rng(seed).lognormal(5, 1.5, 800)) + 1)
    starts = pareto.starts(rising)
    ours, twin = pareto._scan(rising, starts), scan_in_numpy(rising, starts)
    assert ours[0] == twin[0]
    assert np.allclose(ours[1:], twin[1:])


@pytest.mark.parametrize("exponent", [0.8, 1.2, 2.0])
def test_a_known_exponent_is_recovered(exponent):
    found = pareto.fit_tail(power(exponent, 5_000, 1))
    assert abs(found.exponent / exponent - 1) < 0.08


def test_the_start_of_the_tail_is_found_under_a_body_that_is_none():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.uniform(0, 100, 4_000), 100 * power(1.3, 2_000, 3)])
    found = pareto.fit_tail(values)
    assert 70 < found.x_min < 220
    assert abs(found.exponent - 1.3) < 0.15


def test_goodness_is_kept_by_a_power_law_and_lost_by_an_exponential():
    rng = np.random.default_rng(5)
    good, bad = power(1.4, 600, 6), rng.exponential(1.0, 3_000) + 5.0
    fitted = pareto.fit_tail(good)
    assert pareto.goodness(good, fitted, rng, 99) > 0.1
    tail = pareto.Tail(5.0, 3_000 / np.log(bad / 5.0).sum(), 3_000, pareto._scan(np.sort(bad), np.array([0]))[2])
    assert pareto.goodness(bad, tail, rng, 99) < 0.05


def test_vuong_has_the_right_sign():
    law = power(1.2, 4_000, 8)
    lognormal = np.exp(np.random.default_rng(9).normal(3, 0.8, 4_000))
    # A lognormal of great width mimics a power law, so that the statistic hardly ever speaks for the latter.
    assert abs(pareto.against_lognormal(law, pareto.Tail(1.0, 1.2, law.size, 0.0))) < 2.5
    start = float(np.quantile(lognormal, 0.2))
    tail = lognormal[lognormal >= start]
    fitted = pareto.Tail(start, tail.size / np.log(tail / start).sum(), tail.size, 0.0)
    assert pareto.against_lognormal(lognormal, fitted) < -3.0


def test_too_few_or_all_equal_have_no_tail():
    assert pareto.fit_tail(np.arange(1.0, 20.0)) is None
    assert pareto.fit_tail(np.full(500, 3.0)) is None
    assert pareto.fit_tail(np.zeros(500)) is None
