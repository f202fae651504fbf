"""Rosters for effective reach: start where audiences meet, since the first contact of anybody counts for nothing.

With frequency k >= 2 a pick is worth much only beside others that reach the same people, which no move by itself shows.
Two remedies: greedy that first looks at one creator's audience alone and builds the contacts there, tried for several
creators; and for a handful of creators every roster there is.
"""

from __future__ import annotations

import numpy as np

from tidegauge.plan.solver.certificate import SAFETY
from tidegauge.plan.solver.exact import Proof
from tidegauge.plan.solver.flat import LARGEST_P, SLACK, Flat
from tidegauge.plan.solver.frequency import envelope, touch_point
from tidegauge.plan.solver.greedy import grow
from tidegauge.plan.solver.kernels import add_rows, apply_item, apply_items, fresh_state, kernel, membership
from tidegauge.plan.solver.problem import Float, Int

#: Creators whose audience is tried at most, the parts of the budget that may go there, and the entries that all of it
#: may look at together: on large panels plain greedy does as well (within 0.04 % where it was tried).
MOST_CENTRES, PARTS, WORK = 40, (1.0, 0.5, 0.25), 5e6
#: Every roster is tried where all of them together update at most so many states of persons.
MOST_UPDATES = 2e7


@kernel
def worth_of_audiences(flat: Flat, touch: float) -> Float:
    """Per creator: what her best item shares with all other creators' audiences, on the envelope of reach at k."""
    z = np.zeros(len(flat.weight))
    widest = np.full(len(flat.first) - 1, -1, dtype=np.int64)
    for c in range(len(widest)):
        for j in range(flat.first[c], flat.first[c + 1]):
            if flat.allowed[j] and (widest[c] < 0 or flat.p[j] > flat.p[widest[c]]):
                widest[c] = j
        if widest[c] >= 0:
            for e in range(flat.ptr[c], flat.ptr[c + 1]):
                z[flat.persons[e]] -= np.log1p(-flat.p[widest[c]] * membership(flat, e))
    out = np.zeros(len(widest))
    for c in range(len(widest)):
        if widest[c] >= 0:
            for e in range(flat.ptr[c], flat.ptr[c + 1]):
                i = flat.persons[e]
                out[c] += flat.weight[i] * flat.p[widest[c]] * membership(flat, e) * envelope(z[i], flat.k, touch)
    return out


def audience_alone(flat: Flat, c: int) -> Float:
    """Persons' weights where only the audience of creator c counts, each person as far as she belongs to it."""
    weight = np.zeros(len(flat.weight))
    entries = slice(flat.ptr[c], flat.ptr[c + 1])
    here = flat.persons[entries]
    weight[here] = flat.weight[here] * (flat.member[entries] if flat.member.size else 1.0)
    return weight


def focused(flat: Flat, *, work: float = WORK) -> Int | None:
    """The best roster of those that are first grown on the audience of one creator, then on everybody's, if any."""
    each = 2.0 * len(PARTS) * (len(flat.persons) + flat.k * len(flat.weight)) + 1.0
    if work < each:
        return None
    worth = worth_of_audiences(flat, touch_point(flat.k))
    order = np.argsort(-worth, kind="stable")
    order = order[worth[order] > 0][: min(MOST_CENTRES, int(work / each))]
    best, value = None, 0.0
    for c in order:
        weight = audience_alone(flat, int(c))
        for part in PARTS:
            core = grow(flat._replace(weight=weight, budget=part * flat.budget), np.empty(0, np.int64))
            items = None if core is None else grow(flat, core)
            if items is None:
                continue
            reach = float(apply_items(flat, fresh_state(len(flat.weight), flat.k), items))
            if best is None or reach > value:
                best, value = items, reach
    return best


def countable(flat: Flat) -> bool:
    """Whether all rosters can be tried: few creators, and few persons to update for each."""
    if len(flat.first) < 2:
        return False
    options = np.add.reduceat(np.append(flat.allowed, False), flat.first[:-1]) * (np.diff(flat.first) > 0)
    each = (1.0 + float(np.diff(flat.ptr).mean())) * flat.k
    return bool(np.log1p(options).sum() + np.log(each) <= np.log(max(MOST_UPDATES, 1e-300)))


def counted(flat: Flat) -> Proof:
    """The best of all rosters, with its reach for a bound (and what the largest probability could hide)."""
    items, reach = best_of_all(flat)
    return Proof(items, reach * (1.0 + SAFETY) + float(flat.weight.sum()) * (1.0 - LARGEST_P))


@kernel
def keeps_rows(flat: Flat, option: Int, totals: Float) -> bool:
    """Whether the options of all creators (an item of each, or a number below her first) keep every row."""
    totals[:] = 0.0
    for c in range(len(option)):
        if option[c] >= flat.first[c]:
            add_rows(flat, totals, option[c], 1.0)
    for r in range(len(totals)):
        slack = SLACK * max(1.0, abs(totals[r]))
        if totals[r] < flat.low[r] - slack or totals[r] > flat.high[r] + slack:
            return False
    return True


@kernel
def best_of_all(flat: Flat) -> tuple[Int, float]:
    """The best roster of all that keep every limit and its reach, by trying each; -1 where none keeps them.

    Creators are gone through like the digits of a counter; the persons of one who is taken are noted, so that she can
    be taken back exactly.
    """
    n, k = len(flat.first) - 1, flat.k
    state = fresh_state(len(flat.weight), k)
    noted = np.empty((len(flat.persons), k))
    option = np.empty(n, dtype=np.int64)
    value, spent = np.zeros(n + 1), np.zeros(n + 1)
    best, best_value = np.full(n, -1, dtype=np.int64), -1.0
    totals = np.empty(len(flat.low))
    c = 0
    option[0] = flat.first[0] - 2
    while c >= 0:
        first, last = flat.first[c], flat.first[c + 1]
        j = option[c]
        if j >= first:
            for e in range(flat.ptr[c], flat.ptr[c + 1]):
                state[flat.persons[e]] = noted[e]
        j += 1
        if j == first - 1 and flat.must[c]:
            j += 1
        while first <= j < last and (
            not flat.allowed[j] or spent[c] + flat.price[j] > flat.budget + SLACK * flat.budget
        ):
            j += 1
        if j >= last:
            c -= 1
            continue
        option[c] = j
        value[c + 1], spent[c + 1] = value[c], spent[c]
        if j >= first:
            for e in range(flat.ptr[c], flat.ptr[c + 1]):
                noted[e] = state[flat.persons[e]]
            value[c + 1] += apply_item(flat, state, j)
            spent[c + 1] += flat.price[j]
        if c < n - 1:
            c += 1
            option[c] = flat.first[c] - 2
        elif value[n] > best_value and keeps_rows(flat, option, totals):
            best_value = value[n]
            best[:] = option
    for c in range(n):
        best[c] = best[c] if best[c] >= flat.first[c] else -1
    return np.sort(best[best >= 0]), best_value
