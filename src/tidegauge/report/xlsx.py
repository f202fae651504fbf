"""The workbook that a planner sends on: one sheet per section, real numbers, native charts, ready to print.

Text from data is neutral (see `tables.neutral`); the only formulas are the totals that we write ourselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from tidegauge.report import cells, xlsx_charts
from tidegauge.report.blocks import BarChart, Block, Column, Facts, Head, LineChart, Paragraphs, Picture, Section, Table
from tidegauge.report.figures import clean, is_ratio, known, unbroken
from tidegauge.report.tables import neutral
from tidegauge.report.words import WORDS, word
from tidegauge.result import Text
from tidegauge.vocab import Lang

_ACCENT, _MUTED, _PAPER = "#0B6A8D", "#52626E", "#E3F0F5"
_CARE = {"font_color": "#8A4B00", "italic": True, "bg_color": "#FDF0DA"}
_FORMATS = {"money": "#,##0.##", "count": "#,##0", "number": "#,##0.###", "share": "0.0%", "date": "yyyy-mm-dd"}
#: Excel holds 1,048,576 rows.
_MOST_ROWS = 1_000_000
#: An Excel cell holds 32,767 characters; xlsxwriter drops longer texts silently.
_MOST_CHARACTERS = 32_000


@dataclass
class _Sheet:
    """A sheet being written: where the next row goes, and what its first table fixes for the whole sheet."""

    book: Any
    sheet: Any
    lang: Lang
    row: int = 0
    widths: dict[int, float] = field(default_factory=dict)
    frozen: bool = False
    print_columns: int = 0

    def format(self, **properties: Any) -> Any:
        return self.book.add_format({"font_name": xlsx_charts.FONT, "font_size": 10, "valign": "top", **properties})

    def write(self, column: int, text: str, style: Any) -> None:
        self.sheet.write_string(self.row, column, neutral(unbroken(text))[:_MOST_CHARACTERS], style)


def write_workbook(sections: Sequence[Section], head: Head, path: Path, *, lang: Lang) -> None:
    """Write every section as a sheet: title, message, tables, notes, charts; charts' figures on a last sheet."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(path), options)
    try:
        properties = {
            "title": clean(head.title[lang])[:250],
            "subject": clean(head.kicker[lang]),
            "author": "Tidegauge",
        }
        book.set_properties(properties)
        taken = {word("chart_sheet", lang).lower()}
        data: list[xlsx_charts.Placed] = []
        for section in sections:
            data += _section(book, section, head, lang, taken)
        if data:
            xlsx_charts.write_charts(book, data, word("chart_sheet", lang), lang)
    finally:
        book.close()


def _sheet_name(title: str, taken: set[str]) -> str:
    """A name that Excel accepts: at most 31 characters, none of []:*?/\\, no apostrophe at the ends, unique."""
    base = re.sub(r"[\[\]:*?/\\]", " ", clean(title)).strip().strip("'")[:31] or "sheet"
    name, i = base, 2
    while name.lower() in taken:
        name, i = f"{base[:27]} {i}", i + 1
    taken.add(name.lower())
    return name


def _section(book: Any, section: Section, head: Head, lang: Lang, taken: set[str]) -> list[xlsx_charts.Placed]:
    """Write one sheet; returns the charts that belong on it, with their places."""
    s = _Sheet(book, book.add_worksheet(_sheet_name(section.title[lang], taken)), lang)
    s.sheet.hide_gridlines(2)
    s.sheet.set_row(0, 22)
    s.sheet.set_row(1, 18)
    s.write(0, section.title[lang], s.format(bold=True, font_size=14, font_color=_ACCENT))
    s.row = 1
    s.write(0, section.message[lang], s.format(font_size=11))
    s.row = 2
    charts = [b for b in section.blocks if isinstance(b, LineChart | BarChart | Picture)]
    for block in section.blocks:
        if not isinstance(block, LineChart | BarChart | Picture):
            _block(s, block)
    _notes(s, section.notes)
    placed = xlsx_charts.places(charts, s.sheet, s.row)
    for i, width in s.widths.items():
        s.sheet.set_column(i, i, width)
    last_row = s.row + (xlsx_charts.height_rows(len(placed)) if placed else 0)
    if placed:
        s.print_columns = max(s.print_columns, _columns_under(s, xlsx_charts.width_pixels(len(placed))))
    _print_setup(s, section, head, last_row)
    return placed


