"""The charts of this room: few rows, intervals drawn, Chinese type named, words from the vocabulary.

A chart is in the workspace's language (`tables.settings.language`); the report draws its own from the same rows.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from tidegauge.result import Text
from tidegauge.vocab import Lang, label

#: vl-convert falls back to a serif face for Chinese unless the face is named.
FONT = "Noto Sans CJK SC"
#: Altair refuses 5,000 rows; a chart a person can read has far fewer.
MAX_ROWS = 2_000


def _styled(chart: Any, title: str) -> alt.TopLevelMixin:
    styled: alt.TopLevelMixin = (
        chart.properties(title=title)
        .configure(font=FONT)
        .configure_title(font=FONT, anchor="start", fontSize=14)
        .configure_axis(labelFont=FONT, titleFont=FONT)
        .configure_legend(labelFont=FONT, titleFont=FONT)
        .configure_header(labelFont=FONT, titleFont=FONT)
        .configure_view(stroke=None)
    )
    return styled


def worded(rows: pl.DataFrame, columns: tuple[str, ...], lang: Lang) -> pl.DataFrame:
    """The vocabulary's words in `columns` as a person reads them."""
    words = {c: [w for w in rows.get_column(c).unique().to_list() if w is not None] for c in columns}
    return rows.with_columns(
        pl.col(c).replace({w: label(str(w), lang) for w in found}) for c, found in words.items() if found
    )


def dots(
    rows: pl.DataFrame, *, segment: str, title: Text, lang: Lang, color: str | None = None, percent: bool = False
) -> alt.TopLevelMixin | None:
    """One dot with its interval per segment (`rows` has `segment`, value, low, high); None without rows."""
    known = rows.drop_nulls(["value"]).head(MAX_ROWS)
    if known.is_empty():
        return None
    known = worded(known, (segment,) if color is None else (segment, color), lang)
    base = alt.Chart(known).encode(y=alt.Y(f"{segment}:N", title=None, sort=None))
    if color is not None:
        base = base.encode(color=alt.Color(f"{color}:N", title=None))
        base = base.encode(yOffset=alt.YOffset(f"{color}:N"))
    axis = alt.Axis(format="%") if percent else alt.Axis()
    bars = base.mark_rule().encode(x=alt.X("low:Q", title=None, axis=axis), x2="high:Q")
    points = base.mark_point(filled=True, size=60).encode(
        x=alt.X("value:Q", title=None, axis=axis), tooltip=[segment, "value", "low", "high", "n"]
    )
    return _styled(bars + points, title[lang])


def lines(
    rows: pl.DataFrame, *, time: str, series: str, title: Text, lang: Lang, percent: bool = False
) -> alt.TopLevelMixin | None:
    """A line with its band per series over time (`rows` has `time` as ISO date or number, value, low, high)."""
    known = rows.drop_nulls(["value"]).head(MAX_ROWS)
    if known.is_empty():
        return None
    known = worded(known, (series,), lang)
    kind = "Q" if known.schema[time].is_numeric() else "T"
    axis = alt.Axis(format="%") if percent else alt.Axis()
    base = alt.Chart(known).encode(
        x=alt.X(f"{time}:{kind}", title=None), color=alt.Color(f"{series}:N", title=None, sort=None)
    )
    band = base.mark_area(opacity=0.18, line=False).encode(y=alt.Y("low:Q", title=None, axis=axis), y2="high:Q")
    line = base.mark_line(point=True).encode(
        y=alt.Y("value:Q", title=None, axis=axis), tooltip=[time, series, "value", "low", "high", "n"]
    )
    return _styled(band + line, title[lang])
