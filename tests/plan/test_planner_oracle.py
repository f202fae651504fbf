"""The planner against every possible roster, and on input without sense or hope."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planner_cases import brute_force, keeps_limits, random_problem, reach_of

from tidegauge.errors import InfeasibleError, TidegaugeError
from tidegauge.plan.search import ENOUGH
from tidegauge.plan.solver import exact, focus
from tidegauge.plan.solver.certificate import quick_bound, tight_dual
from tidegauge.plan.solver.exact import prove
from tidegauge.plan.solver.feasible import infeasible_core
from tidegauge.plan.solver.flat import flatten
from tidegauge.plan.solver.focus import best_of_all
from tidegauge.plan.solver.greedy import greedy, violations
from tidegauge.plan.solver.problem import GroupRow, Panel, Problem
from tidegauge.plan.solver.program import Program, clusters
from tidegauge.plan.solver.roster import candidate_gains, marginals, overlap, reach
from tidegauge.plan.solver.solve import solve, start_roster


@pytest.mark.parametrize(("creators", "formats"), [(8, 3), (9, 2)])
@pytest.mark.parametrize("seed", [1, 2])
def test_solve_finds_the_optimum_of_all_rosters(seed, creators, formats):
    problem = random_problem(seed, creators=creators, formats=formats, rows=1)
    exact = brute_force(problem)
    solution, certificate = solve(problem)
    assert solution.reach == pytest.approx(exact[0], rel=1e-5)
    assert certificate.upper_bound >= exact[0] * (1 - 1e-9)
    assert certificate.method == "exact"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 3), st.booleans(), st.booleans())
def test_solve_matches_the_oracle_or_proves_that_nothing_can(seed, rows, member, must):
    problem = random_problem(seed, creators=5, persons=10, rows=rows, member=member, must=(1, 3) if must else ())
    exact = brute_force(problem)
    if exact is None:
        with pytest.raises(InfeasibleError) as caught:
            solve(problem)
        assert caught.value.clash
        return
    solution, certificate = solve(problem)
    assert keeps_limits(problem, tuple(solution.items))
    assert solution.reach == pytest.approx(reach_of(problem, solution.items), rel=1e-6, abs=1e-6)
    assert solution.reach >= exact[0] * (1 - 1e-5) - 1e-6
    assert certificate.upper_bound >= exact[0] * (1 - 1e-9) - 1e-6
    assert 0 <= certificate.gap <= 2e-5


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000), st.integers(2, 3))
def test_effective_reach_of_small_problems_is_the_optimum(seed, k):
    problem = random_problem(seed, creators=5, persons=8, frequency=k, budget_share=0.5)
    exact = brute_force(problem)
    solution, certificate = solve(problem)
    assert keeps_limits(problem, tuple(solution.items))
    assert certificate.upper_bound >= exact[0] * (1 - 1e-9)
    assert solution.reach == pytest.approx(exact[0], rel=1e-6, abs=1e-6)
    assert certificate.upper_bound <= exact[0] * (1 + 1e-5) + 1e-4


@pytest.mark.parametrize(("k", "seed"), [(2, 72), (3, 38), (3, 100), (3, 109), (4, 5)])
def test_effective_reach_is_found_where_contacts_must_meet(k, seed):
    """Search by moves alone found 0.4 to 0.8 of these optima: no single move shows what two or three do together."""
    problem = random_problem(seed, creators=5, persons=8, frequency=k, budget_share=0.5)
    solution, certificate = solve(problem)
    assert solution.reach == pytest.approx(brute_force(problem)[0], rel=1e-6)
    assert certificate.gap <= 1e-5


@pytest.mark.parametrize("member", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_counting_rosters_agrees_with_the_oracle(k, member):
    for seed in range(6):
        problem = random_problem(seed, creators=4, persons=9, rows=2, frequency=k, member=member, must=(1,))
        oracle = brute_force(problem)
        items, value = best_of_all(flatten(problem))
        if oracle is None:
            assert value < 0
            continue
        assert value == pytest.approx(oracle[0], rel=1e-9, abs=1e-9)
        assert keeps_limits(problem, tuple(items))


def test_effective_reach_is_nearly_found_without_trying_every_roster(monkeypatch):
    problems = [random_problem(s, creators=9, persons=30, frequency=2, budget_share=0.4) for s in range(6)]
    best = [best_of_all(flatten(p))[1] for p in problems]
    monkeypatch.setattr(focus, "MOST_UPDATES", 0.0)
    assert not focus.countable(flatten(problems[0]))
    found = [solve(p)[0].reach for p in problems]
    assert np.all(np.array(found) >= 0.9 * np.array(best))
    assert np.mean(np.array(found) / np.array(best)) >= 0.98


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 4), st.integers(1, 2))
def test_every_roster_keeps_every_limit(seed, rows, k):
    problem = random_problem(seed, creators=40, persons=80, rows=rows, frequency=k, must=(3, 7), budget_share=0.2)
    allowed = np.random.default_rng(seed).random(len(problem.price)) < 0.8
    problem = replace(problem, allowed=allowed)
    if infeasible_core(problem) is not None:
        return
    solution, certificate = solve(problem, time_limit_s=0.5)
    assert violations(problem, solution.items) == ()
    assert certificate.upper_bound >= solution.reach


def test_lumpy_prices_are_solved_to_proof_where_greedy_falls_short():
    # Ten small creators look better per money than the two large ones that the budget is made for.
    sizes = np.array([60, 60] + [11] * 10)
    start = np.concatenate([[0], np.cumsum(sizes)])
    panel = Panel(start, np.arange(start[-1], dtype=np.int32), np.ones(start[-1]))
    price = np.array([50.0, 50.0] + [9.0] * 10)
    problem = Problem(panel, np.arange(12), price, np.full(12, 0.5), 100.0)
    assert greedy(problem).reach < 60.0
    solution, certificate = solve(problem)
    assert solution.reach == pytest.approx(60.0)
    assert certificate.gap < 1e-5


def test_exact_search_leaves_a_valid_bound_when_it_is_cut_short():
    problem = random_problem(4, creators=60, persons=400, budget_share=0.05)
    flat = flatten(problem)
    start = start_roster(problem, flat)
    dual, _ = tight_dual(flat, start, sweeps=5)
    hurried = prove(flat, start.items, dual, time_limit_s=0.06)
    patient = prove(flat, start.items, dual, time_limit_s=20.0)
    assert hurried.bound >= patient.bound * (1 - 1e-9)
    assert patient.bound <= dual.bound


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize(("most", "lump"), [(5, 0.1), (8, 0.6), (8, 9.0)])
def test_programs_with_items_put_aside_stay_valid(monkeypatch, rows, most, lump):
    """With items put aside the program is a relaxation: its bound must hold, its rosters must be real ones."""
    monkeypatch.setattr(exact, "MOST_ITEMS", most)
    monkeypatch.setattr(exact, "LUMP", lump)
    for seed in range(8):
        problem = random_problem(seed, creators=7, formats=2, persons=12, rows=rows)
        oracle = brute_force(problem)
        if oracle is None:
            continue
        flat = flatten(problem)
        start = start_roster(problem, flat)
        dual, _ = tight_dual(flat, start, sweeps=5)
        proof = prove(flat, start.items, dual, time_limit_s=5.0)
        assert proof.bound >= oracle[0] * (1 - 1e-9)
        assert violations(problem, proof.items) == ()
        assert start.reach - 1e-6 <= reach_of(problem, proof.items) <= oracle[0] * (1 + 1e-9)
        assert proof.bound <= dual.bound


def test_a_bound_below_the_known_roster_is_not_believed():
    problem = random_problem(4, creators=30, persons=200, budget_share=0.1)
    flat = flatten(problem)
    start = start_roster(problem, flat)
    dual, _ = tight_dual(flat, start, sweeps=5)
    kept, aside = np.flatnonzero(flat.allowed), np.empty(0, dtype=np.int64)
    whole = np.zeros(len(kept), dtype=bool)  # fractions alone: HiGHS then reports a bound of 0 for the integer search
    program = Program(flat, kept, whole, aside, clusters(flat, start.items), start.reach, 1e-6, 10)
    program.add_dual(dual)
    _, ceiling = program.solve(5.0, start.items)
    assert ceiling >= start.reach


def test_an_item_that_breaks_a_cap_alone_is_out():
    problem = replace(random_problem(2, creators=4, formats=2), budget=1e9)
    row = GroupRow("cap", problem.price, 0.0, float(np.sort(problem.price)[3]))
    assert flatten(replace(problem, rows=(row,))).allowed.sum() == 4
    assert flatten(replace(problem, rows=(replace(row, coefficient=-row.coefficient),))).allowed.all()


def test_upgrades_are_worth_making():
    problem = random_problem(21, creators=120, persons=600, budget_share=0.15)
    with_upgrades = greedy(problem).reach
    one_format = [greedy(replace(problem, allowed=np.arange(len(problem.price)) % 3 == f)).reach for f in range(3)]
    assert with_upgrades > max(one_format)


@pytest.mark.parametrize("seed", range(8))
def test_the_clash_is_minimal(seed):
    rng = np.random.default_rng(seed)
    base = random_problem(seed, creators=12, persons=30, budget_share=0.1, must=(2,))
    one = np.ones(len(base.price))
    dear = np.where(base.creator % 2 == 0, base.price, 0.0)
    rows = (
        GroupRow("harmless", one, 0.0, 50.0),
        GroupRow("floor in money", dear, 0.9 * base.budget),
        GroupRow(
            "cap in money",
            np.where(base.creator % 2 == 0, base.price, 0.0),
            0.0,
            float(rng.uniform(0.3, 0.6)) * base.budget,
        ),
        GroupRow("count", one, 3.0, 9.0),
    )
    problem = replace(base, rows=rows)
    core = infeasible_core(problem)
    assert core == ("floor in money", "cap in money")
    for label in core:
        freed = replace(problem, rows=tuple(r for r in rows if r.label != label))
        assert infeasible_core(freed) is None
    with pytest.raises(InfeasibleError) as caught:
        solve(problem)
    assert set(caught.value.clash) == set(core)


def test_the_clash_may_need_the_budget_or_a_must_include():
    base = random_problem(3, creators=10, persons=20)
    base = replace(base, price=base.price + 1.0)
    dear = replace(base, must=(4,), budget=0.5 * base.price[base.creator == 4].min())
    assert infeasible_core(dear) == ("budget", "must:4")
    shut = replace(base, must=(4,), allowed=base.creator != 4)
    assert infeasible_core(shut) == ("must:4",)
    many = replace(base, rows=(GroupRow("count", np.ones(len(base.price)), 11.0),), budget=1e9)
    assert infeasible_core(many) == ("count",)


def test_integrality_alone_can_clash():
    # Three creators of price 2 each: spend of exactly 3 exists in fractions only.
    panel = Panel(np.array([0, 1, 2, 3]), np.arange(3, dtype=np.int32), np.ones(3))
    row = GroupRow("exactly 3", np.full(3, 2.0), 3.0, 3.0)
    problem = Problem(panel, np.arange(3), np.full(3, 2.0), np.full(3, 0.5), 100.0, (row,))
    assert infeasible_core(problem) == ("exactly 3",)


EMPTY = Panel(np.array([0]), np.empty(0, np.int32), np.empty(0))


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(replace(random_problem(1), price=np.zeros(21)), id="all for nothing"),
        pytest.param(replace(random_problem(1), exposure=np.zeros(21)), id="nobody sees anything"),
        pytest.param(replace(random_problem(1), budget=0.0), id="no money"),
        pytest.param(replace(random_problem(2), price=np.full(21, 50.0), budget=49.0), id="budget below every price"),
        pytest.param(random_problem(1, creators=1), id="one creator"),
        pytest.param(random_problem(1, creators=1, formats=1, persons=1), id="one of everything"),
        pytest.param(replace(random_problem(1), exposure=np.ones(21)), id="everybody sees everything"),
        pytest.param(replace(random_problem(1), allowed=np.zeros(21, bool)), id="nothing allowed"),
        pytest.param(Problem(EMPTY, np.empty(0, np.int64), np.empty(0), np.empty(0), 10.0), id="empty panel"),
        pytest.param(
            Problem(
                Panel(np.array([0, 0, 0]), np.empty(0, np.int32), np.ones(4)), np.arange(2), np.ones(2), np.ones(2), 9.0
            ),
            id="no audiences",
        ),
    ],
)
def test_degenerate_problems_give_plain_answers(problem):
    solution, certificate = solve(problem)
    assert violations(problem, solution.items) == ()
    numbers = [solution.cost, solution.reach, certificate.upper_bound, certificate.gap, certificate.budget_price]
    assert np.all(np.isfinite(numbers))
    assert 0 <= solution.reach <= certificate.upper_bound * (1 + 1e-9) <= problem.panel.weight.sum() * (1 + 1e-6)
    assert certificate.gap <= 1e-3
    assert np.all(np.isfinite(candidate_gains(problem, solution.items)))
    assert np.all(np.isfinite(marginals(problem, solution.items).added))
    assert np.all(np.isfinite(overlap(problem, solution.items).share))
    assert np.isfinite(quick_bound(problem, solution).upper_bound)


@pytest.mark.parametrize(
    "change",
    [
        {"price": np.full(21, np.nan)},
        {"price": np.full(21, -1.0)},
        {"exposure": np.full(21, 1.5)},
        {"budget": float("nan")},
        {"creator": np.arange(21)[::-1]},
        {"frequency": 0},
        {"must": (99,)},
        {"rows": (GroupRow("short", np.ones(3)),)},
    ],
)
def test_senseless_input_is_refused_in_words(change):
    with pytest.raises(TidegaugeError) as caught:
        solve(replace(random_problem(1), **change))
    assert caught.value.mend


def test_runs_repeat_exactly():
    problem = random_problem(9, creators=25, persons=200, rows=2, floors=False, budget_share=0.1)
    first, second = solve(problem, seed=3), solve(problem, seed=3)
    assert np.array_equal(first[0].items, second[0].items)


@pytest.mark.parametrize("tail", [0.0, 0.1])
def test_a_limit_on_numbers_that_binds_before_the_budget_is_proven_well(tail):
    """Thousands of candidates, money for all, places for 25: reach per money would take the cheapest ones."""
    rng = np.random.default_rng(5)
    creators, persons = 3000, 20_000
    sizes = np.minimum(1 + (rng.pareto(1.1, creators) * 4).astype(int), 1000)
    panel = Panel(
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([np.sort(rng.choice(persons, n, replace=False)) for n in sizes]).astype(np.int32),
        np.full(persons, 100.0),
    )
    price = np.maximum(150.0, 10.0 * sizes**1.3) * rng.lognormal(0.0, tail, creators)
    wanted = (rng.random(creators) < 0.1).astype(float)
    rows = (GroupRow("creators", np.ones(creators), 0.0, 25.0), GroupRow("small", wanted, 3.0, np.inf))
    budget = float(5.0 * np.sort(price)[-25:].sum())
    problem = Problem(panel, np.arange(creators), price, np.full(creators, 0.3), budget, rows)
    solution, certificate = solve(problem, effort=ENOUGH)
    biggest = np.argsort(-sizes, kind="stable")
    told = [*biggest[wanted[biggest] > 0][:3], *biggest[wanted[biggest] == 0][:22]]  # what any planner would take
    assert solution.reach >= reach(problem, np.sort(np.array(told)))
    assert certificate.gap <= 0.01
    assert not violations(problem, solution.items)
