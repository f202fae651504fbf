"""The whole planner on one panel: several greedy starts, the tight bound, repair, exact search where it pays."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from tidegauge.errors import InfeasibleError
from tidegauge.plan.solver.certificate import Dual, certificate_of, tight_dual
from tidegauge.plan.solver.exact import PROOF, TO_PROOF, Effort, prove, worth_proving
from tidegauge.plan.solver.feasible import feasible_items, infeasible_core
from tidegauge.plan.solver.flat import Flat, flatten
from tidegauge.plan.solver.focus import countable, counted, focused
from tidegauge.plan.solver.greedy import as_solution, grow
from tidegauge.plan.solver.improve import improve
from tidegauge.plan.solver.kernels import add_rows, fresh_state
from tidegauge.plan.solver.multipliers import tolls, worth_looking
from tidegauge.plan.solver.problem import Certificate, Float, GroupRow, Int, Panel, Problem, Solution
from tidegauge.plan.solver.roster import all_gains
from tidegauge.plan.solver.swaps import WORK, exchange

Progress = Callable[[str, float], None]

#: A dual climbed from a roster this much (relative) below the best one is climbed again from that one.
POOR_START = 0.02
#: Creators whose best item is worth this part of its toll are tried in the improvement.
NEAR = 0.7
#: At frequency 2 and more the dual says less about single creators: among so few the improvement tries all.
FEW_CREATORS = 500


def solve(
    problem: Problem,
    *,
    seed: int = 0,
    time_limit_s: float = 60.0,
    effort: Effort = TO_PROOF,
    progress: Progress | None = None,
) -> tuple[Solution, Certificate]:
    """The best roster found and the proof of how good it is.

    Parameters: `time_limit_s`, seconds of the processor and not of the clock, so that a busy machine changes nothing,
    bounds the improvement and the bound (every stage is anytime); `effort` bounds the exact search by work;
    `progress(stage, gap)` is told the current gap.
    Raises `InfeasibleError` with a minimal clash where no roster keeps all limits.
    """
    compiled()
    return _search(problem, seed, time_limit_s, effort, progress)


_TOY_S, _TOY_RUNS = 1.0, 5


@cache
def compiled() -> None:
    """Have the kernels compiled (or loaded from disk), once a process, on a toy: it is no part of a search's time."""
    draw = np.random.default_rng(1)
    creators, audience = 24, 20
    persons = np.concatenate([np.sort(draw.choice(60, audience, replace=False)) for _ in range(creators)])
    panel = Panel(np.arange(creators + 1) * audience, persons.astype(np.int32), np.ones(60))
    price, exposure = draw.uniform(1.0, 5.0, creators), draw.uniform(0.2, 0.9, creators)
    row = GroupRow("toy", (np.arange(creators) % 2).astype(np.float64), 1.0, 4.0)
    for frequency in (1, 2):
        toy = Problem(panel, np.arange(creators), price, exposure, 20.0, (row,), frequency=frequency)
        # What compiles eats up the toy's time too, and a search without time left skips its last stages: once more.
        for _ in range(_TOY_RUNS):
            began = time.thread_time()
            _search(toy, 0, _TOY_S, TO_PROOF, None)
            if time.thread_time() - began < _TOY_S:
                break


def _search(
    problem: Problem, seed: int, time_limit_s: float, effort: Effort, progress: Progress | None
) -> tuple[Solution, Certificate]:
    began = time.thread_time()
    flat = flatten(problem)
    best = start_roster(problem, flat)
    if flat.k > 1 and (gathered := focused(flat)) is not None:
        best = _better(problem, flat, best, [gathered])
    tell(progress, "greedy", 1.0)
    told = None if progress is None else lambda gap: tell(progress, "bound", gap)
    dual, x = tight_dual(flat, best, time_limit_s=0.6 * time_limit_s, progress=told)
    first = best.reach
    best = bettered(problem, flat, best, dual, x, seed=seed)
    if best.reach > first * (1.0 + POOR_START) and dual.bound > best.reach * (1.0 + effort.gap):
        spare = 0.6 * time_limit_s - (time.thread_time() - began)
        again, x = tight_dual(flat, best, time_limit_s=max(0.1, spare), progress=told)
        dual = again if again.bound < dual.bound else dual
        best = bettered(problem, flat, best, again, x, seed=seed)
    tell(progress, "improve", certificate_of(problem, flat, dual, best.reach, "tight").gap)
    if dual.bound > best.reach * (1.0 + effort.gap):
        spare = max(0.1, 0.3 * (time_limit_s - (time.thread_time() - began)))
        few = flat.k > 1 and len(flat.first) <= FEW_CREATORS
        near = np.arange(len(flat.first) - 1) if few else worth_looking(flat, dual.values, dual.prices, NEAR)
        costs = (tolls(flat, dual.prices),) if len(flat.low) else ()
        items = improve(flat, best.items, near, seed=seed, time_limit_s=spare, tolls=costs)
        best = as_solution(problem, flat, items)
    left = time_limit_s - (time.thread_time() - began)
    searched = countable(flat) if flat.k > 1 else worth_proving(flat)
    if left > 0 and searched and dual.bound > best.reach * (1.0 + effort.gap):
        proof = counted(flat) if flat.k > 1 else prove(flat, best.items, dual, time_limit_s=left, effort=effort)
        best = as_solution(problem, flat, proof.items)
        certificate = certificate_of(problem, flat, replace(dual, bound=proof.bound), best.reach, "tight")
        method = "exact" if certificate.gap <= 2 * PROOF else "integer" if proof.bound < dual.bound else "tight"
        return best, replace(certificate, method=method)
    certificate = certificate_of(problem, flat, dual, best.reach, "tight")
    return best, replace(certificate, method="exact") if certificate.gap <= 2 * PROOF else certificate


