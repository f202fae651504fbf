"""Exact search for small or lumpy problems: outer approximation of the concave relaxation by a mixed-integer program.

At integer x the relaxation sum(w (1 - exp(-sum(q x)))) equals reach at frequency 1, so cuts taken at visited rosters
make a program whose optimum falls to the true one (Duran and Grossmann 1986). Cuts are kept per cluster of persons,
which are much stronger together than one cut over all. Two submodular cuts per roster (Nemhauser and Wolsey 1981)
join each tangent: one exact for additions, one for removals. HiGHS solves each program.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tidegauge.plan.solver.certificate import Dual
from tidegauge.plan.solver.flat import LARGEST_P, SLACK, Flat
from tidegauge.plan.solver.greedy import grow
from tidegauge.plan.solver.kernels import add_rows, apply_items, fresh_state, kernel
from tidegauge.plan.solver.multipliers import tolls
from tidegauge.plan.solver.problem import Float, Int
from tidegauge.plan.solver.program import Program, clusters
from tidegauge.plan.solver.relax import toll_of

#: Items in the program at most. Where more are left after fixing, those that look worth less for their toll are put
#: aside: those that count for the same rows become one column of money that buys at the best of their ratios.
MOST_ITEMS = 4000
#: With more items left than this no single lump matters enough to be worth the memory.
MOST_LEFT = 500_000
#: A lump is an item of at least this part of the budget or of a limit that it counts for.
LUMP = 0.1
#: Where items are put aside, a gap (relative) below this is not worth more programs, nor are more than so many.
LEAST_GAP_ASIDE, PROGRAMS_ASIDE = 1e-2, 3
#: A roster this close to the bound (relative) is called optimal.
PROOF = 1e-6


@dataclass(frozen=True)
class Effort:
    """How hard to search, in units of work and not of time, so that a search can be repeated anywhere.

    Stop once the bound is within `gap` (relative) of the roster, or after `programs` programs of `nodes` nodes each,
    of at most `items` items (all others are put aside).
    """

    gap: float = PROOF
    programs: int = 1_000_000
    nodes: int = 2_000_000_000
    items: int = MOST_ITEMS


TO_PROOF = Effort()


@dataclass(frozen=True)
class Proof:
    """The best roster known, and the bound that the exact search leaves (people)."""

    items: Int
    bound: float


def worth_proving(flat: Flat) -> bool:
    """Small (up to 500 creators who may be taken) or lumpy (the budget is below 50 times the largest price)."""
    if flat.k != 1 or not np.any(flat.allowed):
        return False
    creators = len(np.unique(flat.creator[flat.allowed]))
    return creators <= 500 or flat.budget < 50.0 * float(flat.price[flat.allowed].max())


def prove(flat: Flat, items: Int, dual: Dual, *, time_limit_s: float, effort: Effort = TO_PROOF) -> Proof:
    """Search on from a roster and a dual point until the effort is spent or the time is up; frequency 1 only."""
    began = time.process_time()
    best = np.asarray(items, dtype=np.int64)
    value = _reach(flat, best)
    bound = dual.bound
    left_over = unfixed(flat, dual.values, dual.prices, dual.bound, value)
    if len(left_over) > MOST_LEFT:
        return Proof(best, bound)
    most = min(effort.items, MOST_ITEMS)
    kept = left_over if len(left_over) <= most else _shortlisted(flat, left_over, best, dual, most)
    aside = np.setdiff1d(left_over, kept)
    whole = np.ones(len(kept), dtype=np.bool_) if not len(aside) else lumps(flat, kept)
    if len(kept) > most or not np.any(whole):  # a long roster without lumps: fractions alone improve no bound
        return Proof(best, bound)
    if len(aside):  # no proof to the last digit is possible here, and only the lumps need to be whole
        effort = replace(effort, gap=max(effort.gap, LEAST_GAP_ASIDE), programs=min(effort.programs, PROGRAMS_ASIDE))
    program = Program(flat, kept, whole, aside, clusters(flat, best), max(value, 1e-300), effort.gap / 4, effort.nodes)
    program.add_dual(dual)
    program.add_roster(best)
    seen = {best.tobytes()}
    for _ in range(effort.programs):
        if bound <= value * (1.0 + effort.gap):
            break
        left = time_limit_s - (time.process_time() - began)
        if left <= 0.05:
            break
        taken, ceiling = program.solve(left, best)
        bound = min(bound, max(ceiling * (1.0 + 1e-9) + float(flat.weight.sum()) * (1.0 - LARGEST_P), value))
        if taken is None:
            break
        filled = grow(flat, taken)
        known = taken.tobytes() in seen
        seen.add(taken.tobytes())
        for roster in (taken, filled):
            if roster is not None and keeps(flat, roster) and (reached := _reach(flat, roster)) > value:
                best, value, known = roster, reached, False
        if known:
            break
        program.add_roster(taken)
        if filled is not None and not np.array_equal(filled, taken):
            program.add_roster(filled)
    return Proof(best, max(bound, value))


@kernel
def unfixed(flat: Flat, values: Float, prices: Float, bound: float, value: float) -> Int:
    """Items that some roster better than `value` could hold: taking any other one costs the bound more than the gap."""
    kept = np.empty(len(flat.price), dtype=np.int64)
    size = 0
    for c in range(len(flat.first) - 1):
        best = -np.inf if flat.must[c] else 0.0
        for j in range(flat.first[c], flat.first[c + 1]):
            if flat.allowed[j]:
                best = max(best, values[j] - toll_of(flat, prices, j))
        for j in range(flat.first[c], flat.first[c + 1]):
            if flat.allowed[j] and bound - best + values[j] - toll_of(flat, prices, j) >= value:
                kept[size] = j
                size += 1
    return kept[:size].copy()


def _reach(flat: Flat, items: Int) -> float:
    return float(apply_items(flat, fresh_state(len(flat.weight), flat.k), items))


def lumps(flat: Flat, items: Int) -> NDArray[np.bool_]:
    """Which items are large beside the budget or a limit that they count for."""
    size = flat.price / max(flat.budget, 1e-300)
    owner = np.repeat(np.arange(len(flat.price)), np.diff(flat.row_ptr))
    for limit in (flat.low, flat.high):
        usable = np.isfinite(limit) & (limit > 0)
        money = np.where(usable, limit, np.inf)[flat.row_of]
        spend = flat.row_value == flat.price[owner]
        np.maximum.at(size, owner[spend], (flat.row_value / money)[spend])
    large: NDArray[np.bool_] = size[items] >= LUMP
    return large


def _shortlisted(flat: Flat, items: Int, roster: Int, dual: Dual, most: int) -> Int:
    """Items that stay in the program: the roster's, must-includes, free ones, lumps, then the best for their toll."""
    toll = np.maximum(tolls(flat, dual.prices), 1e-300)
    first = np.isin(items, roster) | flat.must[flat.creator[items]] | (flat.price[items] <= 0.0)
    rank = np.lexsort((-(dual.values / toll)[items], ~lumps(flat, items), ~first))
    room = max(most, int(first.sum()))
    chosen: Int = np.sort(items[rank[:room]])
    return chosen


def keeps(flat: Flat, items: Int) -> bool:
    """Whether a roster of the program keeps budget and rows by itself (money put aside may have carried a floor)."""
    totals = np.zeros(len(flat.low))
    for j in items:
        add_rows(flat, totals, j, 1.0)
    slack = SLACK * np.maximum(1.0, np.abs(totals))
    return bool(
        flat.price[items].sum() <= flat.budget * (1 + SLACK)
        and np.all(totals <= flat.high + slack)
        and np.all(totals >= flat.low - slack)
    )
