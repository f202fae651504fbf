"""Better rosters by exchange: one pick out, another in.

Where a cap on numbers binds before the budget does, greedy by price fills the places with the cheapest picks; exchanges
mend that.
"""

from __future__ import annotations

import numpy as np

from tidegauge.plan.greedy import violations
from tidegauge.plan.problem import Int, Problem, Solution
from tidegauge.plan.roster import candidate_gains, marginals, reach

#: Candidates looked at per round: those that would add most, and those that would add most for their price.
SHORTLIST = 60


def exchanged(problem: Problem, start: Solution, *, rounds: int = 60, least_gain: float = 1e-4) -> Solution:
    """Exchange picks while that adds reach; the result keeps every limit and is never worse than the start.

    Parameters: `rounds` at most this many exchanges; `least_gain` stops below this part of the reach. A round takes the
    exchange with the largest estimated gain (gain of the newcomer beside the roster, less the loss of the leaver, which
    is exact but for what the two share) and checks it exactly.
    """
    best = start
    for _ in range(rounds):
        better = _one(problem, best, least_gain)
        if better is None:
            return best
        best = better
    return best


def _one(problem: Problem, now: Solution, least_gain: float) -> Solution | None:
    taken = now.items
    if len(taken) == 0:
        return None
    gains = candidate_gains(problem, taken)
    gains[np.isin(problem.creator, problem.creator[taken])] = 0.0
    if problem.allowed is not None:
        gains[~problem.allowed] = 0.0
    per_price = gains / np.maximum(problem.price, 1e-9)
    half = min(SHORTLIST // 2, len(gains))
    newcomers = np.union1d(np.argsort(-gains, kind="stable")[:half], np.argsort(-per_price, kind="stable")[:half])
    newcomers = newcomers[gains[newcomers] > 0]
    if len(newcomers) == 0:
        return None
    losses = marginals(problem, taken).added
    must = np.isin(problem.creator[taken], np.array(problem.must, dtype=np.int64))
    change = gains[newcomers][None, :] - losses[:, None]
    change[must, :] = -np.inf
    spent = now.cost - problem.price[taken][:, None] + problem.price[newcomers][None, :]
    change[spent > problem.budget * (1 + 1e-9)] = -np.inf
    order = np.argsort(-change, axis=None, kind="stable")[:200]
    for flat_index in order:
        out, new = divmod(int(flat_index), len(newcomers))
        if change[out, new] <= least_gain * max(now.reach, 1e-9):
            return None
        items: Int = np.sort(np.append(np.delete(taken, out), newcomers[new]))
        if violations(problem, items):
            continue
        value = reach(problem, items)
        if value > now.reach * (1 + least_gain):
            return Solution(items, float(problem.price[items].sum()), value)
    return None
