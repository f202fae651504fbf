"""A platform's distribution over time: one path of shocks that all of its creators share, and each creator's own out.

    residual of a post in bin b = s(b) + noise,   s ~ Gaussian process, covariance τ² exp(−|distance| / ℓ)

τ and ℓ are those of a grid that make the bins' means likeliest (empirical Bayes), so that steps that last days and
tides that last months are both followed and no calendar week is taken for granted. A loading must not be measured
on a path that the creator moved itself: its posts' part of the path, which is linear in them, is taken out.

Reference: Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, ch. 2 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: A path has at most so many bins; they are a day wide unless the posts span more days.
MAX_BINS = 360
_VARIANCES = (0.0003, 0.002, 0.008, 0.02, 0.05, 0.12, 0.3, 0.8)
_LENGTHS_DAYS = (3.0, 7.0, 15.0, 35.0, 90.0)


@dataclass(frozen=True)
class Path:
    """`value` and `error2` (variance) per bin; per post its bin, the path without its creator, that one's variance."""

    first_day: int
    bin_days: int
    value: Float
    error2: Float
    post_bin: Int
    own_out: Float
    own_error2: Float


def shock_path(day: Int, residual: Float, trust: Float, creator: Int) -> Path:
    """The path of one platform from its posts (vectors of one length, sorted by `creator`); `day` in whole days.

    `trust` weighs posts: a residual's variance is taken to be the common noise divided by it.
    """
    first = int(day.min())
    width = max(1, -(-(int(day.max()) - first + 1) // MAX_BINS))
    place = (day - first) // width
    bins = int(place.max()) + 1
    count = np.bincount(place, trust, bins).astype(np.float64)
    mean = np.bincount(place, trust * residual, bins) / np.maximum(count, 1e-9)
    known = max(int((trust > 0).sum()), 1)
    noise = max(float(np.sum(trust * np.square(residual - mean[place]))) / known, 1e-4)
    seen = np.flatnonzero(count > 1e-6)
    if not seen.size:
        nothing = np.zeros(bins)
        return Path(first, width, nothing, nothing, place, np.zeros(len(place)), np.zeros(len(place)))
    distance = np.abs(np.arange(bins)[:, None] - seen[None, :]) * float(width)
    covariance = _likeliest(distance[seen], mean[seen], noise / count[seen])
    cross = covariance[0] * np.exp(-distance / covariance[1])
    inner = cross[seen] + np.diag(noise / count[seen])
    gain = np.linalg.solve(inner, cross.T).T
    error2 = np.maximum(covariance[0] - np.einsum("ij,ij->i", gain, cross), 0.0)
    value = gain @ mean[seen]
    column = np.full(bins, -1)
    column[seen] = np.arange(len(seen))
    start = np.flatnonzero(np.r_[True, creator[1:] != creator[:-1], True])
    own, weight = _own_part(start, place, residual, trust, gain / count[seen], column)
    rest = np.clip(1.0 - weight, 0.0, 1.0)
    # Without its own posts the path is known a little less well; alone on a platform, a creator has no path at all.
    own_out = np.where(rest > 0.1, (value[place] - own) / np.maximum(rest, 0.1), 0.0)
    own_error2 = np.where(rest > 0.1, error2[place] / np.maximum(rest, 0.1), covariance[0])
    return Path(first, width, value, error2, place, own_out, np.minimum(own_error2, covariance[0]))


def _likeliest(distance: Float, mean: Float, noise: Float) -> tuple[float, float]:
    """Variance and length (days) that make the means likeliest."""
    best = (-np.inf, _VARIANCES[0], _LENGTHS_DAYS[0])
    for length in _LENGTHS_DAYS:
        shape = np.exp(-distance / length)
        for variance in _VARIANCES:
            chol = np.linalg.cholesky(variance * shape + np.diag(noise))
            z = np.linalg.solve(chol, mean)
            fit = -0.5 * float(z @ z) - float(np.log(np.diag(chol)).sum())
            best = max(best, (fit, variance, length))
    return best[1], best[2]


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _own_part(start: Int, place: Int, residual: Float, trust: Float, gain: Float, column: Int) -> tuple[Float, Float]:
    """What a creator's own posts put into the path at each of its posts, and their weight in it."""
    own, weight = np.zeros(len(place)), np.zeros(len(place))
    for c in range(len(start) - 1):
        for p in range(start[c], start[c + 1]):
            for q in range(start[c], start[c + 1]):
                if trust[q] <= 0.0:
                    continue
                g = gain[place[p], column[place[q]]] * trust[q]
                own[p] += g * residual[q]
                weight[p] += g
    return own, weight
