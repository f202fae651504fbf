"""Improve a roster by taking a few picks out and growing it again: large neighbourhood search (Shaw 1998).

Greedy never takes a pick back. Each round drops a few picks, the poor ones rather than the good ones, refills greedily
at slightly shaken prices and keeps the result when it reaches more. The number of rounds depends on the size of the
problem alone, so that runs repeat; the clock only cuts them short.
"""

from __future__ import annotations

import time

import numpy as np

from tidegauge.plan.solver.flat import Flat
from tidegauge.plan.solver.frequency import touch_point
from tidegauge.plan.solver.greedy import lazy_greedy
from tidegauge.plan.solver.kernels import (
    ROUNDING,
    fresh_state,
    kernel,
    membership,
    release,
    short_by_one,
    take,
)
from tidegauge.plan.solver.problem import Float, Int

#: Rounds at most, and the work (entries looked at) that all rounds may take together.
MOST_ROUNDS, WORK = 400, 1e8
#: Spread of the shaken prices (log).
SHAKE = 0.15


@kernel
def reached(weight: Float, state: Float) -> float:
    """Reach of a state: weighted chance of at least k contacts."""
    total = 0.0
    for i in range(len(weight)):
        below = 0.0
        for n in range(state.shape[1]):
            below += state[i, n]
        total += weight[i] * max(0.0, 1.0 - below)
    return total


@kernel
def take_out(flat: Flat, own: Int, state: Float, totals: Float, victims: Int) -> float:
    """Drop the items of these creators; returns the money that comes free."""
    freed = 0.0
    for c in victims:
        j = own[c]
        release(flat, state, totals, j)
        freed += flat.price[j]
        own[c] = -1
    return freed


@kernel
def worth_of_picks(flat: Flat, own: Int, state: Float, picked: Int) -> Float:
    """Reach lost per money when one pick is dropped (picks)."""
    out = np.zeros(len(picked))
    for n in range(len(picked)):
        c = picked[n]
        j = own[c]
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            p = flat.p[j] * membership(flat, e)
            out[n] += flat.weight[i] * p * short_by_one(state, i, p)
        out[n] /= max(flat.price[j], 1e-12)
    return out


def improve(
    flat: Flat,
    items: Int,
    pool: Int,
    *,
    seed: int,
    time_limit_s: float,
    tolls: tuple[Float, ...] = (),
    rounds: int = MOST_ROUNDS,
) -> Int:
    """A roster at least as good as `items`, from the creators in `pool` and those already taken.

    The start must keep every limit; must-include creators stay in (their format may change). `tolls` (items each) are
    what a round may take for the cost of a pick instead of its price.
    """
    began = time.thread_time()
    rng = np.random.default_rng([seed, 5])
    own = np.full(len(flat.first) - 1, -1, dtype=np.int64)
    own[flat.creator[items]] = items
    pool = np.union1d(pool, flat.creator[items])
    state, totals = fresh_state(len(flat.weight), flat.k), np.zeros(len(flat.low))
    for j in items:
        take(flat, state, totals, j)
    spent = float(flat.price[items].sum())
    best = reached(flat.weight, state)
    entries = float(np.diff(flat.ptr)[pool].sum()) + flat.k * len(flat.weight)
    rounds = int(min(rounds, WORK / max(entries, 1.0)))
    in_pool = np.flatnonzero(np.isin(flat.creator, pool))
    costs = (flat.price, *tolls)
    for _ in range(rounds):
        free = np.flatnonzero((own >= 0) & ~flat.must)
        if not len(free) or time.thread_time() - began > time_limit_s:
            break
        kept = own.copy(), state.copy(), totals.copy(), spent
        victims = _victims(flat, own, state, free, rng)
        spent -= take_out(flat, own, state, totals, victims)
        toll = costs[int(rng.integers(len(costs)))].copy()
        toll[in_pool] *= rng.lognormal(0.0, SHAKE, len(in_pool))
        spent = _refill(flat, toll, pool, own, state, totals, spent)
        value = reached(flat.weight, state)
        slack = ROUNDING * np.maximum(1.0, np.abs(flat.low))
        if value > best * (1.0 + 1e-9) and np.all(totals >= flat.low - slack):
            best = value
        else:
            own, state, totals, spent = kept
    roster: Int = np.sort(own[own >= 0])
    return roster


def _victims(flat: Flat, own: Int, state: Float, free: Int, rng: np.random.Generator) -> Int:
    """A few picks: half the time at random, else with a bias to those that give least for their money."""
    size = min(len(free), int(rng.integers(1, max(2, min(4 + len(free) // 20, 200)))))
    if rng.random() < 0.5:
        chosen: Int = rng.choice(free, size, replace=False)
        return chosen
    order = np.argsort(worth_of_picks(flat, own, state, free), kind="stable")
    rank = np.minimum((len(free) * rng.random(3 * size) ** 3).astype(np.int64), len(free) - 1)
    victims: Int = free[order[np.unique(rank)[:size]]]
    return victims


def _refill(flat: Flat, toll: Float, pool: Int, own: Int, state: Float, totals: Float, spent: float) -> float:
    touch, none = touch_point(flat.k), np.empty(0)
    if np.any(totals < flat.low):
        spent = lazy_greedy(flat, toll, pool, own, state, none, touch, totals, spent, True)
    return lazy_greedy(flat, toll, pool, own, state, none, touch, totals, spent, False)
