"""How unequal a set of amounts is, on arrays: Gini, Lorenz, top shares, and their resampling. Knows no tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tidegauge.measure.bootstrap import REPLICATES, Array, percentile, tail_factors, tail_length

#: Amounts below the tail are put together in this many groups of neighbours; what they hide of a Gini is below 1e-6.
_BODY_POINTS = 2_000


def gini(values: Array, weights: Array | None = None) -> Array:
    """The Gini coefficient with the small-sample factor n/(n - 1) (Deltas 2003).

    Parameters
    ----------
    values : (..., n) non-negative amounts, rising along the last axis.
    weights : (..., n) how often each counts (once, where not given).

    Returns
    -------
    (...) array in [0, 1]; NaN where fewer than two count or all amounts are zero.

    >>> float(gini(np.array([0.0, 0.0, 1.0])))
    1.0
    """
    w = np.ones_like(values) if weights is None else weights
    count, total = w.sum(axis=-1), (w * values).sum(axis=-1)
    middle = np.cumsum(w, axis=-1) - w / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        plain = 2.0 * (w * values * middle).sum(axis=-1) / (count * total) - 1.0
        return np.where((count > 1) & (total > 0), np.minimum(plain * count / (count - 1.0), 1.0), np.nan)


def top_share(values: Array, fraction: float, weights: Array | None = None) -> Array:
    """The share of the total held by the top `fraction`, a creator on the edge counted in part.

    `values` (..., n) rising, `weights` (..., n); NaN where all amounts are zero.

    >>> float(top_share(np.array([1.0, 1.0, 1.0, 7.0]), 0.25))
    0.7
    """
    w = np.ones_like(values) if weights is None else weights
    falling, w = values[..., ::-1], w[..., ::-1]
    place = fraction * w.sum(axis=-1, keepdims=True)
    counted = np.clip(place - (np.cumsum(w, axis=-1) - w), 0.0, w)
    total = (w * falling).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, (counted * falling).sum(axis=-1) / total, np.nan)


def resampled(
    values: Array,
    statistic: Callable[[Array, Array], Array],
    rng: np.random.Generator,
    replicates: int = REPLICATES,
) -> Array:
    """Draws of a statistic of rising amounts and their weights, when creators are drawn again.

    Parameters
    ----------
    values : (n,) amounts in any order.
    statistic : takes values (replicates, m), rising along the last axis, and their weights of the same shape; returns
        (replicates,) or (replicates, k).

    Returns
    -------
    (replicates, ...) array. The largest √n amounts are drawn anew from the Pareto tail they suggest (Cowell & Flachaire
    2007, see `bootstrap.resampled_sums`); the rest counts as often as it is drawn.
    """
    rising = np.sort(values)
    n = rising.size
    tail = tail_length(rising[::-1])
    body, counts = _points(rising[: n - tail])
    falling = rising[::-1][: tail + 1]
    chance = np.append(counts, tail) / n
    drawn = rng.multinomial(n, chance, size=replicates).astype(np.float64)
    sizes = np.sort(falling[:tail] * tail_factors(falling, rng, replicates)) if tail else np.empty((replicates, 0))
    values_drawn = np.hstack([np.broadcast_to(body, (replicates, body.size)), sizes])
    # How many creators fall into the tail is drawn too; they count alike.
    in_tail = np.broadcast_to(drawn[:, -1:] / max(tail, 1), sizes.shape)
    weights_drawn = np.hstack([drawn[:, : body.size], in_tail])
    return statistic(values_drawn, weights_drawn)


def gini_and_top(
    values: Array, rng: np.random.Generator, replicates: int, level: float
) -> Iterator[tuple[str, float, float, float]]:
    """Gini and the share of the top 1 % with their intervals: (name, value, low, high) each; `values` in any order."""
    rising = np.sort(values)

    def both(amounts: Array, weights: Array) -> Array:
        return np.stack([gini(amounts, weights), top_share(amounts, 0.01, weights)], axis=-1)

    low, high = percentile(resampled(rising, both, rng, replicates), level)
    yield "gini", float(gini(rising)), float(low[0]), float(high[0])
    yield "top1_share", float(top_share(rising, 0.01)), float(low[1]), float(high[1])


def _points(rising: Array) -> tuple[Array, Array]:
    n = rising.size
    if n <= _BODY_POINTS:
        return rising, np.ones(n)
    edges = np.linspace(0, n, _BODY_POINTS + 1).astype(np.int64)
    counts = np.diff(edges).astype(np.float64)
    return np.add.reduceat(rising, edges[:-1]) / counts, counts
