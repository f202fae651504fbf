"""Lazy cost-benefit greedy with format-upgrade moves, under group rows: floors first, then whatever fits.

Each creator has one entry in a heap: the best reach per unit of toll among her moves (take a format, or change to
another). A toll is the price, or the price plus the multipliers of the rows when the dual is known. Gains only fall as
the roster grows, so an old entry is an upper bound and most creators are looked at once (Minoux 1978).
"""

from __future__ import annotations

import numpy as np

from tidegauge.errors import InfeasibleError
from tidegauge.plan.solver.flat import SLACK, Flat, flatten
from tidegauge.plan.solver.frequency import envelope, touch_point
from tidegauge.plan.solver.kernels import (
    apply_items,
    fresh_state,
    item_gains,
    kernel,
    membership,
    release,
    sift_down,
    take,
    within,
)
from tidegauge.plan.solver.problem import Float, Int, Problem, Solution


@kernel
def envelope_gains(flat: Flat, z: Float, c: int, own: int, touch: float, out: Float) -> None:
    """As `item_gains`, on the concave envelope of reach at frequency k; `z` is the sum of q per person."""
    first, last = flat.first[c], flat.first[c + 1]
    for j in range(first, last):
        out[j - first] = 0.0
    for e in range(flat.ptr[c], flat.ptr[c + 1]):
        i = flat.persons[e]
        m = membership(flat, e)
        base = z[i] - (-np.log1p(-flat.p[own] * m) if own >= 0 else 0.0)
        now = envelope(z[i], flat.k, touch)
        for j in range(first, last):
            out[j - first] += flat.weight[i] * (envelope(base - np.log1p(-flat.p[j] * m), flat.k, touch) - now)


@kernel
def shift_z(flat: Flat, z: Float, j: int, sign: float) -> None:
    """Add item j's q to its persons (sign 1) or take it off (sign -1)."""
    c = flat.creator[j]
    for e in range(flat.ptr[c], flat.ptr[c + 1]):
        m = membership(flat, e)
        z[flat.persons[e]] -= sign * np.log1p(-flat.p[j] * m)


@kernel
def best_move(
    flat: Flat, toll: Float, c: int, own: int, gains: Float, totals: Float, spent: float, floors_only: bool
) -> tuple[int, float]:
    """The best move of creator c as (item, gain per toll); (-1, 0) where none fits or none gains.

    With `floors_only` a move counts only if it lifts a row that is below its floor, even where it adds no reach.
    """
    best, best_key = -1, 0.0
    own_toll = toll[own] if own >= 0 else 0.0
    for j in range(flat.first[c], flat.first[c + 1]):
        if j == own:
            continue
        gain = gains[j - flat.first[c]]
        if floors_only:
            lifts = False
            for t in range(flat.row_ptr[j], flat.row_ptr[j + 1]):
                r = flat.row_of[t]
                if totals[r] < flat.low[r] and flat.row_value[t] > 0:
                    lifts = True
            if not lifts or own >= 0:
                continue
            gain = max(gain, 1e-12)
        elif gain <= 0.0:
            continue
        key = gain / max(toll[j] - own_toll, 1e-9 * flat.price[j] + 1e-12)
        if key > best_key and within(flat, totals, spent, j, own, not floors_only):
            best, best_key = j, key
    return best, best_key


