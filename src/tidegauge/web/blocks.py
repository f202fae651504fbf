"""Report sections as parts of a page, in one language: what the report's renderers show, the page shows, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from tidegauge.report import cells
from tidegauge.report.blocks import BarChart, Column, Facts, LineChart, Paragraphs, Picture, Section, Table
from tidegauge.report.charts import svg
from tidegauge.report.figures import clean, known, unbroken
from tidegauge.vocab import Lang
from tidegauge.web.pages import environment, helpers
from tidegauge.web.words import said

#: Widths of a chart that stands alone, and of one beside others.
_ALONE, _BESIDE = 900, 380
#: From so many rows on a table can be filtered; up to so many it is shown without a window to scroll in.
_FILTER_FROM, _SHORT = 12, 15
_SLIM, _MOST_CHOICES = 3, 30


def sections_html(sections: Sequence[Section], lang: Lang) -> str:
    """Sections one under the other."""
    made = [section_view(s, lang) for s in sections]
    return environment().get_template("sections.html").render(
        sections=made, lang=lang, t=lambda key, **v: said(key, lang, **v), **helpers(lang)
    )  # fmt: skip


def section_view(section: Section, lang: Lang) -> dict[str, Any]:
    """A section as the template takes it: charts that follow each other stand side by side."""
    parts: list[dict[str, Any]] = []
    row: list[LineChart | BarChart | Picture] = []
    for block in (*section.blocks, None):
        if isinstance(block, LineChart | BarChart | Picture):
            row.append(block)
            continue
        if row:
            parts.append(_charts(row, lang))
            row = []
        if isinstance(block, Facts):
            parts.append({"kind": "facts", "facts": block.facts})
        elif isinstance(block, Paragraphs):
            parts.append({"kind": "lines", "lines": block.lines, "badge": block.badge})
        elif isinstance(block, Table):
            parts.append(table_view(block, lang))
    return {
        "name": clean(section.name), "title": section.title, "message": section.message, "parts": parts,
        "notes": section.notes,
    }  # fmt: skip


def _charts(charts: Sequence[LineChart | BarChart | Picture], lang: Lang) -> dict[str, Any]:
    width = _ALONE if len(charts) == 1 else _BESIDE
    drawn = [(c.title, Markup(svg(c, lang, width=width))) for c in charts]
    return {"kind": "charts", "alone": len(charts) == 1, "charts": [d for d in drawn if d[1]]}


def table_view(table: Table, lang: Lang) -> dict[str, Any]:
    """A table's heads and cells as text, with what each sorts by."""
    columns = table.shown(2)
    frame = table.frame.head(table.page_rows)
    tops = {c.key: _top(table, c) for c in columns if c.bar}
    rows = [[_cell(c, row, i, tops, lang) for i, c in enumerate(columns)] for row in frame.to_dicts()]
    choices = [(i, c, _choices(table, c, lang)) for i, c in enumerate(columns) if c.facet]
    return {
        "kind": "table",
        "title": table.title,
        "empty": table.empty,
        "heads": [(cells.heading(c, table.currency, lang), c.numeric) for c in columns],
        "rows": rows,
        "rest": table.frame.height - frame.height,
        "short": frame.height <= _SHORT,
        "slim": len(columns) <= _SLIM,
        "choices": [(i, c.title, found) for i, c, found in choices if found] if frame.height >= 8 else [],
        "filtered": frame.height >= _FILTER_FROM,
        "foot": _foot(table, columns, lang),
    }


def _cell(column: Column, row: dict[str, Any], place: int, tops: dict[str, float], lang: Lang) -> dict[str, Any]:
    key = cells.sort_key(column, row)
    value, bracket, rest = unbroken(clean(cells.cell(column, row, lang))).partition(" [")
    if not column.numeric:
        value, bracket, rest = value + bracket + rest, "", ""
    top = tops.get(column.key)
    kind = {"text": "t", "word": "k"}.get(column.kind, "w")
    return {
        "value": value,
        "bounds": "[" + rest if bracket else "",
        "key": key if isinstance(key, str) else f"{key:.12g}",
        "style": "n" if column.numeric else "first" if place == 0 else "wide" if column.wide else kind,
        "bar": f"{100 * abs(key) / top:.1f}%" if top and isinstance(key, float) else "",
        "flag": None if column.kind != "flag" or not isinstance(key, float) else bool(key),
        "badge": column.mark_word if cells.marked(column, row) else None,
        # A creator's id under its name leads to its page.
        "creator": str(row["creator_id"]) if column.under == "creator_id" and row.get("creator_id") else "",
        "under": clean(row[column.under]) if column.under and row.get(column.under) is not None else "",
    }


def _top(table: Table, column: Column) -> float:
    values = [v for x in table.frame.get_column(column.key).to_list() if (v := known(x)) is not None]
    return max((abs(v) for v in values), default=0.0)


def _choices(table: Table, column: Column, lang: Lang) -> list[tuple[str, str]]:
    rows = {str(r[column.key]): r for r in table.frame.to_dicts() if r.get(column.key) is not None}
    if not 1 < len(rows) <= _MOST_CHOICES:
        return []
    return [(v, clean(cells.cell(column, rows[v], lang))) for v in sorted(rows)]


def _foot(table: Table, columns: tuple[Column, ...], lang: Lang) -> list[tuple[str, bool]]:
    if not any(c.total for c in columns) or table.frame.is_empty():
        return []
    made = []
    for i, c in enumerate(columns):
        if c.total:
            total = sum(v for x in table.frame.get_column(c.key).to_list() if (v := known(x)) is not None)
            made.append((f"{total:,.2f}".rstrip("0").rstrip("."), True))
        else:
            made.append((said("total", lang) if i == 0 else "", False))
    return made
