"""Shares of figures that nobody sampled: the market table's cited numbers and the spend ledger's streams."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure import shares
from tidegauge.measure.bootstrap import REPLICATES, percentile
from tidegauge.measure.rows import record, table
from tidegauge.result import Text
from tidegauge.workspace.tables import Tables

_COLUMNS = ("platform", "segment")
_RANGE_ENDS = (":low", ":high")


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
        ends.append((str(period), s, s_draws, n))
    if len(ends) > 1:
        out += _change(names.to_dicts(), ends[0], ends[-1], level)
    return out


def _change(
    names: list[dict[str, str]], before: tuple[str, Any, Any, Any], after: tuple[str, Any, Any, Any], level: float
) -> list[dict[str, Any]]:
    (p0, s0, d0, n0), (p1, s1, d1, n1) = before, after
    change, draws, period = s1 - s0, d1 - d0, f"{p0}/{p1}"
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