def _columns_under(s: _Sheet, pixels: int) -> int:
    """How many columns, from the first, are as wide as this together."""
    reached, i = 0.0, 0
    while reached < pixels:
        reached += 7 * s.widths.get(i, 8.43) + 5
        i += 1
    return i


def _print_setup(s: _Sheet, section: Section, head: Head, last_row: int) -> None:
    s.sheet.set_landscape()
    s.sheet.set_paper(9)
    s.sheet.set_margins(left=0.4, right=0.4, top=0.7, bottom=0.6)
    s.sheet.fit_to_pages(1, 0)
    if s.print_columns:
        # The columns beyond are for work on screen; on paper they would make the type too small to read.
        s.sheet.print_area(0, 0, max(last_row, 1), max(s.print_columns, 8) - 1)
    # An ampersand starts a code in a header; a name may hold one. Excel allows 255 characters.
    title, part, kicker = (
        clean(t[s.lang]).replace("&", "&&")[:most]
        for t, most in ((head.title, 120), (section.title, 60), (head.kicker, 100))
    )
    s.sheet.set_header(f"&L{title}&R{part}")
    s.sheet.set_footer(f"&L{kicker}&R{word('page_of', s.lang)}")


def _block(s: _Sheet, block: Block) -> None:
    match block:
        case Facts():
            _table(s, _facts_table(block, s.lang))
        case Paragraphs():
            for line in block.lines:
                badge = f"[{block.badge[s.lang]}] " if block.badge else ""
                s.write(0, badge + line[s.lang], s.format())
                s.row += 1
            s.row += 1
        case Table():
            _table(s, block)


def _facts_table(block: Facts, lang: Lang) -> Table:
    columns = {
        "figure": [f.label[lang] for f in block.facts],
        "value": [f.figure[lang] for f in block.facts],
        "exact": [known(f.exact) for f in block.facts],
        "detail": [f.detail[lang] for f in block.facts],
    }
    frame = pl.DataFrame(columns, schema_overrides={"exact": pl.Float64})
    told = tuple(Column(k, WORDS[k], "number" if k == "exact" else "text", wide=k == "detail") for k in columns)
    return Table(block.name, Text("", ""), frame, told, WORDS["none"])


def _notes(s: _Sheet, notes: tuple[Text, ...]) -> None:
    if not notes:
        return
    s.write(0, word("method", s.lang), s.format(bold=True, font_color=_MUTED))
    muted = s.format(font_color=_MUTED)
    for note in notes:
        s.row += 1
        s.write(0, note[s.lang], muted)
    s.row += 2


def _expanded(table: Table) -> tuple[tuple[Column, ...], int]:
    """The workbook's columns and how many of them are printed.

    First those of the page, then the rest: an interval's bounds and a badge have columns of their own there.
    """
    keys, listed = set(table.frame.columns), {c.key for c in table.columns}
    page = table.shown(2)
    rest = [c for c in table.shown(3) if c not in page]
    for c in table.shown(3):
        for bound, w in ((c.low, "low"), (c.high, "high")):
            if bound in keys:
                title = Text(f"{c.title.zh} {word(w, 'zh')}", f"{c.title.en} {word(w, 'en')}")
                rest.append(Column(bound, title, c.kind, unit_key=c.unit_key))
        if c.mark in keys and c.mark not in listed:
            rest.append(Column(c.mark, Text(f"{c.title.zh}{c.mark_word.zh}", f"{c.title.en} {c.mark_word.en}"), "flag"))
    return (*page, *rest), len(page)


