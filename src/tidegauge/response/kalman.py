"""Likelihood of sales and brand series with their slow states and all linear coefficients integrated out; its gradient.

Per geo the state is (L, U): L the level of sales, a random walk; U the brand's own movement, an autoregression. Each
observation j of period t reads column = load_L L + load_U U + noise. All columns (the residual first, then the design
of the linear coefficients) go through one filter, since the filter is linear; coefficients with standard normal
priors are then integrated out from the filtered columns (de Jong 1991, The diffuse Kalman filter, Annals of
Statistics 19). Observations of one period enter one after the other (Durbin and Koopman 2012, Time Series Analysis by
State Space Methods, 6.4), so gaps cost nothing. The gradient is the filter run backwards, written by hand.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tidegauge.response.history import Floats

_FAST = {"reassoc", "contract", "nsz", "arcp"}
#: Rows of a step's record: F, g1, g2, the state's (co)variance before the update; then that before the prediction.
RECORD = 7
_F, _G1, _G2, _P12, _P22, _Q12, _Q22 = range(RECORD)


@nb.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def run_filter(
    columns: Floats,
    seen: Floats,
    noise: Floats,
    load_level: Floats,
    load_brand: Floats,
    has_brand: bool,
    level_var: float,
    decay: float,
    brand_var: float,
    first_var: float,
    innovations: Floats,
    means_brand: Floats,
    record: Floats,
    products: Floats,
) -> float:
    """One geo, forwards. Fills innovations, the brand's means before each update, the record and the weighted products.

    columns[time, obs, column]; seen[time, obs] 1 or 0; noise[time, obs] variances; loads[obs].
    products[column, column] gains the sums v v'/F. Returns the sum of log F.
    """
    periods, series, width = columns.shape
    level, brand = np.zeros(width), np.zeros(width)
    p11, p12, p22 = level_var, 0.0, first_var
    log_det = 0.0
    for t in range(periods):
        if t > 0:
            record[t, 0, _Q12], record[t, 0, _Q22] = p12, p22
            p11 += level_var
            if has_brand:
                for c in range(width):
                    means_brand[t, series, c] = brand[c]
                    brand[c] *= decay
                p12 *= decay
                p22 = decay * decay * p22 + brand_var
        for j in range(series):
            if seen[t, j] == 0.0:
                innovations[t, j] = 0.0
                record[t, j, _F] = 1.0
                continue
            a, b = load_level[j], load_brand[j]
            g1, g2 = p11 * a + p12 * b, p12 * a + p22 * b
            f = g1 * a + g2 * b + noise[t, j]
            record[t, j, _F], record[t, j, _G1], record[t, j, _G2] = f, g1, g2
            record[t, j, _P12], record[t, j, _P22] = p12, p22
            k1, k2 = g1 / f, g2 / f
            if has_brand:
                for c in range(width):
                    means_brand[t, j, c] = brand[c]
                    v = columns[t, j, c] - a * level[c] - b * brand[c]
                    innovations[t, j, c] = v
                    level[c] += k1 * v
                    brand[c] += k2 * v
            else:
                for c in range(width):
                    v = columns[t, j, c] - a * level[c]
                    innovations[t, j, c] = v
                    level[c] += k1 * v
            p11 -= g1 * k1
            p12 -= g1 * k2
            p22 -= g2 * k2
            log_det += math.log(f)
    add_products(innovations, record, products)
    return log_det


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def add_products(innovations: Floats, record: Floats, products: Floats) -> None:
    """products[column, column] gains the sums v v'/F of all rows."""
    periods, series, width = innovations.shape
    rows = innovations.reshape(periods * series, width)
    weighed = np.empty((periods * series, width))
    for t in range(periods):
        for j in range(series):
            w = 1.0 / record[t, j, _F]
            for c in range(width):
                weighed[t * series + j, c] = w * innovations[t, j, c]
    some = rows_at_once(width)
    for first in range(0, len(rows), some):
        products[:] += np.dot(weighed[first : first + some].T, rows[first : first + some])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rows_at_once(width: int) -> int:
    """Rows of a product with a square matrix that the linear algebra library computes without starting threads, which
    would fight with the chains' own (OpenBLAS: up to 2^18 multiplications)."""
    return max(1, (1 << 18) // (width * width))


@nb.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def run_back(  # noqa: PLR0915
    seen: Floats,
    load_level: Floats,
    load_brand: Floats,
    has_brand: bool,
    decay: float,
    weight: Floats,
    innovations: Floats,
    means_brand: Floats,
    record: Floats,
    residual_bar: Floats,
    noise_bar: Floats,
    load_bar: Floats,
    out: Floats,
) -> None:
    """The filter backwards: the gradient of -1/2 (sum log F + sum v W v'/F), W = `weight`, taken as constant.

    residual_bar[time, obs] and noise_bar[time, obs] are set; load_bar[obs] (of the brand's loads) and
    out = (level_var, decay, brand_var, first_var) gain.
    """
    periods, series, width = innovations.shape
    level, brand, v_bar = np.zeros(width), np.zeros(width), np.empty(width)
    rows, weighted = innovations.reshape(periods * series, width), np.empty((periods * series, width))
    some = rows_at_once(width)
    for first in range(0, len(rows), some):
        weighted[first : first + some] = np.dot(rows[first : first + some], weight)
    p11, p12, p22 = 0.0, 0.0, 0.0
    for t in range(periods - 1, -1, -1):
        for j in range(series - 1, -1, -1):
            residual_bar[t, j] = 0.0
            noise_bar[t, j] = 0.0
            if seen[t, j] == 0.0:
                continue
            a, b = load_level[j], load_brand[j]
            f, g1, g2 = record[t, j, _F], record[t, j, _G1], record[t, j, _G2]
            w = 1.0 / f
            k1, k2 = g1 * w, g2 * w
            g1_bar = -2.0 * k1 * p11 - k2 * p12
            g2_bar = -k1 * p12 - 2.0 * k2 * p22
            f_bar = k1 * k1 * p11 + k1 * k2 * p12 + k2 * k2 * p22
            weighed = weighted[t * series + j]
            square, k1_bar, k2_bar = 0.0, 0.0, 0.0
            for c in range(width):
                v = innovations[t, j, c]
                square += v * weighed[c]
                k1_bar += level[c] * v
            brand_sum = 0.0
            if has_brand:
                for c in range(width):
                    k2_bar += brand[c] * innovations[t, j, c]
                    v_bar[c] = k1 * level[c] + k2 * brand[c] - weighed[c] * w
                    level[c] -= a * v_bar[c]
                    brand[c] -= b * v_bar[c]
                    brand_sum += means_brand[t, j, c] * v_bar[c]
            else:
                for c in range(width):
                    v_bar[c] = k1 * level[c] - weighed[c] * w
                    level[c] -= a * v_bar[c]
            residual_bar[t, j] = v_bar[0]
            g1_bar += k1_bar * w
            g2_bar += k2_bar * w
            f_bar += -(k1_bar * k1 + k2_bar * k2) * w - 0.5 * w + 0.5 * square * w * w
            noise_bar[t, j] = f_bar
            g1_bar += a * f_bar
            g2_bar += b * f_bar
            q12, q22 = record[t, j, _P12], record[t, j, _P22]
            load_bar[j] += g2 * f_bar + q12 * g1_bar + q22 * g2_bar - brand_sum
            p11 += a * g1_bar
            p12 += b * g1_bar + a * g2_bar
            p22 += b * g2_bar
        out[0] += p11
        if t > 0 and has_brand:
            total = 0.0
            for c in range(width):
                total += brand[c] * means_brand[t, series, c]
                brand[c] *= decay
            out[1] += total + p12 * record[t, 0, _Q12] + 2.0 * decay * p22 * record[t, 0, _Q22]
            out[2] += p22
            p12 *= decay
            p22 *= decay * decay
    out[3] += p22


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def smoothed_states(
    residual: Floats,
    seen: Floats,
    noise: Floats,
    load_level: Floats,
    load_brand: Floats,
    level_var: float,
    decay: float,
    brand_var: float,
    first_var: float,
    out: Floats,
) -> None:
    """Means of (L, U) of one geo given all residuals[time, obs], into out[time, 2]; the backward recursion of r.

    Durbin and Koopman 2012, 4.4.4 (state smoothing) in the univariate form of 6.4.
    """
    periods, series = residual.shape
    m1, m2, p11, p12, p22 = 0.0, 0.0, level_var, 0.0, first_var
    before = np.empty((periods, 5))
    step = np.zeros((periods, series, 4))
    for t in range(periods):
        if t > 0:
            m2 *= decay
            p11 += level_var
            p12 *= decay
            p22 = decay * decay * p22 + brand_var
        before[t] = np.array([m1, m2, p11, p12, p22])
        for j in range(series):
            if seen[t, j] == 0.0:
                continue
            a, b = load_level[j], load_brand[j]
            g1, g2 = p11 * a + p12 * b, p12 * a + p22 * b
            f = g1 * a + g2 * b + noise[t, j]
            v = residual[t, j] - a * m1 - b * m2
            k1, k2 = g1 / f, g2 / f
            step[t, j] = np.array([v, f, k1, k2])
            m1 += k1 * v
            m2 += k2 * v
            p11 -= g1 * k1
            p12 -= g1 * k2
            p22 -= g2 * k2
    r1, r2 = 0.0, 0.0
    for t in range(periods - 1, -1, -1):
        for j in range(series - 1, -1, -1):
            if seen[t, j] == 0.0:
                continue
            a, b = load_level[j], load_brand[j]
            v, f, k1, k2 = step[t, j]
            pull = v / f - (k1 * r1 + k2 * r2)
            r1 += a * pull
            r2 += b * pull
        m1, m2, p11, p12, p22 = before[t]
        out[t, 0] = m1 + p11 * r1 + p12 * r2
        out[t, 1] = m2 + p12 * r1 + p22 * r2
        r2 *= decay
