"""One brand's past as arrays: what was spent on each stream, what came of it, what else moved.

Everything the model sees passes through `History`, whether it was read from a workspace (`history_tables.history`) or
built from arrays (`make_history`): the checks and the words about gaps, constants and twins are told here, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tidegauge.errors import MeasureError
from tidegauge.result import Provenance, Text

Floats = npt.NDArray[np.float64]
#: Fewer outcomes than this cannot carry even one stream and a level.
LEAST_PERIODS = 12
_SHORT_PERIODS, _TWIN_CORRELATION = 52, 0.95


@dataclass(frozen=True)
class LiftTest:
    """An experiment: spend of `stream` in `geo` was changed to `spend` during [start, stop), all else being equal.

    `spend[stop - start]` is what would have been spent without the test (the control's level; zeros for a switch-off
    contrast), in money per period. `lift` is the outcome added by the real spend against it, summed over the test's
    window, in units of the outcome; `error` its standard error.
    """

    stream: str
    start: int
    stop: int
    spend: Floats
    lift: float
    error: float
    geo: str = ""


@dataclass(frozen=True)
class History:
    """One brand's history on a regular grid of periods.

    `dates[time]` first day of each period; `period_days` its length (1, 7 or 30.44).
    `spend[geo, time, stream]` money per period, never missing (no spend is 0).
    `outcome[geo, time]` and each of `brand_series[name][geo, time]` hold NaN where nothing was observed.
    `controls[name][geo, time]` are complete (gaps were filled; `notes` says so).
    `value_per_unit` turns one unit of outcome into money for the ROI (1 where the outcome is money).
    """

    brand: str
    metric: str
    dates: npt.NDArray[np.datetime64]
    period_days: float
    geos: tuple[str, ...]
    streams: tuple[str, ...]
    spend: Floats
    outcome: Floats
    brand_series: dict[str, Floats] = field(default_factory=dict)
    controls: dict[str, Floats] = field(default_factory=dict)
    currency: str = "CNY"
    value_per_unit: float = 1.0
    lift_tests: tuple[LiftTest, ...] = ()
    notes: tuple[Text, ...] = ()
    provenance: Provenance | None = None

    @property
    def periods(self) -> int:
        return int(self.dates.shape[0])

    def until(self, stop: int) -> History:
        """The first `stop` periods, as they were known then: what a backtest fits on."""
        return replace(
            self,
            dates=self.dates[:stop],
            spend=self.spend[:, :stop],
            outcome=self.outcome[:, :stop],
            brand_series={k: v[:, :stop] for k, v in self.brand_series.items()},
            controls={k: v[:, :stop] for k, v in self.controls.items()},
            lift_tests=tuple(t for t in self.lift_tests if t.stop <= stop),
        )

    def hidden_after(self, stop: int) -> History:
        """The whole grid with spend and controls known, outcome and brand unobserved from `stop` on: a forecast."""
        outcome = self.outcome.copy()
        outcome[:, stop:] = np.nan
        series = {}
        for k, v in self.brand_series.items():
            series[k] = v.copy()
            series[k][:, stop:] = np.nan
        return replace(self, outcome=outcome, brand_series=series)


def make_history(
    dates: Sequence[object] | npt.NDArray[np.datetime64],
    streams: Sequence[str],
    spend: npt.ArrayLike,
    outcome: npt.ArrayLike,
    *,
    brand_series: Mapping[str, npt.ArrayLike] | None = None,
    controls: Mapping[str, npt.ArrayLike] | None = None,
    geos: Sequence[str] = ("",),
    brand: str = "brand",
    metric: str = "sales",
    currency: str = "CNY",
    value_per_unit: float = 1.0,
    lift_tests: Sequence[LiftTest] = (),
    notes: Sequence[Text] = (),
    provenance: Provenance | None = None,
) -> History:
    """A checked `History` from plain arrays.

    Parameters
    ----------
    dates : first days of the periods, regular (daily, weekly or monthly), in order.
    streams : names, "platform/tier/role/format[/stage]" or a channel's own name.
    spend : money per period, shape [time, stream] for one geo, else [geo, time, stream].
    outcome : shape [time] or [geo, time]; NaN where not observed.
    brand_series, controls : by name, shape [time] (the same everywhere) or [geo, time].
    value_per_unit : money per unit of outcome, for the ROI.

    Raises
    ------
    MeasureError : shapes that do not fit, irregular dates, negative spend, too few outcomes.
    """
    days = np.asarray(dates, dtype="datetime64[D]")
    t, g, s = len(days), len(geos), len(streams)
    step = _period_days(days)
    told = list(notes)
    x = _shaped(spend, (g, t, s), "spend")
    if s == 0:
        raise MeasureError("there is no spend stream", mend="bring spend per stream and period (table `spend`)")
    if len(set(streams)) != s or len(set(geos)) != g:
        raise MeasureError("a stream or a region is named twice", mend="give each its own name")
    if np.isnan(x).any():
        told.append(Text("花费中的空缺按 0 处理。", "Missing spend was taken as none."))
    x = np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
    if (x < 0).any():
        raise MeasureError("spend is negative in some period", mend="book refunds in the period they belong to")
    y = _finite_or_nan(_shaped(outcome, (g, t), "outcome"))
    if int(np.isfinite(y).any(axis=0).sum()) < LEAST_PERIODS:
        raise MeasureError(
            f"only {int(np.isfinite(y).any(axis=0).sum())} periods have an outcome; {LEAST_PERIODS} are the least",
            mend="bring a longer history of outcomes",
        )
    series = {k: _finite_or_nan(_shaped(v, (g, t), k)) for k, v in (brand_series or {}).items()}
    series = {k: v for k, v in series.items() if np.isfinite(v).sum() >= LEAST_PERIODS and np.nanstd(v) > 0}
    kept, filled = {}, []
    for name, v in (controls or {}).items():
        c = _finite_or_nan(_shaped(v, (g, t), name))
        if not np.isfinite(c).any():
            continue
        if np.isnan(c).any():
            filled.append(name)
            c = _filled(c)
        kept[name] = c
    if filled:
        names = ", ".join(filled)
        told.append(Text(f"控制变量的空缺已线性填补：{names}。", f"Gaps of controls were filled in linearly: {names}."))
    tests = tuple(lift_tests)
    for test in tests:
        if test.stream not in streams or test.geo not in geos:
            raise MeasureError(f"a lift test names '{test.stream}' in '{test.geo}'", mend="name a stream and its geo")
        if not 0 <= test.start < test.stop <= t or len(test.spend) != test.stop - test.start or not test.error > 0:
            raise MeasureError("a lift test's window, spend or error is wrong", mend="see LiftTest")
    told += _words(tuple(streams), x, y)
    return History(
        brand=brand,
        metric=metric,
        dates=days,
        period_days=step,
        geos=tuple(geos),
        streams=tuple(streams),
        spend=x,
        outcome=y,
        brand_series=series,
        controls=kept,
        currency=currency,
        value_per_unit=value_per_unit,
        lift_tests=tests,
        notes=tuple(told),
        provenance=provenance,
    )


def _period_days(days: npt.NDArray[np.datetime64]) -> float:
    """1, 7 or 30.44; months may differ in length, days and weeks may not."""
    if len(days) < 2:
        raise MeasureError("a history needs more than one period", mend="bring a longer history")
    steps = np.diff(days).astype(int)
    if (steps == steps[0]).all() and steps[0] >= 1:
        return float(steps[0])
    if steps.min() >= 28 and steps.max() <= 31:
        return 30.4375
    raise MeasureError("the periods are not regular", mend="fill the missing periods with NaN outcomes")


def _shaped(values: npt.ArrayLike, shape: tuple[int, ...], name: str) -> Floats:
    """The array with the geo axis in front; a national series is the same in every geo."""
    a = np.array(values, dtype=np.float64)
    if a.ndim == len(shape) - 1:
        if name == "outcome" and shape[0] > 1:
            raise MeasureError("the outcome has no region axis", mend="give outcome[geo, time]")
        a = np.broadcast_to(a, shape).copy()
    if a.shape != shape:
        raise MeasureError(f"'{name}' has shape {a.shape}, expected {shape}", mend="see make_history")
    return a


def _finite_or_nan(a: Floats) -> Floats:
    return np.where(np.isfinite(a), a, np.nan)


def _filled(c: Floats) -> Floats:
    """Linear between neighbours, level beyond the ends; a geo without any value takes the others' mean."""
    out = c.copy()
    grid = np.arange(c.shape[1])
    for i, row in enumerate(c):
        seen = np.isfinite(row)
        out[i] = np.interp(grid, grid[seen], row[seen]) if seen.any() else np.nanmean(c)
    return out


