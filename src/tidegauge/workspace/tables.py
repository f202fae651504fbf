"""The canonical tables as Ibis tables, on whichever engine; what measures and creators read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import ibis
import ibis.expr.types as ir

from tidegauge.errors import MeasureError
from tidegauge.result import Provenance
from tidegauge.schema import TABLES
from tidegauge.vocab import DEFAULT_THRESHOLDS, TIER_THRESHOLDS, thresholds
from tidegauge.workspace.lake import LAKE, Lake
from tidegauge.workspace.settings import Settings


@dataclass(frozen=True)
class Tables:
    """Read access to one snapshot of a workspace.

    >>> # tables["posts"].filter(...)  is an Ibis expression; tables.frame(expr) runs it and gives a Polars frame
    """

    backend: Any
    database: str | None
    engine: str
    settings: Settings
    snapshot: int | None
    ingests: tuple[str, ...]
    assumed: tuple[str, ...] = field(default=())

    def __getitem__(self, table: str) -> ir.Table:
        if table not in TABLES:
            raise MeasureError(f"there is no table '{table}'", mend="tables: " + ", ".join(TABLES))
        return self.backend.table(table, database=self.database) if self.database else self.backend.table(table)

    def frame(self, expr: ir.Table) -> Any:
        """Run an expression; a Polars frame."""
        return expr.to_polars()

    def provenance(self, *, seed: int | None = None, assumed: tuple[str, ...] = ()) -> Provenance:
        language = self.settings.language
        return Provenance(self.engine, self.snapshot, self.ingests, seed, assumed=assumed, language=language)

    def tier(self, platform: ir.StringValue, followers: ir.IntegerValue) -> ir.StringValue:
        """The tier of (platform, followers) by the workspace's thresholds; null where followers are null."""
        overrides = self.settings.tier_overrides
        special = sorted({p.value for p in TIER_THRESHOLDS} | (set(overrides) - {"default"}))
        fallback = overrides.get("default", DEFAULT_THRESHOLDS)
        branches = []
        for name in special:
            for tier, low in reversed(thresholds(name, overrides).bounds()):
                branches.append(((platform == name) & (followers >= low), tier.value))
        for tier, low in reversed(fallback.bounds()):
            branches.append((followers >= low, tier.value))
        return ibis.cases(*branches)

    def between(self, table: ir.Table, column: str, start: dt.datetime | None, end: dt.datetime | None) -> ir.Table:
        """Rows with start <= column < end."""
        if start is not None:
            table = table.filter(table[column] >= ibis.literal(start))
        if end is not None:
            table = table.filter(table[column] < ibis.literal(end))
        return table


def duckdb_tables(lake: Lake) -> Tables:
    """Tables of an attached lake, on embedded DuckDB."""
    backend = ibis.duckdb.from_connection(lake.con)
    ids = tuple(r[0] for r in lake.con.execute(f"SELECT ingest_id FROM {LAKE}.ingests ORDER BY 1").fetchall())
    return Tables(backend, f"{LAKE}.main", "duckdb", lake.settings, lake.snapshot, ids)
