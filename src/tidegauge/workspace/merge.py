"""The SQL that brings staged rows into the lake: entities are merged, everything else keeps one row per key.

Most keys occur once in a file and are new to the lake; they stream through. Only keys that repeat are grouped (found by
a narrow hash, so that long texts are never held in memory), and only entities that change are rewritten.
"""

from __future__ import annotations

import duckdb

from tidegauge.schema import ENTITY_TABLES, SEEN_AT, TABLES, key
from tidegauge.workspace.lake import LAKE
from tidegauge.workspace.stage import PRINT, Staged

#: Where a newer observation of an entity can be known from, and when its attributes were last true.
_LAST_SEEN = {"creators": "creator_snapshots", "posts": "post_snapshots"}
#: Tables whose time bounds which of the lake's files can hold the same key.
TIMED = ("creator_snapshots", "post_snapshots", "audience_samples", "topics")
#: Changed entities are rewritten this many at a time, so that their texts fit in memory.
_PART_ROWS = 100_000
#: Up to so many rows are brought to one row a key once, and kept, rather than each time they are looked at.
_GATHERED_ROWS = 400_000


def write(con: duckdb.DuckDBPyConnection, table: str, staged: Staged, *, new: bool = False) -> None:
    """Bring one table's staged rows into the lake within the open transaction; `new`: none of their keys is in it."""
    alone = new or count(con, f"{LAKE}.{table}") == 0
    rows = _one_row_per_key(con, table, staged, alone=alone)
    if table not in ENTITY_TABLES:
        con.execute(_insert_new(table, rows, None if alone else may_hold(con, table, staged)))
    elif alone:
        con.execute(_insert_entities(table, rows))
    else:
        if staged.again is not None and count(con, staged.all) <= _GATHERED_ROWS:
            con.execute(f"CREATE OR REPLACE TEMP TABLE gathered AS SELECT * FROM {rows}")
            rows = "gathered"
        _merge_entities(con, table, rows)
    con.execute("DROP TABLE IF EXISTS repeated")
    con.execute("DROP TABLE IF EXISTS gathered")


def may_hold(con: duckdb.DuckDBPyConnection, table: str, staged: Staged) -> str:
    """The part of a lake's table that can hold staged keys, as a relation: bounds in plain words let it skip files."""
    if table not in TIMED:
        return f"{LAKE}.{table}"
    bounds = con.execute(f"SELECT min(observed_at)::VARCHAR, max(observed_at)::VARCHAR FROM {staged.all}").fetchone()
    low, high = bounds or (None, None)
    return (
        f"(SELECT * FROM {LAKE}.{table} WHERE observed_at BETWEEN TIMESTAMPTZ '{low}' AND TIMESTAMPTZ '{high}')"
        if low is not None
        else f"(SELECT * FROM {LAKE}.{table} LIMIT 0)"
    )


def hash_of(table: str) -> str:
    """The SQL expression by which keys of a table are told apart: narrow, whatever the key."""
    return f"hash({', '.join(key(table))})"


def contradicted(table: str, staged: Staged) -> str:
    """A query for keys whose rows do not all say what the first of them says: hashes `h`, and whether `once` has it."""
    told = PRINT if table in ENTITY_TABLES else f"hash({', '.join([*_beside_key(table), 'ingest_id'])})"
    first = "first_seen_at" if "first_seen_at" in TABLES[table].columns() else "0"
    rows = f"SELECT {hash_of(table)} AS h, {told} AS told, {first} AS first FROM"
    return (
        f"SELECT h, bool_or(o.h IS NOT NULL) AS in_once FROM ({rows} {staged.again}) a "
        f"LEFT JOIN ({rows} {staged.once}) o USING (h) "
        f"WHERE o.told IS DISTINCT FROM a.told OR o.first > a.first GROUP BY h"
    )


def written(con: duckdb.DuckDBPyConnection, table: str, ingest_ids: list[str]) -> list[tuple[str, int]]:
    """How many rows each of these ingests brought to a table or changed in it."""
    return con.execute(
        f"SELECT ingest_id, count(*) FROM {LAKE}.{table} WHERE ingest_id BETWEEN ? AND ? "
        "AND ingest_id IN (SELECT unnest(?)) GROUP BY 1",
        [min(ingest_ids), max(ingest_ids), ingest_ids],
    ).fetchall()


def resolve_audience(ingest_ids: list[str]) -> str:
    """Name the creator of samples that came before their post, which these ingests brought."""
    ids = ", ".join(f"'{i}'" for i in ingest_ids)
    return (
        f"UPDATE {LAKE}.audience_samples AS a SET creator_id = p.creator_id FROM "
        f"(SELECT post_id, creator_id FROM {LAKE}.posts WHERE ingest_id IN ({ids})) p "
        f"WHERE a.creator_id IS NULL AND a.post_id = p.post_id AND p.creator_id IS NOT NULL"
    )


