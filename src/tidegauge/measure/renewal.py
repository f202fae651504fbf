"""What is new and growing: platforms, formats, categories and topics that break out, ripen or fade."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure import charts
from tidegauge.measure.amounts import QUANTITIES, Asked, amounts, period_grid
from tidegauge.measure.bursts import bursts
from tidegauge.measure.changepoints import changes
from tidegauge.measure.figures import jeffreys
from tidegauge.measure.growthcurves import curves
from tidegauge.measure.growthshape import LEAST_PERIODS, Growth, growth, started_log
from tidegauge.measure.registry import measure
from tidegauge.measure.rows import record, table
from tidegauge.measure.segments import PERIODS, UNKNOWN, Grid, choice, real, span, whole
from tidegauge.result import Explanation, Result, Text
from tidegauge.workspace.tables import Tables

Floats = npt.NDArray[np.float64]

_LEVEL, _ALPHA = 0.9, 0.05
#: A verdict is given from this probability on; below, it is "unclear".
_SURE = 0.8
_Z90 = 1.6449
_YEAR_DAYS = 365.25
VERDICTS = ("growing", "mature", "fading", "unclear")

EXPLANATION = Explanation(
    question=Text(
        zh="哪些平台、形式、类目、话题在爆发、成熟或衰退？把握多大？",
        en="Which platforms, formats, categories and topics break out, ripen or fade, and how sure is that?",
    ),
    formula="best of S-curves and humps on log(y + c), its R² against AR(1) noise of the same length; verdict: P(|end "
    "growth| beyond ±threshold per year) by residual bootstrap; logistic K/(1+e^(−r(t−t0))), Bass M(F(t+1)−F(t)); "
    "change points: straight lines, penalty 4 log n · long-run variance; bursts: Kleinberg's two states",
    assumptions=Text(
        zh="各期等距；对数尺度上的噪声为一阶自回归；采集口径不随时间变化。",
        en="Evenly spaced periods; noise is autoregressive of order one on the log scale; what is collected does "
        "not change.",
    ),
    limits=Text(
        zh="只看采集到的数据；至少 12 期；采集范围扩大会像增长；增长结束之前天花板难以识别。",
        en="It sees what is collected; at least 12 periods; collecting more looks like growth; a ceiling can hardly "
        "be known before growth slows.",
    ),
    reference="Bass (1969) A new product growth model; Kleinberg (2003) Bursty and hierarchical structure in streams; "
    "Killick, Fearnhead & Eckley (2012) Optimal detection of changepoints; Romano et al. (2022)",
)


@measure(
    "renewal",
    explanation=EXPLANATION,
    by=("platform", "format", "category", "role", "region", "language", "topic"),
    default_by=("platform",),
    options={
        "of": "posts, creators (active), views, likes, comments, shares, saves, followers; topics always count (auto)",
        "period": "day, week, month, quarter, year or auto (auto)",
        "threshold": "growth per year that counts as growing or fading, 0.2 is 20 % (0.2)",
        "top": "how many segments or topics, the largest first (40)",
        "seed": "of all draws (1)",
    },
)
def renewal(
    tables: Tables,
    *,
    by: tuple[str, ...],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    of: object = "auto",
    period: object = "auto",
    threshold: object = 0.2,
    top: object = 40,
    seed: object = 1,
) -> Result:
    """Verdict, growth, growth curves, change points and bursts per segment; see docs/methods/renewal.md.

    `verdict` rows carry the probability of the verdict named in `says` (of the likeliest one where it is "unclear");
    `growth` is relative growth per year at the end; `growth_p` the chance of such a shape in noise; `period` says when.
    """
    number = whole("seed", seed, 0, 2**31)
    rng = np.random.default_rng(number)
    most = whole("top", top, 1, 1_000)
    kind = choice("period", period, ("auto", *PERIODS))
    least_growth = real("threshold", threshold, 0.0, 100.0)
    what = choice("of", of, ("auto", "creators", *QUANTITIES[:-1]))
    asked = Asked(by, kind, start, end)
    series = _topics(tables, asked, most) if "topic" in by else _segments(tables, what, asked, most)
    if len(series.periods) < LEAST_PERIODS:
        raise MeasureError(
            f"{len(series.periods)} complete periods are too few to tell growth from noise; {LEAST_PERIODS} are needed",
            mend="choose a shorter period (--set period=week or day), or collect for longer",
        )
    per_year = _YEAR_DAYS / series.days
    records: list[dict[str, Any]] = []
    for names, y in zip(series.names, series.values, strict=True):
        if (y > 0).sum() < LEAST_PERIODS // 2 or y.min() == y.max():
            records.append(_verdict(names, "unclear", 1.0, (1.0, 1.0), series))
            continue
        found = growth(y, rng, alpha=_ALPHA)
        records += _growth_rows(names, y, found, least_growth, per_year, series)
        records += _change_rows(names, y, found, series)
    if series.everything is not None:
        records += _burst_rows(series, rng)
    rows = table(records, (*by, "period", "quantity", "says"))
    shown = rows.filter(pl.col("quantity") == "growth").with_columns(
        pl.concat_str([pl.col(c) for c in by], separator=" · ").alias("segment")
    )
    title = Text(zh="期末年化增长（90% 区间）", en="Growth per year at the end (90 % interval)")
    lang = tables.settings.language
    return Result(
        "renewal",
        by,
        rows,
        tables.provenance(seed=number),
        EXPLANATION,
        level=_LEVEL,
        notes=_notes(rows, series),
        chart=charts.dots(
            shown.sort("value", descending=True), segment="segment", title=title, lang=lang, percent=True
        ),
    )


@dataclass(frozen=True)
class _Series:
    """`values` (segments, periods), each with its words; `everything` (same shape) is what bursts are a share of."""

    names: tuple[dict[str, str], ...]
    values: Floats
    everything: Floats | None
    periods: tuple[str, ...]
    days: float
    unit: str


def _segments(tables: Tables, what: str, asked: Asked, top: int) -> _Series:
    found, unit = None, what
    for quantity in ("posts", "followers") if what == "auto" else ("posts" if what == "creators" else what,):
        try:
            found = amounts(tables, quantity, asked)
            break
        except MeasureError:
            if what != "auto" or quantity == "followers":
                raise
    assert found is not None
    frame = found.frame.filter(pl.all_horizontal(pl.col(c) != UNKNOWN for c in asked.by))
    value = pl.col("creator_id").n_unique() if what == "creators" else pl.col("amount").sum()
    summed = frame.group_by(*asked.by, "period").agg(value=value.cast(pl.Float64))
    unit = "creators" if what == "creators" else found.unit
    return _dense(summed, asked.by, found.grid, found.complete, unit, top, bursts_of=unit == "posts")


def _topics(tables: Tables, asked: Asked, top: int) -> _Series:
    """Appearances on hot lists per topic and period; bursts are a share of the platform's appearances."""
    if not set(asked.by) <= {"topic", "platform"}:
        raise MeasureError("topics can be split by platform only", mend="--by topic or --by platform,topic")
    seen = span(tables, tables["topics"], "observed_at", asked.start, asked.end)
    if seen is None:
        raise MeasureError("there are no topics", mend="ingest hot lists: platform, topic, observed_at")
    grid = period_grid(tables, asked, *seen)
    topics = tables.between(tables["topics"], "observed_at", asked.start, asked.end)
    rows = topics.select(*asked.by, period=grid.index(topics.observed_at))
    counted = rows.group_by([*asked.by, "period"]).agg(value=rows.count().cast("float64"))
    frame: pl.DataFrame = tables.frame(counted)
    return _dense(frame, asked.by, grid, (True,) * grid.length, "appearances", top, bursts_of=True)


