"""Bring files into the lake: one file, one transaction; all of it or nothing, with lineage and rejects."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from tidegauge.errors import TidegaugeError, WorkspaceError
from tidegauge.schema import DATA_TABLES, ENTITY_TABLES, SEEN_AT, check, key
from tidegauge.workspace import merge
from tidegauge.workspace.batch import Batch, Reading
from tidegauge.workspace.lake import LAKE, Lake, writer

_HASH_BLOCK = 1 << 22
_STAGE_PREFIX = "stage-"
#: Rows per group of a staged file: long texts are unpacked a group at a time.
_STAGE_ROWS = 20_000


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
    """Ingest readings one by one, each in a transaction of its own; yields what became of each.

    A reading whose file (and mapping) is in the lake already adds nothing. A file that cannot be read leaves the lake
    as it was and is reported as failed; the others go on. Waits up to `wait_s` seconds for another writer.
    """
    with writer(directory, wait_s=wait_s) as lake:
        _sweep_stages(lake.directory)
        for reading in readings:
            yield _ingest_one(lake, reading, progress)


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


def fingerprint(reading: Reading) -> str:
    """SHA-256 over the reader's name, what else decides the rows, and the file's bytes (where it is a file)."""
    digest = hashlib.sha256(reading.reader.encode() + b"\0" + reading.fingerprint_extra + b"\0")
    if reading.path.is_file():
        with reading.path.open("rb") as f:
            while block := f.read(_HASH_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def _ingest_one(lake: Lake, reading: Reading, progress: Progress | None) -> Ingested:
    sha = fingerprint(reading)
    known = lake.con.execute(f"SELECT ingest_id FROM {LAKE}.ingests WHERE sha256 = ?", [sha]).fetchone()
    if known:
        return Ingested(str(reading.path), reading.reader, "known", known[0])
    started = dt.datetime.now(dt.UTC)
    ingest_id = f"{started:%Y%m%dT%H%M%S}-{sha[:12]}"
    stage = _Stage(lake.directory / "tmp" / f"{_STAGE_PREFIX}{ingest_id}", started)
    try:
        _stage_all(stage, reading, progress)
        added = _commit(lake, stage, ingest_id, reading, sha)
    except TidegaugeError as e:
        return Ingested(str(reading.path), reading.reader, "failed", error=e)
    except duckdb.Error as e:
        error = WorkspaceError(f"the lake refused the rows: {e}", where=str(reading.path), mend="tidegauge check")
        return Ingested(str(reading.path), reading.reader, "failed", error=error)
    finally:
        shutil.rmtree(stage.directory, ignore_errors=True)
    return Ingested(str(reading.path), reading.reader, "done", ingest_id, stage.records, stage.rejected, added)


class _Stage:
    """Checked rows of one file on disk, as Parquet, until they are committed together."""

    def __init__(self, directory: Path, started: dt.datetime) -> None:
        self.directory, self.started = directory, started
        self.records = self.rejected = 0
        self.batches: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        directory.mkdir(parents=True)

    def add(self, table: str, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        offset = self._rows.get(table, 0)
        k = self.batches.get(table, 0)
        frame.with_row_index("_n", offset).write_parquet(
            self.directory / f"{table}-{k:06d}.parquet", compression="lz4", statistics=False, row_group_size=_STAGE_ROWS
        )
        self.batches[table], self._rows[table] = k + 1, offset + frame.height

    def relation(self, table: str) -> str:
        place = str(self.directory / f"{table}-*.parquet").replace("'", "''")
        return f"read_parquet('{place}')"


def _stage_all(stage: _Stage, reading: Reading, progress: Progress | None) -> None:
    size = reading.path.stat().st_size if reading.path.is_file() else 0
    for batch in reading.batches:
        bad = [batch.rejects]
        for table, frame in batch.tables.items():
            checked = check(table, frame, collapse=table not in ENTITY_TABLES)
            good = checked.good.drop("_locator", strict=False)
            if table in ENTITY_TABLES:
                seen = pl.col(SEEN_AT).fill_null(stage.started) if SEEN_AT in good.columns else pl.lit(stage.started)
                good = _merge_repeated(table, good.with_columns(seen.dt.cast_time_unit("us").alias(SEEN_AT)))
            else:
                good = good.drop(SEEN_AT, strict=False)
            stage.add(table, good)
            bad.append(checked.rejects)
        rejects = pl.concat(bad)
        stage.add("rejects", rejects)
        stage.records += batch.records
        # One record may fill several tables and fail in each: it is one rejected record all the same.
        stage.rejected += rejects.select(pl.col("locator").n_unique()).item()
        if progress is not None:
            progress(reading.path, stage.records, batch.bytes_done, size)


def _merge_repeated(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """One row per entity within a batch: the newest known value of each attribute, the earliest first sight."""
    (k,) = key(table)
    repeats = rows.get_column(k).is_duplicated()
    if not repeats.any():
        return rows
    rest = [c for c in rows.columns if c not in (k, "first_seen_at", SEEN_AT)]
    earliest = [pl.col("first_seen_at").min()] if "first_seen_at" in rows.columns else []
    merged = (
        rows.filter(repeats)
        .sort(SEEN_AT, maintain_order=True)
        .group_by(k, maintain_order=True)
        .agg(*(pl.col(c).drop_nulls().last() for c in rest), *earliest, pl.col(SEEN_AT).max())
    )
    return pl.concat([rows.filter(~repeats), merged.select(rows.columns)])


def _commit(lake: Lake, stage: _Stage, ingest_id: str, reading: Reading, sha: str) -> dict[str, int]:
    con = lake.con
    added: dict[str, int] = {}
    con.execute("BEGIN")
    try:
        for table in DATA_TABLES:
            if table not in stage.batches:
                continue
            added[table] = merge.write(
                con, table, stage.relation(table), ingest_id, many_batches=stage.batches[table] > 1
            )
        unresolved = con.execute(f"SELECT 1 FROM {LAKE}.audience_samples WHERE creator_id IS NULL LIMIT 1").fetchone()
        if "posts" in stage.batches and unresolved:
            con.execute(merge.resolve_audience(stage.relation("posts")))
        if "rejects" in stage.batches:
            staged = stage.relation("rejects")
            con.execute(f"INSERT INTO {LAKE}.rejects SELECT '{ingest_id}', locator, reason, raw FROM {staged}")
        con.execute(
            f"INSERT INTO {LAKE}.ingests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                ingest_id,
                str(reading.path),
                sha,
                reading.reader,
                stage.records,
                stage.rejected,
                stage.started,
                dt.datetime.now(dt.UTC),
            ],
        )
        con.execute(
            f"CALL {LAKE}.set_commit_message('tidegauge', ?)", [f"ingest {reading.path.name} as {reading.reader}"]
        )
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    return {t: n for t, n in added.items() if n}


def _sweep_stages(directory: Path) -> None:
    """Remove what a killed ingest staged; we hold the write lock, so none of it is in use."""
    for stale in (directory / "tmp").glob(f"{_STAGE_PREFIX}*"):
        shutil.rmtree(stale, ignore_errors=True)
