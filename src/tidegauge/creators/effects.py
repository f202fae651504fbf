"""Nested random effects by empirical Bayes: cell, then creator, then creator within format; with floors and outliers.

    y = cell mean + creator + (creator, format) + noise,   noise Student t, floors ("10万+") as y ≥ floor

One pass per level on sums (`bincount`), so that millions of posts cost seconds. Outliers are weighed down as under a
Student t; a floored count enters as its expectation above the floor under the current prediction (one step of EM per
round). References: Robinson (1991) on BLUP; Lange, Little and Taylor (1989) on t weights; Tobin (1958) on floors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Float = NDArray[np.float64]
Int = NDArray[np.int64]
#: Degrees of freedom of the noise: log views of a creator's posts have tails about this heavy (kurtosis 5 to 9).
DEGREES = 5.0


@dataclass(frozen=True)
class Effect:
    """Posterior of one level: `mean` and `variance` per group (g), and the level's spread between groups."""

    mean: Float
    variance: Float
    between: float
    weight: Float


@dataclass(frozen=True)
class Nested:
    """`cell` includes the overall mean; `noise` is the scale² of a single post around its creator's level."""

    cell: Effect
    creator: Effect
    pair: Effect
    noise: float


def shrink(residual: Float, weight: Float, group: Int, groups: int, noise: float, default: float) -> Effect:
    """Means of groups, shrunk to zero by the variance between groups (moments); `default` where it cannot be told."""
    total = np.asarray(np.bincount(group, weight, groups), dtype=np.float64)
    mean = np.bincount(group, weight * residual, groups) / np.maximum(total, 1e-12)
    some = total > 1e-9
    if some.sum() >= 3:
        share = 1.0 / (default + noise / total[some])
        for _ in range(6):
            between = max(float(np.sum(share**2 * (mean[some] ** 2 - noise / total[some])) / np.sum(share**2)), 1e-4)
            share = 1.0 / (between + noise / total[some])
    else:
        between = default
    trust = between / (between + noise / np.maximum(total, 1e-12))
    return Effect(trust * mean, (1 - trust) * between, between, total)


def fit_nested(
    y: Float,
    spread: Float,
    weight: Float,
    floored: NDArray[np.bool_],
    cell: Int,
    creator: Int,
    pair: Int,
    sizes: tuple[int, int, int],
    *,
    rounds: int = 6,
) -> Nested:
    """Fit the levels.

    Parameters: `y` (n) log counts, `spread` (n) extra variance of an observation (growth still to come), `weight` (n)
    recency, `floored` (n), the groups of each observation and how many groups there are (cells, creators, pairs).
    """
    cells, creators, pairs = sizes
    value, trust = y.copy(), weight.copy()
    noise = max(float(np.var(y)) / 2, 0.05) if y.size else 1.0
    overall = float(np.average(y, weights=weight)) if y.size else 0.0
    effects = [Effect(np.zeros(k), np.full(k, d), d, np.zeros(k)) for k, d in zip(sizes, (1.0, 1.0, 0.2), strict=True)]
    for _ in range(rounds if y.size else 0):
        w = trust * noise / (noise + spread)
        overall = float(
            np.average(value - effects[1].mean[creator] - effects[2].mean[pair], weights=np.maximum(w, 1e-12))
        )
        # A cell's mean is uncertain by its creators, not by its posts: one post of many creators tells more.
        by_creator = shrink(
            value - overall - effects[0].mean[cell] - effects[2].mean[pair], w, creator, creators, noise, 1.0
        )
        precision = w / (1.0 + by_creator.between * by_creator.weight[creator] / noise)
        cell_effect = shrink(value - overall - effects[2].mean[pair], precision, cell, cells, noise, 1.0)
        by_creator = shrink(
            value - overall - cell_effect.mean[cell] - effects[2].mean[pair], w, creator, creators, noise, 1.0
        )
        by_pair = shrink(
            value - overall - cell_effect.mean[cell] - by_creator.mean[creator], w, pair, pairs, noise, 0.2
        )
        effects = [cell_effect, by_creator, by_pair]
        fitted = overall + cell_effect.mean[cell] + by_creator.mean[creator] + by_pair.mean[pair]
        z2 = np.square(value - fitted) / (noise + spread)
        trust = weight * np.where(floored, 1.0, (DEGREES + 1) / (DEGREES + z2))
        value = np.where(floored, _above(y, fitted, np.sqrt(noise + spread)), y)
        free = np.maximum(weight.sum() - _used(effects[1], noise), 0.2 * weight.sum())
        known = ~floored
        noise = float(np.sum((trust * np.square(value - fitted) * noise / (noise + spread))[known]))
        noise = max(noise / max(free * known.mean(), 1e-9), 1e-3)
    first = effects[0]
    return Nested(
        Effect(first.mean + overall, first.variance, first.between, first.weight), effects[1], effects[2], noise
    )


def _used(effect: Effect, noise: float) -> float:
    """Degrees of freedom that the creators' levels took from the residuals."""
    return float(np.sum(effect.between * effect.weight / (effect.between * effect.weight + noise)))


def _above(floor: Float, mean: Float, sd: Float) -> Float:
    """E[y | y ≥ floor] for a normal; log scale, stable far out in the tail."""
    z = (floor - mean) / sd
    hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-z))
    return np.asarray(np.maximum(mean + sd * hazard, floor))
