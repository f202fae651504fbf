"""From a measured table to what is told of it: a sentence, a chart and a table, for any measure.

A measure's rows have segment columns, perhaps `period` and `quantity`, then value, low, high, n, unit. Nothing here
knows a measure by name, so that a new measure is reported without a line of code.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from tidegauge.report.blocks import BarChart, Block, Column, LineChart, Picture, Table
from tidegauge.report.content import short
from tidegauge.report.figures import clean, in_unit, is_ratio, percent
from tidegauge.report.messages import message
from tidegauge.report.words import LANGUAGES, column_word, reads
from tidegauge.result import Result, Text

#: Columns that are time, not a segment.
TIME_COLUMNS = ("period", "date", "day", "week", "month", "year", "at", "observed_at")
#: More lines in one picture, or more dots, no longer read.
_MOST_LINES, _MOST_DOTS = 6, 15
_PAGE_ROWS = 300
_EMPTY = Text("没有行：数据不足以计算。", "No rows: too little data.")


def main_rows(result: Result) -> pl.DataFrame:
    """The rows of one quantity in one unit, which sentence and chart are about: the first share, else the first."""
    rows = result.rows
    if rows.is_empty() or "quantity" not in rows.columns:
        return rows
    known = rows.unique("quantity", keep="first", maintain_order=True).select("quantity", "unit").iter_rows()
    named = [(str(q), str(unit)) for q, unit in known]
    shares = [q for q, unit in named if q.endswith("share") and is_ratio(unit)]
    chosen = (shares or [named[0][0]])[0]
    # One quantity may be told against several references; they share no axis.
    return rows.filter(
        (pl.col("quantity") == chosen) & pl.col("unit").eq_missing(pl.lit(dict(reversed(named))[chosen]))
    )


def _segments(result: Result) -> list[str]:
    return [c for c in result.segments if c not in (*TIME_COLUMNS, "quantity")]


def _time(result: Result) -> str:
    return next((c for c in TIME_COLUMNS if c in result.segments), "")


def _named(row: dict[str, object], segments: list[str]) -> Text:
    words = [str(row[c]) for c in segments if row.get(c) is not None]
    return Text(
        short(" · ".join(reads(w, "zh") for w in words), 40), short(" · ".join(reads(w, "en") for w in words), 40)
    )


def sentence(result: Result) -> Text:
    """What the rows say to the measure's question; else the largest segment at the last period."""
    own = message(result)
    if own is not None:
        return own
    rows = main_rows(result).filter(pl.col("value").is_finite())
    if rows.is_empty():
        return _EMPTY
    time, segments = _time(result), _segments(result)
    if time:
        rows = rows.filter(pl.col(time) == rows.get_column(time).max())
    top = rows.sort("value", descending=True, nulls_last=True).row(0, named=True)
    quantity = column_word(str(top["quantity"])) if top.get("quantity") else Text("", "")
    figure = tuple(
        in_unit(top["value"], top["low"], top["high"], str(top["unit"] or ""), lang) for lang in ("zh", "en")
    )
    when = str(top[time]) if time else ""
    name, level = _named(top, segments), percent(result.level, 0)
    of_zh = f"（{quantity.zh}）" if quantity.zh else ""
    of_en = f" ({quantity.en})" if quantity.en else ""
    lead = Text(f"{name.zh}最高", f"{name.en} is highest") if name.zh and rows.height > 1 else name
    return Text(
        "，".join(p for p in (when, f"{lead.zh}{of_zh}：{figure[0]}，{level} 区间。") if p),
        ", ".join(p for p in (when, f"{lead.en}{of_en}: {figure[1]}, {level} interval.") if p),
    )


def chart(result: Result) -> Block | None:
    """Lines over time, or dots with intervals; a measure's own picture where its rows fit neither."""
    # A segment without a single reading in a period has no share there; a line must not jump from such a zero.
    rows = main_rows(result).filter(pl.col("value").is_finite() & ((pl.col("n") > 0) | (pl.col("value") != 0)))
    if rows.is_empty():
        return None
    time, segments = _time(result), _segments(result)
    keyed = _keyed(result, rows, segments)
    series = keyed.get_column("_name").n_unique()
    if time and keyed.get_column(time).n_unique() > 2 and keyed.select(time, "_name").is_unique().all():
        return _lines(result, keyed, time)
    if time and keyed.get_column(time).n_unique() > 1:
        keyed = keyed.filter(pl.col(time) == pl.col(time).max())
    if result.chart is not None and series < keyed.height:
        return Picture(f"{result.measure}-chart", result.explanation.question, result.chart)
    top = keyed.sort("value", descending=True).head(_MOST_DOTS)
    category = Column("_zh", Text("分段", "Segment"), key_en="_en")
    title = _quantity_title(result, rows)
    unit = str(rows.get_column("unit")[0] or "")
    if unit.startswith("times "):
        title = Text(f"{title.zh}，{reads(unit, 'zh')}", f"{title.en}, {reads(unit, 'en')}")
    if keyed.height > _MOST_DOTS:
        title = Text(f"{title.zh}（最高的 {_MOST_DOTS} 个）", f"{title.en} (the {_MOST_DOTS} highest)")
    value = Column("value", title, "by_unit", low="low", high="high", unit_key="unit")
    return BarChart(f"{result.measure}-chart", title, top, category, (value,), style="dot")


