"""Figures with an interval: from draws, of a proportion; and ratios of what may be nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from tidegauge.measure.bootstrap import percentile
from tidegauge.measure.rows import record

Floats = npt.NDArray[np.float64]


def drawn(quantity: str, value: float, draws: Floats, n: float, unit: str, level: float = 0.9) -> dict[str, Any]:
    """A row whose interval is the central part of `draws` (r,)."""
    low, high = percentile(draws[:, None], level)
    return record({}, value, (float(low[0]), float(high[0])), round(n), unit, quantity=quantity)


def jeffreys(k: float, n: float, level: float = 0.9) -> tuple[float, float]:
    """Jeffreys' interval of a proportion (Brown, Cai, DasGupta 2001): good with few cases, where a bootstrap is not.

    >>> low, high = jeffreys(0, 10)
    >>> low, round(high, 2)
    (0.0, 0.17)
    """
    tail = (1.0 - level) / 2.0
    low = 0.0 if k <= 0 else float(stats.beta.ppf(tail, k + 0.5, n - k + 0.5))
    high = 1.0 if k >= n else float(stats.beta.ppf(1.0 - tail, k + 0.5, n - k + 0.5))
    return low, high


def ratio(part: Floats, base: Floats) -> Floats:
    """part / base, NaN where the base is not positive."""
    out: Floats = np.divide(part, base, out=np.full(np.shape(part), np.nan), where=base > 0)
    return out
