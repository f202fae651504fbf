"""The mixed-integer program of the exact search: columns for items, clusters of persons and money put aside; cuts.

Items that are left out do not vanish: per kind (the rows they count for) one column of money buys reach at the best
ratio of any of them, and helps floors and burdens caps as kindly as any of them could. So every bound stays valid.
"""

from __future__ import annotations

import highspy
import numpy as np
from numpy.typing import NDArray

from tidegauge.plan.solver.certificate import Dual, slopes_at
from tidegauge.plan.solver.flat import Flat
from tidegauge.plan.solver.frequency import touch_point
from tidegauge.plan.solver.kernels import apply_items, fresh_state, kernel, membership
from tidegauge.plan.solver.linear import quiet_solver
from tidegauge.plan.solver.problem import Float, Int

#: Kinds of items put aside that have a column of their own; beyond that, several share one.
MOST_KINDS = 64
#: Clusters of persons.
CLUSTERS = 24


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
            p = flat.p[j] * membership(flat, e)
            if p > chance[i]:
                who[i], chance[i] = n, p
    return who


def clusters(flat: Flat, items: Int) -> Int:
    """Persons grouped by the creator who reaches them best, heavy groups alone, light ones together."""
    who = _dominant(flat, items)
    mass = np.bincount(who + 1, flat.weight, len(items) + 1)
    label = np.full(len(mass), CLUSTERS - 1, dtype=np.int64)
    heavy = np.argsort(-mass, kind="stable")[: CLUSTERS - 1]
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
            p = flat.p[j] * membership(flat, e)
            out[cluster[i], n] += linear[i] * p - curve[i] * np.log1p(-p)


@kernel
def _best_ratio(
    flat: Flat, aside: Int, kind: Int, n_kinds: int, cluster: Int, n_clusters: int, linear: Float, curve: Float
) -> Float:
    """Largest cut coefficient per money among the items put aside: (clusters, then their sum; kinds of items)."""
    out = np.zeros((n_clusters + 1, n_kinds))
    one = np.zeros(n_clusters)
    for n in range(len(aside)):
        j = aside[n]
        c = flat.creator[j]
        one[:] = 0.0
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            p = flat.p[j] * membership(flat, e)
            one[cluster[i]] += linear[i] * p - curve[i] * np.log1p(-p)
        for g in range(n_clusters):
            out[g, kind[n]] = max(out[g, kind[n]], one[g] / flat.price[j])
        out[n_clusters, kind[n]] = max(out[n_clusters, kind[n]], one.sum() / flat.price[j])
    return out


@kernel
def _removal_part(flat: Flat, miss: Float, taken: Int, cluster: Int, n_clusters: int) -> Float:
    """Reach lost per cluster when one taken item is dropped from the roster with miss probabilities `miss`."""
    out = np.zeros((n_clusters, len(taken)))
    for n in range(len(taken)):
        j = taken[n]
        c = flat.creator[j]
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            p = flat.p[j] * membership(flat, e)
            out[cluster[i], n] += flat.weight[i] * p * miss[i] / (1.0 - p)
    return out


