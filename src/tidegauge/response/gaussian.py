"""The Gaussian part of the density: all geos through the filter, linear coefficients integrated out, and back."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tidegauge.response.collapse import left_over, left_over_back, mean_weights, to_wide
from tidegauge.response.history import Floats
from tidegauge.response.kalman import RECORD, run_back, run_filter
from tidegauge.response.scaled import Data, Ints

#: Variance of the brand's unknown start, in units of its mean, beside the stationary one: the past before the data.
START_VAR = 1.0


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def start_variance(decay: float, step: float) -> float:
    """Of the brand's own state before the first period."""
    return START_VAR + step * step / max(1.0 - decay * decay, 1e-9)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def gather(products: Floats, coefficient: Floats, normal: Floats, right: Floats) -> None:
    """Add one geo's weighted products to the normal equations of all coefficients."""
    for a in range(1, products.shape[0]):
        i = coefficient[a - 1]
        right[i] += products[a, 0]
        for b in range(1, a + 1):
            k = coefficient[b - 1]
            normal[i, k] += products[a, b]
            if i != k:
                normal[k, i] += products[a, b]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _weight(coefficient: Ints, gamma: Floats, inverse: Floats) -> Floats:
    """[W, W] matrix by which the log likelihood changes with the weighted products (times -1/2)."""
    wide = 1 + len(coefficient)
    weight = np.empty((wide, wide))
    weight[0, 0] = 1.0
    for a in range(1, wide):
        i = coefficient[a - 1]
        weight[a, 0] = weight[0, a] = -gamma[i]
        for b in range(1, wide):
            k = coefficient[b - 1]
            weight[a, b] = gamma[i] * gamma[k] + inverse[i, k]
    return weight


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def gaussian_part(  # noqa: PLR0912
    columns: Floats,
    data: Data,
    loads: Floats,
    sds: Floats,
    step: float,
    decay: float,
    brand_step: float,
    residual_bar: Floats,
    sd_bar: Floats,
    load_bar: Floats,
    state_bar: Floats,
) -> float:
    """Log likelihood of the residuals (first column) with states and coefficients integrated out; its gradient.

    `columns` are those of the data less what spend adds, or narrow rows where the brand series were collapsed.
    residual_bar[G, T, rows] is set; sd_bar[J] (of log deviations), load_bar[J] and state_bar = (level variance, decay,
    brand variance, start variance) gain. Not finite where it cannot be computed.
    """
    geos, periods, series, width = columns.shape
    few, wide = data.few, data.columns.shape[3]
    collapsed, has_brand = few.rows.shape[3] > 0, series > 1
    weights, c = mean_weights(loads, sds) if collapsed else (np.zeros(0), 1.0)
    made = to_wide(few, weights, wide) if collapsed else np.zeros((1, wide))
    row_loads = np.array([loads[0], 1.0]) if collapsed else loads
    level_loads = np.zeros(series)
    level_loads[0] = 1.0
    seen = few.seen if collapsed else data.seen
    first_var = start_variance(decay, brand_step) if has_brand else 0.0
    innovations, noise = np.empty((geos, periods, series, width)), np.empty((geos, periods, series))
    means, record = np.empty((geos, periods, series + 1, width)), np.empty((geos, periods, series, RECORD))
    total = data.coefficients
    normal, right, square, log_det = np.eye(total), np.zeros(total), 0.0, 0.0
    products = np.empty((geos, width, width))
    for g in range(geos):
        for t in range(periods):
            noise[g, t, 0] = sds[0] * sds[0] * data.widen[g, t]
            for j in range(1, series):
                noise[g, t, j] = 1.0 / c if collapsed else sds[j] * sds[j]
        products[g] = 0.0
        log_det += run_filter(
            columns[g], seen[g], noise[g], level_loads, row_loads, has_brand, step * step, decay,
            brand_step * brand_step, first_var, innovations[g], means[g], record[g], products[g],
        )  # fmt: skip
        if collapsed:
            whole = made.T @ (products[g] @ made)
            log_det += left_over(few, g, weights, c, sds, whole)
        else:
            whole = products[g]
        square += whole[0, 0]
        gather(whole, data.coefficient[g], normal, right)
    if not (math.isfinite(log_det) and math.isfinite(square) and np.isfinite(normal).all()):
        return -np.inf
    root = np.linalg.cholesky(normal)
    inverse = np.linalg.inv(normal)
    gamma = inverse @ right
    value: float = -0.5 * (log_det + square - float(right @ gamma))
    for i in range(total):
        value -= math.log(root[i, i])
    noise_bar, row_load_bar = np.empty((periods, series)), np.zeros(series)
    for g in range(geos):
        weight = _weight(data.coefficient[g], gamma, inverse)
        half = made @ weight
        narrow = half @ made.T if collapsed else weight
        run_back(
            seen[g], level_loads, row_loads, has_brand, decay, narrow, innovations[g], means[g], record[g],
            residual_bar[g], noise_bar, row_load_bar, state_bar,
        )  # fmt: skip
        for t in range(periods):
            sd_bar[0] += 2.0 * noise_bar[t, 0] * noise[g, t, 0]
        if collapsed:
            left_over_back(
                few, g, weights, c, loads, sds, weight, -(products[g] @ half), residual_bar[g, :, 1],
                noise_bar[:, 1].sum(), load_bar, sd_bar,
            )  # fmt: skip
        else:
            for t in range(periods):
                for j in range(1, series):
                    sd_bar[j] += 2.0 * noise_bar[t, j] * noise[g, t, j]
    load_bar[0] += row_load_bar[0]
    if not collapsed:
        load_bar[1:] += row_load_bar[1:]
    return value