@kernel
def lazy_greedy(  # noqa: PLR0912
    flat: Flat,
    toll: Float,
    pool: Int,
    own: Int,
    state: Float,
    z: Float,
    touch: float,
    totals: Float,
    spent: float,
    floors_only: bool,
) -> float:
    """Grow the roster `own` (creator -> item or -1) in place until nothing in `pool` fits; returns the money spent.

    A `z` of length > 0 makes the concave envelope the objective (k >= 2); `state` is kept in step either way.
    """
    width = 1
    for c in pool:
        width = max(width, flat.first[c + 1] - flat.first[c])
    gains = np.empty(width)
    size = len(pool)
    keys = np.empty(size)
    ids = pool.copy()
    for n in range(size):
        c = ids[n]
        if z.size:
            envelope_gains(flat, z, c, own[c], touch, gains)
        else:
            item_gains(flat, state, c, own[c], gains)
        _, keys[n] = best_move(flat, toll, c, own[c], gains, totals, spent, floors_only)
    for n in range(size // 2 - 1, -1, -1):
        sift_down(keys, ids, size, n)
    while size and keys[0] > 0.0:
        if floors_only and np.all(totals >= flat.low):
            break
        c = ids[0]
        if z.size:
            envelope_gains(flat, z, c, own[c], touch, gains)
        else:
            item_gains(flat, state, c, own[c], gains)
        j, key = best_move(flat, toll, c, own[c], gains, totals, spent, floors_only)
        stale = key < keys[0]
        keys[0] = key
        sift_down(keys, ids, size, 0)
        if j < 0 or (stale and ids[0] != c):
            continue
        old = own[c]
        if old >= 0:
            release(flat, state, totals, old)
            spent -= flat.price[old]
        take(flat, state, totals, j)
        spent += flat.price[j]
        if z.size:
            if old >= 0:
                shift_z(flat, z, old, -1.0)
            shift_z(flat, z, j, 1.0)
        own[c] = j
    return spent


def violations(problem: Problem, items: Int) -> tuple[str, ...]:
    """Labels of the limits that a roster breaks, recomputed from the problem itself; empty when it is feasible."""
    items = np.asarray(items, dtype=np.int64)
    broken = []
    if problem.price[items].sum() > problem.budget * (1 + SLACK):
        broken.append("budget")
    for row in problem.rows:
        total = float(row.coefficient[items].sum())
        slack = SLACK * max(1.0, float(np.abs(row.coefficient[items]).sum()))
        if total > row.high + slack or total < row.low - slack:
            broken.append(row.label)
    creators = problem.creator[items]
    if len(np.unique(creators)) != len(creators):
        broken.append("one format per creator")
    if problem.allowed is not None and not np.all(problem.allowed[items]):
        broken.append("allowed items")
    broken += [f"must:{c}" for c in problem.must if c not in set(creators.tolist())]
    return tuple(broken)


def as_solution(problem: Problem, flat: Flat, items: Int) -> Solution:
    """A roster with its cost and reach recomputed from nothing; a roster that breaks a limit is a bug, not a result."""
    items = np.sort(np.asarray(items, dtype=np.int64))
    broken = violations(problem, items)
    if broken:
        raise AssertionError(f"the optimiser returned a roster that breaks {broken}")
    reach = apply_items(flat, fresh_state(len(flat.weight), flat.k), items)
    return Solution(items=items, cost=float(problem.price[items].sum()), reach=float(reach))


def grow(flat: Flat, items: Int, *, toll: Float | None = None, pool: Int | None = None) -> Int | None:
    """Grow a roster greedily to the limits; None where must-includes or floors could not be met this way.

    `items` is the start, `toll` what a move costs (default: the price), `pool` the creators to choose from (default:
    all). Returns the taken items, ascending.
    """
    n_creators = len(flat.first) - 1
    own = np.full(n_creators, -1, dtype=np.int64)
    state = fresh_state(len(flat.weight), flat.k)
    totals = np.zeros(len(flat.low))
    z = np.zeros(len(flat.weight) if flat.k > 1 else 0)
    spent = 0.0
    own[flat.creator[items]] = items
    for c in np.flatnonzero(flat.must & (own < 0)):
        options = np.flatnonzero(flat.allowed[flat.first[c] : flat.first[c + 1]]) + flat.first[c]
        if not len(options):
            return None
        own[c] = options[np.argmin(flat.price[options])]
    for j in own[own >= 0]:
        take(flat, state, totals, j)
        spent += flat.price[j]
        if z.size:
            shift_z(flat, z, j, 1.0)
    if spent > flat.budget * (1 + SLACK) or np.any(totals > flat.high * (1 + SLACK) + SLACK):
        return None
    toll = flat.price if toll is None else toll
    pool = np.arange(n_creators) if pool is None else pool
    touch, none = touch_point(flat.k), np.empty(0)
    if np.any(totals < flat.low):
        spent = lazy_greedy(flat, toll, pool, own, state, none, touch, totals, spent, True)
        if np.any(totals < flat.low - SLACK * np.maximum(1.0, flat.low)):
            return None
    if z.size:  # contacts of the floor stage are not in z yet
        z[:] = 0.0
        for j in own[own >= 0]:
            shift_z(flat, z, j, 1.0)
        spent = lazy_greedy(flat, toll, pool, own, state, z, touch, totals, spent, False)
    # One pass is final where gains only fall and room only shrinks; moves between groups and k >= 2 can open new ones.
    for _ in range(3 if len(flat.low) or flat.k > 1 else 1):
        before = own.copy()
        spent = lazy_greedy(flat, toll, pool, own, state, none, touch, totals, spent, False)
        if np.array_equal(before, own):
            break
    return np.sort(own[own >= 0])


def greedy(problem: Problem, *, toll: Float | None = None, start: Int | None = None) -> Solution:
    """A good feasible roster fast: floors first, then reach per unit of toll, with format upgrades.

    Parameters: `toll` (items) replaces the price in the ratio (not in the budget); `start` holds items to keep.
    Raises `InfeasibleError` where this search meets no roster that keeps every row (`solve` searches on).
    """
    flat = flatten(problem)
    items = grow(flat, np.empty(0, np.int64) if start is None else np.asarray(start, np.int64), toll=toll)
    if items is None:
        raise InfeasibleError(
            "the greedy search met no roster that keeps every row", mend="call solve, which proves it"
        )
    return as_solution(problem, flat, items)
