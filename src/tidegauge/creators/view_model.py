"""A predictive distribution of the views that a counter will add in the coming days.

Model, for creator i at the end of day o, with target y = log1p(views added in the next h days):

    y = m(x) + s(x) e,   x = the creator's levels, bursts, silence, size (`level_features`)

m is a ridge regression on hinge terms, fitted toward the median (reweighted least squares, weights 1/s), shrunk to the
creator's own median week; s is the same for the absolute residual; e has the empirical distribution of standardised
residuals. Creators share strength through the coefficients: how far an own level is trusted against a smoother one is
learned from all of them. Training cases are all earlier days of the same panel ("pseudo origins") whose h days had
ended. Where creators are few, m leans on plainer experts (slopes held tight, the usual week), and e, which comes from
days that the judging fits had not seen, is widened for small samples and for tides that move everyone
(`view_calibration`).

References: Koenker and Bassett (1978) and Hunter and Lange (2000) for the reweighting; the calibration's own are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from tidegauge.creators.cumulative import Counter, Float, Int, gap_limit, views_between
from tidegauge.creators.level_features import NAMES, features, followers_at
from tidegauge.creators.scoring import LEVELS, quantile
from tidegauge.creators.view_calibration import calibrate, creator_folds, stack, time_folds

#: Training days reach back at most this far, and at most so many cases are used (evenly thinned over creators).
MEMORY_DAYS, MAX_CASES = 63, 40_000
MIN_CASES = 40
_FIRST_ORIGIN = 7
_RIDGE, _RIDGE_TIGHT, _KNOTS, _HALF_LIFE_DAYS = 20.0, 200.0, (0.1, 0.37, 0.63, 0.9), 14.0
#: Bends of the response are shrunk harder than its slopes, so that panels of a hundred creators are not overfitted.
_HINGE = 15.0
#: The spread falls by no more than this from half a horizon to all of it (independent days: 0.71).
_LEAST_FALL = 0.7
_OFFSET = NAMES.index("week_median")
_PLAIN = [NAMES.index(n) for n in ("week_median", "week_mean", "week_0")]
_COLD = [NAMES.index("log_followers"), NAMES.index("log_total")]
#: Where no case can be made from the panel itself (under five days of history): the spread of log weekly views around
#: the creator's recent level. Estimated on 2,600 creators of TaiwanVtuberData, June and July 2026; heavy tails.
_PRIOR_SCALE, _PRIOR_DEGREES = 0.75, 3.0
#: That spread weighs as much as so many independent weeks of the panel's own.
_PRIOR_WEEKS = 4.0


@dataclass(frozen=True)
class ViewForecast:
    """Predictive quantiles of log1p(views added) at `scoring.LEVELS` (n × 100), and what each row rests on (n).

    `basis`: "own" (the creator's recent days), "size" (followers or lifetime count alone), "population" (nothing is
    known of the creator), "prior" (the panel is too short to learn from; spread from published data).
    """

    quantiles: Float
    basis: NDArray[np.str_]


@dataclass(frozen=True)
class _Fit:
    mean: Float
    spread: Float
    knots: Float
    location: Float
    scale: Float


def forecast_added(views: Counter, followers: Counter, group: Int, *, origin: int, horizon_days: int) -> ViewForecast:
    """Forecast the views added in the `horizon_days` days after day `origin` of the grid, for every creator.

    Only observations up to `origin` are used. `group` (n) holds small integers (follower tiers) whose calibration is
    pooled partially. Where the panel is too short for cases of the full horizon, a shorter one is learned and scaled.
    """
    views = views.until(origin)
    n = len(views.keys)
    now = features(views, followers, origin)
    own = ~np.isnan(now[:, 0])
    basis = np.full(n, "population", dtype="<U10")
    horizon = _horizon(origin, horizon_days)
    cases = _cases(views, followers, group, origin, horizon)
    if horizon < 1 or len(cases[1]) < MIN_CASES:
        return _from_prior(now, own, horizon_days, cases, horizon)
    quantiles = np.tile(np.quantile(cases[1], LEVELS), (n, 1))
    size_known = ~np.isnan(views.count[np.arange(n), np.maximum(views.seen[:, origin], 0)]) & (
        views.seen[:, origin] >= 0
    )
    if (cold := size_known & ~own).any():
        quantiles[cold] = _by_size(cases, views, followers, origin, cold)
        basis[cold] = "size"
    if own.any():
        found = _by_level(cases, now[own], group[own], origin, horizon)
        if horizon < horizon_days:
            middle = quantile(found, 0.5)[:, None]
            found = middle + (found - middle) * _steadier(views, followers, origin, horizon, horizon_days, cases)
        quantiles[own] = found
        basis[own] = "own"
    grown = np.log1p(np.expm1(np.clip(quantiles, 0.0, 40.0)) * horizon_days / horizon)
    return ViewForecast(np.maximum.accumulate(grown, axis=1), basis)


def _horizon(origin: int, wanted_days: int) -> int:
    """The longest horizon up to the wanted one that leaves a few training days: origins 7 … origin - horizon."""
    if origin >= _FIRST_ORIGIN + wanted_days + 1:
        return wanted_days
    return min(wanted_days, max(origin - min(_FIRST_ORIGIN, origin // 2) - 1, 0))


Cases = tuple[Float, Float, Int, Int, Int]
Narrow = NDArray[np.float32]


def _cases(views: Counter, followers: Counter, group: Int, origin: int, horizon: int) -> Cases:
    """Training cases: covariates, log1p target, day, group, creator."""
    first = max(min(_FIRST_ORIGIN, origin // 2), origin - horizon - MEMORY_DAYS)
    days = list(range(first, origin - horizon + 1)) if horizon >= 1 else []
    step = max(1, int(np.ceil(len(days) * len(views.keys) / MAX_CASES)))
    limit = gap_limit(views)
    parts: list[Cases] = []
    for day in days:
        y = np.log1p(views_between(views, day, day + horizon, limit))
        rows = np.arange(day % step, len(y), step)
        rows = rows[~np.isnan(y[rows])]
        if rows.size:
            x = features(_take(views, rows), _take(followers, rows), day)
            keep = ~np.isnan(x[:, 0])
            parts.append((x[keep], y[rows][keep], np.full(keep.sum(), day), group[rows][keep], rows[keep]))
    if not parts:
        none = np.zeros(0, np.int64)
        return np.zeros((0, len(NAMES))), np.zeros(0), none, none, none
    x, y, day_of, group_of, creator = (np.concatenate([p[i] for p in parts]) for i in range(5))
    return x, y, day_of, group_of, creator


def _steadier(views: Counter, followers: Counter, origin: int, horizon: int, wanted_days: int, cases: Cases) -> float:
    """How much less sums of `wanted_days` days stray than sums of `horizon` days, which were all that could be learned.

    The fall of the spread from half that horizon to all of it goes on with the logarithm of the days.
    """
    half = horizon // 2
    if half < 1:
        return 1.0
    shorter = _cases(views, followers, np.zeros(len(views.keys), np.int64), origin, half)
    spread = []
    for (x, y, *_), days in ((shorter, half), (cases, horizon)):
        away = y - x[:, _OFFSET] - np.log(days / 7.0)
        spread.append(float(np.mean(np.abs(away - np.median(away)))) if away.size else 0.0)
    if min(spread) <= 0.0:
        return 1.0
    fall = float(np.clip(spread[1] / spread[0], _LEAST_FALL, 1.0))
    return float(fall ** (np.log(wanted_days / horizon) / np.log(horizon / half)))


def _take(counter: Counter, rows: NDArray[np.int64]) -> Counter:
    return Counter(counter.keys[rows], counter.first_day, counter.count[rows], counter.seen[rows])


def _by_level(cases: Cases, now: Float, group: Int, origin: int, horizon: int) -> Float:
    x, y, day, group_of, creator = cases
    offset = np.log(horizon / 7.0)
    target = y - x[:, _OFFSET] - offset
    weight = 0.5 ** ((origin - day) / _HALF_LIFE_DAYS)
    folds = time_folds(day, origin, horizon) or creator_folds(creator)
    judged = np.concatenate([fold.judged for fold in folds])
    tries = [_experts(x[f.early], target[f.early], weight[f.early], x[f.judged]) for f in folds]
    located = np.concatenate([t[0] for t in tries], axis=1)
    scaled = np.concatenate([t[1] for t in tries], axis=1)
    cases_free = len(np.unique(creator[judged])) * max(1.0, len(np.unique(day[judged])) / horizon)
    share = stack(target[judged], located, cases_free)
    residual = (target[judged] - share @ located) / np.exp(share @ np.log(scaled))
    calibration = calibrate(residual, day[judged], group_of[judged], creator[judged], horizon)
    centre, scale = _experts(x, target, weight, now)
    return calibration.quantiles(now[:, _OFFSET] + offset + share @ centre, np.exp(share @ np.log(scale)), group)


def _experts(x: Float, y: Float, weight: Float, now: Float) -> tuple[Float, Float]:
    """Location and scale of `now` (experts × rows): bends and slopes; slopes held tight; the usual week."""
    bent = _predict(_fit(x, y, weight, bends=True, ridge=_RIDGE), now)
    straight = _predict(_fit(x, y, weight, bends=False, ridge=_RIDGE_TIGHT), now)
    usual = np.median(y + x[:, _OFFSET] - _usual(x))
    plain = _usual(now) - now[:, _OFFSET] + usual * (_usual(now) > 0)
    return np.stack([bent[0], straight[0], plain]), np.stack([bent[1], straight[1], straight[1]])


def _usual(x: Float) -> Float:
    """What a practitioner would say: the mean of the usual weeks, nothing where the last week had nothing."""
    silent = x[:, NAMES.index("week_0")] <= 0
    return np.where(silent, 0.0, x[:, _PLAIN].mean(axis=1))


def _by_size(cases: Cases, views: Counter, followers: Counter, origin: int, rows: NDArray[np.bool_]) -> Float:
    """Creators seen once: what creators of that size get, with the spread among them."""
    x, y = cases[0][:, _COLD], cases[1]
    chosen = np.flatnonzero(rows)
    last = views.seen[chosen, origin]
    total = np.log1p(views.count[chosen, last])
    from_followers = followers_at(followers, views, origin)[chosen]
    size = np.where(np.isnan(from_followers), np.median(x[:, 0]), np.log1p(np.nan_to_num(from_followers)))
    design = np.column_stack([np.ones(len(x)), x])
    slope = _ridge(design, y, np.ones(len(y)), 1.0)
    residual = y - design @ slope
    return (
        np.column_stack([np.ones(len(chosen)), size, total]) @ slope[:, None] + np.quantile(residual, LEVELS)[None, :]
    )


def _from_prior(now: Float, own: NDArray[np.bool_], horizon_days: int, cases: Cases, horizon: int) -> ViewForecast:
    """Around the recent level, with the published spread moved by the few weeks that the panel has."""
    away = cases[1] - cases[0][:, NAMES.index("level_6")] - np.log(max(horizon, 1) / 7.0)
    weeks = len(np.unique(cases[4])) * max(1.0, len(np.unique(cases[2])) / max(horizon, 1))
    # The mean absolute residual of a t with three degrees is 1.10 of its scale.
    seen = float(np.abs(away).mean()) / 1.10 if away.size else _PRIOR_SCALE
    scale = np.sqrt((_PRIOR_WEEKS * _PRIOR_SCALE**2 + weeks * seen**2) / (_PRIOR_WEEKS + weeks))
    spread = student.ppf(LEVELS, _PRIOR_DEGREES) * scale
    level = now[:, NAMES.index("level_6")]
    known = level[own]
    middle = float(np.median(known)) if known.size else np.log1p(100.0)
    wide = np.sqrt(_PRIOR_SCALE**2 + (np.var(known) if known.size > 2 else 9.0)) / _PRIOR_SCALE
    centre = np.where(own, np.nan_to_num(level), middle) + np.log(horizon_days / 7.0)
    quantiles = centre[:, None] + np.where(own, 1.0, wide)[:, None] * spread[None, :]
    return ViewForecast(np.maximum(quantiles, 0.0), np.where(own, "prior", "population"))


def _fit(x: Float, y: Float, weight: Float, *, bends: bool, ridge: float) -> _Fit:
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    knots = np.quantile((x - mean) / spread, _KNOTS if bends else np.zeros(0), axis=0)
    blank = np.zeros(0)
    design = _design(_Fit(mean, spread, knots, blank, blank), x)
    location = _ridge(design, y, weight, ridge)
    scale = _ridge(design, np.abs(y - _times(design, location)), weight, ridge)
    s = _floor(_times(design, scale))
    for _ in range(4):
        step = np.maximum(np.abs(y - _times(design, location)) / s, 0.3)
        location = _ridge(design, y, weight / s / step, ridge)
    scale = _ridge(design, np.abs(y - _times(design, location)), weight / s, ridge)
    return _Fit(mean, spread, knots, location, scale)


def _predict(fit: _Fit, x: Float) -> tuple[Float, Float]:
    design = _design(fit, x)
    return _times(design, fit.location), _floor(_times(design, fit.scale))


def _times(design: Narrow, coefficient: Float) -> Float:
    return np.asarray(design @ coefficient.astype(np.float32), dtype=np.float64)


def _floor(scale: Float) -> Float:
    return np.maximum(scale, 0.12)


def _design(fit: _Fit, x: Float) -> Narrow:
    z = np.clip((x - fit.mean) / fit.spread, -5.0, 5.0).astype(np.float32)
    knots = fit.knots.astype(np.float32)
    return np.concatenate([np.ones((len(z), 1), np.float32), z, *(np.maximum(z - k, 0) for k in knots)], axis=1)


def _ridge(design: Narrow | Float, y: Float, weight: Float, penalty: float) -> Float:
    root: NDArray[Any] = np.sqrt(weight).astype(design.dtype)
    weighted: NDArray[Any] = design * root[:, None]
    shrink = np.full(design.shape[1], penalty)
    shrink[1 + len(NAMES) :] *= _HINGE
    shrink[0] = 1e-6
    # A product with its own transpose is half the work of another; single precision is far finer than the penalty.
    gram = (weighted.T @ weighted).astype(np.float64) + np.diag(shrink)
    target = (weighted.T @ (root * y).astype(design.dtype)).astype(np.float64)
    return np.asarray(np.linalg.solve(gram, target))