def tell(progress: Progress | None, stage: str, gap: float) -> None:
    if progress is not None:
        progress(stage, gap)


def _better(problem: Problem, flat: Flat, best: Solution, rosters: list[Int]) -> Solution:
    """The best of a roster and some others."""
    return max([best, *(as_solution(problem, flat, items) for items in rosters)], key=lambda solution: solution.reach)


def start_roster(problem: Problem, flat: Flat) -> Solution:
    """A feasible roster: greedy, else from an integer program on the rows; `InfeasibleError` where there is none.

    Reach per money fills the places of a limit on numbers with the cheapest picks, so that reach alone is tried too
    where there are such limits.
    """
    items = grow(flat, np.empty(0, np.int64))
    if items is not None and counts_bind(flat, items):
        by_reach = grow(flat, np.empty(0, np.int64), toll=np.ones(len(flat.price)))
        return _better(problem, flat, as_solution(problem, flat, items), [] if by_reach is None else [by_reach])
    if items is None:
        nobody = np.full(len(flat.first) - 1, -1, dtype=np.int64)
        start = feasible_items(problem, all_gains(flat, fresh_state(len(flat.weight), 1), nobody))
        if start is None:
            clash = infeasible_core(problem) or ()
            raise InfeasibleError(
                "no roster keeps all of: " + "; ".join(clash)
                if clash
                else "no roster was found that keeps every limit",
                clash=clash,
                mend="relax one of these limits",
            )
        items = grow(flat, start)
        if items is None:
            items = start
    return as_solution(problem, flat, items)


def counts_bind(flat: Flat, items: Int) -> bool:
    """Whether a roster has used up a cap before the budget: a cap is nearly full while a tenth of the money is left."""
    caps = np.isfinite(flat.high)
    used = np.zeros(len(flat.low))
    for j in items:
        add_rows(flat, used, j, 1.0)
    full = bool(np.any(used[caps] > 0.9 * flat.high[caps]))
    return full and float(flat.price[items].sum()) < 0.9 * flat.budget


def bettered(
    problem: Problem, flat: Flat, start: Solution, dual: Dual, x: Float, *, seed: int, work: float = WORK
) -> Solution:
    """The best of a roster, of those that the relaxation suggests, and of exchanges in both.

    `x` (items) are the fractions of the relaxation at the dual point: what it takes nearly whole is a core to grow on.
    """
    toll = tolls(flat, dual.prices)
    near = worth_looking(flat, dual.values, dual.prices, NEAR)
    found = [grow(flat, np.empty(0, np.int64), toll=toll)] if len(flat.low) else []
    for least in (0.999, 0.9, 0.7, 0.5):
        core = np.flatnonzero(x >= least)
        if flat.price[core].sum() <= flat.budget:
            pool = np.union1d(near, flat.creator[core])
            found.append(grow(flat, core, toll=toll if len(flat.low) else None, pool=pool))
    best = _better(problem, flat, start, [items for items in found if items is not None])
    order = promising(flat, dual, near)
    seeds = [start.items] if np.array_equal(start.items, best.items) else [start.items, best.items]
    changed = [exchange(flat, s, order, dual.prices, seed=seed, work=work / len(seeds)) for s in seeds]
    return _better(problem, flat, best, changed)


def promising(flat: Flat, dual: Dual, creators: Int) -> Int:
    """Creators by what their best item is worth for its toll at the dual point, the best first."""
    worth = np.full(len(flat.first) - 1, -np.inf)
    ratio = dual.values / np.maximum(tolls(flat, dual.prices), 1e-300)
    np.maximum.at(worth, flat.creator[flat.allowed], ratio[flat.allowed])
    order: Int = creators[np.argsort(-worth[creators], kind="stable")]
    return order
