"""One row of a result: a value with its interval, sample size and unit; no NaN, no interval without its value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from tidegauge.measure.bootstrap import percentile

Floats = npt.NDArray[np.float64]
Row = dict[str, object]


def figure(quantity: str, value: float, low: float, high: float, n: float, unit: str) -> Row:
    """A row; what is not finite becomes null, and the interval is widened to hold its own value.

    >>> figure("share", 0.5, 0.4, float("nan"), 10, "ratio")
    {'quantity': 'share', 'value': 0.5, 'low': None, 'high': None, 'n': 10, 'unit': 'ratio'}
    """
    known = bool(np.isfinite(value))
    bounded = known and bool(np.isfinite(low) and np.isfinite(high))
    return {
        "quantity": quantity,
        "value": float(value) if known else None,
        "low": float(min(low, value)) if bounded else None,
        "high": float(max(high, value)) if bounded else None,
        "n": round(n),
        "unit": unit,
    }


def drawn(quantity: str, value: float, draws: Floats, n: float, unit: str, level: float = 0.9) -> Row:
    """A row whose interval is the central part of `draws` (r,)."""
    low, high = percentile(draws[:, None], level)
    return figure(quantity, value, float(low[0]), float(high[0]), n, unit)


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
