"""Workbooks, SQLite files and Parquet files as pieces of raw records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineWorkbook

from tidegauge.errors import SourceError
from tidegauge.schema import LOCATOR
from tidegauge.sources.containers import open_sqlite
from tidegauge.sources.headers import guess_header, unique_names
from tidegauge.sources.piece import Piece, rejects_of

_ROWS = 100_000


def sheets(path: Path, limit: int | None = None) -> dict[str, list[list[str]]]:
    """Every sheet of a workbook as rows of text cells; `limit` rows of each. Sheets without any text are left out."""
    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            found = {}
            for name in book.sheet_names:
                sheet = book.get_sheet_by_name(name)
                # A sheet may begin below row 1 or right of column A: the rows skipped count, the columns do not.
                top = sheet.start[0] if sheet.start else 0
                cells: list[list[str]] = [[] for _ in range(top)] + [
                    [_cell(c) for c in row] for row in sheet.to_python(skip_empty_area=True, nrows=limit)
                ]
                if any(c for row in cells for c in row):
                    found[name] = cells
            return found
    except (CalamineError, OSError, ValueError) as e:
        raise SourceError(f"the workbook cannot be read: {e}", where=str(path), mend="save it again as xlsx") from None


def _cell(value: Any) -> str:
    """A cell as a person would type it; whole numbers without a decimal point, times as ISO text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e18 else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value).strip()


def read_sheets(path: Path, columns: Sequence[str] | None) -> Iterator[Piece]:
    """One piece per sheet (long ones in several), all columns as text; the locator is sheet!row."""
    size = path.stat().st_size
    for name, rows in sheets(path).items():
        at = guess_header(rows)
        names = unique_names(rows[at])
        wanted = [(i, n) for i, n in enumerate(names) if columns is None or n in set(columns)]
        body = [(r, row) for r, row in enumerate(rows[at + 1 :], at + 2) if any(row)]
        for start in range(0, len(body), _ROWS):
            part = body[start : start + _ROWS]
            frame = pl.DataFrame(
                {n: [row[i] if i < len(row) else "" for _, row in part] for i, n in wanted}
                | {LOCATOR: [f"{name}!{r}" for r, _ in part]},
                schema={**{n: pl.String for _, n in wanted}, LOCATOR: pl.String},
            )
            yield Piece(name, frame, rejects_of([]), size)


def sqlite_tables(path: Path) -> dict[str, tuple[str, ...]]:
    """The tables of a SQLite file and their columns."""
    with closing(open_sqlite(path)) as con:
        names = [
            r[0]
            for r in con.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
            if not r[0].startswith("sqlite_")
        ]
        return {n: tuple(c[1] for c in con.execute(f"PRAGMA table_info({_quoted(n)})")) for n in names}


def read_sqlite(path: Path, columns: Sequence[str] | None, parts: Sequence[str] | None = None) -> Iterator[Piece]:
    """Pieces of every table (or the named ones); integers stay integers, mixed columns become text.

    The locator is table:rowid, or table#number for tables without row ids.
    """
    import sqlite3

    tables = sqlite_tables(path)
    with closing(open_sqlite(path)) as con:
        con.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for table, names in tables.items():
            if parts is not None and table not in parts:
                continue
            wanted = [n for n in names if columns is None or n in set(columns)]
            listed = "".join(f", {_quoted(n)}" for n in wanted)
            try:
                cursor = con.execute(f"SELECT rowid{listed} FROM {_quoted(table)}")
                mark = ":"
            except sqlite3.OperationalError:
                cursor = con.execute(f"SELECT NULL{listed} FROM {_quoted(table)}")
                mark = "#"
            done = 0
            try:
                while rows := cursor.fetchmany(_ROWS):
                    ids = [r[0] if mark == ":" else done + i for i, r in enumerate(rows, 1)]
                    done += len(rows)
                    series = [_typed(n, [r[i] for r in rows]) for i, n in enumerate(wanted, 1)]
                    series.append(pl.Series(LOCATOR, [f"{table}{mark}{i}" for i in ids], dtype=pl.String))
                    yield Piece(table, pl.DataFrame(series), rejects_of([]), 0)
            except sqlite3.DatabaseError as e:
                raise SourceError(f"table {table} is damaged: {e}", where=str(path), mend="export it again") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _typed(name: str, values: list[Any]) -> pl.Series:
    """SQLite's columns are of any type: integers where all are, else text."""
    kinds = {type(v) for v in values if v is not None}
    if kinds <= {int}:
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds <= {int, float}:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    text = [
        v if v is None or isinstance(v, str) else v.decode("utf-8", "replace") if isinstance(v, bytes) else _cell(v)
        for v in values
    ]
    return pl.Series(name, text, dtype=pl.String)


def read_parquet(path: Path, columns: Sequence[str] | None) -> Iterator[Piece]:
    """Pieces of a Parquet file with their own types; the locator is the row number from 1."""
    size = path.stat().st_size
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = [n for n in names if columns is None or n in set(columns)]
            after, total = 0, max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
                frame = pl.DataFrame(pl.from_arrow(batch))
                after += frame.height
                rows = pl.int_range(after - frame.height + 1, after + 1, dtype=pl.Int64, eager=True).alias(LOCATOR)
                yield Piece("", frame.with_columns(rows), rejects_of([]), size * after // total)
    except (pa.ArrowException, OSError) as e:
        raise SourceError(f"the Parquet file is damaged: {e}", where=str(path), mend="export it again") from None


def parquet_head(path: Path, rows: int) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """Column names and first rows of a Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            first = next(file.iter_batches(batch_size=rows), None)
            return tuple(file.schema_arrow.names), first.to_pylist() if first is not None else []
    except (pa.ArrowException, OSError) as e:
        raise SourceError(f"the Parquet file is damaged: {e}", where=str(path), mend="export it again") from None
