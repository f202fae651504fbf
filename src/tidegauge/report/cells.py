"""How a cell reads: one function from a column and a row to text, shared by the page, the deck and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegauge.report.blocks import Column
from tidegauge.report.figures import DASH, clean, day, in_unit, interval, known, percent, plain, yes_no
from tidegauge.report.words import CURRENCIES, reads
from tidegauge.result import Text
from tidegauge.vocab import Lang


def cell(column: Column, row: Mapping[str, Any], lang: Lang) -> str:
    """The cell's text without its badge; a missing value reads as a dash."""
    value = row.get(column.key)
    if lang == "en" and column.key_en:
        value = row.get(column.key_en, value)
    bounds = (row.get(column.low), row.get(column.high)) if column.low and column.high else (None, None)
    if column.kind == "count":
        return interval(value, *bounds, lang)
    if column.kind == "by_unit":
        return in_unit(value, *bounds, str(row.get(column.unit_key) or ""), lang)
    if column.kind == "money" and bounds == (value, value):
        # A quoted price is no estimate; an interval of no width would only look like one.
        return plain(value)
    if column.kind in ("money", "number"):
        return _with_bounds(*(plain(x) for x in (value, *bounds)))
    if column.kind == "share":
        return _with_bounds(percent(value), *(percent(b).removesuffix(" %") for b in bounds))
    return _text(column, value, lang)


def _text(column: Column, value: object, lang: Lang) -> str:
    if value is None or value == "":
        return DASH
    if column.kind == "date":
        return day(value)
    if column.kind == "flag":
        return yes_no(value, lang)
    return clean(reads(str(value), lang)) if column.kind == "word" else clean(value)


def _with_bounds(value: str, low: str, high: str) -> str:
    return value if DASH in (value, low, high) else f"{value} [{low}, {high}]"


def sort_key(column: Column, row: Mapping[str, Any]) -> float | str:
    """What a table sorts this cell by: the raw number, or the text."""
    value = row.get(column.key)
    if column.numeric or column.kind == "flag":
        number = float(value) if isinstance(value, bool) else known(value)
        return "" if number is None else number
    return "" if value is None else clean(value)


def marked(column: Column, row: Mapping[str, Any]) -> bool:
    """Whether the cell carries its badge (an assumed price)."""
    return bool(column.mark and row.get(column.mark))


def heading(column: Column, currency: str, lang: Lang) -> str:
    """A column's heading; money columns name the currency once, here, and not in every cell."""
    title = column.title[lang]
    if column.kind == "money" and currency:
        return (
            f"{title}（{clean(CURRENCIES.get(currency, currency))}）"
            if lang == "zh"
            else f"{title} ({clean(currency)})"
        )
    return title


def bilingual(column: Column, row: Mapping[str, Any]) -> Text:
    """The cell in both languages."""
    return Text(cell(column, row, "zh"), cell(column, row, "en"))
