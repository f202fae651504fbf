"""JSON lines and JSON arrays in constant memory: chunks cut at record borders, parsed in bulk.

Where a chunk holds a broken record, its lines are read one by one and the broken ones become rejects.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
from numba import njit

from tidegauge.errors import SourceError
from tidegauge.schema import LOCATOR
from tidegauge.sources.containers import Container, utf8_blocks
from tidegauge.sources.piece import Piece, rejects_of

#: A chunk holds records of about this many bytes; memory is a small multiple of it.
CHUNK_BYTES = 24 << 20
#: A longer record is no record of any collector; it is skipped, not held.
MAX_RECORD_BYTES = 96 << 20
#: A JSON object over many lines cannot be cut; it is read whole up to this size.
MAX_OBJECT_BYTES = 256 << 20

#: A wrapper has few keys beside its lists (code, message, total, page); a record with lists in it has more.
_WRAPPER_KEYS = 10

_DEPTH, _IN_STRING, _ESCAPED, _CLOSED, _STRAY = range(5)


@njit(cache=True)  # type: ignore[untyped-decorator]
def array_to_lines(text: np.ndarray, state: np.ndarray) -> None:  # noqa: PLR0912 (one pass, one state machine)
    """Turn a piece of a JSON array into JSON lines, in place: one element, one line.

    `text` (n,) uint8 is overwritten; `state` (5,) int64 carries depth, in-string, escaped, closed and a count of stray
    bytes after the end from piece to piece. Line ends inside elements (legal only between tokens) become blanks, the
    commas between elements become line ends.
    """
    depth, in_string, escaped = state[0], state[1], state[2]
    for i in range(text.size):
        c = text[i]
        if state[3]:
            if c not in (9, 10, 13, 32):
                state[4] += 1
            text[i] = 32
        elif in_string:
            if escaped:
                escaped = 0
            elif c == 92:
                escaped = 1
            elif c == 34:
                in_string = 0
        elif c == 34:
            in_string = 1
        elif c in (10, 13):
            text[i] = 32
        elif c in (91, 123):
            depth += 1
            if depth == 1:
                text[i] = 32
        elif c in (93, 125):
            depth -= 1
            if depth == 0:
                text[i] = 10
                state[3] = 1
        elif c == 44 and depth == 1:
            text[i] = 10
    state[0], state[1], state[2] = depth, in_string, escaped


def read_json(path: Path, container: Container, columns: Sequence[str]) -> Iterator[Piece]:
    """Pieces of a JSON or JSON-lines file with the given columns, all as text; nested values stay JSON text.

    The locator counts lines of JSON lines and elements of an array, from 1. A record that is broken or no object
    becomes a reject.
    """
    if container.kind == "json" and container.shape == "object":
        yield from _whole_object(path, container, columns)
        return
    array = container.kind == "json"
    number, empty = 1, True
    for chunk, done, oversize in _chunks(path, container, array):
        frame, rejects, lines = _parse(chunk, columns, number)
        if oversize:
            raw = oversize.decode("utf-8", "replace")
            reason = f"a record of more than {MAX_RECORD_BYTES >> 20} MB"
            rejects.append((str(number + lines), reason, raw))
            lines += 1
        number += lines
        if frame.height or rejects:
            empty = False
            yield Piece("", frame, rejects_of(rejects), done)
    if empty:
        raise SourceError("the file holds no records", where=str(path), mend="export it again")


def _chunks(path: Path, container: Container, array: bool) -> Iterator[tuple[bytes, int, bytes]]:
    """Chunks of whole lines, bytes read so far, and the head of a record that was too long to hold."""
    if not array and container.encoding == "utf-8" and not container.gzipped:
        yield from _plain_chunks(path, container.bom)
        return
    state = np.zeros(5, np.int64)
    parts: list[bytes] = []
    held, done, skipping = 0, 0, b""
    for raw, read_so_far in utf8_blocks(path, container):
        block, done = raw, read_so_far
        if array:
            text = np.frombuffer(block, np.uint8).copy()
            array_to_lines(text, state)
            block = text.tobytes()
        if skipping:
            end = block.find(b"\n")
            if end < 0:
                continue
            yield b"", done, skipping
            skipping, block = b"", block[end + 1 :]
        parts.append(block)
        held += len(block)
        if held < CHUNK_BYTES:
            continue
        whole = b"".join(parts)
        end = whole.rfind(b"\n") + 1
        if not end and held > MAX_RECORD_BYTES:
            skipping, parts, held = whole[:2_000], [], 0
            continue
        rest = whole[end:]
        parts, held = [rest], len(rest)
        if end:
            yield whole[:end], done, b""
    if skipping:
        yield b"", done, skipping
    rest = b"".join(parts)
    if array and not rest.strip() and not state[_CLOSED]:
        rest = b"["  # the array breaks off right after a comma: say so, as any other broken record
    if rest.strip():
        yield rest, done, b""
    if state[_STRAY]:
        yield b"(text after the end of the array)", done, b""


def _plain_chunks(path: Path, start: int) -> Iterator[tuple[bytes, int, bytes]]:
    """The same for plain UTF-8 lines: cut at the last line end and read the rest again, which spares a copy."""
    with path.open("rb") as file:
        file.seek(start)
        size = CHUNK_BYTES
        while block := file.read(size):
            end = block.rfind(b"\n") + 1
            if len(block) < size:  # the end of the file, whether it ends a line or breaks off
                yield block, file.tell(), b""
            elif end:
                file.seek(end - len(block), io.SEEK_CUR)
                yield block[:end], file.tell(), b""
                size = CHUNK_BYTES
            elif size < MAX_RECORD_BYTES:
                file.seek(-len(block), io.SEEK_CUR)
                size = min(2 * size, MAX_RECORD_BYTES)
            else:
                head, size = block[:2_000], CHUNK_BYTES
                while block and not block.endswith(b"\n"):
                    block = file.readline(CHUNK_BYTES)
                yield b"", file.tell(), head


def _parse(chunk: bytes, columns: Sequence[str], first: int) -> tuple[pl.DataFrame, list[tuple[str, str, str]], int]:
    """Frame, rejects and number of lines of a chunk; in bulk where every line is a good record."""
    lines = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
    if not chunk:
        return _bulk(b"", columns).with_columns(pl.Series(LOCATOR, [], dtype=pl.Int64)), [], 0
    try:
        frame = _bulk(chunk, columns)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return _line_by_line(chunk, columns, first)
    if frame.height != lines:  # blank lines: the line numbers must be counted
        return _line_by_line(chunk, columns, first)
    numbers = pl.int_range(first, first + lines, dtype=pl.Int64, eager=True).alias(LOCATOR)
    return frame.with_columns(numbers), [], lines


def _bulk(lines: bytes, columns: Sequence[str]) -> pl.DataFrame:
    schema = dict.fromkeys(columns, pl.String)
    if not lines:
        return pl.DataFrame(schema=schema)
    return pl.read_ndjson(lines, schema=schema)


def _line_by_line(
    chunk: bytes, columns: Sequence[str], first: int
) -> tuple[pl.DataFrame, list[tuple[str, str, str]], int]:
    rejects: list[tuple[str, str, str]] = []
    numbers: list[int] = []
    good: list[bytes] = []
    lines = 0
    for lines, line in enumerate(io.BytesIO(chunk), 1):
        text = line.strip()
        if not text:
            continue
        try:
            value = _load(text)
        except (ValueError, RecursionError) as e:
            rejects.append((str(first + lines - 1), f"broken JSON: {e}", text[:2_000].decode("utf-8", "replace")))
            continue
        if not isinstance(value, dict):
            rejects.append(
                (str(first + lines - 1), "a JSON value that is no object", text[:2_000].decode("utf-8", "replace"))
            )
            continue
        good.append(orjson.dumps({c: value[c] for c in columns if c in value}, option=orjson.OPT_NON_STR_KEYS))
        numbers.append(first + lines - 1)
    frame = _bulk(b"\n".join(good), columns) if good else _bulk(b"", columns)
    return frame.with_columns(pl.Series(LOCATOR, numbers, dtype=pl.Int64)), rejects, lines


def _load(text: bytes) -> Any:
    """One JSON value; NaN and Infinity, which Python writers emit, become null on the way out."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if b"NaN" in text or b"Infinity" in text:
            return json.loads(text)
        raise


