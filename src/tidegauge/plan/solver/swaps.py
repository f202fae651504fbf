"""Better rosters by exchange: one or two picks out, others in, as long as that adds reach.

Where a limit on numbers and the budget bind together, neither reach per money nor reach alone fills the places well;
exchanges mend that. Every trial is exact: picks are taken out of the persons' states, newcomers are chosen on what is
left, and the whole is undone where it does not pay.
"""

from __future__ import annotations

import numpy as np

from tidegauge.plan.solver.flat import Flat
from tidegauge.plan.solver.kernels import fresh_state, item_gains, kernel, release, take, within
from tidegauge.plan.solver.problem import Float, Int
from tidegauge.plan.solver.relax import toll_of

#: Entries (persons of creators) that all trials may look at together.
WORK = 3e8
#: Entries of the creators who may come in: the most promising come first.
POOL_ENTRIES = 100_000
#: Passes over all picks at most, and pairs tried per pick.
PASSES, PAIRS_PER_PICK = 8, 15
#: A change below this part of the reach is not worth making.
LEAST_GAIN = 1e-6


@kernel
def newcomer(
    flat: Flat, pool: Int, own: Int, state: Float, totals: Float, spent: float, prices: Float, net: bool, gains: Float
) -> int:
    """The item of a creator outside the roster that fits and adds most, with `net` most beyond its toll; or -1."""
    best, best_key = -1, 0.0
    for c in pool:
        if own[c] >= 0:
            continue
        item_gains(flat, state, c, -1, gains)
        for j in range(flat.first[c], flat.first[c + 1]):
            key = gains[j - flat.first[c]]
            if key <= 0.0:
                continue
            if net:
                key -= toll_of(flat, prices, j)
            if (best < 0 or key > best_key) and within(flat, totals, spent, j, -1, False):
                best, best_key = j, key
    return best


@kernel
def trial(
    flat: Flat,
    pool: Int,
    victims: Int,
    own: Int,
    state: Float,
    totals: Float,
    spent: float,
    prices: Float,
    net: bool,
    least: float,
) -> tuple[float, float]:
    """Exchange the picks of the creators `victims`, keep it where reach grows by `least`: (growth, money spent)."""
    width = 1
    for c in pool:
        width = max(width, flat.first[c + 1] - flat.first[c])
    gains = np.empty(width)
    n = len(victims)
    old = np.empty(n, dtype=np.int64)
    new = np.empty(n + 1, dtype=np.int64)
    change = 0.0
    before = spent
    for v in range(n):
        old[v] = own[victims[v]]
        change -= release(flat, state, totals, old[v])
        spent -= flat.price[old[v]]
        own[victims[v]] = -1
    size = 0
    while size <= n:
        # The last place takes what adds most: what it costs no longer matters.
        j = newcomer(flat, pool, own, state, totals, spent, prices, net and size < n - 1, gains)
        if j < 0:
            break
        change += take(flat, state, totals, j)
        spent += flat.price[j]
        own[flat.creator[j]] = j
        new[size] = j
        size += 1
    kept = change >= least
    for r in range(len(totals)):
        if totals[r] < flat.low[r] - 1e-9 * max(1.0, abs(flat.low[r])):
            kept = False
    if kept:
        return change, spent
    for n_back in range(size - 1, -1, -1):
        j = new[n_back]
        release(flat, state, totals, j)
        own[flat.creator[j]] = -1
    for v in range(n):
        take(flat, state, totals, old[v])
        own[victims[v]] = old[v]
    return 0.0, before


@kernel
def trials(
    flat: Flat,
    pool: Int,
    victims: Int,
    own: Int,
    state: Float,
    totals: Float,
    spent: float,
    prices: Float,
    least: float,
) -> tuple[float, float]:
    """Every row of `victims` (creators, -1 is nobody) tried both ways: (growth of reach, money spent)."""
    total = 0.0
    for row in range(len(victims)):
        chosen = victims[row][victims[row] >= 0]
        for net in (False, True):
            here = True
            for c in chosen:
                here = here and own[c] >= 0
            if not here or (net and len(chosen) == 1):
                continue
            change, spent = trial(flat, pool, chosen, own, state, totals, spent, prices, net, least)
            total += change
    return total, spent


def exchange(flat: Flat, items: Int, pool: Int, prices: Float, *, seed: int, work: float = WORK) -> Int:
    """A roster at least as good as `items` that keeps every limit; newcomers are creators in `pool` (best first).

    `prices` are the multipliers of budget and rows (`relax.row_tolls`) that newcomers are weighed by when two places
    are free. All picks are tried one by one until none can be exchanged with gain, then random pairs of them.
    """
    rng = np.random.default_rng([seed, 6])
    own = np.full(len(flat.first) - 1, -1, dtype=np.int64)
    own[flat.creator[items]] = items
    sizes = np.diff(flat.ptr)
    pool = pool[np.cumsum(sizes[pool]) <= max(POOL_ENTRIES, int(sizes[pool].max(initial=0)))]
    pool = np.concatenate([pool, np.setdiff1d(flat.creator[items], pool)])
    each = float(sizes[pool].sum()) * 2.0 + 1.0
    state, totals = fresh_state(len(flat.weight), flat.k), np.zeros(len(flat.low))
    reach = float(sum(take(flat, state, totals, j) for j in items))
    spent, left = float(flat.price[items].sum()), work
    for pairs in (False, True, False, True, False):
        for _ in range(1 if pairs else PASSES):
            free = np.flatnonzero((own >= 0) & ~flat.must)
            rng.shuffle(free)
            victims = _pairs(free, rng) if pairs else free[:, None]
            victims = victims[: int(left / each)]
            left -= len(victims) * each
            if not len(victims):
                break
            gain, spent = trials(flat, pool, victims, own, state, totals, spent, prices, LEAST_GAIN * reach)
            reach += gain
            if gain <= 0.0:
                break
    roster: Int = np.sort(own[own >= 0])
    return roster


def _pairs(free: Int, rng: np.random.Generator) -> Int:
    """Different random pairs of picks, each pick about as often as the others (int64, pairs x 2)."""
    if len(free) < 2:
        return np.empty((0, 2), dtype=np.int64)
    most = min(PAIRS_PER_PICK * len(free), len(free) * (len(free) - 1) // 2)
    first = rng.integers(0, len(free), 2 * most)
    second = (first + rng.integers(1, len(free), 2 * most)) % len(free)
    pairs = np.unique(np.sort(np.stack([first, second], axis=1), axis=1), axis=0)
    rng.shuffle(pairs)
    chosen: Int = free[pairs[:most]]
    return chosen