def _one_row_per_key(con: duckdb.DuckDBPyConnection, table: str, staged: Staged, *, alone: bool) -> str:
    """A relation in which every key stands once.

    Entities keep the newest known value of each attribute (arg_max skips nulls: a later blank does not erase); of other
    tables the last row of a key stays as a whole. Rows that only repeat what the first of their key said go (where the
    lake has entities to merge with, when they were last true matters too).
    """
    if staged.again is None:
        return staged.once
    hashed = hash_of(table)
    narrow = alone or table not in ENTITY_TABLES
    repeated = contradicted(table, staged) if narrow else f"SELECT DISTINCT {hashed} AS h FROM {staged.again}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE repeated AS {repeated}")
    if not count(con, "repeated"):
        return staged.once
    keys, rest = list(key(table)), [*_beside_key(table), "ingest_id"]
    if table in ENTITY_TABLES:
        kept = [f"min({c})" if c == "first_seen_at" else f"arg_max({c}, ({SEEN_AT}, _n))" for c in rest]
        rest, kept = [*rest, SEEN_AT], [*kept, f"max({SEEN_AT})"]
    else:
        kept = [f"arg_max_null({c}, _n)" for c in rest]
    grouped = ", ".join([*keys, *(f"{e} AS {c}" for e, c in zip(kept, rest, strict=True))])
    plain = ", ".join([*keys, *rest])
    return (
        f"(SELECT {plain} FROM {staged.once} WHERE NOT EXISTS (SELECT 1 FROM repeated WHERE h = {hashed}) UNION ALL "
        f"SELECT {grouped} FROM {staged.all} WHERE EXISTS (SELECT 1 FROM repeated WHERE h = {hashed}) "
        f"GROUP BY {', '.join(keys)})"
    )


def _beside_key(table: str) -> list[str]:
    return [c for c in TABLES[table].columns() if c not in key(table)]


def _insert_new(table: str, rows: str, lake_rows: str | None) -> str:
    columns = [*TABLES[table].columns(), "ingest_id"]
    picked = {c: f"s.{c}" for c in columns}
    joined = f"{rows} s"
    if table == "audience_samples":
        picked["creator_id"] = "coalesce(s.creator_id, p.creator_id)"
        joined += f" LEFT JOIN {LAKE}.posts p ON p.post_id = s.post_id"
    where = ""
    if lake_rows is not None:
        same = " AND ".join(f"t.{k} = s.{k}" for k in key(table))
        where = f" WHERE NOT EXISTS (SELECT 1 FROM {lake_rows} t WHERE {same})"
    return f"INSERT INTO {LAKE}.{table} ({', '.join(columns)}) SELECT {', '.join(picked.values())} FROM {joined}{where}"


def _insert_entities(table: str, rows: str) -> str:
    columns = [*TABLES[table].columns(), "ingest_id"]
    picked = ", ".join(f"s.{c}" for c in columns)
    return f"INSERT INTO {LAKE}.{table} ({', '.join(columns)}) SELECT {picked} FROM {rows} s"


def _merge_entities(con: duckdb.DuckDBPyConnection, table: str, rows: str) -> None:
    """Insert new entities; rewrite those of which something newer (or more) is known now."""
    columns = list(TABLES[table].columns())
    (k,) = key(table)
    lake = f"{LAKE}.{table}"
    attributes = [c for c in columns if c != k]
    # Compare by hash first: texts are long, and nearly all entities that come again are unchanged.
    print_of = f"SELECT {k}, hash({', '.join(attributes)}) AS print FROM"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE differing AS SELECT {k}, hash({k}) AS part "
        f"FROM ({print_of} {rows}) s JOIN ({print_of} {lake} WHERE {k} IN (SELECT {k} FROM {rows})) t USING ({k}) "
        f"WHERE s.print <> t.print"
    )
    con.execute(f"{_insert_entities(table, rows)} WHERE NOT EXISTS (SELECT 1 FROM {lake} t WHERE t.{k} = s.{k})")
    newer = f"(l.last_seen IS NULL OR s.{SEEN_AT} >= l.last_seen)"
    resolved, changes = [f"s.{k}", "s.ingest_id"], []
    for c in attributes:
        if c == "first_seen_at":
            resolved.append(f"least(t.{c}, s.{c}) AS {c}")
            changes.append(f"s.{c} < t.{c}")
        else:
            resolved.append(f"CASE WHEN {newer} THEN coalesce(s.{c}, t.{c}) ELSE coalesce(t.{c}, s.{c}) END AS {c}")
            changes.append(f"(s.{c} IS NOT NULL AND (t.{c} IS NULL OR ({newer} AND s.{c} <> t.{c})))")
    parts = -(-count(con, "differing") // _PART_ROWS)
    for part in range(parts):
        chosen = f"(SELECT {k} FROM differing WHERE part % {parts} = {part})"
        snapshots = f"(SELECT {k}, observed_at FROM {LAKE}.{_LAST_SEEN[table]} WHERE {k} IN {chosen})"
        last_seen = f"(SELECT {k}, max(observed_at) AS last_seen FROM {snapshots} GROUP BY {k})"
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE changed AS SELECT {', '.join(resolved)} "
            f"FROM (SELECT * FROM {rows} WHERE {k} IN {chosen}) s "
            f"JOIN (SELECT * FROM {lake} WHERE {k} IN {chosen}) t ON t.{k} = s.{k} "
            f"LEFT JOIN {last_seen} l ON l.{k} = s.{k} WHERE {' OR '.join(changes)}"
        )
        con.execute(f"DELETE FROM {lake} WHERE {k} IN (SELECT {k} FROM changed)")
        con.execute(_insert_entities(table, "changed"))
    con.execute("DROP TABLE IF EXISTS changed")
    con.execute("DROP TABLE differing")


def count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0
