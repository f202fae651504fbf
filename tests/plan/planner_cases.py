"""Small random planning problems and the oracle that tries every roster, written without any of the planner's code."""

from __future__ import annotations

import itertools

import numpy as np

from tidegauge.plan.solver.problem import GroupRow, Panel, Problem


def random_problem(
    seed: int,
    *,
    creators: int = 7,
    formats: int = 3,
    persons: int = 14,
    rows: int = 0,
    frequency: int = 1,
    member: bool = False,
    budget_share: float = 0.3,
    must: tuple[int, ...] = (),
    floors: bool = True,
) -> Problem:
    """Audiences of uneven size, prices that grow with reach but with a wide spread, some of them 0."""
    rng = np.random.default_rng(seed)
    sizes = np.minimum(1 + (rng.pareto(1.0, creators) * 2).astype(int), persons)
    lists = [np.sort(rng.choice(persons, n, replace=False)) for n in sizes]
    panel = Panel(
        indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        persons=np.concatenate(lists).astype(np.int32),
        weight=rng.gamma(1.0, 100.0, persons),
        membership=rng.uniform(0.1, 1.0, sizes.sum()).astype(np.float32) if member else None,
        share=rng.uniform(0.3, 1.0, creators) if rng.random() < 0.5 else None,
    )
    creator = np.repeat(np.arange(creators), formats)
    exposure = rng.uniform(0.02, 1.0, creators * formats)
    exposure[rng.random(len(exposure)) < 0.05] = rng.choice([0.0, 1.0])
    price = np.round(sizes[creator] * exposure * rng.lognormal(2.0, 0.7, len(creator)), 2)
    price[rng.random(len(price)) < 0.04] = 0.0
    budget = float(budget_share * price.sum())
    group = []
    for r in range(rows):
        inside = rng.random(len(creator)) < 0.4
        if rng.random() < 0.5:
            low, high = (0.03 * budget if floors else 0.0), rng.uniform(0.3, 0.9) * budget
            group.append(GroupRow(f"spend {r}", np.where(inside, price, 0.0), low, high))
        else:
            group.append(GroupRow(f"count {r}", inside.astype(float), float(floors and r % 2), rng.integers(2, 4)))
    return Problem(panel, creator, price, exposure, budget, tuple(group), must=must, frequency=frequency)


def probabilities(problem: Problem) -> np.ndarray:
    """Contact probabilities as a dense matrix (persons, items)."""
    panel = problem.panel
    member = np.zeros((panel.n_persons, panel.n_creators))
    share = np.ones(panel.n_creators) if panel.share is None else panel.share
    for c in range(panel.n_creators):
        span = slice(panel.indptr[c], panel.indptr[c + 1])
        member[panel.persons[span], c] = 1.0 if panel.membership is None else panel.membership[span]
    odds = 1e8 ** (1 / problem.frequency)  # the planner cuts probabilities so, to be able to undo a contact
    largest = 1.0 if problem.frequency == 1 else odds / (1 + odds)
    cut = np.minimum(problem.exposure * share[problem.creator], largest)
    return member[:, problem.creator] * cut


def reach_of(problem: Problem, items: tuple[int, ...] | np.ndarray) -> float:
    """Weighted persons with at least `frequency` contacts, by the distribution of the number of contacts."""
    p = probabilities(problem)
    counts = np.zeros((problem.panel.n_persons, problem.frequency + 1))
    counts[:, 0] = 1.0
    for j in items:
        hit = p[:, [j]]
        moved = counts * hit
        counts = counts * (1 - hit)
        counts[:, 1:] += moved[:, :-1]
        counts[:, -1] += moved[:, -1]
    return float(problem.panel.weight @ counts[:, -1])


def keeps_limits(problem: Problem, items: tuple[int, ...]) -> bool:
    taken = list(items)
    if problem.price[taken].sum() > problem.budget * (1 + 1e-9):
        return False
    if problem.allowed is not None and not all(problem.allowed[taken]):
        return False
    owners = problem.creator[taken].tolist()
    if len(set(owners)) < len(owners) or not set(problem.must) <= set(owners):
        return False
    sums = [(row, row.coefficient[taken].sum()) for row in problem.rows]
    return all(row.low - 1e-9 * max(1, abs(row.low)) <= s <= row.high + 1e-9 * max(1, abs(row.high)) for row, s in sums)


def brute_force(problem: Problem) -> tuple[float, tuple[int, ...]] | None:
    """The best roster of all (at most one item per creator); None where no roster keeps the limits."""
    options = [[-1, *np.flatnonzero(problem.creator == c).tolist()] for c in range(problem.panel.n_creators)]
    weight, miss = problem.panel.weight, 1.0 - probabilities(problem)
    best: tuple[float, tuple[int, ...]] | None = None
    for choice in itertools.product(*options):
        items = tuple(j for j in choice if j >= 0)
        if keeps_limits(problem, items):
            value = (
                reach_of(problem, items)
                if problem.frequency > 1
                else float(weight @ (1.0 - miss[:, list(items)].prod(axis=1)))
            )
            if best is None or value > best[0]:
                best = (value, items)
    return best
