"""Arithmetic of shares, on arrays: parts of growth, displacement, ranks. Knows no tables."""

from __future__ import annotations

import numpy as np

from tidegauge.measure.bootstrap import Array, percentile

_TAU_POINTS = 200


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


def displacement(
    before: Array, change: Array, draws: Array, rng: np.random.Generator, level: float = 0.9
) -> tuple[float, float, float]:
    """The displacement index ½Σ|Δs| without the part that noise adds: value, low, high.

    Parameters
    ----------
    before, change : (S,) first shares and their changes; draws : (B, S) the changes resampled.

    Noise alone makes an absolute value positive, so the plain index is too high and resampling makes it higher still.
    The changes are therefore taken as drawn from N(0, (τ w)²), w = s(1 - s), with noise as resampled on top; τ is
    integrated over its posterior (flat in τ), each change shrunk accordingly (Efron & Morris 1975), and the index
    taken of draws from the shrunk changes. Its mean is the value, its quantiles are the interval, which reaches
    down to zero where noise alone would often (one time in ten) move as much.
    """
    noise = draws - change
    spread = noise.std(axis=0)
    scale = np.maximum(before * (1.0 - before), 1e-12)
    known = spread > 1e-15
    if not known.any():
        index = 0.5 * float(np.abs(change).sum())
        return index, index, index
    z = np.abs(change[known] / scale[known]).max()
    widest = 3.0 * max(z, float((spread[known] / scale[known]).min()))
    tau = widest * np.linspace(0.0, 1.0, _TAU_POINTS) ** 2
    step = np.gradient(tau)
    variance = (tau[:, None] * scale[known]) ** 2 + spread[known] ** 2
    log_weight = -0.5 * (np.log(variance) + change[known] ** 2 / variance).sum(axis=1) + np.log(step)
    weight = np.exp(log_weight - log_weight.max())
    picked = rng.choice(tau, size=draws.shape[0], p=weight / weight.sum())
    keep = (picked[:, None] * scale) ** 2
    keep = keep / np.maximum(keep + spread**2, 1e-300)
    moved = 0.5 * np.abs(keep * change + np.sqrt(keep) * noise).sum(axis=1)
    low, high = percentile(moved[:, None], level)
    by_noise_alone = np.quantile(0.5 * np.abs(noise).sum(axis=1), level)
    lowest = 0.0 if 0.5 * np.abs(change).sum() <= by_noise_alone else float(low[0])
    return float(moved.mean()), lowest, float(high[0])


def ranks(amounts: Array) -> Array:
    """Ranks along the last axis, 1 for the largest; equal amounts share the better rank."""
    above = (amounts[..., None, :] > amounts[..., :, None]).sum(axis=-1)
    place: Array = (above + 1).astype(np.float64)
    return place


def herfindahl(share: Array) -> Array:
    """Σ s²: 1/S when all are equal, 1 when one has everything (Herfindahl–Hirschman)."""
    index: Array = (share**2).sum(axis=-1)
    return index
