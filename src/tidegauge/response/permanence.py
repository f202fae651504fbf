"""Do sales have a lasting, slowly moving part at all? Without one there is nothing for a brand to work through.

Sales less the short response, the seasons, festivals, controls and a straight trend are noise (variance s2) plus a
random walk (step variance q s2). The likelihood ratio of q > 0 against q = 0, with s2 concentrated out and the linear
part integrated out with wide priors, is judged by simulation under q = 0: its law is not chi-square, since q lies on
the border. The idea of letting brand work through the permanent part only: Cain 2025, Applied Marketing Analytics
11(1); the test: Nyblom and Makelainen 1983, J. American Statistical Association 78, here by its likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from tidegauge.response.gaussian import gather
from tidegauge.response.history import Floats
from tidegauge.response.kalman import RECORD, run_filter
from tidegauge.response.scaled import Scaled
from tidegauge.result import Text

#: Step-to-noise ratios that are tried (standard deviations).
_RATIOS = np.array([0.0, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0])
_WIDE = 10.0
_SIMULATIONS = 199
LEVEL = 0.1


@dataclass(frozen=True)
class Permanence:
    """`ratio` is the likeliest step-to-noise ratio, `statistic` the likelihood ratio, `p_value` from simulation."""

    statistic: float
    ratio: float
    p_value: float
    simulations: int

    @property
    def present(self) -> bool:
        return self.p_value <= LEVEL

    def words(self) -> Text:
        if self.present:
            return Text(
                f"销售有缓慢移动的持久成分（p = {self.p_value:.3f}）。",
                f"Sales have a lasting, slowly moving part (p = {self.p_value:.3f}).",
            )
        return Text(
            f"看不到销售有持久成分（p = {self.p_value:.2f}），因此看不到长期效果。",
            f"No lasting part of sales can be seen (p = {self.p_value:.2f}), so no long-term effect can be seen.",
        )


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _likelihoods(columns: Floats, seen: Floats, ratios: Floats, out: Floats) -> None:
    """Log likelihood per ratio of columns[time, 1, column], s2 concentrated out."""
    periods, _, width = columns.shape
    noise, loads = np.ones((periods, 1)), np.ones(1)
    innovations, record = np.empty((periods, 1, width)), np.empty((periods, 1, RECORD))
    means = np.empty((periods, 2, 0))
    plain = np.arange(width - 1)
    n = seen.sum()
    for i in range(len(ratios)):
        products = np.zeros((width, width))
        log_det = run_filter(
            columns, seen, noise, loads, np.zeros(1), False, ratios[i] ** 2, 0.0, 0.0, 0.0,
            innovations, means, record, products,
        )  # fmt: skip
        normal = np.eye(width - 1)
        right = np.zeros(width - 1)
        gather(products, plain, normal, right)
        root = np.linalg.cholesky(normal)
        rest = products[0, 0] - right @ np.linalg.solve(normal, right)
        value = -0.5 * (log_det + n * np.log(max(rest, 1e-300) / n))
        for a in range(width - 1):
            value -= np.log(root[a, a])
        out[i] = value


def permanence(scaled: Scaled, short: Floats, rng: np.random.Generator) -> Permanence:
    """Test the nation's sales less their short response.

    Parameters
    ----------
    scaled : the scaled history. short : mean short response [geo, time] relative to the geo's mean.
    """
    data = scaled.data
    t = data.fitted
    weight = data.geo_weight[:, None]
    whole = (data.seen[:, :t, 0] == 1).all(axis=0)
    left = (weight * (data.columns[:, :t, 0, 0] - short[:, :t])).sum(axis=0)
    design = (weight[:, :, None] * data.columns[:, :t, 0, 1:]).sum(axis=0)
    design = design[:, np.abs(design).max(axis=0) > 0]
    spread = float(left[whole].std()) if whole.any() else 0.0
    if spread <= 0 or int(whole.sum()) < design.shape[1] + 8:
        return Permanence(0.0, 0.0, 1.0, 0)
    scale = np.maximum(design.std(axis=0), np.abs(design).mean(axis=0))
    columns = np.concatenate([left[:, None] / spread, _WIDE * design / scale], axis=1)[:, None, :]
    seen = whole[:, None].astype(np.float64)
    values = np.empty(len(_RATIOS))
    _likelihoods(columns, seen, _RATIOS, values)
    statistic = 2.0 * float(values.max() - values[0])
    beyond = 0
    drawn = columns.copy()
    told = np.empty(len(_RATIOS))
    for _ in range(_SIMULATIONS):
        drawn[:, 0, 0] = rng.standard_normal(t)
        _likelihoods(drawn, seen, _RATIOS, told)
        beyond += 2.0 * float(told.max() - told[0]) >= statistic - 1e-9
    return Permanence(statistic, float(_RATIOS[values.argmax()]), (1 + beyond) / (1 + _SIMULATIONS), _SIMULATIONS)