class Program:
    """The mixed-integer program: kept items, one reach variable per cluster, money by kind put aside, limits, cuts."""

    def __init__(
        self,
        flat: Flat,
        kept: Int,
        whole: NDArray[np.bool_],
        aside: Int,
        cluster: Int,
        scale: float,
        gap: float,
        nodes: int,
    ) -> None:
        self.flat, self.kept, self.aside, self.cluster, self.scale = flat, kept, aside, cluster, scale
        self.n, self.groups = len(kept), int(cluster.max(initial=0)) + 1
        self.kind, self.n_kinds = _kinds(flat, aside)
        self.money = self.n + self.groups + np.arange(self.n_kinds)
        self.place = np.full(len(flat.price), -1, dtype=np.int64)
        self.place[kept] = np.arange(self.n)
        self.solver = quiet_solver(
            mip_rel_gap=gap,
            mip_abs_gap=0.0,
            mip_max_nodes=nodes,
            mip_feasibility_tolerance=1e-9,
            primal_feasibility_tolerance=1e-9,
        )
        for _ in range(self.n):
            self.solver.addVar(0.0, 1.0)
        if self.n:
            ids = np.arange(self.n, dtype=np.int32)
            self.solver.changeColsIntegrality(self.n, ids, whole.astype(np.uint8))  # 1 is integer
        for g in range(self.groups):
            self.solver.addVar(0.0, float(flat.weight[cluster == g].sum()) / scale)
            self.solver.changeColCost(self.n + g, -1.0)
        for _ in range(self.n_kinds):
            self.solver.addVar(0.0, 1.0)  # in units of the budget
        self._limit(np.arange(self.n), flat.price[kept], np.ones(self.n_kinds), -np.inf, flat.budget)
        self._rows()
        self._creators()

    def _limit(self, index: Int, values: Float, ratio: Float, low: float, high: float) -> None:
        """low <= values x + ratio * (money put aside, by kind) <= high."""
        unit = max(float(np.abs(values).max(initial=0.0)), 1e-300)
        inf = highspy.kHighsInf
        bounds = float(np.clip(low / unit, -inf, inf)), float(np.clip(high / unit, -inf, inf))
        index, values = np.append(index, self.money), np.append(values, ratio * self.flat.budget)
        self.solver.addRow(*bounds, len(index), np.asarray(index, np.int32), np.asarray(values / unit, np.float64))

    def _rows(self) -> None:
        flat, n_rows = self.flat, len(self.flat.low)
        table = _row_table(flat, self.kept, n_rows)
        least, most = _ratio_range(flat, self.aside, self.kind, self.n_kinds, n_rows)
        for r in range(n_rows):
            used = np.flatnonzero(table[r])
            # Money put aside helps a floor as much, and burdens a cap as little, as any of its items could.
            if np.isfinite(flat.low[r]):
                self._limit(used, table[r, used], most[r], flat.low[r], np.inf)
            if np.isfinite(flat.high[r]):
                self._limit(used, table[r, used], least[r], -np.inf, flat.high[r])

    def _creators(self) -> None:
        creator = self.flat.creator[self.kept]
        starts = np.flatnonzero(np.diff(creator, prepend=-1))
        for s, e in zip(starts, np.append(starts[1:], self.n), strict=True):
            must = self.flat.must[creator[s]]
            if must or e - s > 1:
                self._limit(np.arange(s, e), np.ones(e - s), np.zeros(self.n_kinds), 1.0 if must else -np.inf, 1.0)

    def _cut(self, constant: Float, table: Float, ratio: Float) -> None:
        """Per cluster: reach <= constant + table x + ratio * (money put aside); the same once for all clusters, since
        the best items of each cluster are not the same ones."""
        reach = self.n + np.arange(self.groups)
        for g in range(self.groups):
            self._bounded(reach[[g]], float(constant[g]), table[g], ratio[g])
        if self.n_kinds:
            self._bounded(reach, float(constant.sum()), table.sum(axis=0), ratio[-1])

    def _bounded(self, reach: Int, constant: float, values: Float, ratio: Float) -> None:
        used = np.flatnonzero(values)
        index = np.concatenate([used, reach, self.money]).astype(np.int32)
        money = -ratio * self.flat.budget / self.scale
        row = np.concatenate([-values[used] / self.scale, np.ones(len(reach)), money])
        self.solver.addRow(-highspy.kHighsInf, constant / self.scale, len(index), index, row)

    def _sum(self, per_person: Float) -> Float:
        return np.bincount(self.cluster, per_person, self.groups).astype(np.float64)

    def _coefficients(self, linear: Float, curve: Float) -> tuple[Float, Float]:
        table = np.empty((self.groups, self.n))
        _cluster_cut(self.flat, self.kept, self.cluster, self.groups, linear, curve, table)
        groups = self.cluster, self.groups
        return table, _best_ratio(self.flat, self.aside, self.kind, self.n_kinds, *groups, linear, curve)

    def add_dual(self, dual: Dual) -> None:
        """The cut of a dual point (theta, z)."""
        flat = self.flat
        slope = slopes_at(dual.z, flat.k, touch_point(flat.k))
        rest = flat.weight * (1.0 - dual.theta)
        table, ratio = self._coefficients(flat.weight * dual.theta, rest * slope)
        self._cut(self._sum(rest * (1.0 - slope - dual.z * slope)), table, ratio)

    def add_roster(self, items: Int) -> None:
        """The tangent and, for rosters of kept items, the two submodular cuts."""
        flat = self.flat
        state = fresh_state(len(flat.weight), 1)
        apply_items(flat, state, items)
        miss = np.ascontiguousarray(state[:, 0])
        nothing = np.zeros(len(miss))
        logs = np.where(miss > 0, miss * np.log(np.maximum(miss, 1e-300)), 0.0)
        table, ratio = self._coefficients(nothing, flat.weight * miss)
        self._cut(self._sum(flat.weight * (1.0 - miss + logs)), table, ratio)
        inside = self.place[items]
        if np.any(inside < 0):
            return
        reached = self._sum(flat.weight * (1.0 - miss))
        table, ratio = self._coefficients(flat.weight * miss, nothing)
        table[:, inside] = 0.0  # dropping an item loses at least nothing
        self._cut(reached, table, ratio)
        table, ratio = self._coefficients(flat.weight, nothing)
        lost = _removal_part(flat, miss, items, self.cluster, self.groups)
        table[:, inside] = lost
        self._cut(reached - lost.sum(axis=1), table, ratio)

    def solve(self, time_limit_s: float, start: Int) -> tuple[Int | None, float]:
        """The program's best roster (None where none was found in time) and its proven ceiling (people).

        The ceiling is infinite where the solver gives none. It is never taken below the reach of the first roster
        (which keeps the program's limits): a lower one is a matter of tolerances, or of a solver that went astray.
        """
        x = np.zeros(self.n)
        x[self.place[start[self.place[start] >= 0]]] = 1.0
        self.solver.setSolution(self.n, np.arange(self.n, dtype=np.int32), x)
        self.solver.setOptionValue("time_limit", time_limit_s)
        self.solver.run()
        info, status = self.solver.getInfo(), self.solver.getModelStatus()
        bounded = status in (
            highspy.HighsModelStatus.kOptimal,
            highspy.HighsModelStatus.kTimeLimit,
            highspy.HighsModelStatus.kSolutionLimit,
        )
        ceiling = -float(info.mip_dual_bound) * self.scale
        if not bounded or not np.isfinite(ceiling) or ceiling < self.scale * (1.0 - 1e-6):
            ceiling = np.inf
        if info.primal_solution_status != 2:
            return None, ceiling
        found = np.asarray(self.solver.getSolution().col_value)[: self.n]
        taken: Int = np.sort(self.kept[found > 1.0 - 1e-6])
        return taken, ceiling