def _dense(
    summed: pl.DataFrame,
    by: tuple[str, ...],
    grid: Grid,
    complete: tuple[bool, ...],
    unit: str,
    top: int,
    *,
    bursts_of: bool,
) -> _Series:
    if summed.is_empty():
        raise MeasureError(f"no rows carry {', '.join(by)}", mend="ingest files that carry it, or choose another --by")
    kept = [i for i, whole_period in enumerate(complete) if whole_period]
    totals = summed.group_by(by).agg(pl.col("value").sum()).sort(["value", *by], descending=[True] + [False] * len(by))
    names = totals.head(top).select(by)
    coded = summed.join(names.with_row_index("s"), on=list(by), how="left")
    values = np.zeros((names.height, grid.length))
    mine = coded.drop_nulls("s")
    values[mine.get_column("s").to_numpy(), mine.get_column("period").to_numpy()] = mine.get_column("value").to_numpy()
    everything = None
    if bursts_of:
        place = [c for c in by if c == "platform" and len(by) > 1]
        base = summed.group_by([*place, "period"]).agg(pl.col("value").sum())
        wide = names.with_row_index("s").select("s", *place)
        joined = wide.join(base, on=place) if place else wide.join(base, how="cross")
        everything = np.zeros_like(values)
        at = (joined.get_column("s").to_numpy(), joined.get_column("period").to_numpy())
        everything[at] = joined.get_column("value").to_numpy()
        everything = everything[:, kept]
    days = (grid.edges[-1] - grid.edges[0]).total_seconds() / 86_400.0 / grid.length
    words = tuple({k: str(v) for k, v in r.items()} for r in names.to_dicts())
    return _Series(words, values[:, kept], everything, tuple(grid.labels[i] for i in kept), days, unit)


