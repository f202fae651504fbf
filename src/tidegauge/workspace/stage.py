"""Checked rows of some files on disk, as Parquet, until one transaction commits them together."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tidegauge.schema import ENTITY_TABLES, LOCATOR, SEEN_AT, check, key
from tidegauge.workspace.batch import Batch, Reading

_PREFIX = "stage-"
#: Rows per group of a staged file: long texts are unpacked a group at a time, narrow tables want larger groups.
_ROW_GROUP = 20_000


@dataclass
class StagedFile:
    """One file's place in the stage and what was read of it so far."""

    reading: Reading
    sha256: str
    ingest_id: str
    started: dt.datetime
    number: int
    records: int = 0
    rejected: int = 0


@dataclass
class Stage:
    """The staged files of one transaction. Rows carry `ingest_id` and `_n`, their place in the order of reading."""

    directory: Path
    files: list[StagedFile] = field(default_factory=list)
    rows: int = 0

    def open(self, reading: Reading, sha256: str, number: int) -> StagedFile:
        self.directory.mkdir(parents=True, exist_ok=True)
        started = dt.datetime.now(dt.UTC)
        return StagedFile(reading, sha256, f"{started:%Y%m%dT%H%M%S}-{sha256[:12]}", started, number)

    def take(self, file: StagedFile, batch: Batch) -> None:
        """Check a batch and write its good rows and its rejects."""
        bad = [batch.rejects]
        for table, frame in batch.tables.items():
            checked = check(table, frame, collapse=table not in ENTITY_TABLES)
            good = checked.good.drop(LOCATOR, strict=False)
            if table in ENTITY_TABLES:
                seen = pl.col(SEEN_AT).fill_null(file.started) if SEEN_AT in good.columns else pl.lit(file.started)
                good = _merge_repeated(table, good.with_columns(seen.dt.cast_time_unit("us").alias(SEEN_AT)))
            else:
                good = good.drop(SEEN_AT, strict=False)
            self._write(table, file, good)
            bad.append(checked.rejects)
        rejects = pl.concat(bad)
        self._write("rejects", file, rejects)
        file.records += batch.records
        # One record may fill several tables and fail in each: it is one rejected record all the same.
        file.rejected += rejects.select(pl.col("locator").n_unique()).item()

    def forget(self, file: StagedFile) -> None:
        """Drop what was staged of a file that turned out to be unreadable."""
        for part in self.directory.glob(f"*-{file.number:06d}-*.parquet"):
            part.unlink()

    def parts(self, table: str) -> list[Path]:
        return sorted(self.directory.glob(f"{table}-*.parquet"))

    def relation(self, table: str) -> str:
        place = str(self.directory / f"{table}-*.parquet").replace("'", "''")
        return f"read_parquet('{place}')"

    def clear(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def _write(self, table: str, file: StagedFile, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        numbered = frame.with_row_index("_n", self.rows).with_columns(ingest_id=pl.lit(file.ingest_id))
        place = self.directory / f"{table}-{file.number:06d}-{self.rows:012d}.parquet"
        rows = _ROW_GROUP if table == "posts" else _ROW_GROUP * 5
        numbered.write_parquet(place, compression="snappy", row_group_size=rows)
        self.rows += frame.height


def new_stage(directory: Path, number: int) -> Stage:
    """An empty stage of its own under the workspace's `tmp`."""
    return Stage(directory / "tmp" / f"{_PREFIX}{number:06d}")


def stale_stages(directory: Path) -> list[Path]:
    """Stages that a killed ingest left; only to be asked while holding the write lock."""
    return sorted((directory / "tmp").glob(f"{_PREFIX}*"))


def sweep(directory: Path) -> None:
    """Remove what a killed ingest staged; we hold the write lock, so none of it is in use."""
    for stale in stale_stages(directory):
        shutil.rmtree(stale, ignore_errors=True)


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
