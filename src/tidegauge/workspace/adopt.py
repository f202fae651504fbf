"""Take staged Parquet files into the lake as they are, where nothing in them repeats: no row is written twice.

Only for large pieces; small ones are better gathered by an INSERT, or the lake would fill with tiny files.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tidegauge.schema import key
from tidegauge.workspace.lake import LAKE, Lake
from tidegauge.workspace.merge import TIMED

#: Below this many bytes of a table in one transaction, rows are inserted instead.
_LARGE = 8 * 2**20


def adopt(lake: Lake, table: str, parts: list[Path], staged: str, moved: list[Path]) -> bool:
    """Move the files of a table into the lake within the open transaction; False where they must be merged instead.

    A key that repeats, within the files or in the lake, needs merging, and so do audience samples (their creator is
    looked up). Moved files are added to `moved`: should the transaction fail, the caller removes them; should the
    process be killed, `tidegauge check --repair` does.
    """
    place = lake.data_directory
    if place is None or table == "audience_samples" or sum(p.stat().st_size for p in parts) < _LARGE:
        return False
    if _repeats(lake, table, staged):
        return False
    target = place / "main" / table
    target.mkdir(parents=True, exist_ok=True)
    files = []
    for part in parts:
        home = target / f"adopted-{part.parent.name}-{lake.snapshot}-{part.name}"
        shutil.move(part, home)
        moved.append(home)
        files.append(str(home))
    lake.con.execute(f"CALL ducklake_add_data_files('{LAKE}', ?, ?, ignore_extra_columns => true)", [table, files])
    return True


def _repeats(lake: Lake, table: str, staged: str) -> bool:
    """Does any key stand twice in the staged rows, or in the lake already?"""
    keys = key(table)
    hashed = f"hash({', '.join(keys)})"
    twice = lake.con.execute(
        f"SELECT 1 FROM (SELECT {hashed} AS h FROM {staged} GROUP BY h HAVING count(*) > 1) LIMIT 1"
    ).fetchone()
    if twice:
        return True
    bound = ""
    if table in TIMED:
        low, high = (f"(SELECT {f}(observed_at) FROM {staged})" for f in ("min", "max"))
        bound = f" WHERE observed_at BETWEEN {low} AND {high}"
    known = lake.con.execute(
        f"SELECT 1 FROM (SELECT {', '.join(keys)} FROM {LAKE}.{table}{bound}) t "
        f"SEMI JOIN (SELECT {', '.join(keys)} FROM {staged}) s USING ({', '.join(keys)}) LIMIT 1"
    ).fetchone()
    return known is not None
