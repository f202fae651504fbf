"""The solver of the split: equal marginal returns, never above its bound, within the limits, honest about clashes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_cases import curves, limits

from tidegauge.errors import InfeasibleError
from tidegauge.plan.split.solve import feasible, objective, solve_split, tail_mean


def grid_best(c, budget: float, n: int = 60) -> float:
    """The best of all splits of two or three streams on a grid, by the mean."""
    parts = np.linspace(0, 1, n + 1)
    best = -np.inf
    for a in parts:
        for b in parts[: n + 1 - round(a * n)] if c.cap.size == 3 else [1 - a]:
            x = np.array([a, b, 1 - a - b] if c.cap.size == 3 else [a, b]) * budget
            best = max(best, float(c.value(np.minimum(x, c.cap)).sum(axis=1).mean()))
    return best


@settings(max_examples=20)
@given(seed=st.integers(0, 500), streams=st.integers(2, 9), budget=st.floats(100, 3000))
def test_marginal_returns_are_equal_where_nothing_binds(seed, streams, budget):
    c = curves(seed, streams, 40)
    lim = limits(streams, budget)
    done = solve_split(c, lim, recent=np.ones(streams), seed=1)
    assert done.money.sum() <= budget * (1 + 1e-9)
    slope = c.slope(done.money).mean(axis=0)
    inside = (done.money > 1e-3 * budget) & (done.money < lim.high - 1e-3 * budget)
    if inside.sum() >= 2:
        assert np.ptp(slope[inside]) <= 0.03 * slope[inside].mean()
    at_zero = done.money <= 1e-3 * budget
    if at_zero.any() and inside.any():
        assert (slope[at_zero] <= slope[inside].mean() * 1.03).all()
    assert done.objective <= done.bound + 1e-9
    assert done.objective >= 0.998 * done.bound


@pytest.mark.parametrize("shape", [1.0, 2.5])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_s_shapes_and_concave_curves_reach_the_best_of_a_grid(seed, shape):
    c = curves(seed, 3, 30, shape=shape)
    done = solve_split(c, limits(3, 700.0), recent=np.ones(3), seed=1)
    assert done.objective >= grid_best(c, 700.0) * 0.9999
    assert done.bound >= grid_best(c, 700.0)


def test_the_mean_curve_of_one_draw_equals_a_known_optimum():
    """Two streams top·x/(x + half) with equal half: money splits so that slopes agree; solved by hand."""
    from tidegauge.plan.split.curves import curves_of

    u = np.linspace(0, 1, 129) ** 2
    top, half, cap, budget = np.array([1000.0, 4000.0]), 200.0, np.array([1000.0, 1000.0]), 600.0
    x = u[:, None] * cap
    total = (top * x / (x + half))[:, None, :]
    done = solve_split(curves_of(u, cap, total, total), limits(2, budget), recent=np.ones(2))
    # sqrt(top) / (x + half) is equal: x2 + half = 2 (x1 + half) and x1 + x2 = 600.
    assert done.money == pytest.approx([(budget + 2 * half) / 3 - half, 2 * (budget + 2 * half) / 3 - half], rel=0.01)


def test_limits_hold_and_a_binding_row_splits_the_marginal_returns():
    c = curves(5, 4, 50)
    free = solve_split(c, limits(4, 1200.0), recent=np.ones(4))
    first = int(np.argmax(free.money))
    row = np.zeros(4)
    row[first] = 1.0
    lim = limits(4, 1200.0, low=[0, 50, 50, 50] if first == 0 else None, rows=[(row, 0.0, 100.0, "rule 1")])
    bound = solve_split(c, lim, recent=np.ones(4))
    assert bound.money[first] <= 100.0 + 1e-3
    assert bound.objective <= free.objective
    slope = c.slope(bound.money).mean(axis=0)
    others = [s for s in range(4) if s != first and lim.low[s] + 1 < bound.money[s] < lim.high[s] - 1]
    assert slope[first] > max(slope[s] for s in others)
    assert np.ptp([slope[s] for s in others]) < 0.03 * slope[others[0]]


def test_cvar_is_the_exact_mean_of_the_worst_and_is_not_worse_than_planning_for_the_mean():
    assert tail_mean(np.arange(1.0, 11.0), 0.8) == pytest.approx(1.5)
    assert tail_mean(np.array([3.0]), 0.9) == 3.0
    rng = np.random.default_rng(1)
    from tidegauge.plan.split.curves import curves_of

    # A sure stream and a better one that fails in one draw out of three.
    u = np.linspace(0, 1, 33) ** 2
    luck = np.where(rng.random(300) < 1 / 3, 0.05, 2.0)
    base = 1000 * (u / (u + 0.3))[:, None]
    total = np.stack([base * np.ones(300), base * luck], axis=2)
    c = curves_of(u, np.array([1000.0, 1000.0]), total, total)
    lim = limits(2, 800.0)
    bold = solve_split(c, lim, recent=np.ones(2))
    careful = solve_split(c, lim, recent=np.ones(2), cvar_weight=1.0, level=0.8)
    assert careful.money[1] < bold.money[1]
    assert objective(c, careful.money, 1.0, 0.8) > objective(c, bold.money, 1.0, 0.8)
    assert careful.bound is None
    # By a grid: no split has a better tail.
    parts = [objective(c, np.array([a, 800.0 - a]), 1.0, 0.8) for a in np.linspace(0, 800, 161)]
    assert careful.objective >= max(parts) * 0.999


@settings(max_examples=15)
@given(seed=st.integers(0, 200), tight=st.floats(0.25, 0.9))
def test_starts_are_made_feasible(seed, tight):
    rng = np.random.default_rng(seed)
    row = (rng.random(5) < 0.5).astype(float)
    lim = limits(5, 1000.0, low=rng.uniform(0, 40, 5), rows=[(row, 0.0, 1000.0 * tight, "r")])
    x = feasible(lim, rng.dirichlet(np.ones(5)) * 1000.0)
    assert x.sum() <= 1000.0 + 1e-6
    assert (x >= lim.low - 1e-6).all()
    assert row @ x <= 1000.0 * tight + 1e-6


def test_a_clash_names_a_smallest_set():
    row = np.array([1.0, 1.0, 0.0])
    lim = limits(3, 100.0, low=[30, 0, 0], rows=[(row, 0.0, 20.0, "rule 1"), (row, 0.0, 90.0, "rule 2")])
    with pytest.raises(InfeasibleError) as caught:
        feasible(lim, np.zeros(3))
    assert set(caught.value.clash) == {"floor of 0", "rule 1"}


def test_the_same_seed_gives_the_same_split():
    c = curves(9, 6, 60, shape=2.0)
    a, b = (solve_split(c, limits(6, 900.0), recent=np.ones(6), seed=4) for _ in range(2))
    assert np.array_equal(a.money, b.money)
