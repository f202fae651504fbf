"""What the planner is compared with: today's rankings, a plain CELF in Python, apricot-select, HiGHS to proof."""

from __future__ import annotations

import heapq
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from planner_instance import Market, make_market, make_problem
from tidegauge.plan.audience.panel import build_panel
from tidegauge.plan.solver.certificate import tight_dual
from tidegauge.plan.solver.exact import prove
from tidegauge.plan.solver.flat import flatten
from tidegauge.plan.solver.greedy import greedy
from tidegauge.plan.solver.problem import Panel, Problem
from tidegauge.plan.solver.roster import reach
from tidegauge.plan.solver.solve import start_roster

Row = dict[str, object]
#: apricot looks at every row of a sparse matrix in each step; more creators than this only make the wait longer.
APRICOT_CREATORS, APRICOT_PICKS = 40_000, 200
APRICOT_SETUP = (
    "python -m venv E && E/bin/pip install 'numpy<2' 'numba<0.61' 'setuptools<70' scipy scikit-learn apricot-select, "
    "then --apricot-python E/bin/python"
)
CELF_ITEMS = 600_000
PROOF_CREATORS = 300


def buy_in_order(problem: Problem, order: np.ndarray) -> np.ndarray:
    """Take items in the given order while they fit the budget and the caps, one per creator; floors are not asked."""
    spent, taken, owners = 0.0, [], set()
    totals = np.zeros(len(problem.rows))
    for j in order:
        c = int(problem.creator[j])
        if c in owners or spent + problem.price[j] > problem.budget:
            continue
        change = np.array([row.coefficient[j] for row in problem.rows])
        if problem.rows and np.any(totals + change > [row.high for row in problem.rows]):
            continue
        totals = totals + change
        spent += problem.price[j]
        owners.add(c)
        taken.append(j)
    return np.array(sorted(taken), dtype=np.int64)


def by_cpm(problem: Problem, market: Market) -> np.ndarray:
    """Cheapest price per expected contact first."""
    contacts = market.followers[problem.creator] * problem.exposure
    return buy_in_order(problem, np.argsort(problem.price / contacts, kind="stable"))


def by_followers(problem: Problem, market: Market) -> np.ndarray:
    """Most followers first, the usual short video of each."""
    items = np.flatnonzero(np.arange(len(problem.price)) % 3 == 1)
    return buy_in_order(problem, items[np.argsort(-market.followers[problem.creator[items]], kind="stable")])


def python_celf(problem: Problem) -> tuple[np.ndarray, int]:
    """Lazy cost-benefit greedy as one writes it in Python: a heap, NumPy per candidate, no format upgrades.

    Returns the items and the number of evaluations.
    """
    panel = problem.panel
    exposure = problem.exposure if panel.share is None else problem.exposure * panel.share[problem.creator]
    open_weight = panel.weight.copy()
    evaluations = 0

    def gain(j: int) -> float:
        nonlocal evaluations
        evaluations += 1
        c = problem.creator[j]
        return float(exposure[j] * open_weight[panel.persons[panel.indptr[c] : panel.indptr[c + 1]]].sum())

    heap = [(-gain(j) / problem.price[j], -1, j) for j in range(len(problem.price))]
    heapq.heapify(heap)
    spent, taken, owners = 0.0, [], set()
    while heap:
        key, seen, j = heapq.heappop(heap)
        c = int(problem.creator[j])
        if c in owners or spent + problem.price[j] > problem.budget:
            continue
        if seen != len(taken):
            heapq.heappush(heap, (-gain(j) / problem.price[j], len(taken), j))
            continue
        if key >= 0:
            break
        open_weight[panel.persons[panel.indptr[c] : panel.indptr[c + 1]]] *= 1.0 - exposure[j]
        spent += problem.price[j]
        owners.add(c)
        taken.append(j)
    return np.array(sorted(taken), dtype=np.int64), evaluations


def celf_row(problem: Problem, seconds_of_ours: float, reach_of_ours: float) -> Row:
    if problem.rows or len(problem.price) > CELF_ITEMS:
        return {"method": "Python CELF", "lacks": f"run without group rows and with at most {CELF_ITEMS:,} items"}
    began = time.perf_counter()
    items, evaluations = python_celf(problem)
    seconds = time.perf_counter() - began
    value = reach(problem, items)
    return {
        "method": "Python CELF",
        "reach": value,
        "of_ours": value / reach_of_ours,
        "seconds": seconds,
        "times_slower_than_greedy": seconds / seconds_of_ours,
        "evaluations_per_item": evaluations / len(problem.price),
    }


