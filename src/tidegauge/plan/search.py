"""From a brief's items to a roster with its certificate; rare limits enter when broken, clashes are named by line."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tidegauge.errors import InfeasibleError
from tidegauge.plan.audience.luck import cautious
from tidegauge.plan.audience.people import People
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.briefs.names import Named
from tidegauge.plan.offers.constraints import Limit
from tidegauge.plan.solver.exact import Effort
from tidegauge.plan.solver.feasible import feasible_items
from tidegauge.plan.solver.flat import BUDGET, Flat, flatten
from tidegauge.plan.solver.greedy import as_solution, grow, violations
from tidegauge.plan.solver.problem import Certificate, Float, Int, Panel, Problem, Solution
from tidegauge.plan.solver.roster import candidate_gains, reach
from tidegauge.plan.solver.solve import solve

#: Rounds of adding broken rare limits before the remaining conflicts are settled by hand.
LAZY_ROUNDS = 6
#: A plan within half a per cent of the best is good enough; bounded by work, so that a seed gives one plan.
ENOUGH = Effort(gap=5e-3, programs=2, nodes=20, items=1000)
#: In the problem of engagements a person stands for at most half an engagement, so that the bound is exact.
ENGAGEMENT_CHANCE = 0.5


@dataclass(frozen=True)
class Search:
    """A solved brief: the problem with the rows that came to matter, the roster, its certificate."""

    problem: Problem
    solution: Solution
    certificate: Certificate


def engagement_panel(items: pl.DataFrame, creator: Int) -> tuple[Panel, Float]:
    """Engagements as reach: every creator has one person of its own who stands for all its engagements.

    Nothing overlaps, so reach is the sum of expected engagements. Returns the panel and the exposure of the items.
    """
    expected = items.get_column("engagements").fill_null(0.0).to_numpy().astype(np.float64)
    n = int(creator.max(initial=-1)) + 1
    most = np.zeros(n)
    np.maximum.at(most, creator, expected)
    weight = np.maximum(most, 1e-9) / ENGAGEMENT_CHANCE
    panel = Panel(np.arange(n + 1, dtype=np.int64), np.arange(n, dtype=np.int32), weight)
    return panel, expected / weight[creator]


def problem_of(
    items: pl.DataFrame,
    people: People,
    panel: Panel,
    exposure: Float,
    brief: Brief,
    limits: tuple[Limit, ...],
    named: Named,
) -> Problem:
    """The arrays of the planning problem; rare (lazy) limits are left out until they are broken."""
    index = {c: i for i, c in enumerate(people.creators)}
    return Problem(
        panel=panel,
        creator=people.creator,
        price=items.get_column("price").to_numpy().astype(np.float64),
        exposure=exposure,
        budget=brief.budget,
        rows=tuple(limit.row(items.height) for limit in limits if not limit.lazy),
        must=tuple(sorted(index[c] for c in named.wanted)),
        frequency=brief.goal.frequency if brief.goal.kind == "frequency" else 1,
    )


def search(
    problem: Problem,
    limits: tuple[Limit, ...],
    brief: Brief,
    named: Named,
    creators: tuple[str, ...],
    *,
    seed: int,
    time_limit_s: float,
    factors: Float | None = None,
) -> Search:
    """The roster that keeps every limit, with its certificate.

    Rare limits (one account per person, so many per agency) enter only once broken: there may be thousands, and hardly
    any binds. A bound without them is still a bound. `factors` (scenarios, items) makes the roster heed the brief's
    risk. Raises InfeasibleError naming the lines that clash.
    """
    rare = tuple(limit for limit in limits if limit.lazy)
    certificate: Certificate | None = None
    try:
        for _ in range(LAZY_ROUNDS):
            solution, certificate = solve(problem, seed=seed, time_limit_s=time_limit_s, effort=ENOUGH)
            broken = [limit for limit in rare if not limit.kept(solution.items)]
            if not broken:
                break
            have = {row.label for row in problem.rows}
            new = tuple(limit.row(len(problem.price)) for limit in broken if limit.label not in have)
            problem = replace(problem, rows=problem.rows + new)
        else:
            problem, solution = _settled(problem, solution, rare)
        if factors is not None and brief.risk.measure != "mean":
            solution = _heeding_risk(problem, solution, factors, brief, rare)
    except InfeasibleError as e:
        raise named_clash(e, limits, brief, named, creators) from None
    assert certificate is not None
    gap = max(0.0, 1 - solution.reach / certificate.upper_bound) if certificate.upper_bound > 0 else 0.0
    return Search(problem, solution, replace(certificate, gap=gap))


def quick_roster(
    problem: Problem, *, start: Int | None = None, toll: Float | None = None, time_limit_s: float = 3.0
) -> Solution | None:
    """A good roster without a proof: greedy, on top of a feasible one where the floors are too much for it alone.

    `start` is a roster that may keep the limits, `toll` (items) what picks cost beside their price where limits bind:
    the best of the results is returned. None where none was found.
    """
    flat = flatten(problem)
    nobody = np.empty(0, np.int64)
    grown = [grow(flat, nobody)]
    if start is not None:
        grown.append(grow(flat, start))
    if toll is not None:
        grown.append(grow(flat, nobody, toll=toll))
    found = [as_solution(problem, flat, items) for items in grown if items is not None and _holds(problem, items)]
    if found:
        return max(found, key=lambda solution: solution.reach)
    return _on_top_of_feasible(problem, flat, time_limit_s)


def _holds(problem: Problem, items: Int) -> bool:
    return not violations(problem, items)


def _on_top_of_feasible(problem: Problem, flat: Flat, time_limit_s: float) -> Solution | None:
    alone = candidate_gains(problem, np.empty(0, np.int64))
    start = feasible_items(problem, alone, time_limit_s=time_limit_s)
    if start is None:
        return None
    grown = grow(flat, start)
    return as_solution(problem, flat, start if grown is None else grown)


def _settled(problem: Problem, solution: Solution, rare: tuple[Limit, ...]) -> tuple[Problem, Solution]:
    """Where broken rare limits keep coming: of each crowded group only what is taken already stays possible."""
    allowed = np.ones(len(problem.price), bool) if problem.allowed is None else problem.allowed.copy()
    must = np.isin(problem.creator, np.array(problem.must, dtype=np.int64))
    order = solution.items[np.lexsort((solution.items, ~must[solution.items]))]
    for limit in rare:
        inside = order[np.isin(order, limit.items)]
        others = np.setdiff1d(limit.items, inside[: int(limit.high)])
        allowed[others] = False
    settled = quick_roster(replace(problem, allowed=allowed))
    if settled is None:
        raise InfeasibleError("no roster was found that keeps every limit", mend="relax a floor or a limit per group")
    return problem, settled


def _heeding_risk(
    problem: Problem, solution: Solution, factors: Float, brief: Brief, rare: tuple[Limit, ...]
) -> Solution:

    def resolve(tilted: Problem) -> Solution:
        rows = tilted.rows
        for _ in range(LAZY_ROUNDS):
            found = quick_roster(replace(tilted, rows=rows))
            if found is None:
                break
            broken = [limit for limit in rare if not limit.kept(found.items)]
            if not broken:
                return Solution(found.items, found.cost, reach(problem, found.items))
            have = {row.label for row in rows}
            rows = rows + tuple(limit.row(len(problem.price)) for limit in broken if limit.label not in have)
        return solution

    return cautious(problem, solution, factors, brief.risk, resolve)


def named_clash(
    error: InfeasibleError, limits: tuple[Limit, ...], brief: Brief, named: Named, creators: tuple[str, ...]
) -> InfeasibleError:
    """The same error with the clashing limits as the brief writes them, each with its line."""
    places = {limit.label: limit.place for limit in limits}
    told, first = [], ""
    for label in error.clash:
        if label == BUDGET:
            text, place = f"budget: at most {brief.budget:,.0f}", brief.where("budget")
        elif label.startswith("must:"):
            creator = creators[int(label.removeprefix("must:"))]
            text, place = f"must include {creator}", named.wanted.get(creator, brief.where("must_include"))
        else:
            text, place = label, places.get(label, "")
        first = first or place
        told.append(f"{text} ({place})" if place else text)
    if not told:
        return error
    return InfeasibleError(
        "no roster can keep these together: " + "; ".join(told),
        clash=tuple(told),
        mend="relax one of them; without any one of them the others can hold" if len(told) > 1 else "relax it",
        where=first,
    )
