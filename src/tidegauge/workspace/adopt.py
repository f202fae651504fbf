"""Take staged Parquet files into the lake as they are: no row is written twice.

Only for large pieces; small ones are better gathered by an INSERT, or the lake would fill with tiny files.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tidegauge.schema import key
from tidegauge.workspace.lake import LAKE, Lake
from tidegauge.workspace.merge import contradicted, count, hash_of, may_hold, write
from tidegauge.workspace.stage import Stage, Staged, relation

#: Below this many bytes of a table in one transaction, rows are inserted instead.
_LARGE = 8 * 2**20
#: Where more than this share of the rows must be merged, marking them deleted would burden every reader.
_FEW = 0.25


def adopt(lake: Lake, table: str, stage: Stage, staged: Staged, moved: list[Path]) -> bool:
    """Move the files of a table into the lake within the open transaction; False where they must be merged instead.

    Rows whose key the lake holds, or that a later row of the file contradicts, are deleted from what was moved and
    merged. Audience samples are never moved (their creator is looked up). Moved files are added to `moved`: should the
    transaction fail, the caller removes them; should the process be killed, `tidegauge check --repair` does.
    """
    place, parts = lake.data_directory, stage.parts(table)
    if place is None or not parts or table == "audience_samples" or sum(p.stat().st_size for p in parts) < _LARGE:
        return False
    con = lake.con
    con.execute(f"CREATE OR REPLACE TEMP TABLE held AS {_to_merge(lake, table, staged)}")
    inside, in_lake, all_held = con.execute(
        "SELECT count(*) FILTER (in_once), count(*) FILTER (in_lake), count(*) FROM held"
    ).fetchall()[0]
    if inside > _FEW * count(con, staged.once):
        return False
    target = place / "main" / table
    target.mkdir(parents=True, exist_ok=True)
    files = []
    for part in parts:
        home = target / f"adopted-{part.parent.name}-{lake.snapshot}-{part.name}"
        shutil.move(part, home)
        moved.append(home)
        files.append(home)
    names = [str(f) for f in files]
    con.execute(f"CALL ducklake_add_data_files('{LAKE}', ?, ?, ignore_extra_columns => true)", [table, names])
    if not all_held:
        return True
    chosen = f"{hash_of(table)} IN (SELECT h FROM held)"
    # Copied before they are deleted: a file all of whose rows are deleted is gone at once.
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE taken_back AS SELECT * FROM {relation(files)} "
        + (f"WHERE {chosen}" if inside else "LIMIT 0")
    )
    if inside:
        ids = ", ".join(f"'{f.ingest_id}'" for f in stage.files)
        con.execute(f"DELETE FROM {LAKE}.{table} WHERE ingest_id IN ({ids}) AND {chosen}")
    again = staged.again and f"(SELECT * FROM {staged.again} WHERE {chosen})"
    write(con, table, Staged("taken_back", again), new=not in_lake)
    con.execute("DROP TABLE taken_back")
    return True


def _to_merge(lake: Lake, table: str, staged: Staged) -> str:
    """A query for keys (hashes `h`) that need merging: not alike within the files, or known to the lake."""
    keys = ", ".join(key(table))
    each = f"SELECT {keys}, true AS in_once FROM {staged.once}"
    if staged.again is not None:
        each += f" UNION ALL SELECT {keys}, false AS in_once FROM {staged.again}"
    known = (
        f"SELECT {hash_of(table)} AS h, in_once, true AS in_lake FROM ({each}) s "
        f"SEMI JOIN {may_hold(lake.con, table, staged)} t USING ({keys})"
    )
    if staged.again is None:
        return known
    rows = f"{known} UNION ALL SELECT h, in_once, false AS in_lake FROM ({contradicted(table, staged)})"
    return f"SELECT h, bool_or(in_once) AS in_once, bool_or(in_lake) AS in_lake FROM ({rows}) GROUP BY h"
