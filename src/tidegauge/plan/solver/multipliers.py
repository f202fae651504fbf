"""The inner maximum of the bound: a linear objective over the feasible rosters, by multipliers of budget and rows.

For values v_j, any multipliers y >= 0 give max_{x feasible} sum(v x) <= sum(y * limits) + sum over creators of the best
of v_j - toll_j(y) (0 where she may be left out). The right side is convex and piecewise linear in y: Kelley's cuts in a
box around the best point, solved by HiGHS. Every y is valid; the best found is only the tightest.
"""

from __future__ import annotations

import highspy
import numpy as np

from tidegauge.plan.solver.flat import Flat
from tidegauge.plan.solver.kernels import add_rows, kernel
from tidegauge.plan.solver.linear import quiet_solver
from tidegauge.plan.solver.problem import Float, Int
from tidegauge.plan.solver.relax import toll_of


@kernel
def inner_value(flat: Flat, values: Float, pool: Int, prices: Float, totals: Float) -> tuple[float, float]:
    """Value of the bound's inner part at `prices` over the creators in `pool`, and the money its choice spends.

    `totals` (rows) receives the row sums of that choice. `prices` is laid out as in `relax.row_tolls`.
    """
    n_rows = len(flat.low)
    total = prices[0] * flat.budget
    for r in range(n_rows):
        totals[r] = 0.0
        if prices[1 + r] > 0.0:
            total += prices[1 + r] * flat.high[r]
        if prices[1 + n_rows + r] > 0.0:
            total -= prices[1 + n_rows + r] * flat.low[r]
    spent = 0.0
    for c in pool:
        best = -np.inf if flat.must[c] else 0.0
        choice = -1
        for j in range(flat.first[c], flat.first[c + 1]):
            if flat.allowed[j]:
                net = values[j] - toll_of(flat, prices, j)
                if net > best:
                    best, choice = net, j
        total += best
        if choice >= 0:
            spent += flat.price[choice]
            add_rows(flat, totals, choice, 1.0)
    return total, spent


@kernel
def tolls(flat: Flat, prices: Float) -> Float:
    """Every item's toll at the multipliers, never below a small part of its price."""
    out = np.empty(len(flat.price))
    for j in range(len(out)):
        out[j] = max(toll_of(flat, prices, j), 0.02 * prices[0] * flat.price[j])
    return out


@kernel
def worth_looking(flat: Flat, values: Float, prices: Float, margin: float) -> Int:
    """Creators with an item whose value is at least `margin` of its toll: only they matter near `prices`."""
    keep = np.empty(len(flat.first) - 1, dtype=np.int64)
    size = 0
    for c in range(len(flat.first) - 1):
        near = flat.must[c]
        for j in range(flat.first[c], flat.first[c + 1]):
            if flat.allowed[j] and values[j] > 0.0 and values[j] >= margin * toll_of(flat, prices, j):
                near = True
        if near:
            keep[size] = c
            size += 1
    return keep[:size].copy()


def minimise(
    flat: Flat, values: Float, start: Float, *, cuts: int = 80, tolerance: float = 1e-5
) -> tuple[float, Float]:
    """The smallest inner value found and its multipliers; valid whatever `start` is.

    Parameters: `values` (items), `start` (1 + 2 rows) as in `relax.row_tolls`, `cuts` at most this many evaluations on
    the creators that matter; the returned value is always evaluated on all creators.
    """
    everyone = np.arange(len(flat.first) - 1)
    totals = np.empty(len(flat.low))
    best = (inner_value(flat, values, everyone, start, totals)[0], start)
    for margin in (0.5, -np.inf):
        pool = everyone
        if margin > 0:
            # Without creators who can meet the floors, a floor's price would run off to infinity.
            pool = np.union1d(worth_looking(flat, values, start, margin), for_floors(flat, values))
        inside, prices = _kelley(flat, values, pool, best[1], cuts, tolerance)
        value, _ = inner_value(flat, values, everyone, prices, totals)
        if value < best[0]:
            best = (value, prices)
        if value - inside <= 1e-4 * abs(value):  # creators left aside do not matter at the multipliers found
            break
    return best


def for_floors(flat: Flat, values: Float, *, times: float = 4.0) -> Int:
    """Creators with the most value per unit of each floored row, enough to meet its floor several times over."""
    found = [np.empty(0, dtype=np.int64)]
    item_of = np.repeat(np.arange(len(flat.price)), np.diff(flat.row_ptr))
    for r in np.flatnonzero(flat.low > 0):
        entries = np.flatnonzero((flat.row_of == r) & (flat.row_value > 0) & flat.allowed[item_of])
        order = entries[np.argsort(-values[item_of[entries]] / flat.row_value[entries], kind="stable")]
        enough = int(np.searchsorted(np.cumsum(flat.row_value[order]), times * flat.low[r])) + 1
        found.append(flat.creator[item_of[order[:enough]]])
    return np.unique(np.concatenate(found))


