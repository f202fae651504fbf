"""The SQL that brings staged rows into the lake: entities are merged, everything else keeps one row per key.

Most keys occur once in a file and are new to the lake; they stream through. Only keys that repeat are grouped (found by
a narrow hash, so that long texts are never held in memory), and only entities that change are rewritten.
"""

from __future__ import annotations

import duckdb

from tidegauge.schema import ENTITY_TABLES, SEEN_AT, TABLES, key
from tidegauge.workspace.lake import LAKE

#: Where a newer observation of an entity can be known from, and when its attributes were last true.
_LAST_SEEN = {"creators": "creator_snapshots", "posts": "post_snapshots"}
#: Tables whose time bounds which of the lake's files can hold the same key.
TIMED = ("creator_snapshots", "post_snapshots", "audience_samples", "topics")
#: Changed entities are rewritten this many at a time, so that their texts fit in memory.
_PART_ROWS = 100_000


def write(con: duckdb.DuckDBPyConnection, table: str, staged: str, *, many_parts: bool) -> None:
    """Bring one table's staged rows into the lake within the open transaction.

    `staged` is a SQL relation with the table's columns, `ingest_id`, `_n` (the place in the order of reading) and, for
    entities, `_seen_at`. `many_parts` says that keys may still repeat; within one part they have been collapsed.
    """
    before = _count(con, f"{LAKE}.{table}")
    rows = _one_row_per_key(con, table, staged) if many_parts else staged
    if table not in ENTITY_TABLES:
        con.execute(_insert_new(table, staged, rows, lake_has_rows=before > 0))
    elif before == 0:
        con.execute(_insert_entities(table, rows))
    else:
        _merge_entities(con, table, rows)
    con.execute("DROP TABLE IF EXISTS repeated")


def written(con: duckdb.DuckDBPyConnection, table: str, ingest_ids: list[str]) -> list[tuple[str, int]]:
    """How many rows each of these ingests brought to a table or changed in it."""
    return con.execute(
        f"SELECT ingest_id, count(*) FROM {LAKE}.{table} WHERE ingest_id BETWEEN ? AND ? "
        "AND ingest_id IN (SELECT unnest(?)) GROUP BY 1",
        [min(ingest_ids), max(ingest_ids), ingest_ids],
    ).fetchall()


def resolve_audience(posts_staged: str) -> str:
    """Name the creator of samples that came before their post did."""
    return (
        f"UPDATE {LAKE}.audience_samples AS a SET creator_id = p.creator_id FROM {LAKE}.posts p "
        f"WHERE a.creator_id IS NULL AND a.post_id = p.post_id AND p.creator_id IS NOT NULL "
        f"AND a.post_id IN (SELECT post_id FROM {posts_staged})"
    )


def _one_row_per_key(con: duckdb.DuckDBPyConnection, table: str, staged: str) -> str:
    """A relation in which every key stands once.

    Entities keep the newest known value of each attribute (arg_max skips nulls: a later blank does not erase); of other
    tables the last row of a key stays as a whole.
    """
    keys = list(key(table))
    rest = [c for c in (*TABLES[table].columns(), "ingest_id") if c not in keys]
    hashed = f"hash({', '.join(keys)})"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE repeated AS SELECT {hashed} AS h FROM {staged} GROUP BY h HAVING count(*) > 1"
    )
    if not _count(con, "repeated"):
        return staged
    if table in ENTITY_TABLES:
        kept = [f"min({c})" if c == "first_seen_at" else f"arg_max({c}, ({SEEN_AT}, _n))" for c in rest]
        rest, kept = [*rest, SEEN_AT], [*kept, f"max({SEEN_AT})"]
    else:
        kept = [f"arg_max_null({c}, _n)" for c in rest]
    grouped = ", ".join([*keys, *(f"{e} AS {c}" for e, c in zip(kept, rest, strict=True))])
    plain = ", ".join([*keys, *rest])
    return (
        f"(SELECT {plain} FROM {staged} WHERE NOT EXISTS (SELECT 1 FROM repeated WHERE h = {hashed}) UNION ALL "
        f"SELECT {grouped} FROM {staged} WHERE EXISTS (SELECT 1 FROM repeated WHERE h = {hashed}) "
        f"GROUP BY {', '.join(keys)})"
    )


def _insert_new(table: str, staged: str, rows: str, *, lake_has_rows: bool) -> str:
    columns = [*TABLES[table].columns(), "ingest_id"]
    picked = {c: f"s.{c}" for c in columns}
    joined = f"{rows} s"
    if table == "audience_samples":
        picked["creator_id"] = "coalesce(s.creator_id, p.creator_id)"
        joined += f" LEFT JOIN {LAKE}.posts p ON p.post_id = s.post_id"
    where = ""
    if lake_has_rows:
        same = " AND ".join(f"t.{k} = s.{k}" for k in key(table))
        bound = ""
        if table in TIMED:
            low, high = (f"(SELECT {f}(observed_at) FROM {staged})" for f in ("min", "max"))
            bound = f" WHERE observed_at BETWEEN {low} AND {high}"
        where = f" WHERE NOT EXISTS (SELECT 1 FROM (SELECT * FROM {LAKE}.{table}{bound}) t WHERE {same})"
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
        f"FROM ({print_of} {rows}) s JOIN ({print_of} {lake}) t USING ({k}) WHERE s.print <> t.print"
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
    parts = -(-_count(con, "differing") // _PART_ROWS)
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


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0
