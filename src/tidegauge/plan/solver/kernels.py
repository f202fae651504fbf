"""Compiled kernels shared by the optimiser and the bounds: persons' states, gains of items, moves, a heap.

A person's state is the distribution of how many contacts she has had, cut at the wanted frequency k:
`state[i, n] = P(N_i = n)` for n < k. With k = 1 it is the chance that nobody has reached her yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from tidegauge.plan.solver.flat import Flat
from tidegauge.plan.solver.problem import Float, Int

#: Sums of the same prices in another order differ by about this much (relative).
ROUNDING = 1e-12

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function once and keep the machine code on disk; the type is kept for the checker.

    Compiled code runs beside other threads: a plan's side questions are answered several at a time.
    """
    compiled: Function = njit(cache=True, error_model="numpy", nogil=True)(function)
    return compiled


@kernel
def add_contact(state: Float, i: int, p: float) -> None:
    """Person i gets one more possible contact with probability p."""
    for n in range(state.shape[1] - 1, 0, -1):
        state[i, n] = state[i, n] * (1.0 - p) + state[i, n - 1] * p
    state[i, 0] *= 1.0 - p


@kernel
def short_by_one(state: Float, i: int, p_own: float) -> float:
    """P(N = k - 1) of person i without the own contact of probability `p_own` that the state already holds."""
    below = 0.0
    for n in range(state.shape[1]):
        below = max(0.0, (state[i, n] - below * p_own) / (1.0 - p_own))
    return below


@kernel
def membership(flat: Flat, e: int) -> float:
    """How far the person of entry e belongs to the creator's audience; all do wholly where no shares are kept."""
    return 1.0 if flat.member.size == 0 else float(flat.member[e])


@kernel
def apply_item(flat: Flat, state: Float, j: int) -> float:
    """Take item j: update its persons' states in place; returns the reach it added."""
    c = flat.creator[j]
    p = flat.p[j]
    last = state.shape[1] - 1
    added = 0.0
    for e in range(flat.ptr[c], flat.ptr[c + 1]):
        i = flat.persons[e]
        pe = p * membership(flat, e)
        added += flat.weight[i] * pe * state[i, last]
        add_contact(state, i, pe)
    return added


@kernel
def drop_item(flat: Flat, state: Float, j: int) -> float:
    """Undo item j in place; returns the reach that is lost."""
    c = flat.creator[j]
    p = flat.p[j]
    k = state.shape[1]
    lost = 0.0
    for e in range(flat.ptr[c], flat.ptr[c + 1]):
        i = flat.persons[e]
        pe = p * membership(flat, e)
        below = 0.0
        for n in range(k):
            below = max(0.0, (state[i, n] - below * pe) / (1.0 - pe))
            state[i, n] = below
        lost += flat.weight[i] * pe * below
    return lost


@kernel
def item_gains(flat: Flat, state: Float, c: int, own: int, out: Float) -> None:
    """Reach that each item of creator c would add in place of her item `own` (-1: none), into out[0:items of c].

    Without memberships all persons of c meet the same probability, so one sum over persons serves all formats.
    """
    first, last = flat.first[c], flat.first[c + 1]
    for j in range(first, last):
        out[j - first] = 0.0
    k = state.shape[1]
    p_own = 0.0 if own < 0 else flat.p[own]
    if flat.member.size == 0:
        open_weight = 0.0
        if k == 1:
            for e in range(flat.ptr[c], flat.ptr[c + 1]):
                i = flat.persons[e]
                open_weight += flat.weight[i] * state[i, 0]
            open_weight /= 1.0 - p_own
        else:
            for e in range(flat.ptr[c], flat.ptr[c + 1]):
                i = flat.persons[e]
                open_weight += flat.weight[i] * short_by_one(state, i, p_own)
        for j in range(first, last):
            out[j - first] = (flat.p[j] - p_own) * open_weight
        return
    for e in range(flat.ptr[c], flat.ptr[c + 1]):
        i = flat.persons[e]
        m = flat.member[e]
        open_weight = flat.weight[i] * short_by_one(state, i, p_own * m) * m
        for j in range(first, last):
            out[j - first] += (flat.p[j] - p_own) * open_weight


@kernel
def add_rows(flat: Flat, totals: Float, j: int, times: float) -> None:
    """Add item j's coefficients `times` times (-1 takes them off)."""
    for t in range(flat.row_ptr[j], flat.row_ptr[j + 1]):
        totals[flat.row_of[t]] += times * flat.row_value[t]


@kernel
def take(flat: Flat, state: Float, totals: Float, j: int) -> float:
    """Item j into the roster: its persons' states and its rows; returns the reach it added."""
    add_rows(flat, totals, j, 1.0)
    return apply_item(flat, state, j)


@kernel
def release(flat: Flat, state: Float, totals: Float, j: int) -> float:
    """Item j out of the roster again; returns the reach that is lost."""
    add_rows(flat, totals, j, -1.0)
    return drop_item(flat, state, j)


@kernel
def row_change(flat: Flat, r: int, j: int) -> float:
    """Item j's coefficient in row r."""
    for t in range(flat.row_ptr[j], flat.row_ptr[j + 1]):
        if flat.row_of[t] == r:
            return float(flat.row_value[t])
    return 0.0


@kernel
def within(flat: Flat, totals: Float, spent: float, j: int, old: int, keep_floors: bool) -> bool:  # noqa: PLR0911
    """Whether item j may replace the same creator's item `old` (-1: none) without breaking the budget or a cap.

    With `keep_floors` no row may move further below its floor either.
    """
    if not flat.allowed[j]:
        return False
    if spent + flat.price[j] - (flat.price[old] if old >= 0 else 0.0) > flat.budget * (1.0 + ROUNDING):
        return False
    for t in range(flat.row_ptr[j], flat.row_ptr[j + 1]):
        r = flat.row_of[t]
        change = flat.row_value[t] - (row_change(flat, r, old) if old >= 0 else 0.0)
        if change > 0 and totals[r] + change > flat.high[r] + ROUNDING * abs(flat.high[r]):
            return False
        if keep_floors and change < 0 and totals[r] + change < flat.low[r] - ROUNDING * abs(flat.low[r]):
            return False
    if old < 0:
        return True
    for t in range(flat.row_ptr[old], flat.row_ptr[old + 1]):
        r = flat.row_of[t]
        change = row_change(flat, r, j) - flat.row_value[t]
        if change > 0 and totals[r] + change > flat.high[r] + ROUNDING * abs(flat.high[r]):
            return False
        if keep_floors and change < 0 and totals[r] + change < flat.low[r] - ROUNDING * abs(flat.low[r]):
            return False
    return True


@kernel
def sift_down(keys: Float, ids: Int, size: int, at: int) -> None:
    """Restore the order of a binary max-heap below position `at`; ties go to the smaller id, so runs repeat."""
    key, who = keys[at], ids[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        right = child + 1
        if right < size and (keys[right] > keys[child] or (keys[right] == keys[child] and ids[right] < ids[child])):
            child = right
        if keys[child] > key or (keys[child] == key and ids[child] < who):
            keys[at], ids[at] = keys[child], ids[child]
            at = child
        else:
            break
    keys[at], ids[at] = key, who


@kernel
def fresh_state(n_persons: int, k: int) -> Float:
    """Nobody has had a contact yet."""
    state = np.zeros((n_persons, k))
    state[:, 0] = 1.0
    return state


@kernel
def apply_items(flat: Flat, state: Float, items: Int) -> float:
    """Take several items; returns the reach they add together."""
    added = 0.0
    for j in items:
        added += apply_item(flat, state, j)
    return added
