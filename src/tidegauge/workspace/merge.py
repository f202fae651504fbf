"""The SQL that brings staged rows into the lake: entities are merged, everything else keeps one row per key."""

from __future__ import annotations

from tidegauge.schema import ENTITY_TABLES, SEEN_AT, TABLES, key
from tidegauge.workspace.lake import LAKE

#: Where a newer observation of an entity can be known from, and when its attributes were last true.
_LAST_SEEN = {"creators": "creator_snapshots", "posts": "post_snapshots"}
#: A snapshot's time bounds which of the lake's files can hold the same key.
_TIME_COLUMN = {
    "creator_snapshots": "observed_at",
    "post_snapshots": "observed_at",
    "audience_samples": "observed_at",
    "topics": "observed_at",
}


def statements(table: str, staged: str, ingest_id: str, *, many_batches: bool, lake_has_rows: bool) -> list[str]:
    """SQL statements that write one table.

    `staged` is a SQL relation with the table's columns, `_n` (the place in the file) and, for entities, `_seen_at`.
    `many_batches` says that keys may still repeat; with one batch they have been collapsed already.
    """
    if table in ENTITY_TABLES:
        return _merge_entity(table, staged, ingest_id, lake_has_rows=lake_has_rows)
    return [_insert_new(table, staged, ingest_id, many_batches=many_batches, lake_has_rows=lake_has_rows)]


def _insert_new(table: str, staged: str, ingest_id: str, *, many_batches: bool, lake_has_rows: bool) -> str:
    columns = list(TABLES[table].columns())
    keys = list(key(table))
    rest = [c for c in columns if c not in keys]
    if many_batches:
        last = [f"arg_max_null({c}, _n) AS {c}" for c in rest]
        rows = f"(SELECT {', '.join([*keys, *last])} FROM {staged} GROUP BY {', '.join(keys)})"
    else:
        rows = f"(SELECT {', '.join(columns)} FROM {staged})"
    where = ""
    if lake_has_rows:
        same = " AND ".join(f"t.{k} = s.{k}" for k in keys)
        if table in _TIME_COLUMN:
            c = _TIME_COLUMN[table]
            same += f" AND t.{c} BETWEEN (SELECT min({c}) FROM {staged}) AND (SELECT max({c}) FROM {staged})"
        where = f" WHERE NOT EXISTS (SELECT 1 FROM {LAKE}.{table} t WHERE {same})"
    if table == "audience_samples":
        picked = ", ".join("coalesce(s.creator_id, p.creator_id)" if c == "creator_id" else f"s.{c}" for c in columns)
        joined = f"{rows} s LEFT JOIN {LAKE}.posts p ON p.post_id = s.post_id"
    else:
        picked, joined = ", ".join(f"s.{c}" for c in columns), f"{rows} s"
    target = f"{LAKE}.{table} ({', '.join(columns)}, ingest_id)"
    return f"INSERT INTO {target} SELECT {picked}, '{ingest_id}' FROM {joined}{where}"


def _merge_entity(table: str, staged: str, ingest_id: str, *, lake_has_rows: bool) -> list[str]:
    columns = list(TABLES[table].columns())
    (k,) = key(table)
    rest = [c for c in columns if c != k]
    # The newest known value of each attribute; arg_max skips nulls, so a later blank does not erase.
    newest = [f"min({c}) AS {c}" if c == "first_seen_at" else f"arg_max({c}, ({SEEN_AT}, _n)) AS {c}" for c in rest]
    merged = (
        f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT {k}, {', '.join(newest)}, max({SEEN_AT}) AS {SEEN_AT} "
        f"FROM {staged} GROUP BY {k}"
    )
    insert_columns = f"({', '.join(columns)}, ingest_id)"
    if not lake_has_rows:
        return [
            merged,
            f"INSERT INTO {LAKE}.{table} {insert_columns} SELECT {', '.join(columns)}, '{ingest_id}' FROM incoming",
            "DROP TABLE incoming",
        ]
    snapshots = _LAST_SEEN[table]
    last_seen = (
        f"(SELECT {k}, max(observed_at) AS last_seen FROM {LAKE}.{snapshots} "
        f"WHERE {k} IN (SELECT {k} FROM incoming) GROUP BY {k})"
    )
    resolved = []
    for c in rest:
        if c == "first_seen_at":
            resolved.append(f"least(t.{c}, s.{c}) AS {c}")
        else:
            resolved.append(
                f"CASE WHEN s.{SEEN_AT} >= coalesce(l.last_seen, s.{SEEN_AT}) THEN coalesce(s.{c}, t.{c}) "
                f"ELSE coalesce(t.{c}, s.{c}) END AS {c}"
            )
    changes = " OR ".join(f"r.{c} IS DISTINCT FROM t.{c}" for c in rest)
    return [
        merged,
        f"CREATE OR REPLACE TEMP TABLE resolved AS SELECT s.{k}, {', '.join(resolved)} FROM incoming s "
        f"JOIN {LAKE}.{table} t ON t.{k} = s.{k} LEFT JOIN {last_seen} l ON l.{k} = s.{k}",
        f"CREATE OR REPLACE TEMP TABLE changed AS SELECT r.* FROM resolved r JOIN {LAKE}.{table} t ON t.{k} = r.{k} "
        f"WHERE {changes}",
        f"INSERT INTO {LAKE}.{table} {insert_columns} SELECT {', '.join('s.' + c for c in columns)}, '{ingest_id}' "
        f"FROM incoming s WHERE NOT EXISTS (SELECT 1 FROM {LAKE}.{table} t WHERE t.{k} = s.{k})",
        f"DELETE FROM {LAKE}.{table} WHERE {k} IN (SELECT {k} FROM changed)",
        f"INSERT INTO {LAKE}.{table} {insert_columns} SELECT {', '.join(columns)}, '{ingest_id}' FROM changed",
        "DROP TABLE incoming",
        "DROP TABLE resolved",
        "DROP TABLE changed",
    ]


def resolve_audience(posts_staged: str) -> str:
    """Name the creator of samples that came before their post did."""
    return (
        f"UPDATE {LAKE}.audience_samples AS a SET creator_id = p.creator_id FROM {LAKE}.posts p "
        f"WHERE a.creator_id IS NULL AND a.post_id = p.post_id AND p.creator_id IS NOT NULL "
        f"AND a.post_id IN (SELECT post_id FROM {posts_staged})"
    )
