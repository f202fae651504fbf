"""A brand's `History` from the canonical tables: spend (or else placements), outcomes, brand series, controls."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import numpy as np
import polars as pl

from tidegauge.errors import MeasureError, UsageError
from tidegauge.response.history import Floats, History, make_history
from tidegauge.result import Text
from tidegauge.workspace.tables import Tables

#: Outcomes that show the brand rather than sales (as far as the names of metrics can tell).
BRAND_METRICS = ("search_index", "mentions", "awareness", "share_of_voice", "consideration", "brand_interest")
#: Series that are levels: a period's value is the mean of its days, not their sum.
_LEVELS = ("search_index", "awareness", "share_of_voice", "consideration", "brand_interest")
_CONTROL = "control:"
_STEPS = {"D": 1, "W": 7}


def history(
    tables: Tables,
    *,
    brand: str | None = None,
    metric: str = "sales",
    freq: Literal["D", "W"] | None = None,
    value_per_unit: float = 1.0,
    regional: bool = True,
) -> History:
    """Read one brand's history.

    Parameters
    ----------
    tables : the workspace's canonical tables.
    brand : which brand; may be left out where only one has outcomes of this metric.
    metric : the outcome to explain (`sales`, `orders`, …).
    freq : "D" or "W"; by default the outcome's own period. Finer rows are added up, coarser ones spread evenly.
    value_per_unit : money per unit of the outcome, for the ROI.
    regional : keep regions apart where spend and outcome both have them; else add them up.

    Raises
    ------
    MeasureError : no such brand or metric, no spend, too few periods.
    """
    if freq not in (None, *_STEPS):
        raise UsageError(f"there is no frequency '{freq}'", mend="D (daily) or W (weekly)")
    outcomes = tables.frame(tables["outcomes"].select("brand", "metric", "period_start", "period_end", "geo", "value"))
    name = _one_brand(outcomes, brand, metric)
    own = outcomes.filter(pl.col("brand") == name).drop("brand")
    spend, told = _spend(tables, name)
    target = own.filter(pl.col("metric") == metric)
    starts, step = _grid(target, freq)
    series = [m for m in own.get_column("metric").unique().sort() if m in BRAND_METRICS and m != metric]
    geos = _geos(target, spend, own, series, regional, told)
    n = len(starts)
    streams = spend.get_column("stream").unique().sort().to_list()
    y = _cells(target, starts, step, geos, metric)
    x = np.zeros((len(geos), n, len(streams)))
    size = np.nansum(y, axis=1)
    size = size / size.sum() if (size > 0).all() else np.full(len(geos), 1.0 / len(geos))
    for i, stream in enumerate(streams):
        rows = spend.filter(pl.col("stream") == stream).select("period_start", "period_end", "geo", value="cost")
        x[:, :, i] = np.nan_to_num(_cells(rows, starts, step, geos, "cost"))
        if len(geos) > 1 and not set(rows.get_column("geo")) & set(geos):  # national spend, spread by sales
            x[:, :, i] *= size[:, None]
    brand_series = {m: _cells(own.filter(pl.col("metric") == m), starts, step, geos, m) for m in series}
    controls = {
        m.removeprefix(_CONTROL): _cells(own.filter(pl.col("metric") == m), starts, step, geos, m)
        for m in own.get_column("metric").unique().sort()
        if m.startswith(_CONTROL)
    }
    kept = [i for i in range(len(streams)) if x[:, :, i].any()]
    for i in sorted(set(range(len(streams))) - set(kept)):
        told.append(
            Text(f"{streams[i]} 在此期间没有花费。", f"{streams[i]} has no spend in this span and is left out.")
        )
    return make_history(
        np.array(starts, dtype="datetime64[D]"),
        [streams[i] for i in kept],
        x[:, :, kept],
        y,
        brand_series=brand_series,
        controls=controls,
        geos=geos,
        brand=name,
        metric=metric,
        currency=tables.settings.currency,
        value_per_unit=value_per_unit,
        notes=told,
        provenance=tables.provenance(),
    )


def _one_brand(outcomes: pl.DataFrame, brand: str | None, metric: str) -> str:
    known = outcomes.filter(pl.col("metric") == metric).get_column("brand").unique().sort().to_list()
    if not known:
        metrics = ", ".join(outcomes.get_column("metric").unique().sort().to_list()) or "none"
        raise MeasureError(
            f"the workspace holds no outcome '{metric}'",
            mend=f"bring sales per period into the table `outcomes` (metrics there: {metrics})",
        )
    if brand is None and len(known) > 1:
        raise MeasureError("several brands have outcomes", mend="name one with --brand: " + ", ".join(known))
    if brand is not None and brand not in known:
        raise MeasureError(f"there is no outcome '{metric}' of brand '{brand}'", mend="brands: " + ", ".join(known))
    return brand if brand is not None else known[0]


def _spend(tables: Tables, brand: str) -> tuple[pl.DataFrame, list[Text]]:
    """The brand's spend rows; where it has none, its placements as streams platform/tier/role/format/stage."""
    t = tables["spend"]
    rows = tables.frame(t.filter(t.brand == brand).select("stream", "period_start", "period_end", "geo", "cost"))
    if rows.height:
        return rows, []
    p, c, s = tables["placements"], tables["creators"], tables["creator_snapshots"]
    booked = p.filter(p.brand == brand, p.cost.notnull(), p.published_at.notnull())
    largest = s.group_by("creator_id").agg(followers=s.followers.max())
    joined = booked.left_join(c.select("creator_id", "platform"), "creator_id").drop("creator_id_right")
    joined = joined.left_join(largest, "creator_id").drop("creator_id_right")
    tier = tables.tier(joined.platform, joined.followers)
    frame = tables.frame(
        joined.select("platform", "format", "role", "stage", "cost", "published_at", tier=tier.fill_null(""))
    )
    if not frame.height:
        raise MeasureError(
            f"brand '{brand}' has neither spend nor paid placements", mend="bring them into `spend` or `placements`"
        )
    parts = [pl.col(k).fill_null("") for k in ("platform", "tier", "role", "format", "stage")]
    day = pl.col("published_at").dt.convert_time_zone(tables.settings.timezone).dt.date()
    rows = frame.select(
        pl.concat_str(parts, separator="/").str.replace_all(r"/+", "/").str.strip_chars("/").alias("stream"),
        day.alias("period_start"),
        day.alias("period_end"),
        pl.lit("").alias("geo"),
        "cost",
    )
    return rows, [
        Text("没有花费表：按投放的费用与发布日计。", "No spend table: placements count at cost on their day.")
    ]


