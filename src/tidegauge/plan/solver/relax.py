"""Kernels of the concave relaxation: a smooth lower minimum of two bounds per person, climbed creator by creator.

For fractions x_j of items, person i is reached at most u_i = min(kappa * sum(p x), U(sum(q x))), U the envelope of
frequency k. The minimum is smoothed by `theta` = 1 / (1 + exp((linear - curve) / tau - BIAS)), the weight of the linear
part. Whatever x is, (theta, slope of U at z) make a valid dual point; x only has to be good, not converged.
"""

from __future__ import annotations

import math

import numpy as np

from tidegauge.plan.solver.flat import Flat
from tidegauge.plan.solver.frequency import envelope, envelope_slope
from tidegauge.plan.solver.kernels import add_rows, kernel, membership
from tidegauge.plan.solver.problem import Float, Int

#: Where both bounds agree (untouched persons), prefer the linear one, which is exact for a first contact.
BIAS = 4.0


@kernel
def dual_of(a: float, z: float, k: int, touch: float, tau: float) -> tuple[float, float]:
    """(theta, slope) of a person with linear sum a (times kappa already) and curve argument z."""
    gap = (a - envelope(z, k, touch)) / tau - BIAS
    theta = 0.0 if gap > 40.0 else 1.0 / (1.0 + math.exp(gap))
    return theta, envelope_slope(z, k, touch)


@kernel
def shift(
    flat: Flat, a: Float, z: Float, theta: Float, slope: Float, kappa: float, touch: float, tau: float, j: int, d: float
) -> None:
    """Add d of item j to its persons and refresh their duals."""
    c = flat.creator[j]
    for e in range(flat.ptr[c], flat.ptr[c + 1]):
        i = flat.persons[e]
        if flat.member.size == 0:
            a[i] += kappa * flat.p[j] * d
            z[i] = max(0.0, z[i] + flat.q[j] * d)
        else:
            p = flat.p[j] * flat.member[e]
            a[i] += kappa * p * d
            z[i] = max(0.0, z[i] - math.log1p(-p) * d)
        theta[i], slope[i] = dual_of(a[i], z[i], flat.k, touch, tau)


@kernel
def item_values(flat: Flat, theta: Float, slope: Float, kappa: float, c: int, out: Float) -> None:
    """Coefficients of creator c's items in the bound: sum over persons of w (theta kappa p + (1 - theta) slope q)."""
    first, last = flat.first[c], flat.first[c + 1]
    if flat.member.size == 0:
        linear = curve = 0.0
        for e in range(flat.ptr[c], flat.ptr[c + 1]):
            i = flat.persons[e]
            linear += flat.weight[i] * theta[i]
            curve += flat.weight[i] * (1.0 - theta[i]) * slope[i]
        for j in range(first, last):
            out[j - first] = kappa * flat.p[j] * linear + flat.q[j] * curve
        return
    for j in range(first, last):
        out[j - first] = 0.0
    for e in range(flat.ptr[c], flat.ptr[c + 1]):
        i = flat.persons[e]
        linear = flat.weight[i] * theta[i] * kappa
        curve = flat.weight[i] * (1.0 - theta[i]) * slope[i]
        for j in range(first, last):
            p = flat.p[j] * flat.member[e]
            out[j - first] += linear * p - curve * math.log1p(-p)


@kernel
def all_values(flat: Flat, theta: Float, slope: Float, kappa: float, pool: Int, out: Float) -> None:
    """`item_values` of every creator in `pool`, at the items' own places in `out`."""
    for c in pool:
        if flat.first[c + 1] > flat.first[c]:
            item_values(flat, theta, slope, kappa, c, out[flat.first[c] : flat.first[c + 1]])


@kernel
def curvature(
    flat: Flat, theta: Float, slope: Float, z: Float, kappa: float, touch: float, tau: float, up: int, down: int
) -> float:
    """How fast the derivative falls when weight moves from item `down` to item `up` (-1: none) of one creator."""
    c = flat.creator[up if up >= 0 else down]
    p_up = 0.0 if up < 0 else flat.p[up]
    p_down = 0.0 if down < 0 else flat.p[down]
    total = 0.0
    for e in range(flat.ptr[c], flat.ptr[c + 1]):
        i = flat.persons[e]
        m = membership(flat, e)
        dp = kappa * m * (p_up - p_down)
        dq = math.log1p(-p_down * m) - math.log1p(-p_up * m) if flat.member.size else 0.0
        if flat.member.size == 0:
            dq = (0.0 if up < 0 else flat.q[up]) - (0.0 if down < 0 else flat.q[down])
        bend = 0.0
        if z[i] >= touch:  # second derivative of the Poisson tail: pdf(k - 1) - pdf(k - 2)
            bend = slope[i] * (1.0 - (flat.k - 1) / max(z[i], 1e-9))
        kink = dp - slope[i] * dq
        total += flat.weight[i] * (1.0 - theta[i]) * (bend * dq * dq + theta[i] * kink * kink / tau)
    return total


