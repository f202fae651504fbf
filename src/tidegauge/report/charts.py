"""Charts drawn once with Altair: as SVG whose colours follow the page (light, dark, print), and as PNG for decks.

The SVG needs no script: colours are CSS variables, type is the page's, and every mark tells its figures in an
`aria-label`, which the page shows as a tip and a screen reader speaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from tidegauge.errors import UsageError
from tidegauge.report.blocks import BarChart, Column, LineChart, Picture
from tidegauge.report.cells import cell, heading
from tidegauge.report.figures import clean, is_ratio, known
from tidegauge.vocab import Lang

#: vl-convert falls back to a serif face for Chinese unless the face is named.
FONT = "Noto Sans CJK SC"
ChartBlock = LineChart | BarChart | Picture

#: What each role of colour is on paper (and in PNG). In SVG the same values are swapped for the page's variables,
#: so every value must be unlike any colour that a chart could otherwise hold.
INK, MUTED, GRID = "#1b2a34", "#52626e", "#dbe2e6"
SERIES = ("#0b6a8d", "#b5640d", "#4d7c2f", "#7a4fa3", "#a8324a", "#3b5bb5", "#6d6a14", "#0f7f73")
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", **{c: f"--c{i}" for i, c in enumerate(SERIES, 1)}}
_WIDTH, _HEIGHT, _ROW_HEIGHT = 620, 280, 26
_LABEL_LIMIT = 280
#: Dates written out along an axis.
_MOST_LABELS = 8
#: Narrower drawings have room for fewer ticks.
_NARROW = 450

# Vega's own number formats know neither 万 nor 亿.
_COMPACT_ZH = (
    "abs(datum.value) >= 1e8 ? format(datum.value/1e8, '~r') + ' 亿' : "
    "abs(datum.value) >= 1e4 ? format(datum.value/1e4, '~r') + ' 万' : format(datum.value, ',~r')"
)
_COMPACT_EN = (
    "abs(datum.value) >= 1e9 ? format(datum.value/1e9, '~r') + 'B' : "
    "abs(datum.value) >= 1e6 ? format(datum.value/1e6, '~r') + 'M' : "
    "abs(datum.value) >= 1e4 ? format(datum.value/1e3, '~r') + 'k' : format(datum.value, ',~r')"
)
_PERCENT = "format(100*datum.value, '~r') + ' %'"


def axis(column: Column, frame: pl.DataFrame, lang: Lang, width: int = _WIDTH, **more: Any) -> alt.Axis:
    compact = _COMPACT_ZH if lang == "zh" else _COMPACT_EN
    labels = _PERCENT if _is_share(column, frame) else compact
    return alt.Axis(labelExpr=labels, tickCount=4 if width < _NARROW else 6, **more)


def _is_share(column: Column, frame: pl.DataFrame) -> bool:
    if column.kind == "share":
        return True
    if column.kind != "by_unit" or column.unit_key not in frame.columns:
        return False
    units = frame.get_column(column.unit_key).drop_nulls()
    return units.len() > 0 and is_ratio(str(units[0]))


def styled(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    """The chart in the report's type and colours, its legend above it."""
    styled: alt.TopLevelMixin = chart.configure(
        font=FONT,
        background="transparent",
        padding=4,
        axis=alt.AxisConfig(
            labelColor=MUTED,
            titleColor=MUTED,
            gridColor=GRID,
            domainColor=GRID,
            tickColor=GRID,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            labelLimit=_LABEL_LIMIT,
            labelPadding=6,
        ),
        legend=alt.LegendConfig(
            labelColor=INK,
            labelFontSize=12,
            orient="top",
            direction="horizontal",
            title=None,
            symbolType="square",
            symbolStrokeWidth=0,
            symbolOpacity=1,
            labelLimit=260,
            columns=4,
        ),
        view=alt.ViewConfig(stroke=None),
    )
    return styled


