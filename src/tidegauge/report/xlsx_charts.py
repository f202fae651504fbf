"""The workbook's charts: native where Excel has them, pictures where intervals would be lost; their figures on one
sheet of their own, since a native chart refers to cells.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tidegauge.report import cells
from tidegauge.report.blocks import BarChart, Column, LineChart, Picture
from tidegauge.report.charts import SERIES, png
from tidegauge.report.figures import clean, known
from tidegauge.report.tables import neutral
from tidegauge.vocab import Lang

FONT = "Microsoft YaHei"
_MUTED, _GRID = "#52626E", "#DBE2E6"
_AXIS: dict[Lang, str] = {"zh": '[>=100000]0\\.0,"万";#,##0', "en": '[>=1000000]0.0,,"M";[>=1000]#,##0,"k";#,##0'}
#: Two charts stand side by side; each takes so many rows of the sheet and so many pixels.
_ROWS, _WIDTH, _HEIGHT = 18, 500, 330


@dataclass(frozen=True)
class Placed:
    """A chart with its sheet and place."""

    chart: LineChart | BarChart | Picture
    sheet: Any
    row: int
    x_offset: int


def places(charts: Sequence[LineChart | BarChart | Picture], sheet: Any, row: int) -> list[Placed]:
    """Two beside each other from `row` on."""
    shown = [c for c in charts if isinstance(c, Picture) or not c.frame.is_empty()]
    return [Placed(c, sheet, row + _ROWS * (i // 2), (_WIDTH + 20) * (i % 2)) for i, c in enumerate(shown)]


def height_rows(n: int) -> int:
    """How many rows of a sheet n charts take."""
    return _ROWS * ((n + 1) // 2)


def width_pixels(n: int) -> int:
    """How wide n charts are."""
    return (_WIDTH + 20) * min(n, 2)


def write_charts(book: Any, charts: Sequence[Placed], sheet_name: str, lang: Lang) -> None:
    """Draw every chart on its sheet; the figures of native ones go to the sheet `sheet_name`."""
    data: Any = None
    row = 0
    for placed in charts:
        chart = placed.chart
        where = {"x_offset": placed.x_offset, "description": clean(chart.title[lang])}
        if isinstance(chart, Picture) or _has_intervals(chart):
            drawn = png(chart, lang)
            if drawn is not None:
                fit = {"x_scale": 0.36, "y_scale": 0.36, "image_data": io.BytesIO(drawn)}
                placed.sheet.insert_image(placed.row, 0, f"{chart.name}.png", {**where, **fit})
            continue
        if data is None:
            data = book.add_worksheet(sheet_name)
        native = _native(book, chart, sheet_name, row, lang)
        row = _write_data(book, data, chart, row, lang)
        native.set_size({"width": _WIDTH, "height": _HEIGHT})
        placed.sheet.insert_chart(placed.row, 0, native, where)


def _has_intervals(chart: LineChart | BarChart) -> bool:
    return any(c.low in chart.frame.columns for c in _series(chart) if c.low)


def _series(chart: LineChart | BarChart) -> tuple[Column, ...]:
    return chart.lines if isinstance(chart, LineChart) else chart.values


def _key(chart: LineChart | BarChart) -> Column:
    return chart.x if isinstance(chart, LineChart) else chart.category


def _write_data(book: Any, data: Any, chart: LineChart | BarChart, top: int, lang: Lang) -> int:
    """The chart's title, heads and rows from row `top` on; returns the next free row."""
    bold = book.add_format({"font_name": FONT, "font_size": 10, "bold": True})
    plain = book.add_format({"font_name": FONT, "font_size": 10})
    data.write_string(top, 0, neutral(chart.title[lang]), bold)
    columns = (_key(chart), *_series(chart))
    rows = chart.frame.to_dicts()
    for i, c in enumerate(columns):
        data.write_string(top + 1, i, neutral(cells.heading(c, chart.currency, lang)), bold)
        for r, row in enumerate(rows, top + 2):
            value = known(row.get(c.key)) if c.numeric else None
            if value is not None:
                data.write_number(r, i, value, plain)
            elif not c.numeric:
                data.write_string(r, i, neutral(cells.cell(c, row, lang)), plain)
    return top + len(rows) + 3


def _native(book: Any, chart: LineChart | BarChart, sheet: str, top: int, lang: Lang) -> Any:
    key, series, n = _key(chart), _series(chart), chart.frame.height
    bar, scattered = isinstance(chart, BarChart), key.numeric
    kind = {"type": "bar"} if bar else {"type": "line"}
    if scattered and not bar:
        kind = {"type": "scatter", "subtype": "straight_with_markers"}
    native = book.add_chart(kind)
    figures = "0.0%" if series[0].kind == "share" else _AXIS[lang]
    font = {"name": FONT, "size": 9, "color": _MUTED, "bold": False}
    for i, _ in enumerate(series, 1):
        colour = SERIES[(i - 1) % len(SERIES)]
        filled = {"fill": {"color": colour}, "border": {"none": True}, "gap": 60}
        labels = {"data_labels": {"value": True, "num_format": figures, "font": font}}
        marker = {"type": "circle", "size": 6, "fill": {"color": colour}, "border": {"color": colour}}
        native.add_series(
            {
                "name": [sheet, top + 1, i],
                "categories": [sheet, top + 2, 0, top + 1 + n, 0],
                "values": [sheet, top + 2, i, top + 1 + n, i],
                **({**filled, **labels} if bar else {"line": {"color": colour, "width": 2.25}, "marker": marker}),
            }
        )
    native.set_title({"name": clean(chart.title[lang]), "name_font": {**font, "size": 11}})
    native.set_legend({"position": "top", "font": font} if len(series) > 1 else {"none": True})
    axis = {"num_font": font, "name_font": font, "line": {"color": _GRID}}
    if bar:
        # In xlsxwriter a bar chart's categories are its y axis; Excel counts them from the bottom.
        native.set_x_axis({"visible": False, "major_gridlines": {"visible": False}})
        native.set_y_axis({**axis, "reverse": True, "major_gridlines": {"visible": False}})
        return native
    scale = {"num_format": _AXIS[lang], "min": 0} if scattered else {}
    native.set_x_axis({**axis, **scale, "name": cells.heading(key, chart.currency, lang)})
    native.set_y_axis({**axis, "num_format": figures, "major_gridlines": {"visible": True, "line": {"color": _GRID}}})
    return native
