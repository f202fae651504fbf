"""Bring files into the lake: all of a file or nothing, with lineage and rejects."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from tidegauge.errors import TidegaugeError, WorkspaceError
from tidegauge.schema import DATA_TABLES
from tidegauge.workspace import merge
from tidegauge.workspace.adopt import adopt
from tidegauge.workspace.batch import Batch, Reading
from tidegauge.workspace.lake import LAKE, Lake, writer
from tidegauge.workspace.stage import Stage, StagedFile, new_stage, sweep

_HASH_BLOCK = 1 << 22
#: Larger files are read while their fingerprint is still being made.
_LARGE = 32 << 20
#: Small files are committed together until they hold so many rows, or are so many.
_COMMIT_ROWS = 200_000
_COMMIT_FILES = 200


@dataclass(frozen=True)
class Ingested:
    """What became of one file. `state` is done, known (this file is in the lake already), skipped (no data) or failed
    (with `error`).
    """

    path: str
    reader: str
    state: str
    ingest_id: str = ""
    rows: int = 0
    rejected: int = 0
    added: dict[str, int] = field(default_factory=dict)
    error: TidegaugeError | None = None


#: Called with the file, records so far, bytes so far and the file's size.
Progress = Callable[[Path, int, int, int], None]


def ingest(
    directory: Path, readings: Iterable[Reading], *, wait_s: float = 60.0, progress: Progress | None = None
) -> Iterator[Ingested]:
    """Ingest readings in their order; yields what became of each.

    Every file is in the lake as a whole or not at all. A large file is a transaction of its own; small ones share
    one, since a commit costs as much as reading a thousand rows. A reading whose file (and mapping) is in the lake
    already adds nothing. A file that cannot be read leaves the lake as it was and is reported as failed; the others
    go on. Waits up to `wait_s` seconds for another writer.
    """
    with writer(directory, wait_s=wait_s) as lake:
        sweep(lake.directory)
        ledger = lake.con.execute(f"SELECT sha256, ingest_id, path FROM {LAKE}.ingests").fetchall()
        known, paths = {sha: ingest_id for sha, ingest_id, _ in ledger}, {path for *_, path in ledger}
        stage, told = new_stage(lake.directory, 0), list[Ingested | StagedFile]()
        for number, reading in enumerate(readings):
            # A file of a known name may be a known file: that is found out before any of it is read.
            with _fingerprinting(reading, beside=str(reading.path) not in paths) as sha:
                told.append(_take(stage, reading, sha, known, number, progress))
            if stage.rows >= _COMMIT_ROWS or len(told) >= _COMMIT_FILES:
                yield from _flush(lake, stage, told)
                stage, told = new_stage(lake.directory, number + 1), []
        yield from _flush(lake, stage, told)


def load_frames(
    directory: Path, frames: dict[str, pl.DataFrame], *, name: str = "frames", wait_s: float = 60.0
) -> Ingested:
    """Bring Polars frames of canonical tables into the lake as one ingest (for notebooks, tests and shipped data).

    The frames' content is their fingerprint: loading the same frames again adds nothing. Rows that break a table's
    rules land in `rejects`, as with files.
    """
    unknown = [t for t in frames if t not in DATA_TABLES]
    if unknown:
        raise WorkspaceError(f"no such table: {', '.join(unknown)}", mend="tables: " + ", ".join(DATA_TABLES))
    digest = hashlib.sha256()
    for table in sorted(frames):
        digest.update(table.encode() + frames[table].serialize())
    batch = Batch(tables=frames, records=sum(f.height for f in frames.values()))
    reading = Reading(Path(name), "frames", iter([batch]), digest.digest())
    (done,) = ingest(directory, [reading], wait_s=wait_s)
    return done


def fingerprint(reading: Reading, stop: threading.Event | None = None) -> str:
    """SHA-256 over the reader's name, what else decides the rows, and the file's bytes (where it is a file).

    Nobody wants it any more once `stop` is set.
    """
    digest = hashlib.sha256(reading.reader.encode() + b"\0" + reading.fingerprint_extra + b"\0")
    if reading.path.is_file():
        with reading.path.open("rb") as f:
            while (block := f.read(_HASH_BLOCK)) and not (stop and stop.is_set()):
                digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def _fingerprinting(reading: Reading, *, beside: bool) -> Iterator[Future[str]]:
    """The fingerprint of a reading: made already, or (`beside`, a large file) in a thread while others work."""
    stop, made = threading.Event(), Future[str]()
    if not beside or _size(reading) <= _LARGE:
        made.set_result(fingerprint(reading))
        yield made
        return
    with ThreadPoolExecutor(1, "tidegauge-fingerprint") as pool:
        try:
            yield pool.submit(fingerprint, reading, stop)
        finally:
            stop.set()


def _size(reading: Reading) -> int:
    return reading.path.stat().st_size if reading.path.is_file() else 0


def _take(
    stage: Stage, reading: Reading, sha: Future[str], known: dict[str, str], number: int, progress: Progress | None
) -> Ingested | StagedFile:
    """Stage one file; or say, as soon as it is plain, that it is known or cannot be read."""
    file, size = stage.open(reading, number), _size(reading)
    try:
        for batch in () if _is_known(sha, known) else reading.batches:
            stage.take(file, batch)
            if progress is not None:
                progress(reading.path, file.records, batch.bytes_done, size)
            if _is_known(sha, known):
                break
        file.sha256 = sha.result()
    except TidegaugeError as e:
        stage.forget(file)
        return Ingested(str(reading.path), reading.reader, "failed", error=e)
    except BaseException:
        stage.clear()
        raise
    finally:
        if isinstance(reading.batches, Generator):
            reading.batches.close()
    if file.sha256 in known:
        stage.forget(file)
        return Ingested(str(reading.path), reading.reader, "known", known[file.sha256])
    stage.files.append(file)
    known[file.sha256] = file.ingest_id
    return file


def _is_known(sha: Future[str], known: dict[str, str]) -> bool:
    return sha.done() and sha.result() in known


def _flush(lake: Lake, stage: Stage, told: list[Ingested | StagedFile]) -> Iterator[Ingested]:
    """Commit the stage and tell what became of its files, in their order."""
    error: TidegaugeError | None = None
    added: dict[str, dict[str, int]] = {}
    try:
        if stage.files:
            added = _commit(lake, stage)
    except duckdb.Error as e:
        error = WorkspaceError(f"the lake refused the rows: {e}", mend="tidegauge check --repair, then ingest again")
    finally:
        stage.clear()
    for item in told:
        if isinstance(item, Ingested):
            yield item
        elif error is not None:
            yield Ingested(str(item.reading.path), item.reading.reader, "failed", error=error)
        else:
            yield Ingested(
                str(item.reading.path),
                item.reading.reader,
                "done",
                item.ingest_id,
                item.records,
                item.rejected,
                added.get(item.ingest_id, {}),
            )


def _commit(lake: Lake, stage: Stage) -> dict[str, dict[str, int]]:
    """Write the staged rows, lineage and rejects in one transaction; rows written per ingest and table."""
    con = lake.con
    moved: list[Path] = []
    con.execute("BEGIN")
    try:
        added: dict[str, dict[str, int]] = {f.ingest_id: {} for f in stage.files}
        for table in DATA_TABLES:
            staged = stage.staged(table)
            if staged is None:
                continue
            if not adopt(lake, table, stage, staged, moved):
                merge.write(con, table, staged)
            for ingest_id, n in merge.written(con, table, list(added)):
                added[ingest_id][table] = n
        unresolved = con.execute(f"SELECT 1 FROM {LAKE}.audience_samples WHERE creator_id IS NULL LIMIT 1").fetchone()
        if unresolved and any("posts" in tables for tables in added.values()):
            con.execute(merge.resolve_audience(list(added)))
        if rejects := stage.staged("rejects"):
            con.execute(f"INSERT INTO {LAKE}.rejects SELECT ingest_id, locator, reason, raw FROM {rejects.once}")
        finished = dt.datetime.now(dt.UTC)
        for f in stage.files:
            con.execute(
                f"INSERT INTO {LAKE}.ingests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    f.ingest_id,
                    str(f.reading.path),
                    f.sha256,
                    f.reading.reader,
                    f.records,
                    f.rejected,
                    f.started,
                    finished,
                ],
            )
        names = ", ".join(f.reading.path.name for f in stage.files[:3]) + (" …" if len(stage.files) > 3 else "")
        con.execute(f"CALL {LAKE}.set_commit_message('tidegauge', ?)", [f"ingest {len(stage.files)} file(s): {names}"])
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        for file in moved:
            file.unlink(missing_ok=True)
        raise
    return added
