"""One way in: a file of any known container as pieces of raw records, and its first records as a sample."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from tidegauge.errors import SourceError
from tidegauge.sources.containers import Container, identify, open_sqlite, utf8_blocks
from tidegauge.sources.csv_records import head_rows, read_csv
from tidegauge.sources.headers import guess_header, unique_names
from tidegauge.sources.json_records import lines_of, object_parts, read_json
from tidegauge.sources.piece import Piece
from tidegauge.sources.registry import Sample
from tidegauge.sources.table_records import parquet_head, read_parquet, read_sheets, read_sqlite, sheets, sqlite_tables

_SAMPLE_ROWS = 50


def read_records(
    path: Path, columns: Sequence[str] | None = None, parts: Sequence[str] | None = None
) -> Iterator[Piece]:
    """Pieces of a file's raw records in constant memory.

    `columns` names the columns of interest (those absent are null or missing); it must be given for JSON, where
    columns are not declared. `parts` limits SQLite files to some of their tables.
    """
    container = identify(path)
    if container.kind in ("json", "jsonl"):
        if columns is None:
            columns = list(dict.fromkeys(c for cols, _ in sniff(path).parts.values() for c in cols))
        return read_json(path, container, columns)
    if container.kind == "csv":
        return read_csv(path, container, columns)
    if container.kind == "xlsx":
        return read_sheets(path, columns)
    if container.kind == "sqlite":
        return read_sqlite(path, columns, parts)
    return read_parquet(path, columns)


def sniff(path: Path) -> Sample:
    """The first records of a file; raises SourceError where it is no data file or holds none."""
    container = identify(path)
    if container.kind == "xlsx":
        parts = {name: _from_rows(rows) for name, rows in sheets(path, limit=_SAMPLE_ROWS).items()}
    elif container.kind == "sqlite":
        parts = _from_sqlite(path)
    elif container.kind == "parquet":
        names, first = parquet_head(path, _SAMPLE_ROWS)
        parts = {"": (names, tuple(first))}
    elif container.kind == "csv":
        rows, _ = head_rows(path, container)
        parts = {"": _from_rows(rows)}
    elif container.shape == "object":
        found = object_parts(path, container)
        parts = {name: _from_dicts(records[:_SAMPLE_ROWS]) for name, records in found.items()}
    else:
        parts = {"": _from_dicts(_first_objects(path, container))}
    if not any(columns for columns, _ in parts.values()):
        raise SourceError("the file holds no records", where=str(path), mend="export it again")
    return Sample(path, container.kind, parts)


def grids(path: Path) -> dict[str, list[list[str]]]:
    """Every sheet of a workbook, or a CSV file, as rows of text cells with nothing taken as a header yet."""
    container = identify(path)
    if container.kind == "xlsx":
        return sheets(path)
    text = b"".join(block for block, _ in utf8_blocks(path, container)).decode("utf-8", "replace")
    return {"": list(csv.reader(io.StringIO(text, newline=""), delimiter=container.delimiter))}


def _from_rows(rows: list[list[str]]) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...]]:
    at = guess_header(rows)
    if not rows or not any(rows[at]):
        return (), ()
    names = unique_names(rows[at])
    return names, tuple(dict(zip(names, row, strict=False)) for row in rows[at + 1 :] if any(row))


def _from_dicts(records: list[dict[str, Any]]) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...]]:
    return tuple(dict.fromkeys(str(k) for r in records for k in r)), tuple(records)


def _from_sqlite(path: Path) -> dict[str, tuple[tuple[str, ...], tuple[dict[str, Any], ...]]]:
    parts = {}
    with closing(open_sqlite(path)) as con:
        con.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for table, names in sqlite_tables(path).items():
            quoted = table.replace('"', '""')
            first = con.execute(f'SELECT * FROM "{quoted}" LIMIT {_SAMPLE_ROWS}').fetchall()
            parts[table] = (names, tuple(dict(zip(names, r, strict=True)) for r in first))
    return parts


def _first_objects(path: Path, container: Container) -> list[dict[str, Any]]:
    """The first whole objects of JSON lines or of an array; broken ones are passed over."""
    pieces = lines_of(itertools.islice(utf8_blocks(path, container, size=1 << 20), 4), container)
    found: list[dict[str, Any]] = []
    for line in itertools.islice(pieces, 40 * _SAMPLE_ROWS):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict):
            found.append(value)
            if len(found) == _SAMPLE_ROWS:
                break
    return found
