"""Moves between tiers: exact mathematics, recovery of a known generator from irregular readings."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegauge.measure import markov

TRUE = np.log(np.array([0.004, 0.003, 0.002, 0.002, 0.002, 0.003]))


def seen(creators, seed, gaps=(3, 7, 11, 29)):
    """Pairs of states of a chain of 4 states, read at gaps that differ from creator to creator."""
    rng = np.random.default_rng(seed)
    state = rng.integers(0, 4, creators)
    counts = np.zeros((len(gaps), 4, 4))
    for _ in range(6):
        g = rng.integers(0, len(gaps), creators)
        p = np.stack([markov.transitions(TRUE, 4, d) for d in gaps])[g, state]
        after = (rng.random((creators, 1)) > p.cumsum(axis=1)).sum(axis=1)
        np.add.at(counts, (g, state, np.minimum(after, 3)), 1)
        state = np.minimum(after, 3)
    return counts, np.array(gaps, dtype=float)


@given(st.lists(st.floats(-9, 0.5), min_size=6, max_size=6), st.floats(0.1, 400))
@settings(max_examples=60)
def test_stacked_exponentials_are_those_of_scipy_and_rows_are_probabilities(log_rates, days):
    q = markov.generators(np.array(log_rates), 4)
    assert np.allclose(q.sum(axis=1), 0)
    ours = markov.exponentials((q * days)[None])[0]
    assert np.allclose(ours, scipy.linalg.expm(q * days), atol=1e-9)
    p = markov.transitions(np.array(log_rates), 4, days)
    assert np.allclose(p.sum(axis=1), 1)
    assert (p >= 0).all()


def test_a_known_generator_is_recovered_from_irregular_gaps():
    counts, days = seen(60_000, 1)
    found = markov.fit(counts, days)
    assert np.allclose(found.log_rates, TRUE, atol=0.05)


def test_the_fit_is_where_the_penalised_likelihood_is_highest():
    counts, days = seen(2_000, 2)
    found = markov.fit(counts, days)

    def loss(theta):
        moves = counts.sum() - np.trace(counts.sum(axis=0))
        mean = (moves + markov.PRIOR_EVENTS) / (counts.sum(axis=(1, 2)) * days).sum() / 2
        p = np.stack([markov.transitions(theta, 4, d) for d in days])
        prior = (markov.PRIOR_EVENTS * theta - markov.PRIOR_EVENTS / mean * np.exp(theta)).sum()
        return -(counts * np.log(p)).sum() - prior

    best = loss(found.log_rates)
    for j in range(6):
        for step in (-0.02, 0.02):
            assert loss(found.log_rates + step * np.eye(6)[j]) > best


def test_a_discrete_count_at_one_gap_misses_what_the_chain_gets_right():
    # Counted at 29 days only, moves up and back within the gap are lost; the chain puts them back.
    counts, days = seen(40_000, 3, gaps=(29,))
    stay = counts[0, 1, 1] / counts[0, 1].sum()
    naive_rate = -np.log(stay) / 29
    fitted_rate = np.exp(markov.fit(counts, days).log_rates[[1, 3]]).sum()
    true_rate = np.exp(TRUE[[1, 3]]).sum()
    assert abs(fitted_rate / true_rate - 1) < 0.05
    assert naive_rate < true_rate * 0.97


def test_rates_never_seen_are_small_but_not_zero_and_their_interval_is_wide():
    counts, days = np.zeros((1, 3, 3)), np.array([7.0])
    counts[0, 0, 0], counts[0, 0, 1], counts[0, 1, 1] = 5_000, 40, 300
    found = markov.fit(counts, days)
    drawn = np.exp(markov.draws(found, np.zeros((1, 4)), np.random.default_rng(0), 2_000))
    rate = np.exp(found.log_rates)
    assert (rate > 0).all()
    assert rate[3] < rate[0] * 2  # the top state was never visited: it borrows the common pace
    low, high = np.quantile(drawn[:, 1], [0.05, 0.95])
    assert high / low > 50


def test_nobody_ever_moved():
    counts = np.zeros((1, 4, 4))
    counts[0, 0, 0] = 1_000
    found = markov.fit(counts, np.array([7.0]))
    assert np.isfinite(found.log_rates).all()
    assert markov.transitions(found.log_rates, 4, 30.0)[0, 0] > 0.99