@kernel
def row_tolls(flat: Flat, totals: Float, spent: float, prices: Float, rho: Float, out: Float) -> None:
    """Current multipliers of budget (0), caps (1..R) and floors (R+1..2R) under the augmented Lagrangian."""
    n_rows = len(flat.low)
    out[0] = max(0.0, prices[0] + rho[0] * (spent - flat.budget))
    for r in range(n_rows):
        out[1 + r] = 0.0
        if flat.high[r] < np.inf:
            out[1 + r] = max(0.0, prices[1 + r] + rho[1 + r] * (totals[r] - flat.high[r]))
        out[1 + n_rows + r] = 0.0
        if flat.low[r] > -np.inf:
            out[1 + n_rows + r] = max(0.0, prices[1 + n_rows + r] + rho[1 + r] * (flat.low[r] - totals[r]))


@kernel
def toll_of(flat: Flat, prices: Float, j: int) -> float:
    """What item j costs at the multipliers: budget price times price, plus caps, minus floors."""
    n_rows = len(flat.low)
    toll = prices[0] * flat.price[j]
    for t in range(flat.row_ptr[j], flat.row_ptr[j + 1]):
        r = flat.row_of[t]
        toll += (prices[1 + r] - prices[1 + n_rows + r]) * flat.row_value[t]
    return float(toll)


@kernel
def climb(  # noqa: PLR0912
    flat: Flat,
    pool: Int,
    x: Float,
    a: Float,
    z: Float,
    theta: Float,
    slope: Float,
    kappa: float,
    touch: float,
    tau: float,
    totals: Float,
    spent: float,
    prices: Float,
    rho: Float,
) -> float:
    """One sweep over `pool`: per creator move weight from her worst item in use to her best one; returns the spend.

    The step is Newton's along that pair, with the rows' penalty in the curvature, at most three times.
    """
    width = 1
    for c in pool:
        width = max(width, flat.first[c + 1] - flat.first[c])
    values = np.empty(width)
    now = np.empty(len(prices))
    n_rows = len(flat.low)
    for c in pool:
        first, last = flat.first[c], flat.first[c + 1]
        for _ in range(3):
            item_values(flat, theta, slope, kappa, c, values)
            row_tolls(flat, totals, spent, prices, rho, now)
            used = 0.0
            up, down, best, worst = -1, -1, -np.inf, np.inf
            for j in range(first, last):
                net = values[j - first] - toll_of(flat, now, j)
                used += x[j]
                if flat.allowed[j] and x[j] < 1.0 and net > best:
                    up, best = j, net
                if x[j] > 0.0 and net < worst:
                    down, worst = j, net
            if not flat.must[c]:
                if best < 0.0:
                    up, best = -1, 0.0
                if used < 1.0 - 1e-9 and worst > 0.0:
                    down, worst = -1, 0.0
            if up == down or (up < 0 and flat.must[c]):
                break
            room = x[down] if down >= 0 else 1.0 - used
            gain = best - worst
            if gain <= 1e-6 * abs(values[(up if up >= 0 else down) - first]):
                break
            change = (flat.price[up] if up >= 0 else 0.0) - (flat.price[down] if down >= 0 else 0.0)
            bend = curvature(flat, theta, slope, z, kappa, touch, tau, up, down)
            if now[0] > 0.0:
                bend += rho[0] * change * change
            for r in range(n_rows):
                if now[1 + r] > 0.0 or now[1 + n_rows + r] > 0.0:
                    delta = 0.0
                    for j, sign in ((up, 1.0), (down, -1.0)):
                        if j >= 0:
                            for t in range(flat.row_ptr[j], flat.row_ptr[j + 1]):
                                if flat.row_of[t] == r:
                                    delta += sign * flat.row_value[t]
                    bend += rho[1 + r] * delta * delta
            step = room if gain >= bend * room else gain / bend
            if up >= 0:
                x[up] += step
                shift(flat, a, z, theta, slope, kappa, touch, tau, up, step)
                add_rows(flat, totals, up, step)
            if down >= 0:
                x[down] = 0.0 if step == room else x[down] - step
                shift(flat, a, z, theta, slope, kappa, touch, tau, down, -step)
                add_rows(flat, totals, down, -step)
            spent += step * change
            if step < 1e-4:
                break
    return spent
