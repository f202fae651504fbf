"""CSV in constant memory, in any encoding and with any of the usual delimiters; broken rows are named, not dropped."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from tidegauge.errors import SourceError
from tidegauge.schema import LOCATOR
from tidegauge.sources.containers import HEAD_BYTES, Container, utf8_blocks, utf8_file
from tidegauge.sources.headers import guess_header, unique_names
from tidegauge.sources.piece import Piece, rejects_of

#: One block must hold the longest row.
_BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class Header:
    """Where the header is and what it says; `row` counts from 1 as a spreadsheet does, `lines` are those to skip."""

    names: tuple[str, ...]
    row: int
    lines: int


def head_rows(path: Path, container: Container, limit: int = 60) -> tuple[list[list[str]], list[int]]:
    """The first rows, blank ones too, and the number of physical lines up to the end of each."""
    block, _ = next(utf8_blocks(path, container, size=HEAD_BYTES), (b"", 0))
    text = block.decode("utf-8", "replace").replace("\0", "")
    whole = len(block) < HEAD_BYTES
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=container.delimiter)
    rows: list[list[str]] = []
    ends: list[int] = []
    try:
        for row in reader:
            rows.append(row)
            ends.append(reader.line_num)
            if len(rows) == limit:
                return rows, ends
    except csv.Error as e:
        if not rows:
            raise SourceError(f"no CSV: {e}", where=str(path), mend="check the file in an editor") from None
    return (rows, ends) if whole or len(rows) < 2 else (rows[:-1], ends[:-1])


def header(path: Path, container: Container) -> Header:
    rows, ends = head_rows(path, container)
    if not rows:
        raise SourceError("the file holds no rows", where=str(path), mend="export it again")
    at = guess_header(rows)
    return Header(unique_names(rows[at]), at + 1, ends[at])


def read_csv(path: Path, container: Container, columns: Sequence[str] | None) -> Iterator[Piece]:
    """Pieces of a CSV file, all columns (or the given ones that exist) as text; the locator is the row number.

    Rows count from 1 as a spreadsheet shows them, the header included. A row with too many or too few fields, or with
    bytes that are no text, becomes a reject.
    """
    head = header(path, container)
    wanted = [n for n in head.names if columns is None or n in set(columns)]
    bad: list[tuple[int, str, str]] = []

    def refuse(row: pa_csv.InvalidRow) -> str:
        reason = f"{row.actual_columns} fields where the header has {row.expected_columns}"
        bad.append((int(row.number or 0), reason, str(row.text)))
        return "skip"

    file, progress = utf8_file(path, container)
    try:
        reader = pa_csv.open_csv(
            file,
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=_BLOCK_BYTES, column_names=list(head.names), skip_rows=head.lines
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=container.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=refuse,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(head.names, pa.binary()), include_columns=wanted, strings_can_be_null=False
            ),
        )
        # Rows are counted by the parser from 1 with the skipped lines; a quoted line end in the title would shift them.
        shift = head.row - head.lines
        after = head.lines  # the last row number handed out, as the parser counts
        for batch in reader:
            numbers, after = _numbers(after, batch.num_rows, [n for n, _, _ in bad])
            mine = [b for b in bad if b[0] <= after]
            bad[:] = [b for b in bad if b[0] > after]
            yield _piece(pl.from_arrow(batch), numbers + shift, mine, shift, progress.done)  # type: ignore[arg-type]
    except pa.ArrowInvalid as e:
        if "Empty CSV file" not in str(e):
            raise SourceError(
                f"cannot be read as CSV: {e}", where=str(path), mend="check the quotes in the file"
            ) from None
    finally:
        file.close()
    if bad:
        empty = pl.DataFrame(schema={**dict.fromkeys(wanted, pl.String), LOCATOR: pl.Int64})
        rejects = rejects_of([(str(n + head.row - head.lines), reason, raw) for n, reason, raw in bad])
        yield Piece("", empty, rejects, progress.done)


def _numbers(after: int, rows: int, bad: list[int]) -> tuple[np.ndarray, int]:
    """Row numbers of the good rows that follow row `after`, where the rows in `bad` fell out."""
    skipped = np.array(sorted(n for n in bad if n > after), np.int64)
    last = after + rows
    while (found := after + rows + int((skipped <= last).sum())) != last:
        last = found
    numbers = np.arange(after + 1, last + 1)
    return numbers[~np.isin(numbers, skipped)], last


def _piece(frame: pl.DataFrame, numbers: np.ndarray, bad: list[tuple[int, str, str]], shift: int, done: int) -> Piece:
    refused = [(str(n + shift), reason, raw) for n, reason, raw in bad]
    try:
        text = frame.with_columns(pl.all().cast(pl.String))
        damaged = None
    except pl.exceptions.ComputeError:
        text = pl.DataFrame([pl.Series(c.name, [_decoded(v) for v in c], dtype=pl.String) for c in frame])
        damaged = text.select(pl.any_horizontal(pl.all().is_null()).alias("damaged"))["damaged"]
    whole = text.with_columns(pl.Series(LOCATOR, numbers, dtype=pl.Int64))
    if damaged is not None:
        for row, cells in zip(whole.filter(damaged)[LOCATOR], frame.filter(damaged).rows(), strict=True):
            shown = ",".join((c or b"").decode("utf-8", "replace") for c in cells)
            refused.append((str(row), "bytes that are no UTF-8 text", shown))
        whole = whole.filter(~damaged)
    values = pl.exclude(LOCATOR)
    blank = pl.all_horizontal(values.is_null() | (values == "")) if text.width else pl.lit(False)
    return Piece("", whole.filter(~blank), rejects_of(refused), done)


def _decoded(cell: bytes) -> str | None:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return None
