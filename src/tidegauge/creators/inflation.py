"""How well a creator's figures fit bought followers: log Bayes factors, joint over the rate at which they were bought.

If a share r of the shown followers is bought, reach falls short of what followers predict by slope · log(1 / (1 − r)),
followers rise at once by log(1 / (1 − r)) if it happened in the window, and reach does not rise with them. Each
signal's density under "honest" is estimated from the platform's own creators; under "bought" it is the same, shifted.
r is uniform between 0.2 and 0.8 (assumed). The base rate is learned from all creators (EM, Dempster, Laird and Rubin
1977), leaning on one in ten. Kass and Raftery (1995) on Bayes factors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm
from scipy.stats import t as student

Float = NDArray[np.float64]

RATES: Float = np.linspace(0.2, 0.8, 13)
_BOUGHT_LOG: Float = -np.log1p(-RATES)
#: One account in ten is inflated before anything is seen, as sure as twenty creators' worth; never more than 0.3.
PRIOR_INFLATED, _PRIOR_CREATORS, _MOST = 0.1, 20.0, 0.3
#: Half of what was bought was bought inside the window (assumed).
_IN_WINDOW = 0.5
_TAIL, _DEGREES = 0.25, 5.0
#: No single signal may say more than this for or against (log): models are wrong in their tails.
_CAP = 4.0


@dataclass(frozen=True)
class Signals:
    """Per creator (n, NaN where not known): `gap` log reach over what followers predict, with `gap_se`, the platform's
    robust `gap_sd` and `slope`; `jump` the largest rise of log followers in a step, with the platform's middle
    `jump_middle` and tail scale `jump_scale`; `gain` of log reach after that jump with `gain_se`; `rate` log engagement
    per view in robust standard deviations of size `rate_sd` around the platform's middle.
    """

    gap: Float
    gap_se: Float
    gap_sd: Float
    slope: Float
    jump: Float
    jump_middle: Float
    jump_scale: Float
    gain: Float
    gain_se: Float
    rate: Float
    rate_sd: Float


@dataclass(frozen=True)
class Evidence:
    """Log Bayes factors per creator (n): `total`, jointly over rates, and each signal's alone."""

    total: Float
    low_views: Float
    follower_jump: Float
    low_engagement: Float
    much_engagement: Float


def weigh(s: Signals) -> Evidence:
    """Evidence for bought followers from reach, jumps and engagement."""
    reach = _reach(s)
    jump = _jump(s)
    low, much = _engagement(s)
    engaged = np.log((np.exp(low) + np.exp(much)) / 2)  # both are bounded by `_known`
    total = np.clip(_mean(reach + jump + engaged), -_CAP, 2 * _CAP)
    return Evidence(total, _mean(reach), _mean(jump), _mean(low), _mean(much))


def _mean(log_factor: Float) -> Float:
    """Log of the mean over rates (n × rates → n)."""
    top = log_factor.max(axis=1)
    return np.asarray(top + np.log(np.exp(log_factor - top[:, None]).mean(axis=1)))


def _reach(s: Signals) -> Float:
    sd = np.hypot(s.gap_sd, s.gap_se)[:, None]
    honest = student.logpdf(s.gap[:, None] / sd, _DEGREES)
    bought = student.logpdf((s.gap[:, None] + s.slope[:, None] * _BOUGHT_LOG) / sd, _DEGREES)
    return _known(bought - honest)


def _jump(s: Signals) -> Float:
    """Half of the bought were bought before: their steps are those of everyone."""
    z = np.maximum(s.jump - s.jump_middle, 0.0)[:, None] / s.jump_scale[:, None]
    honest = -(1 / _TAIL + 1) * np.log1p(_TAIL * z) - np.log(2 * s.jump_scale)[:, None]
    width = np.maximum(s.jump_scale, 0.05)[:, None]
    rise = norm.logpdf(s.jump[:, None], s.jump_middle[:, None] + _BOUGHT_LOG, width)
    # A real rise brings reach with it, a bought one does not; how much both may stray besides is assumed (0.25).
    sd = np.hypot(s.gain_se, 0.25)
    silent = norm.logpdf(s.gain, 0.0, sd) - norm.logpdf(s.gain, s.slope * s.jump, sd)
    silent = np.clip(np.nan_to_num(silent), -2.0, 2.0)[:, None]
    inside = np.clip(np.nan_to_num(rise - honest + silent), -50.0, 2 * _CAP)
    return _known(np.log(_IN_WINDOW * np.exp(inside) + 1 - _IN_WINDOW))


def _engagement(s: Signals) -> tuple[Float, Float]:
    """Fewer people engage than watch (views bought, too), or likes were bought besides: either way, by the rate."""
    z, sd = s.rate[:, None], np.maximum(s.rate_sd, 0.15)[:, None]
    honest = student.logpdf(z, _DEGREES)
    low = student.logpdf(z + 0.5 * _BOUGHT_LOG / sd, _DEGREES) - honest
    much = student.logpdf(z - np.log1p(0.8 * RATES) / sd, _DEGREES) - honest
    return _known(low), _known(much)


def _known(log_factor: Float) -> Float:
    """A signal that is not known says nothing."""
    return np.clip(np.nan_to_num(log_factor, nan=0.0), -_CAP, 2 * _CAP)


def company(share: Float, linked: Float, chance: Float) -> Float:
    """Evidence (n, log) from commenters: with whom else do they comment?

    `share` is the mean chance of inflation of the other creators that a creator's commenters comment with, `linked` how
    many such commenters there are, `chance` (n) each creator's own so far. Machines for hire comment for many buyers.
    """
    known = (linked >= 3) & np.isfinite(share)
    if known.sum() < 20:
        return np.zeros(len(share))
    weight = linked[known]
    middle = float(np.average(share[known], weights=weight))
    # Variance of one link, from creators with different numbers of them.
    one = max(float(np.average(np.square(share[known] - middle) * weight, weights=weight)), 1e-6)
    buyers = float(np.sum(chance**2) / np.sum(chance))
    sd = np.sqrt(one / np.maximum(linked, 1.0))
    off = np.nan_to_num(share) - middle
    shift = np.array([0.1, 0.2, 0.35]) * (buyers - middle)
    factors = norm.logpdf(off[:, None], shift, np.hypot(sd, 0.05)[:, None])
    factors -= norm.logpdf(off, 0.0, np.hypot(sd, 0.05))[:, None]
    return np.where(known, np.clip(_mean(factors), -1.0, _CAP), 0.0)


def chances(evidence: Float, known: NDArray[np.bool_]) -> tuple[Float, float]:
    """Chance of inflation per creator, and the base rate that the creators with any signal (`known`) imply."""
    base = PRIOR_INFLATED
    for _ in range(50):
        likely = expit(evidence[known] + logit(base))
        base = (float(likely.sum()) + PRIOR_INFLATED * _PRIOR_CREATORS) / (known.sum() + _PRIOR_CREATORS)
        base = min(base, _MOST)
    return np.asarray(expit(evidence + logit(base))), base
