"""Growth curves with parameters that mean something: the logistic's ceiling and middle, Bass's total and peak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from tidegauge.measure.growthshape import started_log

Floats = npt.NDArray[np.float64]

#: A parameter known to less than this factor (standard error of its logarithm) is not told.
_MOST_LOG_SE = 1.0


@dataclass(frozen=True)
class Curve:
    """A fitted curve: each parameter as (value, low, high) by name, and its Akaike criterion on the log scale."""

    name: str
    parameters: dict[str, tuple[float, float, float]]
    aic: float


def curves(y: Floats, rho: float, level: float = 0.9) -> tuple[Curve, ...]:
    """Logistic and Bass curves of amounts y (n,), where they can be identified; the better one first.

    Least squares on the started-log scale. Standard errors come from the Jacobian, times (1 + rho) / (1 − rho) for
    autocorrelated noise. Logistic: y = K / (1 + exp(−r (t − t0))). Bass (1969): y = M (F(t + 1) − F(t)) with
    F(t) = (1 − e^−(p+q)t) / (1 + (q/p) e^−(p+q)t). Times count periods from the first one.
    """
    n = y.size
    top, total = max(float(y.max()), 1.0), max(float(y.sum()), 1.0)
    logistic = [np.array([np.log(top), np.log(k / n), m * n]) for k in (4.0, 12.0) for m in (0.3, 0.7, 1.1)]
    bass = [np.array([np.log(total * f), np.log(0.3 / n), np.log(k / n)]) for f in (1.1, 3.0) for k in (4.0, 10.0)]
    found = [_fit("logistic", _logistic, logistic, y, rho, level), _fit("bass", _bass, bass, y, rho, level)]
    return tuple(sorted((c for c in found if c is not None), key=lambda c: c.aic))


def _logistic(theta: Floats, t: Floats) -> Floats:
    out: Floats = np.exp(theta[0]) / (1.0 + np.exp(np.clip(-np.exp(theta[1]) * (t - theta[2]), -60.0, 60.0)))
    return out


def _bass(theta: Floats, t: Floats) -> Floats:
    total, p, q = np.exp(np.clip(theta, -50.0, 50.0))

    def adopted(at: Floats) -> Floats:
        gone = np.exp(-np.clip((p + q) * at, 0.0, 700.0))
        share: Floats = (1.0 - gone) / (1.0 + q / p * gone)
        return share

    out: Floats = total * (adopted(t + 1.0) - adopted(t))
    return out


def _fit(
    name: str, curve: Callable[[Floats, Floats], Floats], starts: list[Floats], y: Floats, rho: float, level: float
) -> Curve | None:
    n = y.size
    z, c = started_log(y)
    t = np.arange(n, dtype=np.float64)

    def left(theta: Floats) -> Floats:
        return np.log(curve(theta, t) + c) - z

    fits = [optimize.least_squares(left, s, method="lm", max_nfev=400) for s in starts]
    best = min(fits, key=lambda f: float(f.cost))
    rss = 2.0 * float(best.cost)
    information = best.jac.T @ best.jac
    if not np.isfinite(rss) or np.linalg.cond(information) > 1e12:
        return None
    spread = rss / (n - 3) * (1.0 + rho) / (1.0 - rho)
    covariance = np.linalg.inv(information) * spread
    se = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    half = float(stats.t.ppf(0.5 + level / 2.0, n - 3))
    aic = n * np.log(max(rss, 1e-300) / n) + 6.0
    told = _told(name, best.x, se, covariance, half, n)
    return Curve(name, told, float(aic)) if told else None


def _told(
    name: str, theta: Floats, se: Floats, covariance: Floats, half: float, n: int
) -> dict[str, tuple[float, float, float]]:
    out = {}
    if se[0] < _MOST_LOG_SE:
        size, low, high = np.exp(theta[0] + half * se[0] * np.array([0.0, -1.0, 1.0]))
        out["ceiling" if name == "logistic" else "total"] = (float(size), float(low), float(high))
    if name == "logistic":
        middle, middle_se = float(theta[2]), float(se[2])
        label = "midpoint"
    else:
        p, q = np.exp(theta[1:])
        middle = float((theta[2] - theta[1]) / (p + q)) if q > p else 0.0
        slope = np.array([0.0, -1.0 / (p + q) - middle * p / (p + q), 1.0 / (p + q) - middle * q / (p + q)])
        middle_se = float(np.sqrt(max(slope @ covariance @ slope, 0.0)))
        label = "peak"
    if middle_se < n / 2.0 and -n < middle < 3 * n:
        out[label] = (middle, middle - half * middle_se, middle + half * middle_se)
    return out
