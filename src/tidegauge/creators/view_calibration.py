"""How wide a forecast of views must be: judged on cases that the judging fits had not seen, with a tide of its own.

Standardised residuals e = (y − m) / s of unseen cases are split in two: the tide, the median of a day over all
creators, and what is left. A tide moves every creator at once, so a handful of weeks holds a handful of tides however
many creators there are: its spread is put back as a Student t with as many degrees of freedom as there were weeks.
What is left has its own empirical distribution, per group (follower tier) as far as the group's creators tell,
and is widened as a sample of so many creators deserves.

References: Papadopoulos et al. (2002), normalised conformal prediction; Breiman (1996), stacked regressions; Geisser
(1993), predictive distributions for small samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from tidegauge.creators.scoring import LEVELS

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: At most so many folds, each one horizon long; a fold needs so many earlier cases on at least two days.
MAX_FOLDS, _FOLD_CASES = 6, 60
_CREATOR_FOLDS = 5
#: A group's own residuals count half at so many independent cases.
_GROUP_CASES = 120.0
#: The tide's spread where nothing is known of it (in units of the forecast's scale), and how many weeks that weighs.
_TIDE_SD, _TIDE_WEEKS = 0.15, 2.0
_TIDE_NODES = (np.arange(41) + 0.5) / 41
_GRID = (np.arange(400) + 0.5) / 400
#: Shares of the experts where nothing tells them apart, and how many independent cases that weighs.
_PRIOR_SHARE, _PRIOR_SHARE_CASES = np.array([0.5, 0.3, 0.2]), 40.0
#: The first expert, which bends, is left to itself the more cases there are: a mix of a creator that fell silent and
#: one that did not is neither.
_FULL_CASES = 300.0
_SHARES: Float = np.array([(a, b, 20 - a - b) for a in range(21) for b in range(21 - a)], dtype=float) / 20.0
_STACK_CASES = 4_000


@dataclass(frozen=True)
class Fold:
    """Rows to fit on and rows to judge."""

    early: Int
    judged: Int


def time_folds(day: Int, origin: int, horizon: int) -> list[Fold]:
    """Later days judged by fits on earlier ones, walking back one horizon at a time.

    The last targets of a fit end within the days that it judges. Ending them before costs one more week of every
    fold's history: measured on 12 panels, intervals then came out wider than needed (mean distance of coverage from
    80 % 4.1 points against 3.4), since such fits are staler than the one that forecasts.
    """
    folds = []
    for k in range(1, MAX_FOLDS + 1):
        early = np.flatnonzero(day <= origin - (k + 1) * horizon)
        judged = np.flatnonzero((day > origin - (k + 1) * horizon) & (day <= origin - k * horizon))
        if len(early) < _FOLD_CASES or len(np.unique(day[early])) < 2 or not judged.size:
            break
        folds.append(Fold(early, judged))
    return folds


def creator_folds(creator: Int) -> list[Fold]:
    """Where history is too short to walk: a fifth of the creators judged by a fit on the others."""
    part = creator % _CREATOR_FOLDS
    pairs = [(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(_CREATOR_FOLDS)]
    return [Fold(early, judged) for early, judged in pairs if early.size and judged.size]


def stack(target: Float, located: Float, cases: float) -> Float:
    """Shares of the experts (k = 3, adding to one): least mean absolute error over judged cases, shrunk to a prior
    where cases are few and to the first expert where they are many.

    `located` is experts × rows; `cases` says how many of the rows count as independent.
    """
    step = max(1, target.size // _STACK_CASES)
    loss = np.abs(target[::step, None] - located[:, ::step].T @ _SHARES.T).mean(axis=0)
    best = _SHARES[int(np.argmin(loss))]
    mixed = (cases * best + _PRIOR_SHARE_CASES * _PRIOR_SHARE) / (cases + _PRIOR_SHARE_CASES)
    full = cases / (cases + _FULL_CASES)
    return np.asarray((1 - full) * mixed + full * np.array([1.0, 0.0, 0.0]))


@dataclass(frozen=True)
class Calibration:
    """Quantiles (at `scoring.LEVELS`) of a standardised residual, per group and for a group that was never judged."""

    groups: Int
    rows: Float
    everyone: Float

    def quantiles(self, centre: Float, scale: Float, group: Int) -> Float:
        """centre + scale × quantile (rows × levels)."""
        shape = np.tile(self.everyone, (len(centre), 1))
        for g, row in zip(self.groups, self.rows, strict=True):
            shape[group == g] = row
        return np.asarray(centre[:, None] + scale[:, None] * shape)


def calibrate(residual: Float, day: Int, group: Int, creator: Int, horizon: int) -> Calibration:
    """Distribution of residuals to come, from judged ones (vectors of one length); `horizon` in days."""
    days, place = np.unique(day, return_inverse=True)
    tide = np.array([np.median(residual[place == k]) for k in range(len(days))])
    weeks = max(len(days) / horizon, 1.0)
    noise = 1.57 * np.var(residual - tide[place]) / max(len(residual) / len(days), 1.0)
    seen = max(float(np.mean(np.square(tide - tide.mean()))) - noise, 0.0) * weeks / max(weeks - 1.0, 0.5)
    freedom = weeks - 1.0 + _TIDE_WEEKS
    variance = ((weeks - 1.0) * seen + _TIDE_WEEKS * _TIDE_SD**2) / freedom
    # The mean tide is no trend: it is kept as far as so many weeks of such tides tell it from none.
    bias = tide.mean() * weeks / (weeks + 1.0)
    spread = np.sqrt(variance * (1 + 1 / weeks))
    tides = bias + spread * student.ppf(_TIDE_NODES, freedom + 1.0)
    own = residual - tide[place]
    everyone = _shape(own, np.ones(len(own)), len(np.unique(creator)) * weeks)
    groups, rows = np.unique(group), []
    for g in groups:
        mine = group == g
        cases = len(np.unique(creator[mine])) * max(1.0, len(np.unique(day[mine])) / horizon)
        trust = cases / (cases + _GROUP_CASES)
        weight = np.where(mine, trust / max(mine.sum(), 1), 0.0) + (1 - trust) / len(own)
        rows.append(_with_tide(_shape(own, weight, len(np.unique(creator)) * weeks), tides))
    return Calibration(groups, np.array(rows), _with_tide(everyone, tides))


def _shape(own: Float, weight: Float, cases: float) -> Float:
    """Weighted quantiles of the creators' own residuals on a fine grid, widened for a sample of so many cases."""
    order = np.argsort(own)
    w = weight[order] / weight.sum()
    grid = np.interp(_GRID, np.cumsum(w) - w / 2, own[order])
    free = max(cases - 1.0, 2.0)
    return np.asarray(grid * np.sqrt(1 + 1 / free) * student.ppf(0.9, free) / norm.ppf(0.9))


def _with_tide(grid: Float, tides: Float) -> Float:
    """Quantiles of the sum of an own residual and a tide, independent of each other."""
    return np.asarray(np.quantile((grid[:, None] + tides[None, :]).ravel(), LEVELS))
