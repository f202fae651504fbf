"""Is a series going up or down, allowing for autocorrelation: Sen's slope and the modified Mann-Kendall test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

#: With fewer points a rank test has next to no power and an autocorrelation cannot be estimated.
LEAST_POINTS = 8
_MOST_RHO = 0.9


@dataclass(frozen=True)
class Trend:
    """`slope` per step with its interval, `p` the two-sided probability of such a run without a trend, `rho` the
    autocorrelation that was allowed for."""

    slope: float
    low: float
    high: float
    p: float
    rho: float


def trend(y: Floats, level: float = 0.9) -> Trend | None:
    """The trend of an evenly spaced series (n,); None with fewer than `LEAST_POINTS` points.

    Sen's slope is the median of all pairwise slopes. The variance of Kendall's S is inflated for autocorrelation as in
    Hamed & Rao (1998, J. Hydrology 204), with the ranks' autocorrelations at lag k taken as rho^k, where rho is the
    lag-1 autocorrelation of the series less Sen's line, corrected for its bias in short series (Marriott & Pope 1954);
    negative values count as none. The interval is Sen's (1968), with the inflated variance.

    >>> found = trend(np.array([1.0, 2.1, 2.9, 4.2, 5.0, 5.8, 7.1, 8.0]))
    >>> round(found.slope, 2), found.p < 0.01, found.low < 1.0 < found.high
    (1.0, True, True)
    """
    n = y.size
    if n < LEAST_POINTS:
        return None
    i, j = np.triu_indices(n, 1)
    differences = y[j] - y[i]
    slopes = np.sort(differences / (j - i))
    slope = float(np.median(slopes))
    s = float(np.sign(differences).sum())
    rho = _rho(y - slope * np.arange(n))
    variance = _variance_of_s(y) * _inflation(rho, n)
    if variance <= 0.0:
        return Trend(slope, slope, slope, 1.0, rho)
    z = (s - np.sign(s)) / np.sqrt(variance)
    half = float(stats.norm.ppf(0.5 + level / 2.0)) * np.sqrt(variance)
    low, high = (slopes.size - half) / 2.0, (slopes.size + half) / 2.0
    place = np.arange(1, slopes.size + 1)
    bounds = np.interp([low, high + 1.0], place, slopes)
    return Trend(slope, float(bounds[0]), float(bounds[1]), float(2.0 * stats.norm.sf(abs(z))), rho)


def _rho(residual: Floats) -> float:
    ranks = stats.rankdata(residual)
    centred = ranks - ranks.mean()
    total = float((centred**2).sum())
    if total == 0.0:
        return 0.0
    n = ranks.size
    raw = float((centred[1:] * centred[:-1]).sum()) / total
    # Taking out a line biases the lag-1 autocorrelation by about −(2 + 4 rho) / n.
    return float(np.clip((raw + 2.0 / n) / (1.0 - 4.0 / n), 0.0, _MOST_RHO))


def _variance_of_s(y: Floats) -> float:
    n = y.size
    _, ties = np.unique(y, return_counts=True)
    tied = float((ties * (ties - 1) * (2 * ties + 5)).sum())
    return (n * (n - 1) * (2 * n + 5) - tied) / 18.0


def _inflation(rho: float, n: int) -> float:
    k = np.arange(1, n)
    weight = (n - k) * (n - k - 1.0) * (n - k - 2.0)
    return float(1.0 + 2.0 / (n * (n - 1.0) * (n - 2.0)) * (weight * rho**k).sum())
