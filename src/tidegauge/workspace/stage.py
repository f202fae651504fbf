"""Checked rows of some files on disk, as Parquet, until one transaction commits them together."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl

from tidegauge.schema import DATA_TABLES, ENTITY_TABLES, LOCATOR, SEEN_AT, TABLES, check, key
from tidegauge.workspace.batch import Batch, Reading
from tidegauge.workspace.repeats import Keys

_PREFIX = "stage-"
#: Rows per group of a staged file: long texts are unpacked a group at a time, narrow tables want larger groups.
_ROW_GROUP = 20_000
_AGAIN = "again-"
#: What an entity's row says, as one number: equal numbers, equal attributes (first sight apart) from the same file.
PRINT = "_print"


@dataclass
class StagedFile:
    """One file's place in the stage and what was read of it so far."""

    reading: Reading
    ingest_id: str
    started: dt.datetime
    number: int
    sha256: str = ""
    records: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class Staged:
    """One table's staged rows as SQL relations. `once` holds no key twice; `again` (None where there are no such rows)
    those whose key may have stood before. Both have the table's columns, `ingest_id`, `_n` (the place in the order of
    reading) and, for entities, `_seen_at` and `_print`.
    """

    once: str
    again: str | None

    @property
    def all(self) -> str:
        return f"(SELECT * FROM {self.once} UNION ALL SELECT * FROM {self.again})" if self.again else self.once


@dataclass
class Stage:
    """The staged files of one transaction."""

    directory: Path
    files: list[StagedFile] = field(default_factory=list)
    rows: int = 0
    keys: dict[str, Keys] = field(default_factory=dict)

    def open(self, reading: Reading, number: int) -> StagedFile:
        self.directory.mkdir(parents=True, exist_ok=True)
        started = dt.datetime.now(dt.UTC)
        return StagedFile(reading, f"{started:%Y%m%dT%H%M%S}-{secrets.token_hex(6)}", started, number)

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
        """The files that hold each key's first row."""
        return sorted(self.directory.glob(f"{table}-*.parquet"))

    def staged(self, table: str) -> Staged | None:
        """A table's rows, if there are any."""
        once, again = self.parts(table), sorted(self.directory.glob(f"{_AGAIN}{table}-*.parquet"))
        if not again:
            return Staged(relation(once), None) if once else None
        repeated = relation(again)
        return Staged(relation(once) if once else f"(SELECT * FROM {repeated} LIMIT 0)", repeated)

    def clear(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def _write(self, table: str, file: StagedFile, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        numbered = frame.with_row_index("_n", self.rows).with_columns(ingest_id=pl.lit(file.ingest_id))
        name = f"{table}-{file.number:06d}-{self.rows:012d}.parquet"
        self.rows += frame.height
        if table in ENTITY_TABLES:
            numbered = numbered.with_columns(_print(table, numbered))
        if table in DATA_TABLES:
            known = self.keys.setdefault(table, Keys()).known(numbered.select(key(table)))
            if known.any():
                self._put(table, _AGAIN + name, numbered.filter(known))
                numbered = numbered.filter(~known)
        if numbered.height:
            self._put(table, name, numbered)

    def _put(self, table: str, name: str, rows: pl.DataFrame) -> None:
        group = _ROW_GROUP if table == "posts" else _ROW_GROUP * 5
        rows.write_parquet(self.directory / name, compression="snappy", row_group_size=group)


def relation(files: list[Path]) -> str:
    """Parquet files as a SQL relation."""
    quoted = ", ".join("'" + str(f).replace("'", "''") + "'" for f in files)
    return f"read_parquet([{quoted}])"


@cache
def _said(table: str) -> list[str]:
    return [*(c for c in TABLES[table].column_names() if c not in (*key(table), "first_seen_at")), "ingest_id"]


def _print(table: str, rows: pl.DataFrame) -> pl.Series:
    return rows.select(_said(table)).hash_rows(seed=0).reinterpret(signed=True).alias(PRINT)


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
