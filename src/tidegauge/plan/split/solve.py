"""The best split: sample-average optimisation over posterior draws, under linear limits, with a proven bound.

    maximise (1 − w) · mean_d V_d(x) + w · CVaR_level(V_d(x)),   V_d(x) = Σ_s value of x_s in draw d
    CVaR = max_η η − mean_d (η − V_d)₊ / (1 − level)              (Rockafellar and Uryasev 2000)

SLSQP with exact gradients from several starts (the positive part smoothed a little), since S-shaped curves have local
optima. For the mean, which is separable, a linear program over the concave envelopes of the mean curves bounds what any
split can bring; its solution is one of the starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, linprog, minimize

from tidegauge.errors import InfeasibleError
from tidegauge.plan.split.curves import Curves, Float

#: Points of the concave envelopes.
_FINE = 241
_RANDOM_STARTS = 4
#: Smoothing of the CVaR's kink, as a share of the spread of values.
_SMOOTH = 0.02
#: A stream or a row within this share of the budget of its bound is at it.
AT_BOUND = 1e-4
#: Less than this share of the budget is what a solver leaves behind, not money.
DUST = 1e-8


@dataclass(frozen=True)
class Limits:
    """Bounds on money per stream (S) and rows `row_low <= rows @ x <= row_high` (R), with what the brief calls them.

    `places` say where the brief asks for a row, `low_place` and `high_place` for a stream's bound ("" for our own).
    """

    budget: float
    low: Float
    high: Float
    rows: Float
    row_low: Float
    row_high: Float
    labels: tuple[str, ...]
    low_place: tuple[str, ...]
    high_place: tuple[str, ...]


@dataclass(frozen=True)
class Solved:
    """Money per stream (S), its objective, and the most that any split can have (None where CVaR counts)."""

    money: Float
    objective: float
    bound: float | None


def tail_mean(values: Float, level: float) -> float:
    """CVaR of gains: the mean of the worst (1 − level) of the draws, the last of them counted in part.

    >>> tail_mean(np.array([1.0, 2.0, 3.0, 4.0]), 0.5)
    1.5
    """
    ordered = np.sort(values)
    n = (1.0 - level) * ordered.size
    whole = int(n)
    weight = np.concatenate([np.ones(whole), [n - whole] if n > whole else []])
    return float((ordered[: weight.size] * weight).sum() / max(n, 1e-12))


def feasible(limits: Limits, towards: Float) -> Float:
    """The split within the limits that lies nearest to `towards` (sum of absolute differences), spending all it may.

    Raises InfeasibleError with a smallest set of the brief's places that cannot hold together.
    """
    found = _nearest(limits, towards)
    if found is None:
        raise InfeasibleError(
            "the floors, caps and shares of the split cannot hold together",
            clash=_clash(limits),
            mend="loosen one of: " + "; ".join(_clash(limits)),
        )
    return found


def _nearest(limits: Limits, towards: Float) -> Float | None:
    n = limits.low.size
    # Variables: x, then the distances. Spending comes before nearness.
    cost = np.concatenate([np.full(n, -10.0), np.ones(n)])
    eye = np.eye(n)
    a = [np.hstack([eye, -eye]), np.hstack([-eye, -eye]), np.hstack([np.ones((1, n)), np.zeros((1, n))])]
    b = [towards / limits.budget, -towards / limits.budget, np.ones(1)]
    for row, low, high in zip(limits.rows, limits.row_low, limits.row_high, strict=True):
        if np.isfinite(high):
            a.append(np.hstack([row, np.zeros(n)])[None])
            b.append(np.array([high / limits.budget]))
        if low > 0:
            a.append(-np.hstack([row, np.zeros(n)])[None])
            b.append(np.array([-low / limits.budget]))
    bounds = [(lo, hi) for lo, hi in zip(limits.low / limits.budget, limits.high / limits.budget, strict=True)]
    done = linprog(cost, np.vstack(a), np.concatenate(b), bounds=[*bounds, *[(0.0, None)] * n], method="highs")
    return np.asarray(done.x[:n] * limits.budget) if done.status == 0 else None


def _clash(limits: Limits) -> tuple[str, ...]:
    """Bounds of the brief that cannot hold together: each left out in turn, kept only if needed for the clash."""
    names = [f"low:{i}" for i, p in enumerate(limits.low_place) if p and limits.low[i] > 0]
    names += [f"high:{i}" for i, p in enumerate(limits.high_place) if p]
    names += [f"row:{r}" for r in range(len(limits.labels))]

    def without(left: set[str]) -> bool:
        low, high = limits.low.copy(), limits.high.copy()
        row_low, row_high = limits.row_low.copy(), limits.row_high.copy()
        for name in left:
            kind, _, at = name.partition(":")
            i = int(at)
            if kind == "low":
                low[i] = 0.0
            elif kind == "high":
                high[i] = limits.budget
            else:
                row_low[i], row_high[i] = 0.0, np.inf
        high = np.maximum(high, low)
        tried = Limits(limits.budget, low, high, limits.rows, row_low, row_high, limits.labels, (), ())
        return _nearest(tried, np.zeros(low.size)) is not None

    dropped: set[str] = set()
    for name in names:
        if not without(dropped | {name}):
            dropped.add(name)
    kept = [n for n in names if n not in dropped]
    told = []
    for name in kept:
        kind, _, at = name.partition(":")
        told.append({"low": limits.low_place, "high": limits.high_place, "row": limits.labels}[kind][int(at)])
    return tuple(dict.fromkeys(told))


def solve_split(
    curves: Curves,
    limits: Limits,
    *,
    recent: Float,
    cvar_weight: float = 0.0,
    level: float = 0.8,
    seed: int = 1,
    near: Float | None = None,
) -> Solved:
    """The best split found.

    Parameters: `recent` is the split so far, one of the starts; `cvar_weight` w and `level` as in the module's formula;
    `near` is a split known to be close to the best, which then is the only start beside the envelope's.
    """
    upper = envelope(curves.mean(), limits)
    starts = [near] if near is not None else [feasible(limits, s) for s in _starts(curves, limits, recent, seed)]
    if upper is not None:
        starts.insert(0, upper[0])
    tried = [(_climb(curves, limits, s, cvar_weight, level)) for s in starts]
    best = max(tried, key=lambda x: objective(curves, x, cvar_weight, level))
    bound = None
    if cvar_weight == 0.0 and upper is not None:
        bound = max(upper[1], objective(curves, best, 0.0, level))
    return Solved(best, objective(curves, best, cvar_weight, level), bound)


def objective(curves: Curves, money: Float, cvar_weight: float, level: float) -> float:
    """The module's objective, exactly."""
    values = curves.value(money).sum(axis=1)
    mean = float(values.mean())
    return mean if cvar_weight == 0.0 else (1.0 - cvar_weight) * mean + cvar_weight * tail_mean(values, level)


