"""Is there growth in a series, and does it go on? Shapes fitted on a log scale, judged against autocorrelated noise.

A series of counts is compared with a family of S-curves and humps. How good the best of them would look on noise alone
is found by simulating noise of the same length and autocorrelation, so that searching many shapes costs nothing in
false alarms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: With fewer periods an S-curve and noise look alike.
LEAST_PERIODS = 12
_RHOS = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9])
_NOISE_SERIES = 600
_REPLICATES = 300
_BURN_IN = 40
_SAFE_QUANTILE = 0.2
#: The curve of counts near zero is straightened by adding this part of the mean (at least half a count).
_START = 0.1


@dataclass(frozen=True)
class Growth:
    """What a series (n,) shows.

    `p`: probability of as good a shape without any growth; `rate`: relative growth per period at the end, with its
    `draws`; `fitted` (n,) the level; `rho`, `noise`: autocorrelation and spread (log scale) around it.
    """

    p: float
    rate: float
    draws: Floats
    fitted: Floats
    rho: float
    noise: float


def started_log(y: Floats) -> tuple[Floats, float]:
    """log(y + c) and c: near a logarithm for what is large, near a straight line for what is close to nothing."""
    c = max(0.5, _START * float(y.mean()))
    return np.log(y + c), c


def growth(y: Floats, rng: np.random.Generator, *, alpha: float = 0.05) -> Growth:
    """Fit the best shape to counts or amounts y (n,), n >= `LEAST_PERIODS`; see the module's text.

    Where no shape beats noise at `alpha`, the rate is that of a straight line: "no growth" then still has to be shown.
    """
    n = y.size
    z, c = started_log(np.maximum(y, 0.0))
    shapes = _shapes(n)
    r2, fitted, rho_raw = _best(z[None, :], shapes)
    rho, null = _noise_like(n, float(rho_raw[0]))
    p = float((1 + (null >= r2[0]).sum()) / (1 + null.size))
    used = shapes if p < alpha else _line(n)
    _, fitted, _ = _best(z[None, :], used)
    residual = z - fitted[0]
    spent = 3.0 if p < alpha else 2.0
    noise = float(np.sqrt((residual**2).sum() / max(n - spent, 1.0)))
    again = fitted + noise * _noise(rng, _REPLICATES, n, rho)
    _, refitted, _ = _best(again, used)
    return Growth(p, float(_rate(fitted, c)[0]), _rate(refitted, c), np.exp(fitted[0]) - c, rho, noise)


def _rate(fitted: Floats, c: float) -> Floats:
    """Relative growth per period over the last tenth of the series (two periods at least)."""
    last = max(2, fitted.shape[1] // 10)
    least = 0.02 * c
    end, before = (np.maximum(np.exp(fitted[:, -k]) - c, least) for k in (1, 1 + last))
    rate: Floats = (end / before) ** (1.0 / last) - 1.0
    return rate


@lru_cache(maxsize=64)
def _shapes(n: int) -> Floats:
    """(shapes, n) S-curves and humps over the unit interval, centred, of length 1."""
    u = np.linspace(0.0, 1.0, n)
    rows = [u]
    for steep in (4.0, 8.0, 16.0, 40.0):
        rows += [1.0 / (1.0 + np.exp(-steep * (u - m))) for m in np.linspace(-0.2, 1.2, 15)]
    for width in (0.1, 0.18, 0.3):
        rows += [np.exp(-0.5 * ((u - m) / width) ** 2) for m in np.linspace(0.1, 0.9, 9)]
    return _unit(np.array(rows))


@lru_cache(maxsize=64)
def _line(n: int) -> Floats:
    return _unit(np.linspace(0.0, 1.0, n)[None, :])


def _unit(rows: Floats) -> Floats:
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    out: Floats = (centred / np.maximum(length, 1e-12))[length[:, 0] > 1e-9]
    return out


def _best(z: Floats, shapes: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each series (m, n): R² of its best shape, its fit, and the lag-1 autocorrelation of what is left."""
    mean = z.mean(axis=1, keepdims=True)
    centred = z - mean
    share = centred @ shapes.T
    k = np.argmax(share**2, axis=1)
    size = share[np.arange(z.shape[0]), k]
    total = np.maximum((centred**2).sum(axis=1), 1e-300)
    explained = size[:, None] * shapes[k]
    left = centred - explained
    rho = (left[:, 1:] * left[:, :-1]).sum(axis=1) / np.maximum((left**2).sum(axis=1), 1e-300)
    return size**2 / total, mean + explained, rho


def _noise(rng: np.random.Generator, m: int, n: int, rho: float) -> Floats:
    """(m, n) autoregressive noise of standard deviation 1."""
    shocks = rng.standard_normal((m, n + _BURN_IN)) * np.sqrt(1.0 - rho**2)
    out = np.empty_like(shocks)
    out[:, 0] = shocks[:, 0]
    for t in range(1, shocks.shape[1]):
        out[:, t] = rho * out[:, t - 1] + shocks[:, t]
    settled: Floats = out[:, _BURN_IN:]
    return settled


@lru_cache(maxsize=64)
def _noise_tables(n: int) -> tuple[Floats, Floats, tuple[Floats, ...]]:
    """Per autocorrelation in `_RHOS`: median and low quantile of the one measured after fitting; the best R²s."""
    rng = np.random.default_rng(n)  # a table of the method itself: the same for every caller
    medians, low, best = [], [], []
    for rho in _RHOS:
        r2, _, measured = _best(_noise(rng, _NOISE_SERIES, n, float(rho)), _shapes(n))
        medians.append(float(np.median(measured)))
        low.append(float(np.quantile(measured, _SAFE_QUANTILE)))
        best.append(np.sort(r2))
    return np.maximum.accumulate(np.array(medians)), np.maximum.accumulate(np.array(low)), tuple(best)


def _noise_like(n: int, measured: float) -> tuple[float, Floats]:
    """The autocorrelation whose median measurement this is, and the best R²s that noise with (at least) it gives.

    Fitting takes slow waves out of the rest, so that the measured autocorrelation is too small by far; reading the
    table backwards undoes that. For the R²s an autocorrelation is taken that is exceeded in one case of five only, and
    of those in the table the next larger one: a false alarm costs more than a late one.
    """
    medians, low, best = _noise_tables(n)
    rho = float(np.interp(measured, medians, _RHOS))
    safe = float(np.interp(measured, low, _RHOS))
    return rho, best[min(int(np.searchsorted(_RHOS, safe, side="left")), _RHOS.size - 1)]
