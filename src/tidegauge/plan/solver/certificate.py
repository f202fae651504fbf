"""Proven upper bounds on the reach of every feasible roster: the quick one and the tight one.

For theta_i in [0, 1] and tangents of the envelope U at any z_i >= 0,

    bound = sum_i w_i (1 - theta_i) (U(z_i) - z_i U'(z_i)) + max over feasible x of sum_j x_j v_j,
    v_j   = sum_i w_i (theta_i kappa p_ij + (1 - theta_i) U'(z_i) q_ij),     q = -ln(1 - p),

holds whatever theta and z are, since P(N_i >= k) <= min(kappa sum(p x), U(sum(q x))), kappa = 1 / k. The quick bound
takes z from a greedy roster; the tight one climbs the smooth relaxation (`relax`) and keeps the best bound on the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidegauge.plan.solver.flat import BUDGET, LARGEST_P, Flat, flatten
from tidegauge.plan.solver.frequency import envelope, envelope_slope, touch_point
from tidegauge.plan.solver.kernels import apply_item, fresh_state, kernel
from tidegauge.plan.solver.multipliers import minimise, row_units, worth_looking
from tidegauge.plan.solver.problem import Certificate, Float, Problem, Solution
from tidegauge.plan.solver.relax import all_values, climb, dual_of, row_tolls, shift

#: Room for the rounding of sums over millions of terms, relative to the bound.
SAFETY = 1e-9


@dataclass(frozen=True)
class Dual:
    """A dual point: per person theta and z; multipliers (budget, caps, floors); the bound it proves; item values."""

    theta: Float
    z: Float
    prices: Float
    bound: float
    values: Float


@kernel
def person_part(weight: Float, theta: Float, z: Float, k: int, touch: float) -> float:
    """The bound's constant: sum of w (1 - theta) (U - z U')."""
    total = 0.0
    for i in range(len(weight)):
        total += weight[i] * (1.0 - theta[i]) * (envelope(z[i], k, touch) - z[i] * envelope_slope(z[i], k, touch))
    return total


@kernel
def slopes_at(z: Float, k: int, touch: float) -> Float:
    out = np.empty(len(z))
    for i in range(len(z)):
        out[i] = envelope_slope(z[i], k, touch)
    return out


def dual_at(flat: Flat, theta: Float, z: Float, start: Float, *, cuts: int = 80) -> Dual:
    """The bound at any theta (persons, 0..1) and z (persons, >= 0), with multipliers searched from `start`."""
    touch = touch_point(flat.k)
    values = np.zeros(len(flat.price))
    all_values(flat, theta, slopes_at(z, flat.k, touch), 1.0 / flat.k, np.arange(len(flat.first) - 1), values)
    inner, prices = minimise(flat, values, start, cuts=cuts)
    constant = person_part(flat.weight, theta, z, flat.k, touch)
    capped = float(flat.weight.sum()) * (1.0 - LARGEST_P) if np.any(flat.p[flat.allowed] >= LARGEST_P) else 0.0
    bound = (constant + inner) * (1.0 + SAFETY) + capped
    return Dual(theta=theta, z=z, prices=prices, bound=max(bound, 0.0), values=values)


def first_prices(flat: Flat, spent: float, reach: float) -> Float:
    """A start for the multipliers: the roster's average reach per money."""
    prices = np.zeros(1 + 2 * len(flat.low))
    prices[0] = reach / spent if spent > 0 else 0.0
    return prices


def certificate_of(problem: Problem, flat: Flat, dual: Dual, reach: float, method: str) -> Certificate:
    """The dual point as a certificate for a roster of the given reach, with every row's price by label."""
    n_rows = len(flat.low)
    bound = max(min(dual.bound, reach_of_all(flat) * (1.0 + SAFETY)), reach)
    row_prices = {
        row.label: float(dual.prices[1 + r] - dual.prices[1 + n_rows + r]) for r, row in enumerate(problem.rows)
    }
    gap = (bound - reach) / bound if bound > 0 else 0.0
    return Certificate(bound, gap, float(dual.prices[0]), row_prices, method)


@kernel
def reach_of_all(flat: Flat) -> float:
    """Reach when every creator is taken in her widest format: a bound where money is no object."""
    state = fresh_state(len(flat.weight), flat.k)
    total = 0.0
    for c in range(len(flat.first) - 1):
        widest = -1
        for j in range(flat.first[c], flat.first[c + 1]):
            if flat.allowed[j] and (widest < 0 or flat.p[j] > flat.p[widest]):
                widest = j
        if widest >= 0:
            total += apply_item(flat, state, widest)
    return total


def start_dual(flat: Flat, solution: Solution) -> Dual:
    """theta = 0 and z from a roster: the quick bound's dual point."""
    touch, kappa = touch_point(flat.k), 1.0 / flat.k
    n_persons = len(flat.weight)
    a, z, theta, slope = np.zeros(n_persons), np.zeros(n_persons), np.zeros(n_persons), np.zeros(n_persons)
    for j in solution.items:
        shift(flat, a, z, theta, slope, kappa, touch, 0.01, j, 1.0)
    return dual_at(flat, np.zeros(n_persons), z, first_prices(flat, solution.cost, solution.reach))