def _grid(target: pl.DataFrame, freq: str | None) -> tuple[list[dt.date], int]:
    """First days of the periods, and their length in days (0 for calendar months)."""
    spans = target.select(pl.col("period_start").unique().sort()).get_column("period_start")
    lengths = (target.get_column("period_end") - target.get_column("period_start")).dt.total_days() + 1
    typical = int(np.median(lengths.to_numpy()))
    first, last = spans[0], target.get_column("period_end").max()
    assert isinstance(last, dt.date)
    if freq is None and 28 <= typical <= 31:
        months = pl.date_range(first.replace(day=1), last, "1mo", eager=True)
        return months.to_list(), 0
    step = _STEPS[freq] if freq else (1 if typical <= 1 else 7 if typical <= 7 else typical)
    return pl.date_range(first, last, f"{step}d", eager=True).to_list(), step


def _geos(
    target: pl.DataFrame, spend: pl.DataFrame, own: pl.DataFrame, series: list[str], regional: bool, told: list[Text]
) -> list[str]:
    """Regions to keep apart: those of the outcome, if spend and the brand series have them too; else all in one."""
    places = sorted(set(target.get_column("geo").to_list()) - {""})
    if not regional or len(places) < 2:
        return [""]
    if not set(spend.get_column("geo").unique().to_list()) & set(places):
        told.append(Text("花费不分地区，按全国合计。", "Spend is national: regions were added up."))
        return [""]
    for m in series:
        if not set(own.filter(pl.col("metric") == m).get_column("geo").to_list()) & set(places):
            told.append(
                Text(f"{m} 只有全国值，按全国合计拟合。", f"{m} is national only: regions were added up for the fit.")
            )
            return [""]
    return places


def _cells(rows: pl.DataFrame, starts: list[dt.date], step: int, geos: list[str], metric: str) -> Floats:
    """`[geo, time]`: rows spread over their days and gathered again by period; NaN where no day is covered.

    With one national geo, regions are added up (levels averaged); with regions, a national row counts for each.
    """
    out = np.full((len(geos), len(starts)), np.nan)
    if rows.is_empty():
        return out
    level = metric in _LEVELS or metric.startswith(_CONTROL)
    whole = not level and metric != "cost"
    edges = np.array([*starts, _after(starts[-1], step)], dtype="datetime64[D]").astype(np.int64)
    days = (pl.col("period_end") - pl.col("period_start")).dt.total_days().clip(0) + 1
    counted = rows.with_columns(days.alias("days"))
    daily = counted.select(
        pl.col("period_start").repeat_by("days").alias("day"),
        pl.int_ranges(0, "days").alias("offset"),
        "geo",
        (pl.col("value") if level else pl.col("value") / pl.col("days")).alias("value"),
    ).explode("day", "offset")
    when = daily.get_column("day").cast(pl.Int32).to_numpy().astype(np.int64) + daily.get_column("offset").to_numpy()
    place = np.searchsorted(edges, when, side="right") - 1
    value, geo = daily.get_column("value").to_numpy(), daily.get_column("geo").to_numpy()
    for g, name in enumerate(geos):
        chosen = (place >= 0) & (place < len(starts)) & np.isfinite(value)
        # Where a series has both regions and a national total, the total is not added to its own parts.
        national = geo == ""
        if name:
            chosen &= (geo == name) if (geo == name).any() else national
        elif national.any():
            chosen &= national
        total = np.bincount(place[chosen], weights=value[chosen], minlength=len(starts))
        held = np.bincount(place[chosen], minlength=len(starts))
        if whole:  # the total of half a week is no week's total
            covered = np.unique(when[chosen])
            covered = np.bincount(np.searchsorted(edges, covered, side="right") - 1, minlength=len(starts))
            held = np.where(covered[: len(starts)] >= np.diff(edges), held, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[g] = np.where(held > 0, total / held if level else total, np.nan)
    return out


def _after(day: dt.date, step: int) -> dt.date:
    if step:
        return day + dt.timedelta(days=step)
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