def _kelley(flat: Flat, values: Float, pool: Int, start: Float, cuts: int, tolerance: float) -> tuple[float, Float]:
    """Kelley's method with a box around the best multipliers, smaller after a poor step, larger after a good one."""
    n_rows = len(flat.low)
    usable = np.concatenate([[np.isfinite(flat.budget)], np.isfinite(flat.high), np.isfinite(flat.low) & _floors(flat)])
    unit = _units(flat, values, start)
    limit = np.concatenate(
        [
            [flat.budget],
            np.where(usable[1 : 1 + n_rows], flat.high, 0.0),
            -np.where(usable[1 + n_rows :], flat.low, 0.0),
        ]
    )
    totals = np.empty(n_rows)

    def evaluate(prices: Float) -> tuple[float, Float]:
        value, spent = inner_value(flat, values, pool, prices, totals)
        return value, np.where(usable, limit - np.concatenate([[spent], totals, -totals]), 0.0)

    centre = np.where(usable, start, 0.0)
    best, slope = evaluate(centre)
    model = _Model(usable, unit)
    model.cut(centre, best, slope)
    radius = 0.25
    for _ in range(cuts):
        trial, promised = model.lowest(centre, radius)
        if best - promised <= tolerance * abs(best):
            inside = np.abs(trial - centre) < 0.999 * radius * np.maximum(unit, centre)
            # The model is convex: what is lowest strictly inside the box is lowest anywhere.
            if radius >= 64.0 or bool(np.all(inside[usable])):
                break
            radius *= 8.0
            continue
        value, slope = evaluate(trial)
        model.cut(trial, value, slope)
        if value < best - 0.1 * (best - promised):
            radius = min(radius * 2.0, 64.0)
        elif value > best:
            radius = max(radius / 2.0, 1e-6)
        if value < best:
            best, centre = value, trial
    return best, centre


def _floors(flat: Flat) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Rows whose floor can bind: a floor of 0 on non-negative coefficients never does."""
    negative = np.zeros(len(flat.low), dtype=np.bool_)
    negative[flat.row_of[flat.row_value < 0]] = True
    return (flat.low > 0) | negative


def row_units(flat: Flat) -> Float:
    """Money per unit of each row (mean price over mean coefficient), so that multipliers compare with the budget's."""
    n_rows = len(flat.low)
    count = np.bincount(flat.row_of, minlength=n_rows)
    size = np.bincount(flat.row_of, np.abs(flat.row_value), n_rows) / np.maximum(count, 1)
    price = float(flat.price.mean()) if len(flat.price) else 1.0
    unit: Float = max(price, 1e-12) / np.maximum(size, 1e-12)
    return unit


def _units(flat: Flat, values: Float, start: Float) -> Float:
    """A natural size per multiplier, so that one box fits all."""
    spend = float(flat.price.sum())
    money = float(start[0]) if start[0] > 0 else float(values.sum()) / spend if spend > 0 else 1.0
    rows = money * row_units(flat)
    positive: Float = np.maximum(np.concatenate([[money], rows, rows]), 1e-300)
    return positive


class _Model:
    """The cuts collected so far as a small linear program: minimise t, t >= every cut, multipliers in a box."""

    def __init__(self, usable: np.ndarray[tuple[int], np.dtype[np.bool_]], unit: Float) -> None:
        self.usable, self.unit = usable, unit
        self.solver = quiet_solver()
        for _ in usable:
            self.solver.addVar(0.0, 0.0)
        self.solver.addVar(-highspy.kHighsInf, highspy.kHighsInf)
        self.solver.changeColCost(len(usable), 1.0)
        self.scale = 1.0

    def cut(self, at: Float, value: float, slope: Float) -> None:
        """t >= value + slope (y - at), with y in units and t in units of the first value."""
        if self.solver.getNumRow() == 0:
            self.scale = max(abs(value), 1e-300)
        row = slope * self.unit / self.scale
        used = np.flatnonzero(row).astype(np.int32)
        rhs = (value - float(slope @ at)) / self.scale
        index = np.append(used, np.int32(len(self.usable)))
        self.solver.addRow(rhs, highspy.kHighsInf, len(index), index, np.append(-row[used], 1.0))

    def lowest(self, centre: Float, radius: float) -> tuple[Float, float]:
        """The model's minimum within `radius` units of `centre`: (multipliers, promised value)."""
        middle = centre / self.unit
        for n, usable in enumerate(self.usable):
            if usable:
                reach = radius * max(1.0, middle[n])
                self.solver.changeColBounds(n, max(0.0, middle[n] - reach), middle[n] + reach)
        self.solver.run()
        solution = np.asarray(self.solver.getSolution().col_value)
        prices: Float = np.maximum(solution[:-1], 0.0) * self.unit
        return prices, float(solution[-1]) * self.scale
