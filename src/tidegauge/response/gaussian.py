"""The Gaussian part of the density: all geos through the filter, linear coefficients integrated out, and back."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tidegauge.response.history import Floats
from tidegauge.response.kalman import RECORD, run_back, run_filter
from tidegauge.response.scaled import Data

#: Variance of the brand's unknown start, in units of its mean, beside the stationary one: the past before the data.
START_VAR = 1.0


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def start_variance(decay: float, step: float) -> float:
    """Of the brand's own state before the first period."""
    return START_VAR + step * step / max(1.0 - decay * decay, 1e-9)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def gather(products: Floats, coefficient: Floats, normal: Floats, right: Floats) -> None:
    """Add one geo's weighted products (lower triangle) to the normal equations of all coefficients."""
    for a in range(1, products.shape[0]):
        i = coefficient[a - 1]
        right[i] += products[a, 0]
        for b in range(1, a + 1):
            k = coefficient[b - 1]
            normal[i, k] += products[a, b]
            if i != k:
                normal[k, i] += products[a, b]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def gaussian_part(
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

    residual_bar[G, T, J] is set; sd_bar[J] (of log deviations), load_bar[J] and state_bar = (level variance, decay,
    brand variance, start variance) gain. Not finite where it cannot be computed.
    """
    geos, periods, series, width = columns.shape
    has_brand = series > 1
    level_loads = np.zeros(series)
    level_loads[0] = 1.0
    first_var = start_variance(decay, brand_step) if has_brand else 0.0
    innovations, noise = np.empty((geos, periods, series, width)), np.empty((geos, periods, series))
    means, record = np.empty((geos, periods, series + 1, width)), np.empty((geos, periods, series, RECORD))
    total = data.coefficients
    normal, right, square, log_det = np.eye(total), np.zeros(total), 0.0, 0.0
    for g in range(geos):
        for t in range(periods):
            for j in range(series):
                noise[g, t, j] = sds[j] * sds[j] * (data.widen[g, t] if j == 0 else 1.0)
        products = np.zeros((width, width))
        log_det += run_filter(
            columns[g], data.seen[g], noise[g], level_loads, loads, has_brand, step * step, decay,
            brand_step * brand_step, first_var, innovations[g], means[g], record[g], products,
        )  # fmt: skip
        square += products[0, 0]
        gather(products, data.coefficient[g], normal, right)
    if not (math.isfinite(log_det) and math.isfinite(square) and np.isfinite(normal).all()):
        return -np.inf
    root = np.linalg.cholesky(normal)
    inverse = np.linalg.inv(normal)
    gamma = inverse @ right
    value: float = -0.5 * (log_det + square - float(right @ gamma))
    for i in range(total):
        value -= math.log(root[i, i])
    noise_bar = np.empty((periods, series))
    for g in range(geos):
        weight = np.empty((width, width))
        weight[0, 0] = 1.0
        for a in range(1, width):
            i = data.coefficient[g, a - 1]
            weight[a, 0] = weight[0, a] = -gamma[i]
            for b in range(1, width):
                k = data.coefficient[g, b - 1]
                weight[a, b] = gamma[i] * gamma[k] + inverse[i, k]
        run_back(
            data.seen[g], level_loads, loads, has_brand, decay, weight, innovations[g], means[g], record[g],
            residual_bar[g], noise_bar, load_bar, state_bar,
        )  # fmt: skip
        for t in range(periods):
            for j in range(series):
                sd_bar[j] += 2.0 * noise_bar[t, j] * noise[g, t, j]
    return value
