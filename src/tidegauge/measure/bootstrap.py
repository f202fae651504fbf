"""Resampling over clusters (creators, days), never over rows: one array in, resampled sums out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Enough for the 5 % and 95 % points of an interval to be stable in the second digit.
REPLICATES = 999
#: Above this many clusters they are put together at random; variance and skewness of a sum survive that.
MAX_CLUSTERS = 4_000
#: Below this many clusters nothing can be said about a tail.
_TAIL_FROM, _LEAST_TAIL = 30, 5
#: A tail heavier than this has no mean; a real count is bounded, so the exponent is held above it.
_EXPONENT_FLOOR = 1.0
_BLOCK = 64


@dataclass(frozen=True)
class Units:
    """What is drawn: `of` (n,) is the unit that each cluster belongs to, `count` how many units there are, `falling`
    the sizes of the first units, the tail, from the largest down, with the next smaller size after them (empty where
    there is no tail)."""

    of: npt.NDArray[np.int64]
    count: int
    falling: Array

    @property
    def tail(self) -> int:
        """How many of the units are the tail; they come first."""
        return max(self.falling.size - 1, 0)

    def sums(self, cluster: npt.NDArray[np.int64], column: npt.NDArray[np.int64], value: Array, columns: int) -> Array:
        """(count, columns) sums from long form: which cluster adds `value` to which column."""
        flat = self.of[cluster] * columns + column
        added: Array = np.bincount(flat, weights=value, minlength=self.count * columns).astype(np.float64)
        return added.reshape(self.count, columns)


def units(n: int, rng: np.random.Generator, *, size: Array | None = None) -> Units:
    """Make the units of n clusters; `size` and the grouping as in `resampled_sums`."""
    order = np.argsort(-size, kind="stable") if size is not None else np.arange(n)
    tail = tail_length(size[order]) if size is not None else 0
    of = np.empty(n, dtype=np.int64)
    of[order[:tail]] = np.arange(tail)
    rest = order[tail:]
    most = MAX_CLUSTERS - tail
    of[rest] = tail + (np.arange(rest.size) if rest.size <= most else rng.permutation(rest.size) % most)
    falling = size[order[: tail + 1]] if size is not None and tail else np.empty(0)
    return Units(of, tail + min(rest.size, most), falling)


def times_drawn(of: Units, rng: np.random.Generator, replicates: int = REPLICATES) -> Array:
    """(replicates, units) how often each unit comes up when as many are drawn again as there are."""
    out = np.empty((replicates, of.count))
    for first in range(0, replicates, _BLOCK):
        rows = min(_BLOCK, replicates - first)
        picks = rng.integers(0, of.count, size=(rows, of.count)) + of.count * np.arange(rows)[:, None]
        out[first : first + rows] = np.bincount(picks.ravel(), minlength=rows * of.count).reshape(rows, of.count)
    return out


def weights(of: Units, rng: np.random.Generator, replicates: int = REPLICATES) -> Array:
    """(replicates, units) what each unit's sums are multiplied with: how often it is drawn and, in the tail, its new
    sizes over its old one."""
    out = times_drawn(of, rng, replicates)
    tail = of.tail
    if tail:
        # A unit drawn twice is two creators, each with a size of its own.
        times, sizes = out[:, :tail].copy(), np.zeros((replicates, tail))
        for copy in range(1, int(times.max()) + 1):
            sizes += (times >= copy) * tail_factors(of.falling, rng, replicates)
        out[:, :tail] = sizes
    return out


def resampled_sums(
    clusters: Array, rng: np.random.Generator, replicates: int = REPLICATES, *, size: Array | None = None
) -> Array:
    """Column sums of `clusters` when the clusters are drawn again with replacement.

    Parameters
    ----------
    clusters : (n, k) array, one row per cluster with what it adds to each of k sums.
    rng : the caller's generator.
    replicates : how many times the sample is drawn again.
    size : (n,) array, the clusters' sizes where these have a heavy tail and the columns are amounts of that size
        (followers, views). The largest √n clusters then also get new sizes, drawn from the Pareto tail that they
        suggest, since plain resampling can never draw a creator larger than the largest one seen and its intervals
        come out too short (Cowell & Flachaire 2007, "Income distribution and inequality measurement: the problem of
        extreme values", J. Econometrics 141: the semi-parametric bootstrap).

    Returns
    -------
    (replicates, k) array. With more than `MAX_CLUSTERS` rows, the smaller ones are first added up in random groups
    (Wolter, Introduction to Variance Estimation, 2007, ch. 2), which keeps the cost independent of n.
    """
    n, k = clusters.shape
    if n == 0:
        return np.zeros((replicates, k))
    drawn = units(n, rng, size=size)
    added = np.zeros((drawn.count, k))
    np.add.at(added, drawn.of, clusters)
    return weights(drawn, rng, replicates) @ added


def tail_length(falling: Array) -> int:
    """How many of the largest sizes are treated as the tail: √n, or 0 where they cannot suggest one.

    Sizes of zero mark clusters that cannot be in the tail.
    """
    n = falling.shape[0]
    if n < _TAIL_FROM:
        return 0
    k = min(int(np.sqrt(n)), int(np.count_nonzero(falling)) - 1)
    return k if k >= _LEAST_TAIL and falling[0] > falling[k] else 0


def tail_factors(falling: Array, rng: np.random.Generator, replicates: int) -> Array:
    """New sizes over old ones, (replicates, k), for the k largest of k + 1 falling sizes.

    New sizes come from a Pareto distribution above the (k + 1)-th size with the Hill exponent of the k largest.
    """
    k = falling.shape[0] - 1
    start = falling[k]
    hill = k / max(float(np.log(falling[:k] / start).sum()), 1e-12)
    drawn = start * rng.random((replicates, k)) ** (-1.0 / max(hill, _EXPONENT_FLOOR))
    factors: Array = drawn / falling[:k]
    return factors


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
