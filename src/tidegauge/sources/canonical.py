"""Files that already carry a canonical table's own column names (spend, outcomes, placements, market, snapshots, …)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidegauge.errors import SourceError
from tidegauge.schema import DATA_TABLES, key, polars_schema
from tidegauge.sources.mapping import read_mapped
from tidegauge.sources.mapping_file import ColumnRule, MapEntry, Match, TableRule
from tidegauge.sources.registry import Sample, source
from tidegauge.workspace.batch import Batch, ReadContext

#: Filled in where a file leaves them out.
_MAY_LACK = {
    "first_seen_at",
    "currency",
    "role",
    "geo",
    "brand",
    "terms",
    "segment",
    "period",
    "source_title",
    "valid_from",
}
_OURS = {"ingest_id"}


def _table_of(columns: tuple[str, ...]) -> tuple[str, float]:
    """The table whose required columns are all there and that knows the largest share of a part's columns."""
    names = set(columns) - _OURS
    best, score = "", 0.0
    for table, schema in DATA_TABLES.items():
        needed = {n for n, c in schema.columns().items() if not c.nullable or c.primary_key} - _MAY_LACK
        known = names & set(polars_schema(table))
        if needed <= names and len(known) >= max(3, len(set(key(table)) - _MAY_LACK) + 1):
            share = len(known) / len(names)
            if share > score:
                best, score = table, share
    return best, score


def detect(sample: Sample) -> float:
    """Near 1 where every column is a canonical one; a file with many others is better mapped by hand."""
    share = max((_table_of(columns)[1] for columns, _ in sample.parts.values()), default=0.0)
    return share * 0.97 if share >= 0.6 else 0.0


@source("canonical", title_zh="标准列名的表", title_en="Files with canonical columns", detect=detect)
def read(path: Path, sample: Sample, context: ReadContext) -> Iterator[Batch]:
    """Batches of one canonical table per part; other columns are left out."""
    found = {part: _table_of(columns) for part, (columns, _) in sample.parts.items()}
    if not any(table for table, _ in found.values()):
        raise SourceError(
            "no canonical table has these columns: " + ", ".join(sorted(sample.columns)[:20]),
            where=str(path),
            mend="see docs/tables.md for the column names, or map the columns with --map",
        )
    for part, (table, share) in found.items():
        if share < 0.6:
            continue
        known = [c for c in sample.parts[part][0] if c in polars_schema(table)]
        rule = TableRule(name=table, columns={c: ColumnRule(column=c) for c in known})
        yield from read_mapped(MapEntry(name=table, match=Match(part=part), table=[rule]), sample, context)