def apricot_row(problem: Problem, python: Path | None) -> Row:
    """Plain coverage with unit prices, which is what apricot can state, on the same audiences; ours beside it.

    `python` is the interpreter of an environment that holds apricot, which does not run on the planner's own NumPy.
    """
    if python is None:
        return {"method": "apricot-select", "lacks": f"--apricot-python; make its environment: {APRICOT_SETUP}"}
    panel = problem.panel
    n = min(panel.n_creators, APRICOT_CREATORS)
    indptr, persons = panel.indptr[: n + 1], panel.persons[: panel.indptr[n]]
    picks = min(APRICOT_PICKS, n)
    small = Problem(
        Panel(indptr, persons, np.ones(panel.n_persons)), np.arange(n), np.ones(n), np.ones(n), float(picks)
    )
    greedy(replace(small, budget=2.0))
    began, processor = time.perf_counter(), time.process_time()
    ours = greedy(small)
    our_seconds, our_processor = time.perf_counter() - began, time.process_time() - processor
    with tempfile.TemporaryDirectory() as folder:
        instance = Path(folder) / "instance.npz"
        np.savez(instance, indptr=indptr.astype(np.int32), persons=persons, n_persons=panel.n_persons, picks=picks)
        command = [str(python), str(Path(__file__).with_name("planner_apricot.py")), str(instance)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        last = run.stderr.strip().splitlines()[-1:]
        return {"method": "apricot-select", "lacks": f"a run without an error: {' '.join(last)}"}
    theirs = json.loads(run.stdout)
    return {
        "method": "apricot-select",
        "creators": n,
        "picks": picks,
        "persons_covered": theirs["persons_covered"],
        "persons_covered_by_ours": ours.reach,
        "of_ours": theirs["persons_covered"] / ours.reach,
        "seconds": theirs["seconds"],
        "seconds_of_ours": our_seconds,
        "times_slower_than_greedy": theirs["seconds"] / our_seconds,
        "times_slower_in_processor_seconds": theirs["processor_seconds"] / our_processor,
    }


def proof_row(market: Market, problem: Problem, time_limit_s: float) -> Row:
    """HiGHS to proof on the first creators alone, the budget in proportion: how close greedy was to the optimum."""
    panel, n = problem.panel, min(problem.panel.n_creators, PROOF_CREATORS)
    kept = problem.creator < n
    share = float(market.followers[:n].sum() / market.followers.sum())
    small = Problem(
        Panel(
            panel.indptr[: n + 1],
            panel.persons[: panel.indptr[n]],
            panel.weight,
            share=None if panel.share is None else panel.share[:n],
        ),
        problem.creator[kept],
        problem.price[kept],
        problem.exposure[kept],
        max(problem.budget * share, 10.0 * float(np.median(problem.price[kept]))),
    )
    flat = flatten(small)
    start = start_roster(small, flat)
    dual, _ = tight_dual(flat, start, time_limit_s=10.0)
    began = time.perf_counter()
    proof = prove(flat, start.items, dual, time_limit_s=time_limit_s)
    best = reach(small, proof.items)
    return {
        "method": "HiGHS MILP",
        "creators": n,
        "reach": best,
        "upper_bound": proof.bound,
        "proven": proof.bound <= best * (1 + 1e-5),
        "greedy_of_optimum_at_least": start.reach / proof.bound,
        "bound_over_optimum": dual.bound / best - 1.0,
        "seconds": time.perf_counter() - began,
    }


def uplift_rows(n_creators: int, n_persons: int, budget: float, groups: int, seed: int, seeds: int) -> Iterator[Row]:
    """Reach of our greedy over the rankings for the same money, on an independent panel, with a 95 % t interval."""
    ratios: dict[str, list[float]] = {"rank by CPM": [], "rank by followers": []}
    for s in range(seed, seed + seeds):
        market = make_market(n_creators, s)
        plan_on = make_problem(market, build_panel(market.model, n_persons, seed=3 * s), budget, groups)
        judge = make_problem(market, build_panel(market.model, n_persons, seed=3 * s + 1), budget, groups)
        ours = reach(judge, start_roster(plan_on, flatten(plan_on)).items)
        ratios["rank by CPM"].append(ours / reach(judge, by_cpm(plan_on, market)))
        ratios["rank by followers"].append(ours / reach(judge, by_followers(plan_on, market)))
    for method, found in ratios.items():
        more = np.array(found) - 1.0
        low, high = mean_interval(more)
        yield {"method": method, "ours_reaches_more": more.mean(), "low": low, "high": high, "seeds": seeds}


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Student's interval of a mean over independent seeds."""
    if len(values) < 2:
        return float(values.mean()), float(values.mean())
    half = float(stats.t.ppf(0.5 + level / 2, len(values) - 1) * stats.sem(values))
    return float(values.mean()) - half, float(values.mean()) + half
