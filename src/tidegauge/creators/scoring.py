"""Proper scores of predictive distributions that are given as quantiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

#: 100 equally weighted levels: the mean of their pinball losses, doubled, is the CRPS of the step distribution.
LEVELS: Float = (np.arange(100) + 0.5) / 100


def pinball(quantiles: Float, truth: Float, levels: Float = LEVELS) -> Float:
    """Pinball loss per case and level (n × k)."""
    error = truth[:, None] - quantiles
    return np.asarray(np.maximum(levels * error, (levels - 1) * error))


def crps(quantiles: Float, truth: Float) -> Float:
    """Continuous ranked probability score per case (n), from quantiles at `LEVELS`.

    For a point forecast (all quantiles equal) it is the absolute error.
    Source: Gneiting, T. and Raftery, A. E. (2007), Strictly proper scoring rules, prediction, and estimation. JASA 102.
    """
    return np.asarray(2.0 * pinball(quantiles, truth).mean(axis=1))


def interval(quantiles: Float, mass: float, levels: Float = LEVELS) -> tuple[Float, Float]:
    """The central interval that holds `mass` (two vectors, n), interpolated between the levels."""
    return quantile(quantiles, (1 - mass) / 2, levels), quantile(quantiles, (1 + mass) / 2, levels)


def quantile(quantiles: Float, level: float, levels: Float = LEVELS) -> Float:
    """One quantile per case (n), interpolated between the given levels."""
    right = int(np.clip(np.searchsorted(levels, level), 1, len(levels) - 1))
    share = (level - levels[right - 1]) / (levels[right] - levels[right - 1])
    share = float(np.clip(share, 0.0, 1.0))
    return np.asarray((1 - share) * quantiles[:, right - 1] + share * quantiles[:, right])


def covered(quantiles: Float, truth: Float, mass: float = 0.8) -> NDArray[np.bool_]:
    """Whether the truth lies in the central interval (n)."""
    low, high = interval(quantiles, mass)
    return np.asarray((truth >= low - 1e-9) & (truth <= high + 1e-9))
