"""Exact search for small or lumpy problems: outer approximation of the concave relaxation by a mixed-integer program.

At integer x the relaxation sum(w (1 - exp(-sum(q x)))) equals reach at frequency 1, so cuts taken at visited rosters
make a program whose optimum falls to the true one (Duran and Grossmann 1986). Cuts are kept per cluster of persons,
which are much stronger together than one cut over all. Two submodular cuts per roster (Nemhauser and Wolsey 1981)
join each tangent: one exact for additions, one for removals. HiGHS solves each program.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from tidegauge.plan.certificate import Dual, slopes_at
from tidegauge.plan.flat import LARGEST_P, Flat
from tidegauge.plan.frequency import touch_point
from tidegauge.plan.greedy import grow
from tidegauge.plan.kernels import apply_items, fresh_state, kernel
from tidegauge.plan.linear import quiet_solver
from tidegauge.plan.problem import Float, Int
from tidegauge.plan.relax import toll_of

#: Up to so many items left after fixing are all whole; up to the second number only the lumps are, the rest fractions.
MOST_WHOLE, MOST_ITEMS = 6000, 40_000
#: The second case takes long: only for gaps above this (relative), and only so many programs.
GAP_OF_LARGE, PROGRAMS_OF_LARGE = 0.01, 3
#: Clusters of persons in the first and in the second case.
CLUSTERS, CLUSTERS_OF_LARGE = 24, 4
#: A lump is an item of at least this part of the budget or of a limit that it counts for.
LUMP = 0.1
#: A roster this close to the bound (relative) is called optimal.
PROOF = 1e-6


@dataclass(frozen=True)
class Effort:
    """How hard to search, in units of work and not of time, so that a search can be repeated anywhere.

    Stop once the bound is within `gap` (relative) of the roster, or after `programs` programs of `nodes` nodes each.
    """

    gap: float = PROOF
    programs: int = 1_000_000
    nodes: int = 2_000_000_000


TO_PROOF = Effort()


@dataclass(frozen=True)
class Proof:
    """The best roster known, and the bound that the exact search leaves (people)."""

    items: Int
    bound: float


def worth_proving(flat: Flat) -> bool:
    """Small (up to 500 creators who may be taken) or lumpy (the budget is below 50 times the largest price)."""
    if flat.k != 1 or not np.any(flat.allowed):
        return False
    creators = len(np.unique(flat.creator[flat.allowed]))
    return creators <= 500 or flat.budget < 50.0 * float(flat.price[flat.allowed].max())


def prove(flat: Flat, items: Int, dual: Dual, *, time_limit_s: float, effort: Effort = TO_PROOF) -> Proof:
    """Search on from a roster and a dual point until the effort is spent or the time is up; frequency 1 only."""
    began = time.monotonic()
    best = np.asarray(items, dtype=np.int64)
    value = _reach(flat, best)
    bound = dual.bound
    kept = unfixed(flat, dual.values, dual.prices, dual.bound, value)
    large = len(kept) > MOST_WHOLE
    if len(kept) > MOST_ITEMS or (large and bound <= value * (1.0 + GAP_OF_LARGE)):
        return Proof(best, bound)
    whole = lumps(flat, kept) if large else np.ones(len(kept), dtype=np.bool_)
    cluster = _clusters(flat, best, CLUSTERS_OF_LARGE if large else CLUSTERS)
    program = _Program(flat, kept, whole, cluster, max(value, 1e-300), effort)
    program.add_dual(dual)
    program.add_roster(best)
    seen = {best.tobytes()}
    for _ in range(min(effort.programs, PROGRAMS_OF_LARGE) if large else effort.programs):
        if bound <= value * (1.0 + effort.gap):
            break
        left = time_limit_s - (time.monotonic() - began)
        if left <= 0.05:
            break
        taken, ceiling = program.solve(left, best)
        bound = min(bound, max(ceiling * (1.0 + 1e-9) + float(flat.weight.sum()) * (1.0 - LARGEST_P), value))
        if taken is None:
            break
        filled = grow(flat, taken)
        if large and filled is not None:  # the program's own roster leaves out the fractions
            taken = filled
        if taken.tobytes() in seen:
            break
        seen.add(taken.tobytes())
        program.add_roster(taken)
        for roster in (filled,) if large else (taken, filled):
            if roster is not None and (reached := _reach(flat, roster)) > value:
                best, value = roster, reached
    return Proof(best, max(bound, value))


@kernel
def unfixed(flat: Flat, values: Float, prices: Float, bound: float, value: float) -> Int:
    """Items that some roster better than `value` could hold: taking any other one costs the bound more than the gap."""
    kept = np.empty(len(flat.price), dtype=np.int64)
    size = 0
    for c in range(len(flat.first) - 1):
        best = -np.inf if flat.must[c] else 0.0
        for j in range(flat.first[c], flat.first[c + 1]):
            if flat.allowed[j]:
                best = max(best, values[j] - toll_of(flat, prices, j))
        for j in range(flat.first[c], flat.first[c + 1]):
            if flat.allowed[j] and bound - best + values[j] - toll_of(flat, prices, j) >= value:
                kept[size] = j
                size += 1
    return kept[:size].copy()


def _reach(flat: Flat, items: Int) -> float:
    return float(apply_items(flat, fresh_state(len(flat.weight), flat.k), items))


@kernel
def _dominant(flat: Flat, items: Int) -> Int:
    """Per person the roster position that reaches her best, -1 where nobody does."""
    who = np.full(len(flat.weight), -1, dtype=np.int64)
    chance = np.zeros(len(flat.weight))
    for n in range(len(items)):
        j = items[n]
        c = flat.creator[j]
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            p = flat.p[j] if flat.member.size == 0 else flat.p[j] * flat.member[e]
            if p > chance[i]:
                who[i], chance[i] = n, p
    return who


def lumps(flat: Flat, items: Int) -> NDArray[np.bool_]:
    """Which items are large beside the budget or a limit in money that they count for."""
    size = flat.price / max(flat.budget, 1e-300)
    money = np.zeros(len(flat.low), dtype=np.bool_)
    owner = np.repeat(np.arange(len(flat.price)), np.diff(flat.row_ptr))
    np.logical_or.at(money, flat.row_of, (flat.row_value == flat.price[owner]) & (flat.row_value != 1.0))
    for limit in (flat.low, flat.high):
        usable = money & np.isfinite(limit) & (limit > 0)
        part = np.where(usable[flat.row_of], flat.row_value / np.where(usable, limit, 1.0)[flat.row_of], 0.0)
        np.maximum.at(size, owner, part)
    return np.asarray(size[items] >= LUMP)


def _clusters(flat: Flat, items: Int, most: int) -> Int:
    """Persons grouped by the creator who reaches them best, heavy groups alone, light ones together."""
    who = _dominant(flat, items)
    mass = np.bincount(who + 1, flat.weight, len(items) + 1)
    label = np.full(len(mass), most - 1, dtype=np.int64)
    heavy = np.argsort(-mass, kind="stable")[: most - 1]
    label[heavy] = np.arange(len(heavy))
    groups = label[who + 1]
    return np.ascontiguousarray(groups)


@kernel
def _cluster_cut(flat: Flat, kept: Int, cluster: Int, n_clusters: int, linear: Float, curve: Float, out: Float) -> None:
    """Coefficients (clusters, kept items): sum over a cluster's persons of linear_i p_ij + curve_i q_ij."""
    out[:] = 0.0
    for n in range(len(kept)):
        j = kept[n]
        c = flat.creator[j]
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            p = flat.p[j] if flat.member.size == 0 else flat.p[j] * flat.member[e]
            out[cluster[i], n] += linear[i] * p - curve[i] * np.log1p(-p)