def _keyed(result: Result, rows: pl.DataFrame, segments: list[str]) -> pl.DataFrame:
    """The rows with one name per combination of segments, in both languages; missing segments are left out."""
    if not segments:
        title = column_word(result.measure)
        return rows.with_columns(_name=pl.lit(result.measure), _zh=pl.lit(title.zh), _en=pl.lit(title.en))
    parts = [pl.col(c).cast(pl.String) for c in segments]
    names = [pl.concat_str(parts, separator=" · ", ignore_nulls=True).alias("_name")]
    for lang in LANGUAGES:
        told = [p.map_elements(partial(reads, lang=lang), return_dtype=pl.String) for p in parts]
        names.append(pl.concat_str(told, separator=" · ", ignore_nulls=True).alias(f"_{lang}"))
    return rows.with_columns(names)


def _quantity_title(result: Result, rows: pl.DataFrame) -> Text:
    told = column_word(str(rows.get_column("quantity")[0]) if "quantity" in rows.columns else result.measure)
    return Text(told.zh, told.en[:1].upper() + told.en[1:])


def _lines(result: Result, keyed: pl.DataFrame, time: str) -> LineChart:
    # Each segment's own last period: one that is read no longer was there all the same.
    last = keyed.sort(time, maintain_order=True).unique("_name", keep="last", maintain_order=True)
    last = last.sort("value", descending=True, maintain_order=True).head(_MOST_LINES)
    wide = keyed.select(pl.col(time).unique().sort())
    lines = []
    for i, row in enumerate(last.iter_rows(named=True)):
        one = keyed.filter(pl.col("_name") == row["_name"]).select(
            time, *(pl.col(c).alias(f"{c}_{i}") for c in ("value", "low", "high", "unit"))
        )
        wide = wide.join(one, on=time, how="left", maintain_order="left")
        name = Text(row["_zh"], row["_en"])
        lines.append(Column(f"value_{i}", name, "by_unit", low=f"low_{i}", high=f"high_{i}", unit_key=f"unit_{i}"))
    x = Column(time, column_word(time), "date" if wide.schema[time].is_temporal() else "text")
    title = _quantity_title(result, keyed)
    return LineChart(f"{result.measure}-chart", title, wide, x, tuple(lines), y_title=title)


def table(result: Result) -> Table:
    """All rows: segments in words, the value with its interval in its unit, the sample size."""
    shown = [
        Column(c, column_word(c), "word", facet=c != "period" and result.rows.get_column(c).n_unique() <= 20)
        for c in result.segments
    ]
    value = Column("value", Text("数值 [区间]", "Value [interval]"), "by_unit", low="low", high="high", unit_key="unit")
    return Table(
        result.measure,
        column_word(result.measure),
        result.rows,
        (
            *shown,
            value,
            Column("n", Text("样本量", "n"), "count"),
            Column("unit", Text("单位", "Unit"), "word", depth=2),
        ),
        _EMPTY,
        page_rows=_PAGE_ROWS,
    )


def method(result: Result) -> tuple[Text, ...]:
    """Formula, assumptions, limits, reference and provenance, as notes."""
    e, p = result.explanation, result.provenance
    snapshot = "–" if p.snapshot is None else str(p.snapshot)
    seed = "–" if p.seed is None else str(p.seed)
    return (
        Text(f"公式：{e.formula}", f"Formula: {e.formula}"),
        Text(f"假设：{e.assumptions.zh}", f"Assumptions: {e.assumptions.en}"),
        Text(f"局限：{e.limits.zh}", f"Limits: {e.limits.en}"),
        Text(f"文献：{e.reference}", f"Reference: {e.reference}"),
        *result.notes,
        Text(
            f"来源：快照 {snapshot}，{len(p.ingests)} 次导入，引擎 {p.engine}，种子 {seed}。",
            f"Source: snapshot {snapshot}, {len(p.ingests)} ingests, engine {p.engine}, seed {seed}.",
        ),
        *(Text(f"假设：{clean(a.zh)}", f"Assumed: {clean(a.en)}") for a in p.assumptions()),
    )
