# ruff: noqa: ANN001  (numba infers the types of a kernel)
"""Where a series changes its course: exact segmentation into straight lines with a penalty for each change."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: A segment of fewer points fits its line perfectly.
LEAST_SEGMENT = 4


@dataclass(frozen=True)
class Change:
    """A change just before position `at`: `jump` of the level on the series' scale, `se` its standard error."""

    at: int
    jump: float
    se: float


def changes(z: Floats, noise: float, rho: float) -> tuple[Change, ...]:
    """The changes of level or slope in z (n,), given the standard deviation and autocorrelation of its noise.

    The least sum of squared distances from straight lines plus a penalty of 4 log(n) times the noise's long-run
    variance, noise² (1 + rho) / (1 − rho), per change: two parameters, the place, one more for the search (a BIC-like
    penalty as in Killick, Fearnhead & Eckley 2012; the long-run variance keeps autocorrelation from passing as
    changes, Romano et al. 2022). Solved exactly by optimal partitioning, O(n²), n up to about a thousand.

    >>> z = np.r_[np.zeros(20), np.full(20, 3.0)] + 0.1 * np.sin(np.arange(40.0) * 2.4)
    >>> [(c.at, round(c.jump, 1)) for c in changes(z, 0.1, 0.0)]
    [(20, 3.0)]
    """
    n = z.size
    if n < 2 * LEAST_SEGMENT:
        return ()
    spread = max(noise**2 * (1.0 + rho) / (1.0 - rho), 1e-12)
    cuts: npt.NDArray[np.int64] = _partition(np.ascontiguousarray(z), 4.0 * np.log(n) * spread, LEAST_SEGMENT)
    edges = [0, *cuts.tolist(), n]
    found = []
    for first, at, last in zip(edges, edges[1:], edges[2:], strict=False):
        before, before_var = _level(z[first:at], at=at - 0.5 - first)
        after, after_var = _level(z[at:last], at=-0.5)
        found.append(Change(at, after - before, float(np.sqrt(spread * (before_var + after_var)))))
    return tuple(found)


def _level(z: Floats, at: float) -> tuple[float, float]:
    """The line's height at a position, and its variance in units of the noise's."""
    t = np.arange(z.size, dtype=np.float64)
    middle = t.mean()
    sxx = float(((t - middle) ** 2).sum())
    slope = float(((t - middle) * z).sum()) / sxx
    return float(z.mean() + slope * (at - middle)), 1.0 / z.size + (at - middle) ** 2 / sxx


@numba.njit(cache=True)
def _partition(z, penalty, least):  # type: ignore[no-untyped-def]
    n = z.size
    s = np.zeros((4, n + 1))  # prefix sums of z, z², t z; t and t² have closed forms
    for i in range(n):
        s[0, i + 1] = s[0, i] + z[i]
        s[1, i + 1] = s[1, i] + z[i] * z[i]
        s[2, i + 1] = s[2, i] + i * z[i]
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    back = np.zeros(n + 1, np.int64)
    for b in range(least, n + 1):
        for a in range(0, b - least + 1):
            if best[a] == np.inf:
                continue
            m = b - a
            mean_t = (a + b - 1) / 2.0
            sxx = m * (m * m - 1.0) / 12.0
            total = s[0, b] - s[0, a]
            sxy = s[2, b] - s[2, a] - mean_t * total
            cost = s[1, b] - s[1, a] - total * total / m - sxy * sxy / sxx
            value = best[a] + cost + penalty
            if value < best[b]:
                best[b] = value
                back[b] = a
    count = 0
    at = back[n]
    while at > 0:
        count += 1
        at = back[at]
    out = np.empty(count, np.int64)
    at = back[n]
    for k in range(count - 1, -1, -1):
        out[k] = at
        at = back[at]
    return out
