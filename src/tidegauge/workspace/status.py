"""What a workspace holds, and whether it is sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tidegauge.schema import DATA_TABLES, TABLES
from tidegauge.workspace.lake import LAKE, Lake, writer
from tidegauge.workspace.stage import stale_stages, sweep


@dataclass(frozen=True)
class Status:
    """Rows per table, rejects by reason, the ingests in their order, and the lake's snapshot."""

    tables: dict[str, int]
    rejects_by_reason: dict[str, int]
    ingests: tuple[dict[str, Any], ...]
    snapshot: int
    currency: str
    timezone: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "tables": self.tables,
            "rejects": {"total": sum(self.rejects_by_reason.values()), "by_reason": self.rejects_by_reason},
            "ingests": list(self.ingests),
            "snapshot": self.snapshot,
            "currency": self.currency,
            "timezone": self.timezone,
        }


def status(lake: Lake) -> Status:
    """Count what is there; the ledger tables are told as `rejects` and `ingests`."""
    con = lake.con
    counts = {t: _one(con, f"SELECT count(*) FROM {LAKE}.{t}") for t in DATA_TABLES}
    reasons = con.execute(f"SELECT reason, count(*) FROM {LAKE}.rejects GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    columns = ("ingest_id", "path", "reader", "rows", "rejected", "finished_at")
    ledger = con.execute(
        f"SELECT ingest_id, path, reader, rows, rejected, strftime(finished_at, '%Y-%m-%dT%H:%M:%SZ') "
        f"FROM {LAKE}.ingests ORDER BY started_at, ingest_id"
    ).fetchall()
    return Status(
        tables=counts,
        rejects_by_reason={str(r): int(n) for r, n in reasons},
        ingests=tuple(dict(zip(columns, row, strict=True)) for row in ledger),
        snapshot=lake.snapshot,
        currency=lake.settings.currency,
        timezone=lake.settings.timezone,
    )


@dataclass(frozen=True)
class Check:
    """What `tidegauge check` found; `repaired` says whether it was mended."""

    missing_tables: tuple[str, ...]
    stale_stages: int
    orphaned_files: int
    unreadable_tables: tuple[str, ...]
    repaired: bool

    @property
    def sound(self) -> bool:
        return not (self.missing_tables or self.unreadable_tables)

    def as_dict(self) -> dict[str, Any]:
        return {
            "sound": self.sound,
            "missing_tables": list(self.missing_tables),
            "unreadable_tables": list(self.unreadable_tables),
            "stale_stages": self.stale_stages,
            "orphaned_files": self.orphaned_files,
            "repaired": self.repaired,
        }


def check(directory: Path, *, repair: bool = False, wait_s: float = 60.0) -> Check:
    """Look for what a crash can leave behind: unreferenced files, staged rows; read every table once.

    With `repair` the leftovers are removed and many small files are merged into few; data rows are never touched.
    """
    with writer(directory, wait_s=wait_s) as lake:
        con = lake.con
        have = {
            r[0]
            for r in con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [LAKE]).fetchall()
        }
        unreadable = []
        for table in sorted(have & set(TABLES)):
            try:
                con.execute(f"SELECT count(COLUMNS(*)) FROM {LAKE}.{table}").fetchall()
            except duckdb.Error:
                unreadable.append(table)
        stages = stale_stages(lake.directory)
        orphans = con.execute(
            f"SELECT count(*) FROM ducklake_delete_orphaned_files('{LAKE}', cleanup_all => true, dry_run => true)"
        ).fetchone()
        if repair:
            # `writer` has no reader to disturb here: unreferenced files are in no snapshot.
            con.execute(f"CALL ducklake_delete_orphaned_files('{LAKE}', cleanup_all => true)")
            con.execute(f"CALL ducklake_merge_adjacent_files('{LAKE}')")
            sweep(lake.directory)
    missing = tuple(t for t in TABLES if t not in have)
    return Check(missing, len(stages), int(orphans[0]) if orphans else 0, tuple(unreadable), repair)


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
