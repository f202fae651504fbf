"""The bound is valid whatever dual point it is taken at, and behaves as a bound must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planner_cases import brute_force, random_problem

from tidegauge.plan.solver.certificate import dual_at, first_prices, person_part, quick_bound, slopes_at, tight_bound
from tidegauge.plan.solver.flat import flatten
from tidegauge.plan.solver.frequency import touch_point
from tidegauge.plan.solver.greedy import greedy
from tidegauge.plan.solver.multipliers import inner_value
from tidegauge.plan.solver.problem import GroupRow, Panel, Problem
from tidegauge.plan.solver.relax import all_values
from tidegauge.plan.solver.solve import start_roster

SEEDS = st.integers(0, 100_000)


def bound_at(problem: Problem, theta: np.ndarray, z: np.ndarray, prices: np.ndarray) -> float:
    """The bound at a given dual point, multipliers included, without any search."""
    flat = flatten(problem)
    touch = touch_point(flat.k)
    values = np.zeros(len(flat.price))
    everyone = np.arange(problem.panel.n_creators)
    all_values(flat, theta, slopes_at(z, flat.k, touch), 1.0 / flat.k, everyone, values)
    inner, _ = inner_value(flat, values, everyone, prices, np.empty(len(flat.low)))
    return inner + person_part(flat.weight, theta, z, flat.k, touch)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(1, 3), st.booleans(), st.integers(0, 2))
def test_any_dual_point_bounds_the_exact_optimum(seed, k, member, rows):
    problem = random_problem(seed, creators=4, persons=10, frequency=k, member=member, rows=rows)
    exact = brute_force(problem)
    if exact is None:
        return
    rng = np.random.default_rng(seed)
    n = problem.panel.n_persons
    theta, z = rng.random(n) ** rng.choice([0.1, 1, 8]), rng.gamma(0.5, 2.0, n)
    prices = np.where(rng.random(1 + 2 * rows) < 0.3, 0.0, rng.gamma(0.5, 20.0, 1 + 2 * rows))
    for r, row in enumerate(problem.rows):
        if not np.isfinite(row.high):
            prices[1 + r] = 0.0
    assert bound_at(problem, theta, z, prices) >= exact[0] * (1 - 1e-8) - 1e-6
    assert dual_at(flatten(problem), theta, z, prices).bound >= exact[0] * (1 - 1e-9) - 1e-6


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 2), st.integers(0, 2))
def test_quick_and_tight_bound_the_exact_optimum(seed, k, rows):
    problem = random_problem(seed, creators=5, persons=12, frequency=k, rows=rows, floors=False)
    exact = brute_force(problem)
    solution = greedy(problem)
    quick, tight = quick_bound(problem, solution), tight_bound(problem, solution)
    assert tight.upper_bound <= quick.upper_bound * (1 + 1e-12)
    assert tight.upper_bound >= exact[0] * (1 - 1e-9)
    missed = quick.upper_bound - solution.reach
    assert quick.gap * quick.upper_bound == pytest.approx(missed, abs=1e-9 * max(1.0, quick.upper_bound))


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(1.05, 4.0))
def test_the_bound_never_falls_as_the_budget_grows(seed, times):
    problem = random_problem(seed, creators=6, persons=20, rows=1, floors=False)
    rng = np.random.default_rng(seed)
    theta, z = rng.random(20), rng.gamma(1.0, 1.0, 20)
    start = first_prices(flatten(problem), problem.budget, 1.0)
    rich = replace(problem, budget=problem.budget * times)
    less, more = dual_at(flatten(problem), theta, z, start), dual_at(flatten(rich), theta, z, start)
    assert more.bound >= less.bound * (1 - 5e-5)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_another_constraint_raises_neither_side(seed):
    free = random_problem(seed, creators=4, persons=10)
    rng = np.random.default_rng(seed)
    inside = rng.random(len(free.price)) < 0.5
    bound_to = replace(free, rows=(GroupRow("cap", np.where(inside, free.price, 0.0), 0.0, 0.2 * free.budget),))
    theta, z = rng.random(10), rng.gamma(1.0, 1.0, 10)
    without = dual_at(flatten(free), theta, z, np.ones(1))
    with_row = dual_at(flatten(bound_to), theta, z, np.array([without.prices[0], 0.0, 0.0]))
    assert with_row.bound <= without.bound * (1 + 5e-5)
    assert brute_force(bound_to)[0] <= brute_force(free)[0] * (1 + 1e-12)


def relabelled(problem: Problem, rng: np.random.Generator) -> Problem:
    """Persons and creators in another order."""
    panel = problem.panel
    new_person = rng.permutation(panel.n_persons).astype(np.int32)
    order = rng.permutation(panel.n_creators)
    lists = [np.sort(new_person[panel.persons[panel.indptr[c] : panel.indptr[c + 1]]]) for c in order]
    items = np.concatenate([np.flatnonzero(problem.creator == c) for c in order])
    weight = np.empty(panel.n_persons)
    weight[new_person] = panel.weight
    share = None if panel.share is None else panel.share[order]
    other = Panel(np.concatenate([[0], np.cumsum([len(x) for x in lists])]), np.concatenate(lists), weight, share=share)
    place = np.argsort(order)
    return replace(
        problem,
        panel=other,
        creator=place[problem.creator[items]],
        price=problem.price[items],
        exposure=problem.exposure[items],
        rows=tuple(replace(r, coefficient=r.coefficient[items]) for r in problem.rows),
    )


def doubled(problem: Problem) -> Problem:
    """Every person twice at half the weight."""
    panel = problem.panel
    lists = [panel.persons[panel.indptr[c] : panel.indptr[c + 1]] for c in range(panel.n_creators)]
    twice = np.concatenate([np.sort(np.concatenate([2 * x, 2 * x + 1])) for x in lists])
    return replace(
        problem,
        panel=Panel(2 * panel.indptr, twice.astype(np.int32), np.repeat(panel.weight / 2, 2), share=panel.share),
    )


@pytest.mark.parametrize("seed", range(6))
def test_bounds_do_not_depend_on_units_order_or_copies(seed):
    problem = random_problem(seed, creators=30, persons=60, rows=2, floors=False)
    roster = start_roster(problem, flatten(problem))
    base = tight_bound(problem, roster)
    rng = np.random.default_rng(seed)
    scaled = replace(
        problem,
        panel=replace(problem.panel, weight=problem.panel.weight * 1e4),
        price=problem.price * 7,
        budget=problem.budget * 7,
        rows=tuple(
            GroupRow(r.label, r.coefficient * 7, r.low * 7, r.high * 7) if r.label[0] == "s" else r
            for r in problem.rows
        ),
    )
    for other, factor in ((scaled, 1e4), (relabelled(problem, rng), 1.0), (doubled(problem), 1.0)):
        solution = start_roster(other, flatten(other))
        assert solution.reach == pytest.approx(factor * roster.reach, rel=0.01)
        assert tight_bound(other, solution).upper_bound == pytest.approx(factor * base.upper_bound, rel=0.005)


def test_the_tight_bound_is_tight_and_its_prices_predict_the_gain_of_money():
    problem = random_problem(5, creators=400, persons=3000, budget_share=0.05)
    solution = greedy(problem)
    bound = tight_bound(problem, solution)
    assert bound.gap < 0.02
    assert bound.gap < quick_bound(problem, solution).gap / 3
    more = greedy(replace(problem, budget=problem.budget * 1.05))
    per_money = (more.reach - solution.reach) / (0.05 * problem.budget)
    assert per_money == pytest.approx(bound.budget_price, rel=0.35)


def test_row_prices_have_the_sign_of_what_binds():
    base = random_problem(8, creators=200, persons=2000, budget_share=0.05)
    cap = np.where(base.creator % 2 == 0, base.price, 0.0)
    floor = np.where(base.creator % 5 == 1, base.price, 0.0)
    rows = (GroupRow("cap", cap, 0.0, 0.1 * base.budget), GroupRow("floor", floor, 0.6 * base.budget))
    problem = replace(base, rows=rows)
    prices = tight_bound(problem, start_roster(problem, flatten(problem))).row_prices
    assert prices["cap"] > 0
    assert prices["floor"] < 0