def _table(s: _Sheet, table: Table) -> None:
    if table.title[s.lang]:
        s.write(0, table.title[s.lang], s.format(bold=True))
        s.row += 1
    if table.frame.is_empty():
        s.write(0, table.empty[s.lang], s.format(italic=True, font_color=_MUTED))
        s.row += 2
        return
    columns, printed = _expanded(table)
    s.print_columns = max(s.print_columns, printed)
    top, rows = s.row, table.frame.head(_MOST_ROWS).to_dicts()
    head = {
        "bold": True,
        "bg_color": _PAPER,
        "font_color": "#1B2A34",
        "bottom": 1,
        "text_wrap": True,
        "valign": "vcenter",
    }
    # A heading stands over its figures, and a text keeps off the figures to its left.
    left, right = s.format(**head, indent=1), s.format(**head, align="right")
    for i, c in enumerate(columns):
        s.write(i, cells.heading(c, table.currency, s.lang), right if c.numeric else left)
        write = _writer(s, c)
        for r, row in enumerate(rows, top + 1):
            write(r, i, row)
    last = top + len(rows)
    for i, c in enumerate(columns):
        told = [cells.heading(c, table.currency, s.lang), *(cells.cell(c, row, s.lang) for row in rows[:200])]
        s.widths[i] = max(s.widths.get(i, 0.0), _width(c, told))
        if c.bar:
            bar = {"type": "data_bar", "bar_color": "#9CC9DC", "bar_solid": True, "min_type": "num", "min_value": 0}
            s.sheet.conditional_format(top + 1, i, last, i, bar)
    if not s.frozen:
        s.sheet.autofilter(top, 0, last, len(columns) - 1)
        s.sheet.freeze_panes(top + 1, 1)
        s.sheet.repeat_rows(top)
        s.frozen = True
    s.row = last + 1
    _totals(s, columns, rows, top)
    s.row += 1


def _totals(s: _Sheet, columns: tuple[Column, ...], rows: list[dict[str, Any]], top: int) -> None:
    if not any(c.total for c in columns):
        return
    for i, c in enumerate(columns):
        if c.total:
            total = sum(v for row in rows if (v := known(row.get(c.key))) is not None)
            name = xl_col_to_name(i)
            # SUBTOTAL follows the filter, which a plain sum would not.
            formula = f"=SUBTOTAL(109,{name}{top + 2}:{name}{top + 1 + len(rows)})"
            style = s.format(bold=True, top=1, num_format=_FORMATS[c.kind])
            s.sheet.write_formula(s.row, i, formula, style, total)
        else:
            s.write(i, word("total", s.lang) if i == 0 else "", s.format(bold=True, top=1))
    s.row += 1


def _writer(s: _Sheet, column: Column) -> Any:
    """A function that writes one cell of this column; its formats are made once."""
    number = {"num_format": _FORMATS.get(column.kind, "#,##0.###")}
    text, plain, ratio = s.format(text_wrap=column.wide, indent=1), s.format(**number), s.format(num_format="0.0%")
    marked = s.format(**number, **_CARE)

    def write(r: int, i: int, row: dict[str, Any]) -> None:
        value = row.get(column.key)
        figure = known(value) if column.numeric else None
        if figure is not None:
            share = column.kind == "by_unit" and is_ratio(str(row.get(column.unit_key) or ""))
            s.sheet.write_number(r, i, figure, marked if cells.marked(column, row) else ratio if share else plain)
        elif column.kind == "date" and hasattr(value, "year"):
            s.sheet.write_datetime(r, i, value, plain)
        elif column.numeric or value is None or value == "":
            s.sheet.write_blank(r, i, None, text)
        else:
            s.sheet.write_string(r, i, neutral(cells.cell(column, row, s.lang))[:_MOST_CHARACTERS], text)

    return write


def _width(column: Column, texts: list[str]) -> float:
    """A width by the longest text; a Chinese character is two wide."""
    widest = max(sum(2 if ord(ch) > 0x2E7F else 1 for ch in t) for t in texts)
    return float(min(max(widest + 2, 8), 50 if column.wide else 18 if column.numeric else 24))
