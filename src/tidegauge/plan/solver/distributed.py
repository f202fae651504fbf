"""The planner over parts of the candidates, for sets past one machine's memory: partitioned greedy and the split dual.

Each part picks greedily for itself, the union of the picks is planned in one place (RandGreeDi, Barbosa et al. 2015).
The bound needs no approximation: given two numbers per person (theta, z) and the multipliers, the inner maximum is a
sum over creators, so parts add it up exactly; creators who look worth their toll come back and join the union.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from tidegauge.plan.solver.certificate import SAFETY, Dual, person_part, slopes_at, tight_dual
from tidegauge.plan.solver.feasible import shortlist
from tidegauge.plan.solver.flat import LARGEST_P, flatten
from tidegauge.plan.solver.frequency import touch_point
from tidegauge.plan.solver.greedy import grow
from tidegauge.plan.solver.kernels import fresh_state
from tidegauge.plan.solver.multipliers import inner_value, worth_looking
from tidegauge.plan.solver.parts import Part, count_parts, joined, read_part, shrunk
from tidegauge.plan.solver.problem import Certificate, Float, Int, Solution
from tidegauge.plan.solver.relax import all_values
from tidegauge.plan.solver.roster import all_gains
from tidegauge.plan.solver.solve import compiled, solve, start_roster

T = TypeVar("T")
#: Creators whose value is this part of their toll come back to the union; at most so many per part and round.
NEAR, MOST_BACK = 0.95, 5000


class OnParts(Protocol):
    """Runs a function on every part, wherever the parts are, and returns the replies in the order of the parts."""

    def __call__(self, function: Callable[[Part], T], /) -> list[T]: ...


@dataclass(frozen=True)
class Reply:
    """What a part adds to the bound at given multipliers, and its creators who look worth their toll."""

    inner: float
    clipped: bool
    near: Part


def here(parts: Iterable[Part]) -> OnParts:
    """Parts in this process, one after the other."""
    kept = list(parts)

    def run(function: Callable[[Part], T]) -> list[T]:
        return [function(part) for part in kept]

    return run


def on_spark(spark: Any, directory: Path) -> OnParts:
    """Parts that `write_parts` wrote to storage which every Spark worker sees; each task reads its own part."""
    n = count_parts(directory)

    def run(function: Callable[[Part], T]) -> list[T]:
        def work(frames: Iterator[Any]) -> Iterator[Any]:
            for frame in frames:
                yield frame.assign(reply=[pickle.dumps(function(read_part(directory, int(i)))) for i in frame["id"]])

        rows = spark.range(0, n, numPartitions=n).mapInPandas(work, "id long, reply binary").collect()
        return [pickle.loads(r["reply"]) for r in sorted(rows, key=lambda r: r["id"])]

    return run


def solve_in_parts(
    on_parts: OnParts, *, seed: int = 0, rounds: int = 4, time_limit_s: float = 60.0
) -> tuple[Solution, Certificate]:
    """Plan over parts; items in the solution are those of the whole problem, and so is the bound.

    Each round prices every part and bounds the union; the union is planned at the end. Parts take their own time, the
    union at most `time_limit_s`.
    """
    compiled()
    union = joined(on_parts(first_picks))
    proof, prices = np.inf, np.zeros(1 + 2 * len(union.problem.rows))
    for _ in range(rounds):
        flat = flatten(union.problem)
        solution = start_roster(union.problem, flat)
        dual, _ = tight_dual(flat, solution, time_limit_s=0.6 * time_limit_s / rounds)
        replies = on_parts(Pricing(dual.theta, dual.z, dual.prices))
        bound = whole_bound(union, dual, replies)
        if bound < proof:
            proof, prices = bound, dual.prices
        grown = joined([union, *(r.near for r in replies)])
        if len(grown.creators) == len(union.creators):
            break
        union = grown
    solution, _ = solve(union.problem, seed=seed, time_limit_s=0.4 * time_limit_s)
    roster = replace(solution, items=union.items[solution.items])
    upper = max(proof, roster.reach)
    n_rows = len(union.problem.rows)
    row_prices = {r.label: float(prices[1 + i] - prices[1 + n_rows + i]) for i, r in enumerate(union.problem.rows)}
    gap = (upper - roster.reach) / upper if upper > 0 else 0.0
    return roster, Certificate(upper, gap, float(prices[0]), row_prices, "distributed")


def first_picks(part: Part) -> Part:
    """A part's own greedy roster, and the creators that floors and must-includes of the whole may need."""
    problem = part.problem
    flat = flatten(replace(problem, rows=tuple(replace(r, low=-np.inf) for r in problem.rows)))
    taken = grow(flat, np.empty(0, np.int64))
    chosen = [np.empty(0, np.int64) if taken is None else taken]
    usable = np.flatnonzero(flat.allowed)
    if problem.rows and len(usable):
        nobody = np.full(problem.panel.n_creators, -1, dtype=np.int64)
        gains = all_gains(flat, fresh_state(len(flat.weight), 1), nobody)
        chosen.append(shortlist(flat, problem, usable, gains))
    creators = np.union1d(problem.creator[np.concatenate(chosen)], np.array(problem.must, dtype=np.int64))
    return shrunk(part, creators.astype(np.int64))


@dataclass(frozen=True)
class Pricing:
    """The function that parts run for the bound at one dual point (persons' theta and z, multipliers)."""

    theta: Float
    z: Float
    prices: Float

    def __call__(self, part: Part) -> Reply:
        flat = flatten(part.problem)
        values = np.zeros(len(flat.price))
        everyone: Int = np.arange(part.problem.panel.n_creators)
        touch = touch_point(flat.k)
        all_values(flat, self.theta, slopes_at(self.z, flat.k, touch), 1.0 / flat.k, everyone, values)
        inner, _ = inner_value(flat, values, everyone, self.prices, np.empty(len(flat.low)))
        near = worth_looking(flat, values, self.prices, NEAR)
        if len(near) > MOST_BACK:
            top = np.zeros(len(everyone))
            np.maximum.at(top, flat.creator, values / np.maximum(flat.price, 1e-12))
            near = np.sort(near[np.argsort(-top[near], kind="stable")[:MOST_BACK]])
        clipped = bool(np.any(flat.p[flat.allowed] >= LARGEST_P))
        return Reply(inner - limits_part(part, self.prices), clipped, shrunk(part, near))


def limits_part(part: Part, prices: Float) -> float:
    """Multipliers times limits: the share of the inner maximum that belongs to no part."""
    total = float(prices[0]) * part.problem.budget
    rows = part.problem.rows
    for r, row in enumerate(rows):
        total += float(prices[1 + r]) * row.high if prices[1 + r] > 0 else 0.0
        total -= float(prices[1 + len(rows) + r]) * row.low if prices[1 + len(rows) + r] > 0 else 0.0
    return total


def whole_bound(union: Part, dual: Dual, replies: list[Reply]) -> float:
    """The bound of the whole problem from the parts' sums at one dual point."""
    weight, k = union.problem.panel.weight, union.problem.frequency
    constant = person_part(weight, dual.theta, dual.z, k, touch_point(k))
    inner = limits_part(union, dual.prices) + sum(r.inner for r in replies)
    hidden = float(weight.sum()) * (1.0 - LARGEST_P) if any(r.clipped for r in replies) else 0.0
    return max(0.0, min((constant + inner) * (1.0 + SAFETY) + hidden, float(weight.sum())))
