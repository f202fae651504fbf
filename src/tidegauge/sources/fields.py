"""From raw columns to typed ones: first filled text, ids, counts, times; and rejects that name column and value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from tidegauge.schema import LOCATOR
from tidegauge.sources.counts import parse_count_columns
from tidegauge.sources.piece import rejects_of
from tidegauge.sources.times import UTC_US, parse_times

_SHOWN = 80
_NO_TEXT = ["", "null", "None", "nan", "NaN"]


@dataclass(frozen=True)
class Found:
    """Typed columns of a frame, row by row, and why a row cannot be taken (one Series per trouble, null where fine)."""

    columns: pl.DataFrame
    reasons: list[pl.Series]


def text_of(frame: pl.DataFrame, *names: str) -> pl.Expr:
    """The first of the named columns that is filled, without blanks around; null where none is."""
    filled = []
    for name in names:
        if name not in frame.columns:
            continue
        dtype = frame.schema[name]
        column = pl.col(name)
        if isinstance(dtype, pl.List):
            column = column.cast(pl.List(pl.String), strict=False).list.join(",", ignore_nulls=True)
        elif dtype.is_nested():
            column = column.struct.json_encode() if isinstance(dtype, pl.Struct) else pl.lit(None, pl.String)
        elif dtype != pl.String:
            column = column.cast(pl.String, strict=False)
        column = column.str.strip_chars()
        filled.append(pl.when(~column.is_in(_NO_TEXT)).then(column))
    return pl.coalesce(filled) if filled else pl.lit(None, pl.String)


def words_of(frame: pl.DataFrame, name: str, separator: str = ",") -> pl.Series:
    """A list of words from a column of separated text; null where there are none.

    Brackets, quotes and hash signs around words (a list printed as JSON or by Python) are taken away.
    """
    found = frame.select(text_of(frame, name).alias(name)).to_series()
    found = found if len(found) == frame.height else found.new_from_index(0, frame.height)
    printed = found.str.contains(r"[\[\]\"'#]")
    if printed.any():
        found = found.str.replace_all(r"[\[\]\"'#]", "")
    words = found.str.split(separator)
    loose = found.str.contains(
        r"^\s|\s$|" + rf"{separator}\s|\s{separator}|{separator}{separator}|^{separator}|{separator}$|^$"
    )
    if loose.any():
        words = words.list.eval(pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != ""))
        words = words.set((words.list.len() == 0).fill_null(True), None)
    return words


def native_id(frame: pl.DataFrame, *names: str) -> pl.Series:
    """An id from the first filled column; '123.0', which spreadsheets make of 123, is 123 again."""
    found = frame.select(text_of(frame, *names).alias("id"))["id"]
    found = found if len(found) == frame.height else found.new_from_index(0, frame.height)
    if found.str.ends_with(".0").any():
        found = found.str.replace(r"^(\d+)\.0$", "${1}")
    return found


def counts_of(frame: pl.DataFrame, wanted: Mapping[str, Sequence[str]]) -> Found:
    """Counts by canonical name, each from the first of its raw columns that exists, and `censored` over all of them."""
    named = {c: next((n for n in names if n in frame.columns), None) for c, names in wanted.items()}
    raws = {c: frame[name] for c, name in named.items() if name is not None}
    read = dict(zip(raws, parse_count_columns(list(raws.values())), strict=True))
    columns: list[pl.Series] = []
    reasons: list[pl.Series] = []
    censored: pl.Series | None = None
    for canonical in wanted:
        if canonical not in read:
            columns.append(pl.Series(canonical, [None], dtype=pl.Int64).new_from_index(0, frame.height))
            continue
        found = read[canonical]
        columns.append(found.value.alias(canonical))
        censored = found.censored if censored is None else censored | found.censored
        if found.unreadable.any():
            reasons.append(_unreadable(raws[canonical], found.unreadable, "count"))
    if censored is None:
        censored = pl.Series([False], dtype=pl.Boolean).new_from_index(0, frame.height)
    return Found(pl.DataFrame([*columns, censored.alias("censored")]), reasons)


def time_of(
    frame: pl.DataFrame,
    canonical: str,
    names: Sequence[str],
    zone: ZoneInfo,
    reference: pl.Series | dt.datetime | None = None,
) -> Found:
    """One time from the first filled of several raw columns; a row is in trouble only where none of them helps."""
    value = pl.Series(canonical, [None], dtype=UTC_US).new_from_index(0, frame.height)
    trouble: list[tuple[pl.Series, pl.Series]] = []
    for name in names:
        if name not in frame.columns or (value.null_count() == 0 and frame.height):
            continue
        found = parse_times(frame[name], zone, reference)
        value = found.value if value.null_count() == frame.height else value.zip_with(value.is_not_null(), found.value)
        if found.unreadable.any():
            trouble.append((frame[name], found.unreadable))
    reasons = [_unreadable(raw, bad & value.is_null(), "time") for raw, bad in trouble if (bad & value.is_null()).any()]
    return Found(pl.DataFrame([value.alias(canonical)]), reasons)


def _unreadable(raw: pl.Series, bad: pl.Series, what: str) -> pl.Series:
    shown = raw.cast(pl.String, strict=False) if not raw.dtype.is_nested() else pl.Series(["a list"] * len(raw))
    reason = pl.lit(f"{raw.name}: '") + pl.col("v").fill_null("?").str.slice(0, _SHOWN) + pl.lit(f"' is no {what}")
    return pl.DataFrame({"v": shown, "bad": bad}).select(pl.when("bad").then(reason).alias(raw.name)).to_series()


def missing(values: pl.Series, name: str) -> list[pl.Series]:
    """The trouble of rows without a key, if any."""
    if values.null_count() == 0:
        return []
    return [
        pl.DataFrame({"v": values})
        .select(pl.when(pl.col("v").is_null()).then(pl.lit(f"{name} is missing")))
        .to_series()
    ]


def refuse(
    frame: pl.DataFrame, reasons: Sequence[pl.Series], *, show: bool = True
) -> tuple[pl.Series | None, pl.DataFrame]:
    """Which rows to keep (None: all) and the rejects of the others.

    `show=False` keeps the raw record out of the rejects: records of commenters show nothing of them.
    """
    if not reasons:
        return None, rejects_of([])
    numbered = pl.DataFrame([r.alias(str(i)) for i, r in enumerate(reasons)])
    why = numbered.select(pl.concat_str(pl.all(), separator="; ", ignore_nulls=True).alias("why"))["why"]
    bad = why != ""
    rows = frame.filter(bad)
    raw = rows.select(pl.struct(pl.exclude(LOCATOR)).struct.json_encode().alias("raw")) if show else None
    rejects = [
        (str(locator), reason, raw["raw"][i] if raw is not None else "")
        for i, (locator, reason) in enumerate(zip(rows[LOCATOR], why.filter(bad), strict=True))
    ]
    return ~bad, rejects_of(rejects)
