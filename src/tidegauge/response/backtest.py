"""Would it have foretold what came? Rolling origin: fit on the past, forecast the next periods, compare.

The forecast knows the spend and the controls of the periods ahead (it is a what-if of the plan as it was carried out);
outcomes and brand series are hidden. The rival is the seasonal naive forecast: the same period a year earlier (the
last value where there is no year), with its own past errors as its spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegauge.errors import MeasureError
from tidegauge.response.fit import Progress, fit, rescale
from tidegauge.response.history import LEAST_PERIODS, Floats, History
from tidegauge.response.posterior import Form
from tidegauge.response.states import draw_parts

_DRAWS, _RIVAL_DRAWS = 400, 400


@dataclass(frozen=True)
class Fold:
    """One origin: scores over the periods ahead, of the model and of the seasonal naive forecast.

    `crps` in units of the outcome; `covered` the share inside the 90 % interval; `error` the mean absolute error
    relative to the mean outcome ahead; `date` the first period ahead.
    """

    date: str
    periods: int
    crps: float
    crps_naive: float
    covered: float
    covered_naive: float
    error: float
    error_naive: float


@dataclass(frozen=True)
class Backtest:
    """All folds; `skill` is 1 - CRPS of the model / CRPS of the naive forecast (above 0: the model is better)."""

    folds: tuple[Fold, ...]

    @property
    def skill(self) -> float:
        naive = sum(f.crps_naive * f.periods for f in self.folds)
        return 1.0 - sum(f.crps * f.periods for f in self.folds) / naive if naive > 0 else 0.0

    @property
    def covered(self) -> float:
        return sum(f.covered * f.periods for f in self.folds) / sum(f.periods for f in self.folds)

    def as_dict(self) -> dict[str, Any]:
        return {
            "skill": round(self.skill, 4),
            "covered": round(self.covered, 4),
            "folds": [dict(vars(f)) for f in self.folds],
        }


def backtest(
    history: History,
    form: Form | None = None,
    *,
    folds: int = 3,
    ahead: int | None = None,
    seed: int = 1,
    draws: int = 300,
    progress: Progress | None = None,
) -> Backtest:
    """Fit at `folds` origins and forecast `ahead` periods from each (a quarter of a year by default).

    Raises
    ------
    MeasureError : the history is too short for one origin.
    """
    last = int(np.flatnonzero(np.isfinite(history.outcome).any(axis=0))[-1]) + 1
    step = ahead or max(1, round(91 / history.period_days))
    step = min(step, max(1, last // 5))
    cuts = [last - step * (k + 1) for k in range(folds)]
    cuts = sorted(c for c in cuts if np.isfinite(history.outcome[:, :c]).any(axis=0).sum() >= LEAST_PERIODS + step)
    if not cuts:
        raise MeasureError("the history is too short to look back on", mend="bring a longer history")
    found = []
    for i, cut in enumerate(cuts):
        if progress:
            progress(i / len(cuts), "backtest")
        known = history.until(cut + step)
        hidden = known.hidden_after(cut)
        posterior = fit(hidden, form, draws=draws, tune=300, chains=2, seed=seed + i)
        rng = np.random.default_rng(seed + i)
        parts = draw_parts(rescale(posterior), posterior.flat("z", _DRAWS), rng)
        made = parts.fitted + parts.noise_sd * rng.standard_normal(parts.fitted.shape)
        y = known.outcome[:, cut:].sum(axis=0)
        model = made[:, :, cut:].sum(axis=1)
        naive = seasonal_naive(known.outcome[:, :cut].sum(axis=0), step, history.period_days, rng)
        seen = np.isfinite(y)
        if not seen.any():
            continue
        scores = [_scores(forecast[:, seen], y[seen]) for forecast in (model, naive)]
        (c1, k1, e1), (c2, k2, e2) = scores
        found.append(Fold(str(history.dates[cut]), int(seen.sum()), c1, c2, k1, k2, e1, e2))
    if not found:
        raise MeasureError("no outcome was observed in the periods to look back on", mend="bring a longer history")
    return Backtest(tuple(found))


def seasonal_naive(past: Floats, ahead: int, period_days: float, rng: np.random.Generator) -> Floats:
    """Draws [draw, ahead]: last year's value (else the last one), plus its own past errors."""
    season = round(364 / period_days) if period_days <= 7 else 12
    lag = season if len(past) > 1.25 * season else 1
    known = past.copy()
    idx = np.arange(len(known))
    seen = np.isfinite(known)
    known = np.interp(idx, idx[seen], known[seen])
    steps = np.arange(ahead)
    at = known[len(known) - lag + steps % lag] if lag > 1 else np.repeat(known[-1], ahead)
    errors = known[lag:] - known[:-lag]
    made = at + rng.choice(errors, size=(_RIVAL_DRAWS, ahead)) * (1.0 if lag > 1 else np.sqrt(1 + steps))
    return np.asarray(made, dtype=np.float64)


def crps(draws: Floats, y: Floats) -> Floats:
    """Continuous ranked probability score per column of draws [draw, case]; Gneiting and Raftery 2007, (21)."""
    ordered = np.sort(draws, axis=0)
    n = len(ordered)
    ranks = (2 * np.arange(1, n + 1) - n - 1)[:, None]
    score: Floats = np.abs(draws - y).mean(axis=0) - (ranks * ordered).sum(axis=0) / n**2
    return score


def _scores(draws: Floats, y: Floats) -> tuple[float, float, float]:
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    error = float(np.abs(np.median(draws, axis=0) - y).mean()) / max(float(np.abs(y).mean()), 1e-12)
    return float(crps(draws, y).mean()), float(np.mean((y >= low) & (y <= high))), error