@kernel
def _removal_part(flat: Flat, miss: Float, taken: Int, cluster: Int, n_clusters: int) -> Float:
    """Reach lost per cluster when one taken item is dropped from the roster with miss probabilities `miss`."""
    out = np.zeros((n_clusters, len(taken)))
    for n in range(len(taken)):
        j = taken[n]
        c = flat.creator[j]
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            p = flat.p[j] if flat.member.size == 0 else flat.p[j] * flat.member[e]
            out[cluster[i], n] += flat.weight[i] * p * miss[i] / (1.0 - p)
    return out


class _Program:
    """The mixed-integer program: kept items, one reach variable per cluster, limits, and the cuts so far."""

    def __init__(
        self, flat: Flat, kept: Int, whole: NDArray[np.bool_], cluster: Int, scale: float, effort: Effort
    ) -> None:
        self.flat, self.kept, self.cluster, self.scale = flat, kept, cluster, scale
        self.n, self.groups = len(kept), int(cluster.max(initial=0)) + 1
        self.place = np.full(len(flat.price), -1, dtype=np.int64)
        self.place[kept] = np.arange(self.n)
        self.solver = quiet_solver(
            mip_rel_gap=effort.gap / 4,
            mip_abs_gap=0.0,
            mip_max_nodes=effort.nodes,
            mip_feasibility_tolerance=1e-9,
            primal_feasibility_tolerance=1e-9,
        )
        for _ in range(self.n):
            self.solver.addVar(0.0, 1.0)
        ids = np.arange(self.n)
        if self.n:
            kind = whole.astype(np.uint8)  # 1 is integer, 0 a fraction
            self.solver.changeColsIntegrality(self.n, ids.astype(np.int32), kind)
        for g in range(self.groups):
            self.solver.addVar(0.0, float(flat.weight[cluster == g].sum()) / scale)
            self.solver.changeColCost(self.n + g, -1.0)
        self._limit(ids, flat.price[kept], -np.inf, flat.budget)
        self._rows()
        self._creators()

    def _limit(self, index: Int, values: Float, low: float, high: float) -> None:
        unit = max(float(np.abs(values).max(initial=0.0)), 1e-300)
        inf = highspy.kHighsInf
        bounds = float(np.clip(low / unit, -inf, inf)), float(np.clip(high / unit, -inf, inf))
        self.solver.addRow(*bounds, len(index), np.asarray(index, np.int32), np.asarray(values / unit, np.float64))

    def _rows(self) -> None:
        flat, n_rows = self.flat, len(self.flat.low)
        table = np.zeros((n_rows, self.n))
        for at, j in enumerate(self.kept):
            span = slice(flat.row_ptr[j], flat.row_ptr[j + 1])
            table[flat.row_of[span], at] = flat.row_value[span]
        for r in range(n_rows):
            used = np.flatnonzero(table[r])
            self._limit(used, table[r, used], flat.low[r], flat.high[r])

    def _creators(self) -> None:
        creator = self.flat.creator[self.kept]
        starts = np.flatnonzero(np.diff(creator, prepend=-1))
        for s, e in zip(starts, np.append(starts[1:], self.n), strict=True):
            if self.flat.must[creator[s]] or e - s > 1:
                self._limit(np.arange(s, e), np.ones(e - s), 1.0 if self.flat.must[creator[s]] else -np.inf, 1.0)

    def _cut(self, constant: Float, table: Float) -> None:
        """Per cluster: reach <= constant + table x."""
        for g in range(self.groups):
            used = np.flatnonzero(table[g])
            index = np.append(used, self.n + g).astype(np.int32)
            values = np.append(-table[g, used] / self.scale, 1.0)
            self.solver.addRow(-highspy.kHighsInf, float(constant[g]) / self.scale, len(index), index, values)

    def _sum(self, per_person: Float) -> Float:
        return np.bincount(self.cluster, per_person, self.groups).astype(np.float64)

    def add_dual(self, dual: Dual) -> None:
        """The cut of a dual point (theta, z)."""
        flat = self.flat
        slope = slopes_at(dual.z, flat.k, touch_point(flat.k))
        table = np.empty((self.groups, self.n))
        rest = flat.weight * (1.0 - dual.theta)
        _cluster_cut(flat, self.kept, self.cluster, self.groups, flat.weight * dual.theta, rest * slope, table)
        self._cut(self._sum(rest * (1.0 - slope - dual.z * slope)), table)

    def add_roster(self, items: Int) -> None:
        """The tangent and the two submodular cuts at a roster."""
        flat = self.flat
        state = fresh_state(len(flat.weight), 1)
        apply_items(flat, state, items)
        miss = np.ascontiguousarray(state[:, 0])
        table = np.empty((self.groups, self.n))
        nothing = np.zeros(len(miss))
        logs = np.where(miss > 0, miss * np.log(np.maximum(miss, 1e-300)), 0.0)
        _cluster_cut(flat, self.kept, self.cluster, self.groups, nothing, flat.weight * miss, table)
        self._cut(self._sum(flat.weight * (1.0 - miss + logs)), table)
        inside = self.place[items]
        inside = inside[inside >= 0]
        if len(inside) != len(items):  # a roster with fixed-out items: the tangent alone is valid without more care
            return
        reached = self._sum(flat.weight * (1.0 - miss))
        _cluster_cut(flat, self.kept, self.cluster, self.groups, flat.weight * miss, nothing, table)
        table[:, inside] = 0.0  # dropping an item loses at least nothing
        self._cut(reached, table)
        _cluster_cut(flat, self.kept, self.cluster, self.groups, flat.weight, nothing, table)
        lost = _removal_part(flat, miss, items, self.cluster, self.groups)
        table[:, inside] = lost
        self._cut(reached - lost.sum(axis=1), table)

    def solve(self, time_limit_s: float, start: Int) -> tuple[Int | None, float]:
        """The program's best roster (None where none was found in time) and its proven ceiling (people)."""
        x = np.zeros(self.n)
        x[self.place[start]] = 1.0
        self.solver.setSolution(self.n, np.arange(self.n, dtype=np.int32), x)
        self.solver.setOptionValue("time_limit", time_limit_s)
        self.solver.run()
        info = self.solver.getInfo()
        if self.solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            return None, 0.0  # no roster better than the one known
        ceiling = -float(info.mip_dual_bound) * self.scale
        if info.primal_solution_status != 2:
            return None, ceiling if np.isfinite(ceiling) else np.inf
        x = np.asarray(self.solver.getSolution().col_value)[: self.n]
        taken: Int = np.sort(self.kept[x > 1.0 - 1e-6])
        return taken, ceiling
