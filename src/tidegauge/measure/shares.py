"""Arithmetic of shares, on arrays: parts of growth, displacement, ranks. Knows no tables."""

from __future__ import annotations

import numpy as np

from tidegauge.measure.bootstrap import Array


def shares(amounts: Array) -> Array:
    """Shares along the last axis; NaN where the total is zero.

    >>> shares(np.array([1.0, 3.0])).tolist()
    [0.25, 0.75]
    """
    total = amounts.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, amounts / total, np.nan)


def shift_share(before: Array, after: Array) -> tuple[Array, Array, Array]:
    """Split each segment's change into market, mix and own part (Dunn 1960), which add up to it exactly.

    Parameters
    ----------
    before, after : (..., S, C) amounts of S segments over C kinds, at two times.

    Returns
    -------
    Three (..., S) arrays in the amounts' unit. Market: what the segment would have gained at the growth of the whole.
    Mix: what it gained or lost since its kinds grow faster or slower than the whole. Own: the rest, growth against
    the same kind elsewhere. A kind that was empty before has no growth rate; all of it is own.
    """
    whole_before, whole_after = before.sum(axis=(-2, -1)), after.sum(axis=(-2, -1))
    kind_before, kind_after = before.sum(axis=-2), after.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        g = np.where(whole_before > 0, whole_after / whole_before - 1.0, 0.0)[..., None]
        g_kind = np.where(kind_before > 0, kind_after / kind_before - 1.0, 0.0)[..., None, :]
    market = before.sum(axis=-1) * g
    expected = (before * g_kind).sum(axis=-1)
    own = (after - before).sum(axis=-1) - expected
    return market, expected - market, own


def displacement(change: Array, draws: Array, n: int, level: float = 0.9) -> tuple[float, float, float]:
    """The displacement index ½Σ|Δs| with the bias of the absolute value taken out: value, low, high.

    Parameters
    ----------
    change : (S,) changes of shares; draws : (B, S) the same, resampled; n : number of creators.

    The absolute value has a kink at zero: noise alone makes ½Σ|Δs| positive and the ordinary bootstrap fails there.
    Where a change is clear of zero (|t| > √log n), its noise enters with its sign; where it is not, as an absolute
    value (the directional derivative: Fang & Santos 2019, "Inference on directionally differentiable functions",
    Review of Economic Studies 86). The mean of that is the bias, its quantiles give the interval.
    """
    noise = draws - change
    spread = np.sqrt(np.nanmean(noise**2, axis=0))
    clear = np.abs(change) > np.sqrt(np.log(max(n, 3))) * spread
    moved = 0.5 * np.where(clear, np.sign(change) * noise, np.abs(noise)).sum(axis=1)
    moved = moved[np.isfinite(moved)]
    index = 0.5 * float(np.abs(change).sum())
    if moved.size == 0:
        return index, index, index
    tail = (1.0 - level) / 2.0
    low, high = index - np.quantile(moved, 1.0 - tail), index - np.quantile(moved, tail)
    if not clear.any():
        low = 0.0  # nothing moved for certain
    value = max(0.0, index - float(moved.mean()))
    return value, max(0.0, min(float(low), value)), max(float(high), value)


def ranks(amounts: Array) -> Array:
    """Ranks along the last axis, 1 for the largest; equal amounts share the better rank."""
    above = (amounts[..., None, :] > amounts[..., :, None]).sum(axis=-1)
    place: Array = (above + 1).astype(np.float64)
    return place


def herfindahl(share: Array) -> Array:
    """Σ s²: 1/S when all are equal, 1 when one has everything (Herfindahl–Hirschman)."""
    index: Array = (share**2).sum(axis=-1)
    return index