def _starts(curves: Curves, limits: Limits, recent: Float, seed: int) -> list[Float]:
    n = limits.low.size
    total = float(recent.sum())
    like_before = recent / total * limits.budget if total > 0 else np.full(n, limits.budget / n)
    first = curves.slope(0.05 * curves.cap).mean(axis=0)
    by_return = np.maximum(first, 0.0) / max(float(np.maximum(first, 0.0).sum()), 1e-12) * limits.budget
    rng = np.random.default_rng([seed, 17])
    drawn = [rng.dirichlet(np.ones(n)) * limits.budget for _ in range(_RANDOM_STARTS)]
    return [like_before, np.full(n, limits.budget / n), by_return, *drawn]


def _climb(curves: Curves, limits: Limits, start: Float, w: float, level: float) -> Float:
    n, budget = limits.low.size, limits.budget
    if w == 0.0:
        curves = curves.mean()  # the mean of the draws' values is the value of the mean curves
    scale = max(float(curves.value(start).sum(axis=1).mean()), 1e-9)
    spread = max(float(curves.value(start).sum(axis=1).std()) / scale, 1e-6)
    smooth = _SMOOTH * spread

    def negative(z: Float) -> tuple[float, Float]:
        x = np.asarray(z[:n] * budget)
        v = curves.value(x).sum(axis=1) / scale
        g = curves.slope(x) * (budget / scale)
        if w == 0.0:
            return -float(v.mean()), -g.mean(axis=0)
        eta = z[n]
        short = (eta - v) / smooth
        positive = smooth * np.logaddexp(0.0, short)
        inside = 1.0 / (1.0 + np.exp(-np.clip(short, -500, 500)))
        tail = eta - float(positive.mean()) / (1.0 - level)
        value = (1.0 - w) * float(v.mean()) + w * tail
        slope_x = (1.0 - w) * g.mean(axis=0) + w * (inside[:, None] * g).mean(axis=0) / (1.0 - level)
        slope_eta = w * (1.0 - float(inside.mean()) / (1.0 - level))
        return -value, -np.append(slope_x, slope_eta)

    extra = 0 if w == 0.0 else 1
    z0 = start / budget
    if extra:
        z0 = np.append(z0, np.quantile(curves.value(start).sum(axis=1) / scale, 1.0 - level))
    rows = np.vstack([np.ones((1, n)), limits.rows]) if limits.rows.size else np.ones((1, n))
    low = np.concatenate([[-np.inf], np.where(limits.row_low > 0, limits.row_low / budget, -np.inf)])
    high = np.concatenate([[1.0], limits.row_high / budget])
    bounds = [*zip(limits.low / budget, limits.high / budget, strict=True), *[(None, None)] * extra]
    done = minimize(
        negative, z0, jac=True, method="SLSQP", bounds=bounds,
        constraints=[LinearConstraint(np.hstack([rows, np.zeros((rows.shape[0], extra))]), low, high)],
        options={"maxiter": 300, "ftol": 1e-12},
    )  # fmt: skip
    x = np.clip(done.x[:n] * budget, limits.low, limits.high)
    x = np.where(x < DUST * budget, limits.low, x)
    if not np.isfinite(x).all() or not _holds(limits, x):
        return start
    return x if objective(curves, x, w, level) >= objective(curves, start, w, level) else start


