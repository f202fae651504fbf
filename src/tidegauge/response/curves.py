"""Carry-over and saturation of one stream in one geo, and their gradients by hand."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tidegauge.response.attention import HALF_LOGISTIC, lag_weights
from tidegauge.response.history import Floats


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def carry(spend: Floats, decay: float, delay: float, lags: int, weights: Floats, out: Floats) -> None:
    """Carried-over spend [T] of one geo and stream; geometric where `lags` is 0."""
    if lags == 0:
        carried = 0.0
        for t in range(len(spend)):
            carried = decay * carried + (1.0 - decay) * spend[t]
            out[t] = carried
        return
    lag_weights(decay, delay, weights)
    for t in range(len(spend)):
        total = 0.0
        for lag in range(min(lags, t + 1)):
            total += weights[lag] * spend[t - lag]
        out[t] = total


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def carry_back(
    spend: Floats, decay: float, delay: float, lags: int, weights: Floats, carried: Floats, bar: Floats
) -> tuple[float, float]:
    """Gradient of `carry` with respect to decay and delay, given that of its result."""
    if lags == 0:
        decay_bar, later = 0.0, 0.0
        for t in range(len(spend) - 1, -1, -1):
            later = bar[t] + decay * later
            before = carried[t - 1] if t > 0 else 0.0
            decay_bar += later * (before - spend[t])
        return decay_bar, 0.0
    # Of the normalised weights w = e^{q ln d} / sum, q = (lag - delay)^2: dw = w (dlog - sum w dlog).
    pull = np.zeros(lags)
    for t in range(len(spend)):
        for lag in range(min(lags, t + 1)):
            pull[lag] += bar[t] * spend[t - lag]
    mean_q, mean_r, mean_pull = 0.0, 0.0, 0.0
    for lag in range(lags):
        mean_pull += weights[lag] * pull[lag]
    log_decay = math.log(decay)
    for lag in range(lags):
        w = weights[lag] * (pull[lag] - mean_pull)
        mean_q += w * (lag - delay) ** 2 / decay
        mean_r += w * log_decay * -2.0 * (lag - delay)
    return mean_q, mean_r


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def saturate(carried: Floats, half: float, slope: float, hill: bool, out: Floats) -> None:
    """Attention [T] of carried-over spend; half of its ceiling at `half`."""
    for t in range(len(carried)):
        if carried[t] <= 0.0:
            out[t] = 0.0
        elif hill:
            out[t] = 1.0 / (1.0 + math.exp(slope * (math.log(half) - math.log(carried[t]))))
        else:
            out[t] = math.tanh(HALF_LOGISTIC * carried[t] / half)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def saturate_back(
    carried: Floats, half: float, slope: float, hill: bool, attention: Floats, bar: Floats, carried_bar: Floats
) -> tuple[float, float]:
    """Gradient with respect to log half and log slope; that of carried spend goes into carried_bar[T]."""
    half_bar, slope_bar = 0.0, 0.0
    for t in range(len(carried)):
        if carried[t] <= 0.0:
            carried_bar[t] = 0.0
            continue
        a = attention[t]
        if hill:
            inner = bar[t] * a * (1.0 - a)
            carried_bar[t] = inner * slope / carried[t]
            half_bar -= inner * slope
            slope_bar += inner * slope * (math.log(carried[t]) - math.log(half))
        else:
            inner = bar[t] * (1.0 - a * a) * HALF_LOGISTIC / half
            carried_bar[t] = inner
            half_bar -= inner * carried[t]
    return half_bar, slope_bar