def _words(streams: tuple[str, ...], x: Floats, y: Floats) -> list[Text]:
    """What a reader should know about these data before believing any figure made from them."""
    told: list[Text] = []
    g, t, s = x.shape
    missing = int(np.isnan(y).sum())
    if missing:
        told.append(
            Text(f"结果序列有 {missing} 个空缺，不作填补。", f"{missing} outcomes are missing; none was made up.")
        )
    if t < _SHORT_PERIODS:
        told.append(
            Text(
                f"只有 {t} 期：季节与长期效果几乎无从分辨，区间会很宽。",
                f"Only {t} periods: season and long-term effects can hardly be told apart; intervals are wide.",
            )
        )
    flat = [n for i, n in enumerate(streams) if np.ptp(x[:, :, i], axis=1).max() <= 1e-9 * max(x[:, :, i].max(), 1.0)]
    if flat:
        names = ", ".join(flat)
        told.append(
            Text(
                f"花费从不变化，数据无法识别其效果，数字来自先验：{names}。",
                f"Spend never varies, so the data cannot tell its effect; the figures come from the prior: {names}.",
            )
        )
    if s > 1:
        flows = x.reshape(g * t, s)
        spread = flows.std(axis=0)
        moving = np.flatnonzero(spread > 0)
        r: Floats = np.atleast_2d(np.corrcoef(flows[:, moving].T)) if len(moving) > 1 else np.eye(1)
        for i, j in zip(*np.triu_indices(len(moving), 1), strict=True):
            if r[i, j] > _TWIN_CORRELATION:
                a, b = streams[moving[i]], streams[moving[j]]
                told.append(
                    Text(
                        f"{a} 与 {b} 同步花费（相关 {r[i, j]:.2f}）：合计可信，分开不可信。",
                        f"{a} and {b} are spent together (correlation {r[i, j]:.2f}): trust their sum, not the split.",
                    )
                )
    zero = float(np.mean(y[np.isfinite(y)] == 0))
    if zero > 0.2:
        told.append(
            Text(
                f"{zero:.0%} 的结果为 0：正态误差只是近似。",
                f"{zero:.0%} of the outcomes are zero: Gaussian errors are only an approximation.",
            )
        )
    return told
