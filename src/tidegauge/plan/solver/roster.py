"""What a given roster does on a panel: reach, each pick's reach alone and added, overlaps, what others would add."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegauge.plan.solver.flat import Flat, flatten
from tidegauge.plan.solver.kernels import apply_items, fresh_state, item_gains, kernel, membership, short_by_one
from tidegauge.plan.solver.problem import Float, Int, Problem


@dataclass(frozen=True)
class Marginals:
    """Per taken item, in the order asked: reach of the item alone, and the reach lost if only it is dropped."""

    alone: Float
    added: Float


@dataclass(frozen=True)
class Overlap:
    """Per taken item: the other taken item with the largest expected common audience, and that audience.

    `partner` is a position in the roster (-1: nobody), `shared` the expected number of people reached by both,
    `share` the part of the item's own reach that this is (0..1).
    """

    partner: Int
    shared: Float
    share: Float


def reach(problem: Problem, items: Int, *, frequency: int | None = None) -> float:
    """Expected people reached at least `frequency` times (default: the problem's own) by the given items."""
    flat = flatten(problem)
    k = flat.k if frequency is None else frequency
    return float(apply_items(flat, fresh_state(len(flat.weight), k), np.asarray(items, dtype=np.int64)))


def marginals(problem: Problem, items: Int) -> Marginals:
    """Reach alone and reach added given all the others, per taken item (at the problem's frequency)."""
    flat, taken = flatten(problem), np.asarray(items, dtype=np.int64)
    state = fresh_state(len(flat.weight), flat.k)
    apply_items(flat, state, taken)
    return Marginals(alone=_alone(flat, taken), added=_losses(flat, state, taken))


def candidate_gains(problem: Problem, items: Int) -> Float:
    """What each item of the problem would add to the roster (people; float64, all items).

    For a creator already in the roster it is the change of replacing her item by the other; 0 for taken items.
    """
    flat, taken = flatten(problem), np.asarray(items, dtype=np.int64)
    own = np.full(len(flat.first) - 1, -1, dtype=np.int64)
    own[flat.creator[taken]] = taken
    state = fresh_state(len(flat.weight), flat.k)
    apply_items(flat, state, taken)
    return all_gains(flat, state, own)


def overlap(problem: Problem, items: Int) -> Overlap:
    """With whom each taken item shares most of its audience, expected people reached by both."""
    flat, taken = flatten(problem), np.asarray(items, dtype=np.int64)
    partner, shared, alone = _overlaps(flat, taken)
    share = np.divide(shared, alone, out=np.zeros_like(shared), where=alone > 0)
    return Overlap(partner=partner, shared=shared, share=np.minimum(share, 1.0))


@kernel
def _alone(flat: Flat, items: Int) -> Float:
    out = np.zeros(len(items))
    if flat.k > 1:  # one creator gives one contact: alone she reaches nobody twice
        return out
    for n in range(len(items)):
        j = items[n]
        c = flat.creator[j]
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            m = membership(flat, e)
            out[n] += flat.weight[flat.persons[e]] * flat.p[j] * m
    return out


@kernel
def _losses(flat: Flat, state: Float, items: Int) -> Float:
    out = np.zeros(len(items))
    for n in range(len(items)):
        j = items[n]
        c = flat.creator[j]
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            p = flat.p[j] * membership(flat, e)
            out[n] += flat.weight[i] * p * short_by_one(state, i, p)
    return out


@kernel
def all_gains(flat: Flat, state: Float, own: Int) -> Float:
    out = np.zeros(len(flat.price))
    for c in range(len(flat.first) - 1):
        if flat.first[c + 1] > flat.first[c]:
            item_gains(flat, state, c, own[c], out[flat.first[c] : flat.first[c + 1]])
    return out


@kernel
def _overlaps(flat: Flat, items: Int) -> tuple[Int, Float, Float]:
    """Entries of the roster regrouped by person, then one row of common audiences at a time: no square matrix."""
    n_items, n_persons = len(items), len(flat.weight)
    start = np.zeros(n_persons + 1, dtype=np.int64)
    for j in items:
        c = flat.creator[j]
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            start[flat.persons[e] + 1] += 1
    for i in range(n_persons):
        start[i + 1] += start[i]
    who = np.empty(start[n_persons], dtype=np.int64)
    chance = np.empty(start[n_persons])
    at = start[:-1].copy()
    for n in range(n_items):
        j = items[n]
        c = flat.creator[j]
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            who[at[i]] = n
            chance[at[i]] = flat.p[j] * membership(flat, e)
            at[i] += 1
    partner = np.full(n_items, -1, dtype=np.int64)
    shared = np.zeros(n_items)
    alone = np.zeros(n_items)
    common = np.zeros(n_items)
    for n in range(n_items):
        j = items[n]
        c = flat.creator[j]
        common[:] = 0.0
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            p = flat.weight[i] * (flat.p[j] * membership(flat, e))
            alone[n] += p
            for t in range(start[i], start[i + 1]):
                common[who[t]] += p * chance[t]
        common[n] = 0.0
        for other in range(n_items):
            if common[other] > shared[n]:
                partner[n], shared[n] = other, common[other]
    return partner, shared, alone