def _row_table(flat: Flat, items: Int, n_rows: int) -> Float:
    """Row coefficients of the items as a dense table (rows, items)."""
    table = np.zeros((n_rows, len(items)))
    for at, j in enumerate(items):
        span = slice(flat.row_ptr[j], flat.row_ptr[j + 1])
        table[flat.row_of[span], at] = flat.row_value[span]
    return table


def _kinds(flat: Flat, items: Int) -> tuple[Int, int]:
    """Items grouped by the rows that they count for: (kind per item, number of kinds)."""
    if not len(items):
        return np.empty(0, dtype=np.int64), 0
    word = np.random.default_rng(0).integers(1, 2**40, len(flat.low))  # one random number per row: sums tell sets apart
    counts, at = _row_entries(flat, items)
    signature = np.zeros(len(items), dtype=np.int64)
    np.add.at(signature, np.repeat(np.arange(len(items)), counts), word[flat.row_of[at]])
    _, kind = np.unique(signature, return_inverse=True)
    kind = kind % MOST_KINDS
    return kind.astype(np.int64), int(kind.max()) + 1


def _row_entries(flat: Flat, items: Int) -> tuple[Int, Int]:
    """How many row coefficients each item has, and where all of them lie."""
    counts = flat.row_ptr[items + 1] - flat.row_ptr[items]
    before = np.cumsum(counts) - counts
    return counts, np.repeat(flat.row_ptr[items] - before, counts) + np.arange(int(counts.sum()))


def _ratio_range(flat: Flat, items: Int, kind: Int, n_kinds: int, n_rows: int) -> tuple[Float, Float]:
    """Smallest and largest row coefficient per money among the items of a kind: two tables (rows, kinds)."""
    least, most = np.full((n_rows, n_kinds), np.inf), np.full((n_rows, n_kinds), -np.inf)
    counts, at = _row_entries(flat, items)
    place = flat.row_of[at], np.repeat(kind, counts)
    per_money = flat.row_value[at] / np.repeat(flat.price[items], counts)
    np.minimum.at(least, place, per_money)
    np.maximum.at(most, place, per_money)
    everyone = np.zeros((n_rows, n_kinds), dtype=np.int64)
    np.add.at(everyone, place, 1)
    partly = everyone < np.bincount(kind, minlength=n_kinds)  # some item of the kind does not count for the row
    return np.where(partly, np.minimum(least, 0.0), least), np.where(partly, np.maximum(most, 0.0), most)