def _points(chart: LineChart | BarChart, columns: tuple[Column, ...], x: Column, lang: Lang) -> pl.DataFrame:
    """One record per row and column: x, series, value, low, high and the tip that tells them."""
    records = []
    for i, row in enumerate(chart.frame.to_dicts()):
        for column in columns:
            value = known(row.get(column.key))
            if value is None:
                continue
            at, title = cell(x, row, lang), clean(column.title[lang])
            records.append(
                {
                    "x": row[x.key] if isinstance(chart, LineChart) and x.numeric else at,
                    "series": title,
                    "value": value,
                    "low": known(row.get(column.low)),
                    "high": known(row.get(column.high)),
                    "tip": f"{at} · {title}: {cell(column, row, lang)}",
                    "place": i,
                }
            )
    kinds = {"series": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "tip": pl.String}
    return pl.DataFrame(records, infer_schema_length=None, schema_overrides=kinds)


def altair_chart(
    chart: ChartBlock, lang: Lang, *, width: int = _WIDTH, height: int | None = None
) -> alt.TopLevelMixin | None:
    """The block as an Altair chart in one language; None where it holds no figure."""
    if isinstance(chart, Picture):
        return chart.chart if lang == "zh" or chart.chart_en is None else chart.chart_en
    if isinstance(chart, LineChart):
        drawn = _line_chart(chart, lang, width, height)
    else:
        drawn = _bar_chart(chart, lang, width, height)
    return None if drawn is None else styled(drawn)


def _colours(columns: tuple[Column, ...], lang: Lang) -> alt.Color:
    names = [clean(c.title[lang]) for c in columns]
    scale = alt.Scale(domain=names, range=list(SERIES[: len(names)]))
    return alt.Color("series:N", scale=scale, legend=alt.Legend() if len(names) > 1 else None)


def _line_chart(chart: LineChart, lang: Lang, width: int, height: int | None) -> Any:
    points = _points(chart, chart.lines, chart.x, lang)
    if points.is_empty():
        return None
    numeric = chart.x.numeric
    x_axis = (
        axis(chart.x, chart.frame, lang, width, grid=False)
        if numeric
        else alt.Axis(grid=False, labelAngle=0, labelOverlap="greedy", values=_told(points.get_column("x")))
    )
    title = heading(chart.x, chart.currency, lang)
    scale = alt.Scale(zero=chart.from_zero, nice=False) if numeric else alt.Undefined
    x = alt.X("x:Q" if numeric else "x:O", title=title, axis=x_axis, sort=None, scale=scale)
    share = _is_share(chart.lines[0], chart.frame)
    y_title = clean(chart.y_title[lang]) or None
    y_scale = alt.Scale(zero=chart.from_zero and not share)
    y = alt.Y("value:Q", title=y_title, axis=axis(chart.lines[0], chart.frame, lang), scale=y_scale)
    base = alt.Chart(points).encode(x=x, color=_colours(chart.lines, lang))
    layers = []
    if points.get_column("low").is_not_null().any():
        layers.append(base.mark_area(opacity=0.16).encode(y=alt.Y("low:Q", title=y_title), y2="high:Q"))
    line = base.mark_line(strokeWidth=2.2).encode(y=y)
    dots = base.mark_point(filled=True, size=46, opacity=1).encode(y=y, description="tip:N")
    layers += [line, dots]
    if numeric and chart.here is not None:
        here = alt.Chart(pl.DataFrame({"x": [chart.here], "word": [clean(chart.here_word[lang])]})).encode(x="x:Q")
        layers.append(here.mark_rule(color=MUTED, strokeDash=[4, 4]))
        layers.append(
            here.mark_text(align="left", baseline="top", dx=5, dy=2, color=MUTED, fontSize=12).encode(
                y=alt.value(0), text="word:N"
            )
        )
    return alt.layer(*layers).properties(width=width, height=height or _HEIGHT)