def quick_bound(problem: Problem, solution: Solution) -> Certificate:
    """A valid bound in one pass over the panel: the tangent plane of the relaxation at the given roster."""
    flat = flatten(problem)
    return certificate_of(problem, flat, start_dual(flat, solution), solution.reach, "quick")


def tight_dual(
    flat: Flat,
    solution: Solution,
    *,
    time_limit_s: float = 60.0,
    sweeps: int = 60,
    target_gap: float = 1e-4,
    progress: Callable[[float], None] | None = None,
) -> tuple[Dual, Float]:
    """Climb the smooth relaxation from a roster; returns the best dual point met and the fractions x (items).

    The time limit is looked at between sweeps; whatever has been reached by then is valid.
    """
    began = time.thread_time()
    touch, kappa = touch_point(flat.k), 1.0 / flat.k
    n_persons = len(flat.weight)
    best = start_dual(flat, solution)
    x = np.zeros(len(flat.price))
    x[solution.items] = 1.0
    a, z, theta, slope = np.zeros(n_persons), np.zeros(n_persons), np.zeros(n_persons), np.zeros(n_persons)
    tau = 0.03
    for j in solution.items:
        shift(flat, a, z, theta, slope, kappa, touch, tau, j, 1.0)
    refresh(flat, a, z, theta, slope, touch, tau)
    totals = row_sums(flat, x)
    spent = float(flat.price @ x)
    prices = best.prices.copy()
    rho = penalty(flat, prices, solution)
    pool = worth_looking(flat, best.values, prices, 0.8)
    for sweep in range(sweeps):
        spent = climb(flat, pool, x, a, z, theta, slope, kappa, touch, tau, totals, spent, prices, rho)
        now = np.empty_like(prices)
        row_tolls(flat, totals, spent, prices, rho, now)
        prices = now
        if sweep % 5 == 4 or sweep == sweeps - 1:
            trial = dual_at(flat, theta.copy(), z.copy(), prices, cuts=30)
            if trial.bound < best.bound:
                best = trial
            gap = (best.bound - solution.reach) / best.bound if best.bound > 0 else 0.0
            if progress is not None:
                progress(gap)
            if gap <= target_gap or time.thread_time() - began > time_limit_s:
                break
            pool = np.union1d(worth_looking(flat, trial.values, prices, 0.9), flat.creator[np.flatnonzero(x)])
            tau = max(0.002, tau * 0.6)
            refresh(flat, a, z, theta, slope, touch, tau)
    return best, x


@kernel
def refresh(flat: Flat, a: Float, z: Float, theta: Float, slope: Float, touch: float, tau: float) -> None:
    """Duals of all persons at a new smoothing."""
    for i in range(len(a)):
        theta[i], slope[i] = dual_of(a[i], z[i], flat.k, touch, tau)


@kernel
def row_sums(flat: Flat, x: Float) -> Float:
    out = np.zeros(len(flat.low))
    for j in range(len(x)):
        if x[j] != 0.0:
            for t in range(flat.row_ptr[j], flat.row_ptr[j + 1]):
                out[flat.row_of[t]] += x[j] * flat.row_value[t]
    return out


def penalty(flat: Flat, prices: Float, solution: Solution) -> Float:
    """Strength of the augmented Lagrangian per row: a fifth of the limit too much doubles the price of the row.

    A row's price is taken from the multipliers and from what the roster's average pick reaches per unit of the row,
    whichever is more: where a limit on numbers binds, money has no price at all.
    """
    n_rows = len(flat.low)
    limit = np.where(np.isfinite(flat.high), flat.high, 0.0)
    limit = np.maximum(np.maximum(limit, np.abs(np.where(np.isfinite(flat.low), flat.low, 0.0))), 1e-9)
    by_rows = np.maximum(prices[1 : 1 + n_rows], prices[1 + n_rows :])
    each = solution.reach / max(len(solution.items), 1)
    taken = np.zeros(len(flat.price))
    taken[solution.items] = 1.0 / max(len(solution.items), 1)
    per_pick = np.maximum(row_sums(flat, taken), 1e-12)
    money = max(float(prices[0]), solution.reach / solution.cost if solution.cost > 0 else 0.0, 1e-12)
    row = np.maximum(by_rows, np.minimum(each / per_pick, money * row_units(flat)))
    return np.concatenate([[money / max(0.2 * flat.budget, 1e-9)], row / (0.2 * limit)])


def tight_bound(
    problem: Problem,
    solution: Solution,
    *,
    time_limit_s: float = 60.0,
    progress: Callable[[float], None] | None = None,
) -> Certificate:
    """The joint dual's bound for a roster, with shadow prices of the budget and of every row; anytime."""
    flat = flatten(problem)
    dual, _ = tight_dual(flat, solution, time_limit_s=time_limit_s, progress=progress)
    return certificate_of(problem, flat, dual, solution.reach, "tight")


def shadow_prices(certificate: Certificate) -> dict[str, float]:
    """Reach per unit of every limit, the budget included, as the bound prices them."""
    return {BUDGET: certificate.budget_price, **certificate.row_prices}
