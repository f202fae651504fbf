"""Shares of figures that nobody sampled: the market table's cited numbers and the spend ledger's streams."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure import shares
from tidegauge.measure.amounts import Asked, period_grid
from tidegauge.measure.bootstrap import REPLICATES, percentile
from tidegauge.measure.rows import record, table
from tidegauge.measure.segments import UNKNOWN
from tidegauge.result import Text
from tidegauge.workspace.tables import Tables

_COLUMNS = ("platform", "segment")
_RANGE_ENDS = (":low", ":high")
LEDGER_COLUMNS = ("stream", "brand", "geo")
#: A stream's name may say all five, with slashes between them; otherwise these are unknown.
STREAM_PARTS = ("platform", "tier", "role", "format", "stage")


def cited_shares(
    tables: Tables, metric: str, by: tuple[str, ...], *, seed: int, level: float
) -> tuple[pl.DataFrame, tuple[Text, ...]]:
    """Shares, changes and the displacement index of a cited market metric, by platform or segment.

    No creators stand behind such figures, so nothing is resampled: where sources give a range, or disagree, the value
    is drawn uniformly from it; where one number is cited the interval has no width and says only that it is cited.
    """
    strange = [c for c in by if c not in _COLUMNS]
    if strange:
        raise MeasureError(
            f"market figures cannot be split by {', '.join(strange)}", mend="possible: platform, segment"
        )
    market = tables["market"]
    # "all" and lists of platforms are wholes, not segments beside their parts.
    single = (market.platform != "all") & ~market.platform.contains(",")
    market = market.filter(single) if "platform" in by else market
    wanted = market.filter(market.metric.isin([metric, *(metric + e for e in _RANGE_ENDS)]))
    found: pl.DataFrame = tables.frame(wanted.select("platform", "segment", "metric", "period", "value", "unit"))
    if found.is_empty():
        names = tables.frame(market.select("metric").distinct()).get_column("metric").to_list()
        known = sorted({re.sub(r":(low|high)$", "", m) for m in names})
        mend = f"metrics there: {', '.join(known[:20])}" if known else "ingest market figures (table `market`)"
        raise MeasureError(f"there is no market metric '{metric}'", mend=mend)
    units = found.get_column("unit").unique().sort().to_list()
    if len(units) > 1:
        raise MeasureError(f"'{metric}' is cited in several units: {', '.join(units)}", mend="ingest it in one unit")
    cells = found.group_by("period", *by).agg(low=pl.col("value").min(), high=pl.col("value").max(), n=pl.len())
    cells = cells.sort("period", *by)
    records = _records(cells, by, units[0], np.random.default_rng(seed), level)
    note = Text(
        "引用数字没有抽样误差：来源给出范围或互相不一致时，区间为该范围；只有一个数字时区间没有宽度。",
        "Cited figures have no sampling error: where sources give a range or disagree, that range is the interval; a "
        "single number has none.",
    )
    return table(records, (*by, "period", "quantity")), (note,)


def ledger_shares(
    tables: Tables,
    by: tuple[str, ...],
    period: str,
    start: dt.datetime | None,
    end: dt.datetime | None,
    *,
    level: float,
) -> tuple[pl.DataFrame, tuple[Text, ...]]:
    """Shares of money in the spend table, by stream, brand, geo or a part of the stream's name (platform/tier/role/…).

    A ledger is counted in full: its intervals have no width. A row belongs to the period in which it starts. Raises
    MeasureError where the table is empty or a column is not possible.
    """
    strange = [c for c in by if c not in (*LEDGER_COLUMNS, *STREAM_PARTS)]
    if strange:
        possible = ", ".join((*LEDGER_COLUMNS, *STREAM_PARTS))
        raise MeasureError(f"spend cannot be split by {', '.join(strange)}", mend=f"possible: {possible}")
    spend = tables["spend"]
    rows: pl.DataFrame = tables.frame(spend.select("stream", "brand", "geo", "period_start", "cost"))
    zone = tables.settings.zone
    noon = pl.col("period_start").cast(pl.Datetime("us")).dt.replace_time_zone(zone.key) + pl.duration(hours=12)
    rows = rows.with_columns(at=noon.dt.convert_time_zone("UTC"))
    rows = rows.filter(pl.lit(True) if start is None else pl.col("at") >= start)
    rows = rows.filter(pl.lit(True) if end is None else pl.col("at") < end)
    if rows.is_empty():
        raise MeasureError(
            "there is no spend", mend="ingest placements with cost or the spend table, or widen --from and --to"
        )
    parts = pl.col("stream").str.split("/")
    whole_name = parts.list.len() == len(STREAM_PARTS)
    rows = rows.with_columns(
        pl.when(whole_name).then(parts.list.get(i, null_on_oob=True)).otherwise(pl.lit(UNKNOWN)).alias(c)
        for i, c in enumerate(STREAM_PARTS)
    )
    low, high = rows.select(low=pl.col("at").min(), high=pl.col("at").max()).row(0)
    g = period_grid(tables, Asked(by, period, start, end), low, high)
    place = (
        np.searchsorted(np.array([e.timestamp() for e in g.edges]), rows.get_column("at").dt.epoch("s"), "right") - 1
    )
    rows = rows.with_columns(period=pl.Series([g.labels[p] for p in place]))
    cells = rows.group_by("period", *by).agg(low=pl.col("cost").sum(), high=pl.col("cost").sum(), n=pl.len())
    records = _records(cells.sort("period", *by), by, tables.settings.currency, np.random.default_rng(0), level)
    note = Text(
        "花费来自花费表，全额计数，没有抽样误差，区间没有宽度；每行计入其开始日所在的期。",
        "Spend comes from the spend table: counted in full, without sampling error, so that intervals have no width; a "
        "row belongs to the period in which it starts.",
    )
    return table(records, (*by, "period", "quantity")), (note,)


def _records(
    cells: pl.DataFrame, by: tuple[str, ...], unit: str, rng: np.random.Generator, level: float
) -> list[dict[str, Any]]:
    names = cells.select(by).unique().sort(by)
    coded = cells.join(names.with_row_index("_s"), on=list(by))
    out: list[dict[str, Any]] = []
    ends: list[tuple[str, Any, Any, Any]] = []
    for (period,), group in coded.group_by("period", maintain_order=True):
        low, high = np.zeros(names.height), np.zeros(names.height)
        n = np.zeros(names.height, dtype=np.int64)
        at = group.get_column("_s").to_numpy()
        low[at], high[at], n[at] = (group.get_column(c).to_numpy() for c in ("low", "high", "n"))
        x = (low + high) / 2.0
        draws = low + (high - low) * rng.random((REPLICATES, names.height))
        s, s_draws = shares.shares(x), shares.shares(draws)
        for quantity, value, bounds, u in (
            ("share", s, percentile(s_draws, level), "ratio"),
            ("amount", x, (low, high), unit),
        ):
            out += [
                record(w, value[i], (bounds[0][i], bounds[1][i]), n[i], u, period=str(period), quantity=quantity)
                for i, w in enumerate(names.to_dicts())
                if n[i]
            ]
        ends.append((str(period), x, draws, n))
    if len(ends) > 1:
        out += _change(names.to_dicts(), ends[0], ends[-1], level)
    return out


def _change(
    names: list[dict[str, str]], before: tuple[str, Any, Any, Any], after: tuple[str, Any, Any, Any], level: float
) -> list[dict[str, Any]]:
    (p0, x0, d0, n0), (p1, x1, d1, n1) = before, after
    # What one end does not cite is not known there, which is not the same as zero: it takes no part in the change.
    both = np.flatnonzero((n0 > 0) & (n1 > 0))
    if both.size == 0:
        return []
    names, n0, n1 = [names[i] for i in both], n0[both], n1[both]
    change = shares.shares(x1[both]) - shares.shares(x0[both])
    draws, period = shares.shares(d1[:, both]) - shares.shares(d0[:, both]), f"{p0}/{p1}"
    low, high = percentile(draws, level)
    out = [
        record(w, change[i], (low[i], high[i]), max(n0[i], n1[i]), "ratio", period=period, quantity="share_change")
        for i, w in enumerate(names)
    ]
    # Without sampling noise nothing is to be corrected for: the index is that of the middle values.
    index = np.abs(draws).sum(axis=1) / 2.0
    low, high = percentile(index[:, None], level)
    everyone = dict.fromkeys(names[0], "all")
    value = float(np.abs(change).sum() / 2.0)
    n = int(n0.sum() + n1.sum())
    return [*out, record(everyone, value, (low[0], high[0]), n, "ratio", period=period, quantity="displacement_index")]