def _growth_rows(
    names: dict[str, str], y: Floats, found: Growth, least: float, per_year: float, series: _Series
) -> list[dict[str, Any]]:
    n = y.size
    bound = np.log1p(least) / per_year
    draws = np.log1p(np.maximum(found.draws, -0.999))
    chances = {"growing": (draws > bound).mean(), "fading": (draws < -bound).mean()}
    chances["mature"] = 1.0 - chances["growing"] - chances["fading"]
    says, chance = max(chances.items(), key=lambda c: float(c[1]))
    # Without a shape that beats noise nothing is growing or fading, however the line happens to lean.
    if chance < _SURE or (found.p >= _ALPHA and says != "mature"):
        says = "unclear"
    drawn = found.draws.size
    out = [_verdict(names, says, float(chance), jeffreys(float(chance) * drawn, drawn), series)]
    whole_span = f"{series.periods[0]}/{series.periods[-1]}"
    most = 50.0  # a hundredfold year and beyond is not a forecast any more; it keeps exp() finite
    yearly = np.expm1(np.clip(draws * per_year, -most, np.log(1e6)))
    low, high = np.quantile(yearly, [0.05, 0.95])
    value = float(np.expm1(np.clip(np.log1p(max(found.rate, -0.999)) * per_year, -most, np.log(1e6))))
    last = f"{series.periods[-max(2, n // 10) - 1]}/{series.periods[-1]}"
    out.append(
        record(names, value, (float(low), float(high)), n, "per year", period=last, quantity="growth", says=says)
    )
    out.append(
        record(names, found.p, (found.p, found.p), n, "p-value", period=whole_span, quantity="growth_p", says=says)
    )
    if found.p < _ALPHA:
        for curve in curves(y, found.rho)[:1]:
            for name, (value, low, high) in curve.parameters.items():
                unit = series.unit if name in ("ceiling", "total") else "periods from the first"
                quantity = f"{curve.name}_{name}"
                out.append(record(names, value, (low, high), n, unit, period=whole_span, quantity=quantity, says=says))
    return out


def _verdict(
    names: dict[str, str], says: str, chance: float, bounds: tuple[float, float], series: _Series
) -> dict[str, Any]:
    when = f"{series.periods[0]}/{series.periods[-1]}"
    return record(names, chance, bounds, len(series.periods), "probability", period=when, quantity="verdict", says=says)


def _change_rows(names: dict[str, str], y: Floats, found: Growth, series: _Series) -> list[dict[str, Any]]:
    out = []
    for c in changes(started_log(y)[0], found.noise, found.rho):
        low, high = (float(np.expm1(np.clip(c.jump + s * _Z90 * c.se, -50.0, 50.0))) for s in (-1.0, 1.0))
        jump = float(np.expm1(np.clip(c.jump, -50.0, 50.0)))
        says = "up" if low > 0 else "down" if high < 0 else "course"
        out.append(
            record(names, jump, (low, high), y.size, "ratio", period=series.periods[c.at], quantity="change", says=says)
        )
    return out


def _burst_rows(series: _Series, rng: np.random.Generator) -> list[dict[str, Any]]:
    assert series.everything is not None
    out = []
    for names, y, everything in zip(series.names, series.values, series.everything, strict=True):
        for b in bursts(y, everything, rng, alpha=_ALPHA):
            when = f"{series.periods[b.first]}/{series.periods[b.last]}"
            says = "ongoing" if b.last == y.size - 1 else "over"
            bounds = (b.low, b.high)
            out.append(record(names, b.ratio, bounds, b.count, "times usual", period=when, quantity="burst", says=says))
    return out


def _notes(rows: pl.DataFrame, series: _Series) -> tuple[Text, ...]:
    verdicts = rows.filter(pl.col("quantity") == "verdict").get_column("says").value_counts(sort=True)
    told = ", ".join(f"{says} {count}" for says, count in verdicts.iter_rows())
    alarms = _ALPHA * len(series.names)
    return (
        Text(
            zh=f"判断：{told}。每条序列误报率至多 {_ALPHA:.0%}，{len(series.names)} 条预期误报至多 {alarms:.1f} 条。",
            en=f"Verdicts: {told}. At most {_ALPHA:.0%} false alarms per series: {alarms:.1f} expected among "
            f"{len(series.names)} series without any growth.",
        ),
    )
