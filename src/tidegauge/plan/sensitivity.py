"""What would it take: reach at other budgets with its bound, and what +10 % budget or one limit less would bring."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import polars as pl

from tidegauge.plan.offers.constraints import Limit
from tidegauge.plan.search import Search, quick_roster
from tidegauge.plan.solver.certificate import certificate_of, tight_dual
from tidegauge.plan.solver.flat import flatten
from tidegauge.plan.solver.multipliers import tolls
from tidegauge.plan.solver.problem import Certificate, Float, Problem, Solution
from tidegauge.plan.solver.solve import bettered

#: Budgets of the curve, as multiples of the brief's.
CURVE_TIMES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
#: Limits tried one by one; those with the largest shadow price times limit come first.
MOST_LIMITS = 5
#: Sweeps of the bound per point: enough to be within a few per cent of the tight one.
SWEEPS = 10
#: Work of the exchanges per point (entries looked at).
EXCHANGES = 3e7
#: Problems solved at a time at most: each needs some numbers per person.
MOST_THREADS = 4
CURVE_SCHEMA = {"budget": pl.Float64, "reach": pl.Float64, "upper_bound": pl.Float64}
WHAT_IF_SCHEMA = {
    "label_zh": pl.String, "label_en": pl.String, "low": pl.Float64, "value": pl.Float64, "high": pl.Float64,
    "reach_change": pl.Float64,
}  # fmt: skip


def curve(found: Search, limits: tuple[Limit, ...], *, progress: Callable[[float], None] | None = None) -> pl.DataFrame:
    """Reach of the best roster found and the proven bound at several budgets.

    Shares of the budget move with it, all other limits stay as they are; budgets at which no roster keeps the limits
    are left out (floors in money do not shrink).
    """
    others = [times for times in CURVE_TIMES if times != 1.0]
    points = _each_resolved([_at_budget(found.problem, limits, times) for times in others], found, progress)
    rows = [(found.problem.budget, found.solution.reach, found.certificate.upper_bound)]
    for times, point in zip(others, points, strict=True):
        if point is not None:
            rows.append((times * found.problem.budget, point[0].reach, point[1].upper_bound))
    return pl.DataFrame(rows, schema=CURVE_SCHEMA, orient="row").sort("budget")


def _each_resolved(
    problems: list[Problem], found: Search, progress: Callable[[float], None] | None = None
) -> list[tuple[Solution, Certificate] | None]:
    """`_resolved` for several problems, as many at a time as there are processors; the order does not matter to any."""
    made: list[tuple[Solution, Certificate] | None] = []
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, MOST_THREADS)) as pool:
        for point in pool.map(lambda problem: _resolved(problem, found), problems):
            made.append(point)
            if progress is not None:
                progress(len(made) / len(problems))
    return made


def _at_budget(problem: Problem, limits: tuple[Limit, ...], times: float) -> Problem:
    by_label = {limit.label: limit for limit in limits}
    rows = tuple(by_label[row.label].row(len(problem.price), budget_times=times) for row in problem.rows)
    return replace(problem, budget=times * problem.budget, rows=rows)


def what_if(found: Search, limits: tuple[Limit, ...]) -> pl.DataFrame:
    """The change of reach with 10 % more budget, and without each binding limit.

    `value` is the gain of the best roster found (`reach_change` repeats it), which is certain and so also `low`; `high`
    is proven: no roster can gain more.
    """
    problem, base = found.problem, found.solution.reach
    wishes = [("预算增加 10%", "10 % more budget", _at_budget(problem, limits, 1.1))]
    for limit in _binding(found, limits)[:MOST_LIMITS]:
        freed = replace(problem, rows=tuple(r for r in problem.rows if r.label != limit.label))
        wishes.append((f"去掉“{limit.text.zh}”", f"without '{limit.text.en}'", freed))
    points = _each_resolved([changed for _, _, changed in wishes], found)
    rows = [
        (zh, en, *_change(point, base)) for (zh, en, _), point in zip(wishes, points, strict=True) if point is not None
    ]
    return pl.DataFrame(rows, schema=WHAT_IF_SCHEMA, orient="row")


def _change(point: tuple[Solution, Certificate], base: float) -> tuple[float, float, float, float]:
    gain = max(0.0, point[0].reach - base)
    most = max(gain, point[1].upper_bound - base)
    return gain, gain, most, gain


def _resolved(problem: Problem, found: Search) -> tuple[Solution, Certificate] | None:
    """A roster and its bound after a fixed amount of work: the clock has no say, so that a plan can be remade.

    The multipliers of the solved brief guide the first roster, those of the changed one and its fractions the next.
    """
    flat = flatten(problem)
    toll = tolls(flat, prices_of(problem, found.certificate))
    solution = quick_roster(problem, start=found.solution.items, toll=toll)
    if solution is None:
        return None
    dual, x = tight_dual(flat, solution, sweeps=SWEEPS)
    solution = bettered(problem, flat, solution, dual, x, seed=1, work=EXCHANGES)
    return solution, certificate_of(problem, flat, dual, solution.reach, "tight")


def prices_of(problem: Problem, certificate: Certificate) -> Float:
    """A certificate's prices laid out as multipliers of this problem's budget, caps and floors."""
    rows = np.array([certificate.row_prices.get(row.label, 0.0) for row in problem.rows], dtype=np.float64)
    laid: Float = np.concatenate([[certificate.budget_price], np.maximum(rows, 0.0), np.maximum(-rows, 0.0)])
    return laid


def _binding(found: Search, limits: tuple[Limit, ...]) -> list[Limit]:
    """Limits that the bound prices, or that the roster meets exactly; the weightiest first."""
    prices = found.certificate.row_prices
    present = {row.label for row in found.problem.rows}
    weight = {}
    for limit in limits:
        if limit.label not in present:
            continue
        value = limit.actual(found.solution.items)
        bound = limit.high if np.isfinite(limit.high) else limit.low
        full = abs(value - limit.high) <= 1e-6 * max(1.0, abs(limit.high)) if np.isfinite(limit.high) else False
        floored = limit.low > 0 and value - limit.low <= 1e-6 * max(1.0, limit.low)
        priced = abs(prices.get(limit.label, 0.0)) * max(abs(bound), 1.0)
        if priced > 1e-6 * max(found.solution.reach, 1.0) or full or floored:
            weight[limit.label] = priced
    chosen = [limit for limit in limits if limit.label in weight]
    return sorted(chosen, key=lambda limit: (-weight[limit.label], limit.label))
