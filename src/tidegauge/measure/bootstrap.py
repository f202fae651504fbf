"""Resampling over clusters (creators, days), never over rows: one array in, resampled sums out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Enough for the 5 % and 95 % points of an interval to be stable in the second digit.
REPLICATES = 999
#: Above this many clusters they are put together at random; variance and skewness of a sum survive that.
MAX_CLUSTERS = 4_000
_BLOCK = 64


def resampled_sums(clusters: Array, rng: np.random.Generator, replicates: int = REPLICATES) -> Array:
    """Column sums of `clusters` when the clusters are drawn again with replacement.

    Parameters
    ----------
    clusters : (n, k) array, one row per cluster with what it adds to each of k sums.
    rng : the caller's generator.
    replicates : how many times the sample is drawn again.

    Returns
    -------
    (replicates, k) array. With more than `MAX_CLUSTERS` rows, rows are first added up in random groups of equal size
    (Wolter, Introduction to Variance Estimation, 2007, ch. 2), which keeps the cost independent of n.
    """
    units = grouped(clusters, rng)
    n = units.shape[0]
    out = np.zeros((replicates, units.shape[1]))
    if n == 0:
        return out
    for first in range(0, replicates, _BLOCK):
        rows = min(_BLOCK, replicates - first)
        picks = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
        weights = np.bincount(picks.ravel(), minlength=rows * n).reshape(rows, n)
        out[first : first + rows] = weights.astype(np.float64) @ units
    return out


def grouped(clusters: Array, rng: np.random.Generator, most: int = MAX_CLUSTERS) -> Array:
    """Rows added up in at most `most` random groups; the rows themselves where there are no more than that."""
    n = clusters.shape[0]
    if n <= most:
        return clusters
    group = rng.permutation(n) % most
    out = np.zeros((most, clusters.shape[1]))
    np.add.at(out, group, clusters)
    return out


def percentile(draws: Array, level: float = 0.9) -> tuple[Array, Array]:
    """The central `level` interval of each column of `draws` (replicates first); NaN draws are left out.

    >>> low, high = percentile(np.arange(101.0)[:, None], 0.9)
    >>> float(low[0]), float(high[0])
    (5.0, 95.0)
    """
    tail = (1.0 - level) / 2.0
    known = np.isfinite(draws)
    empty = ~known.any(axis=0)
    safe = np.where(known, draws, np.nan)
    if empty.any():
        safe = np.where(empty, 0.0, safe)
    low, high = np.nanquantile(safe, [tail, 1.0 - tail], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)
