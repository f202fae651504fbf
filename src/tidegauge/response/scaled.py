"""A history in the model's own units, with the design of the linear part: what the density reads.

Outcomes and brand series are relative to their geo's mean (so effects are shares of it); spend is relative to the
stream's mean where it is active, after division by the geo's size. Every design column is scaled by the prior standard
deviation of its coefficient, so that all linear coefficients are standard normal a priori. Scales are taken from the
periods up to the last observed outcome: what lies behind is a forecast and must not look back into the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tidegauge.response.attention import lag_count
from tidegauge.response.collapse import Collapse, make_collapse
from tidegauge.response.festivals import festival_columns
from tidegauge.response.history import Floats, History
from tidegauge.response.layout import PRIORS, Layout, Priors, covariances, make_layout, places
from tidegauge.response.posterior import Form

Ints = npt.NDArray[np.int64]
_YEAR_DAYS, _WEEK_DAYS, _KNOT_DAYS = 365.25, 7.0, 364.0
#: Prior standard deviations of linear coefficients: of the start level; and, times the outcome's own deviation, of
#: trend, seasons and controls (columns of unit deviation) and of festivals (columns are shares of a period).
_START_SD, _COLUMN_SD, _FESTIVAL_SD = 1.0, 1.0, 3.0
_SMALLEST_SPREAD = 1e-3


class Data(NamedTuple):
    """Arrays of the density; G geos, T periods, S streams, J observations (sales, then brand series), Q columns."""

    spend: Floats  # [G, T, S]
    feed: Floats  # [G, T, S], spend over its mean: what builds the brand
    columns: Floats  # [G, T, J, 1 + Q]: the observations (0 where not seen), then the design
    seen: Floats  # [G, T, J], 1 or 0
    widen: Floats  # [G, T], factor of the sales' noise variance (outlying periods)
    coefficient: Ints  # [G, Q], which coefficient each column carries
    coefficients: int
    fitted: int  # periods up to the last observed outcome
    geo_weight: Floats  # [G], sums to one
    log_share: Floats  # [S], log of the stream's share of spend
    known_mean: Floats  # [S], log of the short contribution that is known
    known_sd: Floats  # [S], 0 where nothing is known
    knots: Floats  # [T, knots]
    test_at: Ints  # [tests, 4]: geo, stream, start, stop
    test_spend: Floats  # [tests, T]: the stream's spend without the test
    test_lift: Floats  # [tests, 2]: lift and error, relative to the geo's mean
    prior: Floats  # [len(PRIOR_ORDER)]
    brand_noise_mean: Floats  # [J - 1]
    at: Ints  # first places of the quantities, in the order of layout.ORDER
    precision: Floats  # [dims, dims], inverse of the coordinates' prior correlation
    lags: int  # of delayed adstock, 0 for geometric
    hill: bool
    few: Collapse


@dataclass(frozen=True)
class Scaled:
    """The data with what is needed to come back to the history's units.

    outcome_unit[geo], brand_unit[geo, series], spend_unit[stream] (mean of active
    periods) and mean_spend[stream] (of all) per unit of geo_size[geo]; `blocks[coefficient]` names its part
    of the baseline (start, trend, season, festivals, control:name; brand:… for the brand series' own).
    """

    data: Data
    layout: Layout
    outcome_unit: Floats
    brand_unit: Floats
    spend_unit: Floats
    mean_spend: Floats
    geo_size: Floats
    series: tuple[str, ...]
    blocks: tuple[str, ...]


def scale(
    history: History,
    form: Form,
    *,
    known: dict[str, tuple[float, float]] | None = None,
    widen: Floats | None = None,
    priors: Priors = PRIORS,
) -> Scaled:
    """Bring a history into the model's units.

    Parameters
    ----------
    known : stream → (low, high), the range that holds its short ROI with 90 %; enters as a prior.
    widen : [geo, time] factors of the sales' noise variance, for outlying periods.
    """
    g, t, _ = history.spend.shape
    fitted = int(np.flatnonzero(np.isfinite(history.outcome).any(axis=0))[-1]) + 1
    series = tuple(history.brand_series) if form.brand == "auto" else ()
    outcome_unit = _units(history.outcome)
    size = outcome_unit / outcome_unit.mean()
    spread = history.spend / size[:, None, None]
    spend_unit = _active_mean(spread[:, :fitted])
    brand = [history.brand_series[k] for k in series]
    brand_unit = np.stack([_units(b) for b in brand], axis=1) if brand else np.ones((g, 0))
    unit = np.concatenate([outcome_unit[:, None], brand_unit], axis=1)
    relative = np.stack([history.outcome, *brand], axis=2) / unit[:, None, :] - 1.0
    seen = np.isfinite(relative)
    design, coefficient, blocks, own_at, base, own_scale = _design(history, relative, fitted, form, len(series))
    noise = [_left_over(relative[:, :, j], design[:, :, j]) for j in range(1 + len(series))]
    knots = _knots(t, history.period_days) if form.drift else np.zeros((t, 0))
    layout = make_layout(history.streams, g, len(series), knots.shape[1], form, priors)
    total = history.spend[:, :fitted].sum(axis=(0, 1))
    share = np.where(total > 0, total, total[total > 0].min() if (total > 0).any() else 1.0)
    share = share / share.sum()
    money = outcome_unit.sum() * fitted * history.value_per_unit
    known_mean, known_sd = _known(known or {}, history.streams, total, money)
    tests = history.lift_tests
    test_at = np.array(
        [[history.geos.index(x.geo), history.streams.index(x.stream), x.start, x.stop] for x in tests], dtype=np.int64
    ).reshape(-1, 4)
    test_spend = np.zeros((len(tests), t))
    for i, x in enumerate(tests):
        geo, stream = test_at[i, 0], test_at[i, 1]
        test_spend[i] = history.spend[geo, :, stream]
        test_spend[i, x.start : x.stop] = x.spend
        test_spend[i] /= size[geo] * spend_unit[stream]
    lift = np.array([[x.lift, x.error] for x in tests]).reshape(-1, 2) / outcome_unit[test_at[:, 0]][:, None]
    weight = outcome_unit / outcome_unit.sum()
    mean_spend = np.einsum("g,gts->s", weight, spread[:, :fitted]) / fitted
    columns = np.concatenate([np.where(seen, relative, 0.0)[..., None], design], axis=3)
    data = Data(
        spend=np.ascontiguousarray(spread / spend_unit),
        feed=spread / np.where(mean_spend > 0, mean_spend, 1.0),
        columns=columns,
        seen=seen.astype(np.float64),
        widen=np.ones((g, t)) if widen is None else widen,
        coefficient=coefficient,
        coefficients=len(blocks),
        fitted=fitted,
        geo_weight=weight,
        log_share=np.log(share),
        known_mean=known_mean,
        known_sd=known_sd,
        knots=knots,
        test_at=test_at,
        test_spend=test_spend,
        test_lift=lift,
        prior=_prior(priors, covariances(history.streams, priors), noise, history.period_days),
        brand_noise_mean=np.log(np.array(noise[1:], dtype=np.float64)) + priors.brand_noise[0],
        at=places(layout),
        precision=np.asarray(np.linalg.inv(layout.correlation), dtype=np.float64),
        lags=lag_count(history.period_days) if form.adstock == "delayed" else 0,
        hill=form.saturation == "hill",
        few=make_collapse(columns, seen.astype(np.float64), 1 + own_at, base, own_scale),
    )
    return Scaled(data, layout, outcome_unit, brand_unit, spend_unit, mean_spend, size, series, blocks)


#: The order of `Data.prior`, which the density reads by number.
PRIOR_ORDER = (
    "short", "short_sd", "geo", "geo_sd", "half_life", "half_life_sd", "half_saturation", "half_saturation_sd",
    "slope", "slope_sd", "delay", "delay_sd", "noise", "noise_sd", "level", "level_sd", "brand_half_life",
    "brand_half_life_sd", "brand_step", "brand_step_sd", "brand_noise_sd", "to_sales_middle", "to_sales_sd",
    "loading_sd", "lift_middle", "lift_sd", "lift_scale", "drift", "drift_sd",
)  # fmt: skip


def _prior(p: Priors, cov: dict[str, Floats], noise: list[float], period_days: float) -> Floats:
    per = np.log(period_days)
    sales, brand = np.log(noise[0]), np.log(noise[1]) if len(noise) > 1 else 0.0
    # A slow step of a week's size is a smaller step of a day's.
    pace = 0.5 * np.log(period_days / _WEEK_DAYS)
    sd = {name: np.sqrt(c[0, 0]) for name, c in cov.items()}
    values = [
        p.pool[0], sd["short"], *p.geo_spread, p.half_life[0] - per, sd["half_life"], p.half_saturation[0],
        sd["half_saturation"], *p.slope, p.delay[0] - per, p.delay[1],
        p.noise[0] + sales, p.noise[1], p.level_step[0] + sales + pace, p.level_step[1],
        p.brand_half_life[0] - per, p.brand_half_life[1], p.brand_step[0] + brand + pace, p.brand_step[1],
        p.brand_noise[1], p.to_sales_middle, p.to_sales_scale, p.loading_scale, p.lift_middle, sd["lift"],
        p.lift_scale, *p.drift,
    ]  # fmt: skip
    assert len(values) == len(PRIOR_ORDER)
    return np.array(values, dtype=np.float64)


def _units(values: Floats) -> Floats:
    """Per geo the mean, where the series is a positive one; else its deviation (a constant zero counts as 1)."""
    units = np.ones(len(values))
    for i, row in enumerate(values):
        seen = row[np.isfinite(row)]
        if not len(seen):
            continue
        mean, spread = float(seen.mean()), float(seen.std())
        units[i] = mean if mean > 0.5 * spread else spread if spread > 0 else 1.0
    return units


def _active_mean(spend: Floats) -> Floats:
    """[S] mean of what was spent in the periods with any spend; 1 for a stream without."""
    active = (spend > 0).sum(axis=(0, 1))
    means: Floats = np.where(active > 0, spend.sum(axis=(0, 1)) / np.maximum(active, 1), 1.0)
    return means


def _known(
    known: dict[str, tuple[float, float]], streams: tuple[str, ...], spend: Floats, money: float
) -> tuple[Floats, Floats]:
    """ROI ranges as a normal law of the log of the stream's contribution (its share of all outcomes)."""
    mean, sd = np.zeros(len(streams)), np.zeros(len(streams))
    for stream, (low, high) in known.items():
        if stream in streams and 0 < low < high:
            i = streams.index(stream)
            mean[i] = 0.5 * (np.log(low) + np.log(high)) + np.log(max(spend[i], 1e-300) / money)
            sd[i] = (np.log(high) - np.log(low)) / (2 * 1.645)
    return mean, sd


def _knots(periods: int, period_days: float) -> Floats:
    """Linear interpolation between support points about a year apart, [T, knots]."""
    n = max(2, round(periods * period_days / _KNOT_DAYS) + 1)
    place = np.linspace(0, n - 1, periods)
    return np.clip(1.0 - np.abs(place[:, None] - np.arange(n)[None]), 0.0, None)


def _waves(history: History, fitted: int, most: int) -> Floats:
    """Yearly (and for daily data weekly) harmonics [T, columns]; as many as the span can carry."""
    days = history.dates.astype(np.int64).astype(np.float64)
    years = fitted * history.period_days / _YEAR_DAYS
    order = 0 if years < 0.9 else min(most, 2 if years < 1.8 else 3)
    turns = [(k / _YEAR_DAYS) for k in range(1, order + 1)]
    if history.period_days == 1:
        turns += [k / _WEEK_DAYS for k in (1, 2, 3)]
    waves = [f(2 * np.pi * w * days) for w in turns for f in (np.sin, np.cos)]
    return np.stack(waves, axis=1) * np.sqrt(2) if waves else np.zeros((len(days), 0))


def _design(
    history: History, relative: Floats, fitted: int, form: Form, series: int
) -> tuple[Floats, Ints, tuple[str, ...], Ints, Floats, Floats]:
    """Columns [G, T, J, Q], which coefficient each is [G, Q], and the coefficients' names; then of the brand series'
    own columns: where they stand [K, B], what they have in common [T, B], and by which factor [K, B].

    Start and trend are each geo's own; seasons, festivals and controls are shared (they are relative to the mean).
    """
    g, t = history.outcome.shape
    spread = np.array([max(_SMALLEST_SPREAD, float(np.nanstd(relative[:, :, j]))) for j in range(1 + series)])
    shared: list[tuple[str, Floats]] = []  # name, [G, T]
    for i, w in enumerate(_waves(history, fitted, 3).T):
        shared.append((f"season:{i}", np.broadcast_to(w, (g, t)) * _COLUMN_SD))
    if form.festivals:
        for name, c in festival_columns(history.dates, history.period_days).items():
            if np.ptp(c[:fitted]) > 0:
                shared.append((f"festivals:{name}", np.broadcast_to(c, (g, t)) * _FESTIVAL_SD))
    for name, c in history.controls.items():
        deviation = float(c[:, :fitted].std())
        if deviation > 1e-12 * max(1.0, float(np.abs(c).max())):
            shared.append((f"control:{name}", (c - c[:, :fitted].mean()) / deviation * _COLUMN_SD))
    waves = _waves(history, fitted, 2).T
    slope = (np.arange(t) - fitted / 2) / max(fitted / np.sqrt(12), 1.0)
    own = 2 + series
    width = own + len(shared) + series * len(waves)
    columns, coefficient = np.zeros((g, t, 1 + series, width)), np.zeros((g, width), dtype=np.int64)
    names = [f"{n}:{geo}" for geo in history.geos for n in ("start", "trend", *(f"brand:{k}" for k in range(series)))]
    for i in range(g):
        columns[i, :, 0, 0], columns[i, :, 0, 1] = _START_SD, slope * spread[0] * _COLUMN_SD
        coefficient[i, :own] = i * own + np.arange(own)
        for k in range(series):
            columns[i, :, 1 + k, 2 + k] = _START_SD
    for q, (name, c) in enumerate(shared):
        columns[:, :, 0, own + q] = c * spread[0]
        coefficient[:, own + q] = len(names)
        names.append(name)
    own_at = np.zeros((series, 1 + len(waves)), dtype=np.int64)
    for k in range(series):
        own_at[k, 0] = 2 + k
        for i, w in enumerate(waves):
            q = own_at[k, 1 + i] = own + len(shared) + k * len(waves) + i
            columns[:, :, 1 + k, q] = w * spread[1 + k]
            coefficient[:, q] = len(names)
            names.append(f"brand:{k}:season:{i}")
    base = np.concatenate([np.ones((t, 1)), waves.T.reshape(t, -1)], axis=1)
    own_scale = np.concatenate([np.full((series, 1), _START_SD), np.outer(spread[1:], np.ones(len(waves)))], axis=1)
    return columns, coefficient, tuple(names), own_at, base, own_scale


def _left_over(observed: Floats, design: Floats) -> float:
    """Deviation of what the linear part leaves (a ridge fit): the scale of the noise prior."""
    seen = np.isfinite(observed)
    y, z = observed[seen], design[seen]
    spread = max(_SMALLEST_SPREAD, float(y.std()))
    penalty = (0.5 * spread) ** 2 * np.eye(z.shape[1])
    left = y - z @ np.linalg.solve(z.T @ z + penalty, z.T @ y)
    return max(_SMALLEST_SPREAD, float(left.std()))
