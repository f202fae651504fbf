"""What the density integrated out, drawn back: linear coefficients and slow states, given one draw of the rest.

The draw is Durbin and Koopman's mean correction (2002, A simple and efficient simulation smoother, Biometrika 89):
simulate the Gaussian part without data, smooth the difference to the data, add both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from tidegauge.response.density import attention_of, scalars, unpack
from tidegauge.response.gaussian import gather, start_variance
from tidegauge.response.history import Floats
from tidegauge.response.kalman import RECORD, run_filter, smoothed_states
from tidegauge.response.scaled import Data, Scaled


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def spend_effects(z: Floats, data: Data, short: Floats, brand: Floats) -> None:
    """What spend adds, relative to the mean: to sales at once, short[G, T, S], and to the brand, brand[G, T, S]."""
    geos, periods, streams = data.spend.shape
    curves = unpack(z, data)
    _, b_decay, _, _, _ = scalars(z, data)
    _, attention, mean = attention_of(data, curves)
    for g in range(geos):
        for s in range(streams):
            held, size = 0.0, np.exp(curves.log_short[s] + curves.log_geo[g, s])
            for t in range(periods):
                n = attention[g, s, t] / mean[s]
                short[g, t, s] = size * curves.drift[t, s] * n
                held = b_decay * held + (1.0 - b_decay) * curves.lift[s] * data.feed[g, t, s]
                brand[g, t, s] = held


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def draw_states(
    z: Floats,
    data: Data,
    short: Floats,
    brand: Floats,
    of_gamma: Floats,
    of_states: Floats,
    of_noise: Floats,
    gamma: Floats,
    states: Floats,
) -> None:
    """Draw gamma[P] and states[G, T, 2] given z and the effects of spend.

    The normals of_gamma[P], of_states[G, T, 2], of_noise[G, T, J] make it a draw; zeros make it the mean.
    """
    geos, periods, series, width = data.columns.shape
    step, b_decay, b_step, loads, sds = scalars(z, data)
    level_loads = np.zeros(series)
    level_loads[0] = 1.0
    first_var = start_variance(b_decay, b_step) if series > 1 else 0.0
    made = np.zeros((geos, periods, 2))
    columns = data.columns.copy()
    noise = np.empty((geos, periods, series))
    for g in range(geos):
        level, own = 0.0, 0.0
        for t in range(periods):
            level += step * of_states[g, t, 0]
            own = np.sqrt(first_var) * of_states[g, t, 1] if t == 0 else b_decay * own + b_step * of_states[g, t, 1]
            made[g, t, 0], made[g, t, 1] = level, own
            for j in range(series):
                noise[g, t, j] = sds[j] * sds[j] * (data.widen[g, t] if j == 0 else 1.0)
                total = level_loads[j] * level + loads[j] * own + np.sqrt(noise[g, t, j]) * of_noise[g, t, j]
                for c in range(width - 1):
                    total += columns[g, t, j, 1 + c] * of_gamma[data.coefficient[g, c]]
                for s in range(short.shape[2]):
                    total += loads[j] * brand[g, t, s] + (short[g, t, s] if j == 0 else 0.0)
                columns[g, t, j, 0] -= total
    normal, right = np.eye(data.coefficients), np.zeros(data.coefficients)
    means = np.empty((periods, series + 1, width))
    innovations, record = np.empty((periods, series, width)), np.empty((periods, series, RECORD))
    for g in range(geos):
        products = np.zeros((width, width))
        run_filter(
            columns[g], data.seen[g], noise[g], level_loads, loads, series > 1, step * step, b_decay, b_step * b_step,
            first_var, innovations, means, record, products,
        )  # fmt: skip
        gather(products, data.coefficient[g], normal, right)
    solved = np.linalg.solve(normal, right)
    residual = np.empty((periods, series))
    for g in range(geos):
        for t in range(periods):
            for j in range(series):
                total = columns[g, t, j, 0]
                for c in range(width - 1):
                    total -= columns[g, t, j, 1 + c] * solved[data.coefficient[g, c]]
                residual[t, j] = total
        smoothed_states(
            residual, data.seen[g], noise[g], level_loads, loads, step * step, b_decay, b_step * b_step, first_var,
            states[g],
        )  # fmt: skip
        for t in range(periods):
            states[g, t, 0] += made[g, t, 0]
            states[g, t, 1] += made[g, t, 1]
    for i in range(data.coefficients):
        gamma[i] = solved[i] + of_gamma[i]


@dataclass(frozen=True)
class Parts:
    """Draws of what the outcome is made of, in its units; `D` draws, national sums over geos unless said.

    short[D, T, S], long[D, T, S] (the brand built by the history's own spend), blocks[name][D, T] (parts of the
    baseline, level and the brand's own movement among them), fitted[D, G, T] their sum per geo, noise_sd[D, G, T];
    geo_short[D, G, S] the short part per geo over the fitted periods, mean_short[G, T] its mean, relative to the geo.
    """

    short: Floats
    long: Floats
    blocks: dict[str, Floats]
    fitted: Floats
    noise_sd: Floats
    geo_short: Floats
    mean_short: Floats


def draw_parts(scaled: Scaled, z: Floats, rng: np.random.Generator | None) -> Parts:
    """Take the outcome apart for each row of `z` [D, coordinates]; without `rng` at the conditional mean."""
    data = scaled.data
    geos, periods, series, width = data.columns.shape
    streams, d = data.spend.shape[2], len(z)
    unit = scaled.outcome_unit
    short, long = np.empty((d, periods, streams)), np.empty((d, periods, streams))
    names = tuple(dict.fromkeys(_block(b) for b in scaled.blocks if not b.startswith("brand:")))
    blocks = {n: np.zeros((d, periods)) for n in (*names, "level", *(("brand",) if series > 1 else ()))}
    fitted, noise_sd = np.empty((d, geos, periods)), np.empty((d, geos, periods))
    now, brand = np.empty((geos, periods, streams)), np.empty((geos, periods, streams))
    geo_short, mean_short = np.empty((d, geos, streams)), np.zeros((geos, periods))
    states, gamma = np.empty((geos, periods, 2)), np.empty(data.coefficients)

    def normals(*shape: int) -> Floats:
        return np.zeros(shape) if rng is None else rng.standard_normal(shape)

    for i in range(d):
        spend_effects(z[i], data, now, brand)
        draw_states(
            z[i], data, now, brand, normals(data.coefficients), normals(geos, periods, 2),
            normals(geos, periods, series), gamma, states,
        )  # fmt: skip
        _, _, _, loads, sds = scalars(z[i], data)
        to_sales = loads[0]
        short[i] = np.einsum("g,gts->ts", unit, now)
        geo_short[i] = unit[:, None] * now[:, : data.fitted].sum(axis=1)
        mean_short += now.sum(axis=2) / d
        long[i] = np.einsum("g,gts->ts", unit, to_sales * brand)
        total = 1.0 + states[:, :, 0] + to_sales * states[:, :, 1] + now.sum(axis=2) + to_sales * brand.sum(axis=2)
        for c in range(width - 1):
            for g in range(geos):
                part = data.columns[g, :, 0, 1 + c] * gamma[data.coefficient[g, c]]
                name = scaled.blocks[data.coefficient[g, c]]
                if not name.startswith("brand:"):
                    blocks[_block(name)][i] += unit[g] * part
                    total[g] += part
        blocks["level"][i] += unit.sum() + unit @ states[:, :, 0]
        if series > 1:
            blocks["brand"][i] = unit @ (to_sales * states[:, :, 1])
        fitted[i] = unit[:, None] * total
        noise_sd[i] = unit[:, None] * sds[0] * np.sqrt(data.widen)
    return Parts(short, long, blocks, fitted, noise_sd, geo_short, mean_short)


def _block(name: str) -> str:
    """The group that a coefficient belongs to: controls by name, all others by kind."""
    kind = name.partition(":")[0]
    return name if kind == "control" else "level" if kind in ("start", "trend") else kind