def _told(places: pl.Series) -> list[str]:
    """The labels of a long row of dates that are written out: evenly spaced, so that none overlaps another."""
    names = places.unique(maintain_order=True).to_list()
    return names if len(names) <= _MOST_LABELS else names[:: -(-len(names) // _MOST_LABELS)]


def _bar_chart(chart: BarChart, lang: Lang, width: int, height: int | None) -> Any:
    points = _points(chart, chart.values, chart.category, lang)
    if points.is_empty():
        return None
    column = chart.values[0]
    several = len(chart.values) > 1
    y = alt.Y("x:N", title=None, sort=alt.EncodingSortField("place", order="ascending"), axis=alt.Axis(ticks=False))
    x = alt.X("value:Q", title=None, axis=axis(column, chart.frame, lang, width))
    base = alt.Chart(points).encode(y=y, color=_colours(chart.values, lang))
    if several:
        order = [clean(c.title[lang]) for c in chart.values]
        base = base.encode(yOffset=alt.YOffset("series:N", sort=order))
    rows = points.get_column("x").n_unique()
    if chart.style == "dot":
        rule = base.mark_rule(strokeWidth=2.2).encode(x=alt.X("low:Q", title=None), x2="high:Q")
        marks: Any = rule + base.mark_point(filled=True, size=80, opacity=1).encode(x=x, description="tip:N")
    else:
        marks = base.mark_bar(cornerRadiusEnd=2).encode(x=x, description="tip:N")
    return marks.properties(width=width, height=max(height or 60, rows * (_ROW_HEIGHT + (14 if several else 0))))


def svg(chart: ChartBlock, lang: Lang, *, width: int = _WIDTH) -> str:
    """The chart as an SVG element to stand in a page: no fixed size, page colours and type, no style attribute."""
    import vl_convert

    drawn = altair_chart(chart, lang, width=width)
    if drawn is None:
        return ""
    raw: str = vl_convert.vegalite_to_svg(_specification(drawn))
    for colour, variable in _VARIABLES.items():
        raw = re.sub(f'="{colour}"', f'="var({variable})"', raw, flags=re.IGNORECASE)
    # A measure's own picture comes in Vega's colours: its black text must be legible on a dark page.
    raw = re.sub(r'fill="(#000|#000000|black)"', 'fill="var(--ink)"', raw)
    raw = re.sub(r'<rect width="[\d.]+" height="[\d.]+" fill="(white|transparent)"/>', "", raw, count=1)
    raw = re.sub(r' (font-family|style)="[^"]*"', "", raw)
    raw = re.sub(r' xmlns(:\w+)?="[^"]*"', "", raw)
    # Clip paths are numbered from one in every chart; on one page their names must differ.
    raw = re.sub(
        r'(id="|url\(#)(?=(?:clip|gradient))', rf"\g<1>{re.sub('[^a-z0-9]', '', chart.name.lower())}{lang}", raw
    )
    return re.sub(r'(<svg[^>]*?) width="([\d.]+)" height="([\d.]+)"', r"\1", raw, count=1)


def png(
    chart: ChartBlock, lang: Lang, *, width: int = _WIDTH, height: int | None = None, scale: float = 2.0
) -> bytes | None:
    """The chart as a crisp PNG on white, for decks and workbooks."""
    import vl_convert

    drawn = altair_chart(chart, lang, width=width, height=height)
    if drawn is None:
        return None
    specification = _specification(drawn)
    specification.setdefault("config", {})["background"] = "white"
    made: bytes = vl_convert.vegalite_to_png(specification, scale=scale)
    return made


def _specification(chart: alt.TopLevelMixin) -> dict[str, Any]:
    found: dict[str, Any] = chart.to_dict()
    return found


def save_chart(chart: alt.TopLevelMixin, path: Path) -> None:
    """Write an Altair chart as .html (interactive, offline: the scripts are in the file), .svg or .png."""
    import vl_convert

    writers: dict[str, Callable[[], object]] = {
        ".html": lambda: chart.save(str(path), inline=True),
        ".svg": lambda: path.write_text(vl_convert.vegalite_to_svg(_specification(chart)), encoding="utf-8"),
        ".png": lambda: path.write_bytes(vl_convert.vegalite_to_png(_specification(chart), scale=2)),
    }
    if path.suffix not in writers:
        raise UsageError(f"a chart cannot be written as '{path.suffix}'", mend="end the name in .html, .svg or .png")
    path.parent.mkdir(parents=True, exist_ok=True)
    writers[path.suffix]()