def _whole_object(path: Path, container: Container, columns: Sequence[str]) -> Iterator[Piece]:
    parts = object_parts(path, container)
    for part, records in parts.items():
        lines = b"\n".join(orjson.dumps({c: r[c] for c in columns if c in r}) for r in records)
        numbers = [f"{part}[{i}]" if part else str(i) for i in range(1, len(records) + 1)]
        frame = _bulk(lines, columns).with_columns(pl.Series(LOCATOR, numbers, dtype=pl.String))
        yield Piece(part, frame, rejects_of([]), path.stat().st_size)


def object_parts(path: Path, container: Container) -> dict[str, list[dict[str, Any]]]:
    """The lists of records that a JSON object wraps, by key; an object with many values of its own is one record."""
    if path.stat().st_size > MAX_OBJECT_BYTES:
        raise SourceError(
            f"one JSON object of more than {MAX_OBJECT_BYTES >> 20} MB",
            where=str(path),
            mend="write it as JSON lines, one record a line",
        )
    text = b"".join(block for block, _ in utf8_blocks(path, container))
    try:
        whole = _load(text.lstrip(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as e:
        raise SourceError(
            f"broken JSON: {e}", where=str(path), mend="the file may be cut off: export it again"
        ) from None
    lists = {
        str(k): [r for r in v if isinstance(r, dict)]
        for k, v in whole.items()
        if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)
    }
    own = len(whole) - len(lists)
    return lists if lists and own <= _WRAPPER_KEYS else {"": [whole]}


def lines_of(blocks: Iterator[tuple[bytes, int]], container: Container) -> Iterator[bytes]:
    """Non-blank lines (elements of an array) of the given blocks, for a first look at a file."""
    state = np.zeros(5, np.int64)
    rest = b""
    for block, _ in blocks:
        text = np.frombuffer(block, np.uint8).copy()
        if container.kind == "json":
            array_to_lines(text, state)
        *whole, rest = (rest + text.tobytes()).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest
