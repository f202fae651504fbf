"""Brand series that are seen together, as one: the exact likelihood of several noisy views of one state.

Given the brand B, series k is l_k B + own design + noise of variance s_k^2. All that the series of one period say of B
is their weighted mean, with weights a_k = l_k / s_k^2 over c = sum l_k a_k, and variance 1/c; what is left over says
nothing of B and is a plain regression, whose cross products are known beforehand (Jungbacker and Koopman 2015,
Likelihood-based dynamic factor analysis for measurement and forecasting, Econometrics Journal 18). Since all series
have the same design (a start and seasons), their mean needs one copy of it. The filter then runs over two narrow rows
a period in place of 1 + K wide ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from tidegauge.response.history import Floats

Ints = npt.NDArray[np.int64]


class Collapse(NamedTuple):
    """What the collapsed filter needs beside `Data`; G geos, T periods, K brand series, B common design columns.

    `rows` [G, T, 2, N]: sales and the brand series' mean, each with its residual first; N is 0 where series are
    missing one by one, so that nothing can be collapsed. `wide_at` [N - B] and `own_at` [K, B] are the places of the
    narrow columns among the wide ones, `own_scale` [K, B] the factor of the common column. `seen` [G, T, 2].
    `values` [G, T, K] are the brand series, `moments` [G, K, K, 1 + B, 1 + B] the cross products of series and design.
    """

    rows: Floats
    wide_at: Ints
    own_at: Ints
    own_scale: Floats
    seen: Floats
    values: Floats
    moments: Floats
    periods: Floats  # [G], with brand series


def make_collapse(columns: Floats, seen: Floats, own_at: Ints, base: Floats, own_scale: Floats) -> Collapse:
    """Prepare the collapse of columns[G, T, 1 + K, W].

    Parameters
    ----------
    own_at, own_scale : [K, B] places of the brand series' own columns, and their factors of base[T, B].
    """
    geos, periods, _, width = columns.shape
    k, b = own_at.shape
    together = seen[:, :, 1:].all(axis=2)
    if k < 2 or not (together == seen[:, :, 1:].any(axis=2)).all():
        return Collapse(
            np.zeros((geos, periods, 2, 0)), np.zeros(0, np.int64), own_at, own_scale, np.zeros((geos, periods, 2)),
            np.zeros((geos, periods, k)), np.zeros((geos, k, k, 1 + b, 1 + b)), np.zeros(geos),
        )  # fmt: skip
    wide_at = np.setdiff1d(np.arange(width), own_at)
    rows = np.zeros((geos, periods, 2, len(wide_at) + b))
    rows[:, :, 0, : len(wide_at)] = columns[:, :, 0][:, :, wide_at]
    rows[:, :, 1, len(wide_at) :] = base
    values = np.ascontiguousarray(columns[:, :, 1:, 0])
    own = np.concatenate([values[..., None], own_scale * base[:, None, :] * np.ones((geos, 1, 1, 1))], axis=3)
    moments = np.einsum("gt,gtki,gtlj->gklij", together.astype(np.float64), own, own, optimize=True)
    both = np.stack([seen[:, :, 0], together.astype(np.float64)], axis=2)
    return Collapse(
        rows, wide_at, own_at, own_scale, both, values, np.ascontiguousarray(moments),
        together.sum(axis=1).astype(np.float64),
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mean_weights(loads: Floats, sds: Floats) -> tuple[Floats, float]:
    """Weights a_k / c of the brand series' mean [K], and c, the inverse of its variance."""
    weights, c = np.empty(len(loads) - 1), 0.0
    for k in range(len(weights)):
        weights[k] = loads[1 + k] / (sds[1 + k] * sds[1 + k])
        c += loads[1 + k] * weights[k]
    return weights / c, c


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def narrow_rows(few: Collapse, weights: Floats) -> Floats:
    """Rows [G, T, 2, N] of the filter: the brand series' weighted mean beside sales."""
    rows = few.rows.copy()
    geos, periods, series = few.values.shape
    for g in range(geos):
        for t in range(periods):
            for k in range(series):
                rows[g, t, 1, 0] += weights[k] * few.values[g, t, k]
    return rows


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def to_wide(few: Collapse, weights: Floats, width: int) -> Floats:
    """[N, W] matrix: the narrow column that each wide one is made of, and how much of it."""
    narrow, kept = few.rows.shape[3], len(few.wide_at)
    made = np.zeros((narrow, width))
    for q in range(kept):
        made[q, few.wide_at[q]] = 1.0
    for k in range(few.own_at.shape[0]):
        for i in range(few.own_at.shape[1]):
            made[kept + i, few.own_at[k, i]] = weights[k] * few.own_scale[k, i]
    return made


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def left_over(few: Collapse, g: int, weights: Floats, c: float, sds: Floats, products: Floats) -> float:
    """Add what the mean leaves over of one geo's series to the wide products; returns its log determinant."""
    series, own = few.own_at.shape
    log_det = math.log(c)
    for k in range(series):
        log_det += 2.0 * math.log(sds[1 + k])
        for m in range(series):
            factor = -c * weights[k] * weights[m] + (1.0 / (sds[1 + k] * sds[1 + k]) if k == m else 0.0)
            for i in range(1 + own):
                row = few.own_at[k, i - 1] if i > 0 else 0
                for j in range(1 + own):
                    products[row, few.own_at[m, j - 1] if j > 0 else 0] += factor * few.moments[g, k, m, i, j]
    total: float = few.periods[g] * log_det
    return total


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def left_over_back(
    few: Collapse,
    g: int,
    weights: Floats,
    c: float,
    loads: Floats,
    sds: Floats,
    weight: Floats,
    made_bar: Floats,
    mean_bar: Floats,
    variance_bar: float,
    load_bar: Floats,
    sd_bar: Floats,
) -> None:
    """Gradients of the brand series' loads and log deviations; load_bar[1 + K] and sd_bar[1 + K] gain.

    Parameters
    ----------
    weight : [W, W] of the wide products, constant. made_bar : [N, W], gradient of `to_wide`.
    mean_bar : [T], gradient of the series' mean. variance_bar : of its variance 1/c.
    """
    series, own = few.own_at.shape
    kept, n = len(few.wide_at), few.periods[g]
    traces = np.zeros((series, series))
    weights_bar = np.zeros(series)
    for k in range(series):
        for t in range(len(mean_bar)):
            weights_bar[k] += mean_bar[t] * few.values[g, t, k]
        for i in range(own):
            weights_bar[k] += made_bar[kept + i, few.own_at[k, i]] * few.own_scale[k, i]
        for m in range(series):
            for i in range(1 + own):
                row = few.own_at[k, i - 1] if i > 0 else 0
                for j in range(1 + own):
                    at = few.own_at[m, j - 1] if j > 0 else 0
                    traces[k, m] += weight[row, at] * few.moments[g, k, m, i, j]
    # In terms of a = c weights: the mean's weights are a / c, what is left over has a a' / c.
    c_bar = -(variance_bar / c + 0.5 * n) / c
    a_bar = np.empty(series)
    for k in range(series):
        pulled = 0.0
        for m in range(series):
            pulled += weights[m] * traces[k, m]
        a_bar[k] = weights_bar[k] / c + pulled
        c_bar -= weights[k] * (weights_bar[k] / c + 0.5 * pulled)
    for k in range(series):
        load, precision = loads[1 + k], 1.0 / (sds[1 + k] * sds[1 + k])
        precision_bar = a_bar[k] * load + c_bar * load * load - 0.5 * traces[k, k] + 0.5 * n / precision
        load_bar[1 + k] += (a_bar[k] + 2.0 * c_bar * load) * precision
        sd_bar[1 + k] -= 2.0 * precision * precision_bar
