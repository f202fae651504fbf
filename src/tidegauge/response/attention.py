"""From spend to attention, and attention's totals over a horizon for many posterior draws at once.

Attention is spend carried over (adstock) and bent (saturation), between 0 and 1. It sells now. (The brand is built by
spend itself, in proportion: Nerlove and Arrow 1962, Economica 29.) Geometric carry-over: a_t = d a_{t-1} + (1 - d) x_t
with d = 2^(-1/half-life). Delayed: lag l weighs d^((l - delay)^2), normalised to 1 (Jin et al., Bayesian Methods for
Media Mix Modeling with Carryover and Shape Effects, Google 2017). Logistic saturation: tanh(ln 3 / 2 * a/k), Hill:
a^n / (a^n + k^n); k is the half point of both.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tidegauge.response.history import Floats

HALF_LOGISTIC = math.log(3.0) / 2.0
_TAIL = 1e-6


def lag_count(period_days: float) -> int:
    """Lags of the delayed form: two months hold its weight at any half-life that the prior allows."""
    return max(13, math.ceil(60.0 / period_days))


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def lag_weights(decay: float, delay: float, out: Floats) -> None:
    """Normalised weights of the delayed form, into `out[lags]`."""
    total = 0.0
    for lag in range(out.shape[0]):
        out[lag] = decay ** ((lag - delay) ** 2)
        total += out[lag]
    for lag in range(out.shape[0]):
        out[lag] /= total


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def bend(carried: float, half: float, slope: float, hill: bool) -> float:
    """Saturation of one carried-over spend, in [0, 1)."""
    if carried <= 0.0:
        return 0.0
    if hill:
        return 1.0 / (1.0 + math.pow(half / carried, slope))
    return math.tanh(HALF_LOGISTIC * carried / half)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def attention_sums(
    spend: Floats,
    decay: Floats,
    delay: Floats,
    half: Floats,
    slope: Floats,
    lags: int,
    hill: bool,
    last: int,
    now: Floats,
) -> None:
    """Attention summed over [0, last), or for ever where `last` is negative."""
    draws, streams = decay.shape
    geos, periods, _ = spend.shape
    weights = np.empty(lags)
    for d in range(draws):
        for s in range(streams):
            if lags > 0:
                lag_weights(decay[d, s], delay[d, s], weights)
            # Carry-over goes on after the last spend until nothing is left of it.
            longest = periods + lags
            if lags == 0 and decay[d, s] > 0.0:
                longest = periods + 1 + int(math.log(_TAIL) / math.log(decay[d, s]))
            stop = longest if last < 0 else min(longest, last)
            for g in range(geos):
                carried = 0.0
                for t in range(stop):
                    if lags > 0:
                        carried = 0.0
                        for lag in range(lags):
                            if 0 <= t - lag < periods:
                                carried += weights[lag] * spend[g, t - lag, s]
                    else:
                        x = spend[g, t, s] if t < periods else 0.0
                        carried = decay[d, s] * carried + (1.0 - decay[d, s]) * x
                    now[d, g, s] += bend(carried, half[d, s], slope[d, s], hill)
