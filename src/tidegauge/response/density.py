"""The log posterior density of all coordinates and its gradient, in one compiled pass forwards and one backwards.

A variable that ends in `_bar` holds the gradient of the log density with respect to its namesake.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np

from tidegauge.response.attention import lag_weights
from tidegauge.response.collapse import mean_weights, narrow_rows
from tidegauge.response.curves import carry, carry_back, saturate, saturate_back
from tidegauge.response.gaussian import gaussian_part
from tidegauge.response.history import Floats
from tidegauge.response.scaled import Data

# Places in Data.at (layout.ORDER) and in Data.prior (scaled.PRIOR_ORDER).
(_SHORT, _GEO_SPREAD, _GEO, _HL, _HS, _SLOPE, _DELAY, _NOISE, _LEVEL, _B_HL, _B_STEP, _TO_SALES, _LOADING, _B_NOISE,
 _LIFT, _DRIFT_SPREAD, _DRIFT) = range(17)  # fmt: skip
(_P_SHORT, _P_GEO, _P_HL, _P_HS, _P_SLOPE, _P_DELAY, _P_NOISE, _P_LEVEL, _P_B_HL, _P_B_STEP, _P_B_NOISE, _P_TO_SALES,
 _P_LOADING, _P_LIFT, _P_LIFT_SCALE, _P_DRIFT) = (
    0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 21, 23, 24, 26, 27)  # fmt: skip


class Curves(NamedTuple):
    """What one draw says of spend; positive quantities in natural units unless named log."""

    log_short: Floats  # [S] log of the mean short contribution, as a share of outcomes
    log_geo: Floats  # [G, S] log of the geo's factor
    decay: Floats  # [S]
    delay: Floats  # [S]
    half: Floats  # [S]
    slope: Floats  # [S]
    lift: Floats  # [S] mean lift of the brand, relative to its mean
    drift: Floats  # [T, S] factor of the short effect


class Bars(NamedTuple):
    """Gradients with respect to `Curves` (log_short, log_geo, decay, delay, log half, log slope, lift, drift), and to
    the attention's mean and the attention itself."""

    short: Floats
    geo: Floats
    decay: Floats
    delay: Floats
    half: Floats
    slope: Floats
    lift: Floats
    drift: Floats  # of the log
    mean: Floats
    attention: Floats


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _drift(z: Floats, data: Data) -> Floats:
    """[T, S] factors of short effects; ones where effects do not drift."""
    at, prior = data.at, data.prior
    periods, streams, knots = data.spend.shape[1], data.spend.shape[2], data.knots.shape[1]
    drift = np.ones((periods, streams))
    if knots > 0:
        tau = math.exp(prior[_P_DRIFT] + prior[_P_DRIFT + 1] * z[at[_DRIFT_SPREAD]])
        for t in range(periods):
            for s in range(streams):
                total = 0.0
                for k in range(knots):
                    total += data.knots[t, k] * z[at[_DRIFT] + s * knots + k]
                drift[t, s] = math.exp(tau * total)
    return drift


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def unpack(z: Floats, data: Data) -> Curves:
    """Coordinates to the quantities that curves are made of."""
    at, prior = data.at, data.prior
    geos, _, streams = data.spend.shape
    log_short = data.log_share + prior[_P_SHORT] + prior[_P_SHORT + 1] * z[at[_SHORT] : at[_SHORT] + streams]
    log_geo = np.zeros((geos, streams))
    if at[_GEO] >= 0:
        tau = math.exp(prior[_P_GEO] + prior[_P_GEO + 1] * z[at[_GEO_SPREAD]])
        for g in range(geos):
            for s in range(streams):
                log_geo[g, s] = tau * z[at[_GEO] + g * streams + s]
    decay, delay, half, slope = np.empty(streams), np.zeros(streams), np.empty(streams), np.ones(streams)
    for s in range(streams):
        decay[s] = 2.0 ** -math.exp(-prior[_P_HL] - prior[_P_HL + 1] * z[at[_HL] + s])
        half[s] = math.exp(prior[_P_HS] + prior[_P_HS + 1] * z[at[_HS] + s])
        if at[_DELAY] >= 0:
            delay[s] = math.exp(prior[_P_DELAY] + prior[_P_DELAY + 1] * z[at[_DELAY] + s])
        if at[_SLOPE] >= 0:
            slope[s] = math.exp(prior[_P_SLOPE] + prior[_P_SLOPE + 1] * z[at[_SLOPE] + s])
    lift = np.zeros(streams)
    if at[_LIFT] >= 0:
        for s in range(streams):
            own = prior[_P_LIFT] + prior[_P_LIFT + 1] * z[at[_LIFT] + s]
            # Cut off at zero: a spike of "no effect" beside the slab.
            lift[s] = math.exp(data.log_share[s]) * prior[_P_LIFT_SCALE] * max(own, 0.0)
    return Curves(log_short, log_geo, decay, delay, half, slope, lift, _drift(z, data))


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def scalars(z: Floats, data: Data) -> tuple:  # type: ignore[type-arg]
    """(level step sd, brand decay, brand step sd, brand's loads[J], noise sds[J]); the first of each is of sales."""
    at, prior = data.at, data.prior
    series = data.columns.shape[2]
    step = math.exp(prior[_P_LEVEL] + prior[_P_LEVEL + 1] * z[at[_LEVEL]])
    loads, sds = np.zeros(series), np.empty(series)
    sds[0] = math.exp(prior[_P_NOISE] + prior[_P_NOISE + 1] * z[at[_NOISE]])
    if series == 1:
        return step, 0.0, 0.0, loads, sds
    decay = 2.0 ** -math.exp(-prior[_P_B_HL] - prior[_P_B_HL + 1] * z[at[_B_HL]])
    brand_step = math.exp(prior[_P_B_STEP] + prior[_P_B_STEP + 1] * z[at[_B_STEP]])
    loads[0] = max(prior[_P_TO_SALES] + prior[_P_TO_SALES + 1] * z[at[_TO_SALES]], 0.0)
    loads[1] = 1.0
    for k in range(1, series):
        if k > 1:
            loads[k] = 1.0 + prior[_P_LOADING] * z[at[_LOADING] + k - 2]
        sds[k] = math.exp(data.brand_noise_mean[k - 1] + prior[_P_B_NOISE] * z[at[_B_NOISE] + k - 1])
    return step, decay, brand_step, loads, sds


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def attention_of(data: Data, curves: Curves) -> tuple:  # type: ignore[type-arg]
    """Carried spend[G, S, T], attention[G, S, T] and its mean[S] over the fitted periods."""
    geos, periods, streams = data.spend.shape
    carried, attention = np.empty((geos, streams, periods)), np.empty((geos, streams, periods))
    mean = np.zeros(streams)
    weights = np.empty(data.lags)
    for g in range(geos):
        for s in range(streams):
            carry(data.spend[g, :, s], curves.decay[s], curves.delay[s], data.lags, weights, carried[g, s])
            saturate(carried[g, s], curves.half[s], curves.slope[s], data.hill, attention[g, s])
            mean[s] += data.geo_weight[g] * attention[g, s, : data.fitted].sum() / data.fitted
    for s in range(streams):
        mean[s] = max(mean[s], 1e-12)
    return carried, attention, mean


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _add_effects(
    data: Data, curves: Curves, attention: Floats, mean: Floats, decay: float, loads: Floats, columns: Floats
) -> tuple:  # type: ignore[type-arg]
    """Take what spend adds off the observations; returns the brand stock[G, T] and what builds it[G, T]."""
    geos, periods, streams = data.spend.shape
    stock, build = np.zeros((geos, periods)), np.zeros((geos, periods))
    for g in range(geos):
        for s in range(streams):
            size = math.exp(curves.log_short[s] + curves.log_geo[g, s]) / mean[s]
            for t in range(periods):
                columns[g, t, 0, 0] -= size * curves.drift[t, s] * attention[g, s, t]
                build[g, t] += curves.lift[s] * data.feed[g, t, s]
        if len(loads) > 1:
            held = 0.0
            for t in range(periods):
                held = decay * held + (1.0 - decay) * build[g, t]
                stock[g, t] = held
                for j in range(len(loads)):
                    columns[g, t, j, 0] -= loads[j] * held
    return stock, build


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _effects_back(
    data: Data,
    curves: Curves,
    attention: Floats,
    mean: Floats,
    decay: float,
    loads: Floats,
    stock: Floats,
    build: Floats,
    residual_bar: Floats,
    load_bar: Floats,
    bars: Bars,
) -> float:
    """From residual_bar[G, T, J] to the curves' and the attention's gradients; returns that of the brand's decay."""
    geos, periods, streams = data.spend.shape
    decay_bar = 0.0
    for g in range(geos):
        build_bar = np.zeros(periods)
        if len(loads) > 1:
            later = 0.0
            for t in range(periods - 1, -1, -1):
                later *= decay
                for j in range(len(loads)):
                    later -= loads[j] * residual_bar[g, t, j]
                    load_bar[j] -= stock[g, t] * residual_bar[g, t, j]
                before = stock[g, t - 1] if t > 0 else 0.0
                decay_bar += later * (before - build[g, t])
                build_bar[t] = (1.0 - decay) * later
        for s in range(streams):
            size = math.exp(curves.log_short[s] + curves.log_geo[g, s])
            sold = 0.0
            for t in range(periods):
                n = attention[g, s, t] / mean[s]
                sells = -residual_bar[g, t, 0] * size * curves.drift[t, s]
                sold += sells * n
                bars.drift[t, s] += sells * n
                bars.lift[s] += build_bar[t] * data.feed[g, t, s]
                bars.mean[s] -= sells * n / mean[s]
                bars.attention[g, s, t] = sells / mean[s]
            bars.short[s] += sold
            bars.geo[g, s] += sold
    return decay_bar


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _lift_tests(data: Data, curves: Curves, attention: Floats, mean: Floats, bars: Bars) -> float:
    """Log likelihood of the lift tests: what each made is simulated over its window with all carry-over."""
    periods, value = data.spend.shape[1], 0.0
    weights, other, other_attention = np.empty(data.lags), np.empty(periods), np.empty(periods)
    carried_bar = np.empty(periods)
    for i in range(data.test_at.shape[0]):
        g, s, start, stop = data.test_at[i]
        decay, delay, half, slope = curves.decay[s], curves.delay[s], curves.half[s], curves.slope[s]
        carry(data.test_spend[i], decay, delay, data.lags, weights, other)
        saturate(other, half, slope, data.hill, other_attention)
        size = math.exp(curves.log_short[s] + curves.log_geo[g, s]) / mean[s]
        told = 0.0
        for t in range(start, stop):
            told += size * curves.drift[t, s] * (attention[g, s, t] - other_attention[t])
        miss = (data.test_lift[i, 0] - told) / data.test_lift[i, 1]
        value -= 0.5 * miss * miss
        told_bar = miss / data.test_lift[i, 1]
        bars.short[s] += told_bar * told
        bars.geo[g, s] += told_bar * told
        bars.mean[s] -= told_bar * told / mean[s]
        other_bar = np.zeros(periods)
        for t in range(start, stop):
            part = told_bar * size * curves.drift[t, s]
            bars.drift[t, s] += part * (attention[g, s, t] - other_attention[t])
            bars.attention[g, s, t] += part
            other_bar[t] = -part
        h_bar, s_bar = saturate_back(other, half, slope, data.hill, other_attention, other_bar, carried_bar)
        d_bar, l_bar = carry_back(data.test_spend[i], decay, delay, data.lags, weights, other, carried_bar)
        bars.half[s] += h_bar
        bars.slope[s] += s_bar
        bars.decay[s] += d_bar
        bars.delay[s] += l_bar
    return value


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _curves_back(data: Data, curves: Curves, carried: Floats, attention: Floats, bars: Bars) -> None:
    """From the attention's gradient to that of carry-over and saturation."""
    geos, periods, streams = data.spend.shape
    weights, carried_bar = np.empty(data.lags), np.empty(periods)
    for s in range(streams):
        decay, delay, half, slope = curves.decay[s], curves.delay[s], curves.half[s], curves.slope[s]
        if data.lags > 0:
            lag_weights(decay, delay, weights)
        for g in range(geos):
            for t in range(data.fitted):
                bars.attention[g, s, t] += bars.mean[s] * data.geo_weight[g] / data.fitted
            h_bar, s_bar = saturate_back(
                carried[g, s], half, slope, data.hill, attention[g, s], bars.attention[g, s], carried_bar
            )
            d_bar, l_bar = carry_back(data.spend[g, :, s], decay, delay, data.lags, weights, carried[g, s], carried_bar)
            bars.half[s] += h_bar
            bars.slope[s] += s_bar
            bars.decay[s] += d_bar
            bars.delay[s] += l_bar


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _to_coordinates(  # noqa: PLR0912
    z: Floats, data: Data, curves: Curves, bars: Bars, grad: Floats
) -> None:
    """From the curves' gradients to those of the coordinates."""
    at, prior = data.at, data.prior
    geos, periods, streams = data.spend.shape
    for s in range(streams):
        grad[at[_SHORT] + s] += prior[_P_SHORT + 1] * bars.short[s]
        # decay = 2^(-1/h), so that d decay / d log h = -decay log decay.
        hl_bar = -bars.decay[s] * curves.decay[s] * math.log(curves.decay[s]) if curves.decay[s] > 0.0 else 0.0
        grad[at[_HL] + s] += prior[_P_HL + 1] * hl_bar
        grad[at[_HS] + s] += prior[_P_HS + 1] * bars.half[s]
        if at[_SLOPE] >= 0:
            grad[at[_SLOPE] + s] += prior[_P_SLOPE + 1] * bars.slope[s]
        if at[_DELAY] >= 0:
            grad[at[_DELAY] + s] += prior[_P_DELAY + 1] * bars.delay[s] * curves.delay[s]
    if at[_GEO] >= 0:
        place = at[_GEO_SPREAD]
        tau = math.exp(prior[_P_GEO] + prior[_P_GEO + 1] * z[place])
        for g in range(geos):
            for s in range(streams):
                grad[at[_GEO] + g * streams + s] += tau * bars.geo[g, s]
                grad[place] += prior[_P_GEO + 1] * curves.log_geo[g, s] * bars.geo[g, s]
    if at[_LIFT] >= 0:
        for s in range(streams):
            if curves.lift[s] > 0.0:
                scale = math.exp(data.log_share[s]) * prior[_P_LIFT_SCALE] * prior[_P_LIFT + 1]
                grad[at[_LIFT] + s] += scale * bars.lift[s]
    knots = data.knots.shape[1]
    if knots > 0:
        place = at[_DRIFT_SPREAD]
        tau = math.exp(prior[_P_DRIFT] + prior[_P_DRIFT + 1] * z[place])
        for t in range(periods):
            for s in range(streams):
                grad[place] += prior[_P_DRIFT + 1] * bars.drift[t, s] * math.log(curves.drift[t, s])
                for k in range(knots):
                    grad[at[_DRIFT] + s * knots + k] += tau * data.knots[t, k] * bars.drift[t, s]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def log_density(z: Floats, data: Data, grad: Floats) -> float:
    """Log density at z up to a constant; its gradient into `grad`. Minus infinity where it cannot be computed."""
    at, prior = data.at, data.prior
    geos, periods, streams = data.spend.shape
    series = data.columns.shape[2]
    curves = unpack(z, data)
    step, decay, brand_step, loads, sds = scalars(z, data)
    carried, attention, mean = attention_of(data, curves)
    collapsed = data.few.rows.shape[3] > 0
    columns = narrow_rows(data.few, mean_weights(loads, sds)[0]) if collapsed else data.columns.copy()
    # The mean of the brand series shows the brand itself.
    row_loads = np.array([loads[0], 1.0]) if collapsed else loads
    stock, build = _add_effects(data, curves, attention, mean, decay, row_loads, columns)
    load_bar, sd_bar, state_bar = np.zeros(series), np.zeros(series), np.zeros(4)
    row_load_bar = np.zeros(len(row_loads))
    residual_bar = np.empty((geos, periods, len(row_loads)))
    value = gaussian_part(columns, data, loads, sds, step, decay, brand_step, residual_bar, sd_bar, load_bar, state_bar)
    if not math.isfinite(value):
        return -np.inf
    bars = Bars(
        np.zeros(streams), np.zeros((geos, streams)), np.zeros(streams), np.zeros(streams), np.zeros(streams),
        np.zeros(streams), np.zeros(streams), np.zeros((periods, streams)), np.zeros(streams),
        np.zeros((geos, streams, periods)),
    )  # fmt: skip
    decay_bar = _effects_back(
        data, curves, attention, mean, decay, row_loads, stock, build, residual_bar, row_load_bar, bars
    )
    load_bar[0] += row_load_bar[0]
    if not collapsed:
        load_bar[1:] += row_load_bar[1:]
    value += _lift_tests(data, curves, attention, mean, bars)
    _curves_back(data, curves, carried, attention, bars)
    for s in range(streams):
        if data.known_sd[s] > 0.0:
            miss = (curves.log_short[s] - data.known_mean[s]) / data.known_sd[s]
            value -= 0.5 * miss * miss
            bars.short[s] -= miss / data.known_sd[s]
    pull = data.precision @ z
    value -= 0.5 * float(z @ pull)
    grad[:] = -pull
    _to_coordinates(z, data, curves, bars, grad)
    grad[at[_NOISE]] += prior[_P_NOISE + 1] * sd_bar[0]
    grad[at[_LEVEL]] += prior[_P_LEVEL + 1] * 2.0 * state_bar[0] * step * step
    if series > 1:
        # The start's variance depends on decay and step as well: see start_variance.
        gap = max(1.0 - decay * decay, 1e-9)
        decay_bar += state_bar[1] + state_bar[3] * brand_step * brand_step * 2.0 * decay / (gap * gap)
        grad[at[_B_HL]] -= prior[_P_B_HL + 1] * decay_bar * decay * math.log(decay)
        grad[at[_B_STEP]] += prior[_P_B_STEP + 1] * 2.0 * brand_step * brand_step * (state_bar[2] + state_bar[3] / gap)
        if loads[0] > 0.0:
            grad[at[_TO_SALES]] += prior[_P_TO_SALES + 1] * load_bar[0]
        for k in range(1, series):
            if k > 1:
                grad[at[_LOADING] + k - 2] += prior[_P_LOADING] * load_bar[k]
            grad[at[_B_NOISE] + k - 1] += prior[_P_B_NOISE] * sd_bar[k]
    return value if math.isfinite(value) and np.isfinite(grad).all() else -np.inf