def _holds(limits: Limits, x: Float) -> bool:
    slack = 1e-6 * limits.budget
    sums = limits.rows @ x if limits.rows.size else np.zeros(0)
    fits = (sums >= limits.row_low - slack).all() and (sums <= limits.row_high + slack).all()
    return bool(fits and x.sum() <= limits.budget + slack)


def envelope(mean: Curves, limits: Limits) -> tuple[Float, float] | None:
    """Split and value of the program over concave envelopes of the mean curves: no split has a larger mean."""
    n, budget = limits.low.size, limits.budget
    pieces: list[tuple[Float, Float, float]] = []
    slackness = 0.0
    for s in range(n):
        x = np.linspace(limits.low[s], max(limits.high[s], limits.low[s]), _FINE)
        middle = (x[1:] + x[:-1]) / 2.0
        y, y_middle = _along(mean, s, x), _along(mean, s, middle)
        # Between grid points a curve can rise above its chord; half as much again covers more than the midpoint.
        slackness += 1.5 * max(float(np.max(y_middle - (y[1:] + y[:-1]) / 2.0, initial=0.0)), 0.0)
        hull = _upper_hull(x, y)
        pieces.append((np.diff(x[hull]), np.diff(y[hull]), float(y[0])))
    widths = np.concatenate([p[0] for p in pieces])
    owner = np.repeat(np.arange(n), [p[0].size for p in pieces])
    rates = np.concatenate([np.divide(p[1], p[0], out=np.zeros_like(p[0]), where=p[0] > 0) for p in pieces])
    base = sum(p[2] for p in pieces)
    left = budget - float(limits.low.sum())
    if widths.size == 0:
        return limits.low.copy(), base + slackness
    pick = (owner[None, :] == np.arange(n)[:, None]).astype(float)
    if not limits.rows.size:
        if left < 0:
            return None
        taken = _filled(widths, rates, left)
        return limits.low + pick @ taken, base + float(rates @ taken) + slackness
    a, b = [np.ones((1, widths.size))], [np.array([left])]
    for row, low, high in zip(limits.rows, limits.row_low, limits.row_high, strict=True):
        along, fixed = (row @ pick)[None], float(row @ limits.low)
        if np.isfinite(high):
            a.append(along)
            b.append(np.array([high - fixed]))
        if low > 0:
            a.append(-along)
            b.append(np.array([fixed - low]))
    done = linprog(-rates, np.vstack(a), np.concatenate(b), bounds=[(0.0, w) for w in widths], method="highs")
    if done.status != 0:
        return None
    return limits.low + pick @ done.x, base + float(-done.fun) + slackness


def _filled(widths: Float, rates: Float, left: float) -> Float:
    """The steepest pieces first until the money is spent: pieces of one envelope come in order of themselves."""
    order = np.argsort(-rates, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(widths[order])[:-1]])
    taken = np.zeros(widths.size)
    taken[order] = np.clip(left - before, 0.0, widths[order])
    return taken


def _along(mean: Curves, stream: int, x: Float) -> Float:
    """The mean value of one stream at many amounts."""
    cap = mean.cap[stream]
    u = np.clip(x / cap if cap > 0 else np.zeros_like(x), 0.0, 1.0)
    k = np.clip(np.searchsorted(mean.u, u, side="right") - 1, 0, mean.u.size - 2)
    c, t = mean.coefficients[:, k, 0, stream], u - mean.u[k]
    out: Float = ((c[0] * t + c[1]) * t + c[2]) * t + c[3]
    return out


def _upper_hull(x: Float, y: Float) -> NDArray[np.int64]:
    """Positions of the upper concave envelope of points with ascending x (monotone chain)."""
    kept: list[int] = []
    for i in range(x.size):
        if kept and x[i] <= x[kept[-1]]:
            continue
        while len(kept) >= 2:
            a, b = kept[-2], kept[-1]
            if (y[b] - y[a]) * (x[i] - x[a]) >= (y[i] - y[a]) * (x[b] - x[a]):
                break
            kept.pop()
        kept.append(i)
    return np.array(kept, dtype=np.int64)
