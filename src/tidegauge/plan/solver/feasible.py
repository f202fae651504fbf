"""Whether any roster keeps every limit, a roster that does, and, where none does, a smallest set of clashing limits.

Feasibility is a question about money and counts only: at most one item per creator, the rows, the budget, the
must-includes. HiGHS answers it as a mixed-integer program; a linear relaxation that is already infeasible is a proof.
"""

from __future__ import annotations

import highspy
import numpy as np

from tidegauge.plan.solver.flat import BUDGET, Flat, flatten, named_items
from tidegauge.plan.solver.linear import quiet_solver
from tidegauge.plan.solver.problem import Float, Int, Problem

#: Above this many items the integer search runs on a shortlist first.
SHORTLIST = 4000


def infeasible_core(problem: Problem, *, time_limit_s: float = 20.0) -> tuple[str, ...] | None:
    """A minimal set of limits that cannot hold together; None when a roster exists (or the search finds no proof).

    Labels are those of the group rows, `budget`, and `must:<creator>` for must-includes. Minimal: without any one of
    them the others can hold (a deletion filter, Chinneck and Dravnieks 1991).
    """
    flat = flatten(problem)
    flat = flat._replace(allowed=named_items(problem))  # the core has to be able to name the limit that bars an item
    limits = [BUDGET, *(r.label for r in problem.rows), *(f"must:{c}" for c in problem.must)]
    if _holds(flat, problem, set(limits), time_limit_s) is not False:
        return None
    kept = list(dict.fromkeys(limits))
    for limit in list(kept):
        without = [other for other in kept if other != limit]
        if _holds(flat, problem, set(without), time_limit_s) is False:
            kept = without
    return tuple(kept)


def feasible_items(problem: Problem, values: Float, *, time_limit_s: float = 20.0) -> Int | None:
    """A roster that keeps every limit, with a large sum of `values` (items) among those; None where none was found."""
    flat = flatten(problem)
    items = np.flatnonzero(flat.allowed)
    every = {BUDGET, *(r.label for r in problem.rows), *(f"must:{c}" for c in problem.must)}
    if len(items) > SHORTLIST:
        short = shortlist(flat, problem, items, values)
        taken, _ = _search(flat, problem, every, short, values, True, time_limit_s)
        if taken is not None:
            return taken
    taken, _ = _search(flat, problem, every, items, values, True, time_limit_s)
    return taken


def _holds(flat: Flat, problem: Problem, limits: set[str], time_limit_s: float) -> bool | None:
    """Whether the limits named can hold together; None where the search ended without an answer."""
    items = np.flatnonzero(flat.allowed)
    values = np.zeros(len(flat.price))
    possible, proven = _search(flat, problem, limits, items, values, False, time_limit_s)
    if possible is None:
        return False if proven else None
    if len(items) > SHORTLIST:
        short = shortlist(flat, problem, items, values)
        taken, _ = _search(flat, problem, limits, short, values, True, time_limit_s)
        if taken is not None:
            return True
    taken, proven = _search(flat, problem, limits, items, values, True, time_limit_s)
    if taken is not None:
        return True
    return False if proven else None


def shortlist(flat: Flat, problem: Problem, items: Int, values: Float) -> Int:
    """Per pattern of rows the cheapest, the dearest and the most valuable items, and all of must-include creators."""
    pattern = np.zeros(len(flat.price), dtype=np.int64)
    for r, row in enumerate(problem.rows):
        pattern += (row.coefficient != 0) * np.int64(np.random.SeedSequence(r).generate_state(1, np.uint32)[0])
    chosen = [items[flat.must[flat.creator[items]]]]
    kinds = np.unique(pattern[items])
    each = max(20, SHORTLIST // (3 * len(kinds)))
    for kind in kinds:
        of_kind = items[pattern[items] == kind]
        by_price = of_kind[np.argsort(flat.price[of_kind], kind="stable")]
        by_value = of_kind[np.argsort(-values[of_kind], kind="stable")]
        spread = by_price[np.linspace(0, len(by_price) - 1, min(each, len(by_price))).astype(np.int64)]
        chosen += [by_price[:each], spread, by_value[:each]]
    return np.unique(np.concatenate(chosen))


def _search(
    flat: Flat, problem: Problem, limits: set[str], items: Int, values: Float, integer: bool, time_limit_s: float
) -> tuple[Int | None, bool]:
    """(taken items or None, whether None is proven) for the limits named, on a subset of the items."""
    model = highspy.HighsLp()
    n = len(items)
    must = [c for c in problem.must if f"must:{c}" in limits]
    rows: list[tuple[Int, Float, float, float]] = []
    if BUDGET in limits:
        rows.append((np.arange(n), flat.price[items], -np.inf, flat.budget))
    for row in problem.rows:
        if row.label in limits:
            where = np.flatnonzero(row.coefficient[items])
            rows.append((where, row.coefficient[items][where], row.low, row.high))
    starts = np.flatnonzero(np.diff(flat.creator[items], prepend=-1))
    ends = np.append(starts[1:], n)
    asked = set(must)
    for s, e in zip(starts.tolist(), ends.tolist(), strict=True):
        c = int(flat.creator[items[s]])
        if e - s > 1 or c in asked:
            rows.append((np.arange(s, e), np.ones(e - s), 1.0 if c in asked else -np.inf, 1.0))
            asked.discard(c)
    if asked:  # a must-include creator without a single item
        return None, True
    if any(len(where) == 0 and (low > 0 or high < 0) for where, _, low, high in rows):
        return None, True
    rows = [row for row in rows if len(row[0])]
    scale = [max(float(np.abs(v).max()), 1e-300) for _, v, _, _ in rows]
    model.num_col_, model.num_row_ = n, len(rows)
    model.col_cost_ = -values[items] / max(float(np.abs(values[items]).max(initial=0.0)), 1e-300)
    model.col_lower_, model.col_upper_ = np.zeros(n), np.ones(n)
    model.row_lower_ = np.array([_finite(low / s) for (_, _, low, _), s in zip(rows, scale, strict=True)])
    model.row_upper_ = np.array([_finite(high / s) for (_, _, _, high), s in zip(rows, scale, strict=True)])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.concatenate([[0], np.cumsum([len(r[0]) for r in rows])]).astype(np.int32)
    model.a_matrix_.index_ = np.concatenate([r[0] for r in rows] or [np.empty(0, np.int64)]).astype(np.int32)
    model.a_matrix_.value_ = np.concatenate([r[1] / s for r, s in zip(rows, scale, strict=True)] or [np.empty(0)])
    if integer:
        model.integrality_ = [highspy.HighsVarType.kInteger] * n
    solver = quiet_solver(
        time_limit_s, mip_rel_gap=0.01, mip_feasibility_tolerance=1e-9, primal_feasibility_tolerance=1e-9
    )
    solver.passModel(model)
    solver.run()
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return None, True
    x = np.asarray(solver.getSolution().col_value)
    if len(x) != n or solver.getInfo().primal_solution_status != 2:
        return None, False
    return items[x > 0.5], False


def _finite(limit: float) -> float:
    """HiGHS has its own infinity."""
    return float(np.clip(limit, -highspy.kHighsInf, highspy.kHighsInf))
