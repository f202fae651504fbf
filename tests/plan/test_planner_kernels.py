"""Kernels against plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planner_cases import probabilities, random_problem, reach_of
from scipy import stats

from tidegauge.plan.solver.flat import flatten
from tidegauge.plan.solver.frequency import envelope, envelope_slope, poisson_slope, poisson_tail, touch_point
from tidegauge.plan.solver.greedy import envelope_gains
from tidegauge.plan.solver.kernels import apply_item, apply_items, drop_item, fresh_state, item_gains, sift_down
from tidegauge.plan.solver.relax import curvature, dual_of, item_values, shift
from tidegauge.plan.solver.roster import candidate_gains, marginals, overlap, reach

CASES = st.tuples(st.integers(0, 10_000), st.integers(1, 3), st.booleans())


def case(seed: int, k: int, member: bool):
    return random_problem(seed, creators=6, persons=12, frequency=k, member=member)


def some_roster(problem, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    items = [
        int(rng.choice(np.flatnonzero(problem.creator == c)))
        for c in range(problem.panel.n_creators)
        if rng.random() < 0.6
    ]
    return np.array(sorted(items), dtype=np.int64)


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_reach_is_the_weighted_chance_of_k_contacts(drawn):
    problem = case(*drawn)
    items = some_roster(problem, drawn[0])
    assert reach(problem, items) == pytest.approx(reach_of(problem, items), rel=1e-7, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_gains_and_marginals_are_differences_of_reach(drawn):
    problem = case(*drawn)
    items = some_roster(problem, drawn[0])
    base = reach_of(problem, items)
    owner = {int(problem.creator[j]): int(j) for j in items}
    gains = candidate_gains(problem, items)
    for j in range(len(problem.price)):
        without = [i for i in items if i != owner.get(int(problem.creator[j]), -1)]
        assert gains[j] == pytest.approx(reach_of(problem, [*without, j]) - base, rel=1e-5, abs=1e-4)
    found = marginals(problem, items)
    for n, j in enumerate(items):
        rest = [i for i in items if i != j]
        assert found.added[n] == pytest.approx(base - reach_of(problem, rest), rel=1e-5, abs=1e-4)
        assert found.alone[n] == pytest.approx(reach_of(problem, [j]), rel=1e-7, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(CASES)
def test_dropping_undoes_taking(drawn):
    problem = case(*drawn)
    flat = flatten(problem)
    state = fresh_state(len(flat.weight), flat.k)
    apply_items(flat, state, some_roster(problem, drawn[0])[:2])
    before = state.copy()
    for j in range(len(flat.price)):
        if flat.p[j] < 0.999:  # at a probability of 1 nothing of the old state is left to restore
            added = apply_item(flat, state, j)
            assert drop_item(flat, state, j) == pytest.approx(added, rel=1e-6, abs=1e-6)
            np.testing.assert_allclose(state, before, atol=1e-9)


def test_an_upgrade_from_a_certain_contact_is_worth_what_it_adds():
    problem = random_problem(3, creators=2, formats=2)
    exposure = np.array([1.0, 0.5, 0.3, 0.2])
    problem = type(problem)(problem.panel, problem.creator, problem.price, exposure, 1e9)
    flat = flatten(problem)
    state = fresh_state(len(flat.weight), 1)
    apply_item(flat, state, 0)
    gains = np.empty(2)
    item_gains(flat, state, 0, 0, gains)
    assert gains[1] == pytest.approx(reach_of(problem, [1]) - reach_of(problem, [0]), rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 3), st.booleans())
def test_envelope_gains_are_differences_of_the_envelope(seed, k, member):
    problem = case(seed, k, member)
    flat = flatten(problem)
    touch = touch_point(k)
    q = -np.log1p(-np.minimum(probabilities(problem), 1 - 1e-9))
    z = q[:, some_roster(problem, seed)].sum(axis=1)
    value = lambda at: sum(w * envelope(a, k, touch) for w, a in zip(problem.panel.weight, at, strict=True))  # noqa: E731
    out = np.empty(3)
    envelope_gains(flat, z, 1, -1, touch, out)
    for n, j in enumerate(np.flatnonzero(problem.creator == 1)):
        assert out[n] == pytest.approx(value(z + q[:, j]) - value(z), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_poisson_tail_and_its_envelope(k):
    z = np.linspace(0.0, 12.0, 400)
    tail = np.array([poisson_tail(v, k) for v in z])
    np.testing.assert_allclose(tail, stats.poisson.sf(k - 1, z), atol=1e-12)
    slope = np.array([poisson_slope(v, k) for v in z])
    np.testing.assert_allclose(slope, stats.poisson.pmf(k - 1, z), atol=1e-12)
    touch = touch_point(k)
    hull = np.array([envelope(v, k, touch) for v in z])
    assert np.all(hull >= tail - 1e-12)
    assert np.all(np.diff(hull, 2) <= 1e-9)
    steep = np.array([envelope_slope(v, k, touch) for v in z])
    assert np.all(np.diff(steep) <= 1e-12)
    if k > 1:
        assert envelope(touch, k, touch) == pytest.approx(poisson_tail(touch, k))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.booleans())
def test_relaxation_sums_match_numpy(seed, k, member):
    problem = case(seed, k, member)
    flat = flatten(problem)
    touch, kappa, tau = touch_point(k), 1.0 / k, 0.02
    p = np.minimum(probabilities(problem), 1 - 1e-9)
    q = -np.log1p(-p)
    rng = np.random.default_rng(seed)
    x = rng.random(len(flat.price)) * 0.3
    n = len(flat.weight)
    a, z, theta, slope = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for j in range(len(x)):
        shift(flat, a, z, theta, slope, kappa, touch, tau, j, x[j])
    np.testing.assert_allclose(a, kappa * (p @ x), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(z, q @ x, rtol=1e-6, atol=1e-9)
    duals = np.array([dual_of(a[i], z[i], k, touch, tau) for i in range(n)])
    touched = np.isin(np.arange(n), flat.persons)
    np.testing.assert_allclose(theta[touched], duals[touched, 0])
    out = np.empty(3)
    item_values(flat, theta, slope, kappa, 2, out)
    w = problem.panel.weight
    mine = np.flatnonzero(problem.creator == 2)
    expected = [(w * (theta * kappa * p[:, j] + (1 - theta) * slope * q[:, j])).sum() for j in mine]
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-6)
    assert curvature(flat, theta, slope, z, kappa, touch, tau, int(mine[0]), -1) >= 0.0


def test_overlap_counts_people_reached_by_both():
    problem = random_problem(11, creators=5, persons=30)
    items = some_roster(problem, 2)
    p = probabilities(problem)[:, items]
    common = (p * problem.panel.weight[:, None]).T @ p
    np.fill_diagonal(common, 0.0)
    found = overlap(problem, items)
    np.testing.assert_allclose(found.shared, common.max(axis=1), rtol=1e-6)
    assert all(
        common[n, found.partner[n]] == pytest.approx(found.shared[n]) for n in range(len(items)) if found.shared[n]
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=40))
def test_the_heap_pops_in_order(keys):
    heap, ids = np.array(keys), np.arange(len(keys))
    for n in range(len(keys) // 2 - 1, -1, -1):
        sift_down(heap, ids, len(keys), n)
    size, out = len(keys), []
    while size:
        out.append((heap[0], ids[0]))
        size -= 1
        heap[0], ids[0] = heap[size], ids[size]
        if size:
            sift_down(heap, ids, size, 0)
    assert out == sorted(out, key=lambda pair: (-pair[0], pair[1]))
    assert not math.isnan(out[0][0])
