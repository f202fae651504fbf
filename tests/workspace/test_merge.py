"""Rows taken as they are, rows merged, and a plain model of merging: the same lake, whichever way they came."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegauge.schema import ddl
from tidegauge.workspace import adopt, merge
from tidegauge.workspace.batch import Batch, Reading
from tidegauge.workspace.ingest import ingest
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.repeats import Keys, look_up_and_add
from tidegauge.workspace.stage import new_stage

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
#: (key, second of sighting, name, category): few keys, so that they repeat; blanks, so that attributes are filled in.
SIGHTING = st.tuples(
    st.integers(0, 6), st.integers(0, 5), st.sampled_from([None, "a", "b"]), st.sampled_from([None, "x", "y"])
)
#: Batches as a reader makes them: within one, a key stands once.
BATCHES = st.lists(st.lists(SIGHTING, min_size=1, max_size=7, unique_by=lambda s: s[0]), min_size=1, max_size=6)


def drawn(draw, keys, rows):
    """A batch of so many sightings of so many people."""
    picked = draw.sample(range(keys), rows)
    return [(k, draw.randrange(6), draw.choice([None, "a", "b"]), draw.choice([None, "x", "y"])) for k in picked]


def people(batch):
    seen = [DAY + dt.timedelta(seconds=s) for _, s, _, _ in batch]
    frame = {"creator_id": [f"weibo:{k}" for k, *_ in batch], "native_id": [str(k) for k, *_ in batch]}
    frame |= {"name": [n for *_, n, _ in batch], "category": [c for *_, c in batch]}
    schema = {"creator_id": pl.String, "native_id": pl.String, "name": pl.String, "category": pl.String}
    return pl.DataFrame(frame, schema=schema).with_columns(
        pl.Series("_seen_at", seen), pl.Series("first_seen_at", seen), platform=pl.lit("weibo")
    )


def counts(batch):
    return pl.DataFrame(
        {
            "creator_id": [f"weibo:{k}" for k, *_ in batch],
            "observed_at": [DAY + dt.timedelta(seconds=s) for _, s, _, _ in batch],
            "followers": [{None: None, "a": 1, "b": 2}[n] for *_, n, _ in batch],
        },
        schema_overrides={"followers": pl.Int64},
    )


def merged(batches):
    """The newest known name and category, ties to the later row, and the earliest sight, key by key."""
    out = {}
    rows = [(s, n, k, name, category) for n, (k, s, name, category) in enumerate(r for b in batches for r in b)]
    for s, _, k, name, category in sorted(rows, key=lambda r: r[:2]):
        old = out.get(k, (None, None, s))
        out[k] = (old[0] if name is None else name, old[1] if category is None else category, min(old[2], s))
    return {(f"weibo:{k}", n, c, DAY + dt.timedelta(seconds=s)) for k, (n, c, s) in out.items()}


def last_counts(batches):
    return {r[:2]: r for b in batches for r in counts(b).rows()}


def staged(directory: Path, batches, number=0):
    stage = new_stage(directory, number)
    file = stage.open(Reading(Path("x"), "test", iter([])), number)
    for batch in batches:
        stage.take(file, Batch({"creators": people(batch), "creator_snapshots": counts(batch)}, records=len(batch)))
    return stage


@settings(max_examples=12)
@given(batches=BATCHES)
def test_merging_gives_what_reading_row_by_row_gives(tmp_path_factory, batches):
    stage = staged(tmp_path_factory.mktemp("lake"), batches)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'; ATTACH ':memory:' AS lake")
    for table in ("creators", "creator_snapshots"):
        con.execute(ddl(table).replace(f"CREATE TABLE {table}", f"CREATE TABLE lake.{table}"))
        rows = stage.staged(table)
        assert rows is not None
        merge.write(con, table, rows)
    found = con.execute("SELECT creator_id, name, category, first_seen_at FROM lake.creators").pl().rows()
    assert len(found) == len(set(found))
    assert set(found) == merged(batches)
    shots = con.execute("SELECT creator_id, observed_at, followers FROM lake.creator_snapshots").pl().rows()
    assert sorted(shots, key=str) == sorted(last_counts(batches).values(), key=str)
    stage.clear()


@pytest.mark.parametrize("crowded", [False, True], ids=["filter has room", "filter takes every key for known"])
def test_files_taken_as_they_are_and_files_merged_make_the_same_lake(tmp_path, crowded):
    draw = random.Random(5)
    first, second = ([drawn(draw, 30, 12) for _ in range(4)] for _ in range(2))
    lakes = []
    for large in (0, 1 << 60):
        ws = tmp_path / str(large)
        create(ws)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(adopt, "_LARGE", large)
            patch.setattr(adopt, "_FEW", 1.0)
            if crowded:
                patch.setattr(Keys, "known", lambda self, keys: pl.Series([True] * keys.height))
            for name, batches in (("a", first), ("b", second)):
                made = (Batch({"creators": people(b), "creator_snapshots": counts(b)}, records=len(b)) for b in batches)
                (done,) = ingest(ws, [Reading(Path(name), "test", made, name.encode())])
                assert done.state == "done", done.error
        lake = attach(ws)
        tables = ("creators", "creator_snapshots")
        lakes.append([lake.con.execute(f"SELECT * EXCLUDE ingest_id FROM lake.{t} ORDER BY ALL").pl() for t in tables])
        lake.close()
        assert bool(list((ws / "data" / "main").glob("creators/adopted-*"))) == (not large and not crowded)
    (as_they_are, as_merged) = lakes
    assert as_they_are[0].height > 20
    assert all(a.equals(b) for a, b in zip(as_they_are, as_merged, strict=True))


@settings(max_examples=30)
@given(hashes=st.lists(st.integers(0, 2**64 - 1), max_size=80), size=st.sampled_from([1, 4, 2**10]))
def test_a_key_that_stood_before_is_never_taken_for_new(hashes, size):
    array = np.array(hashes, np.uint64)
    words = np.zeros(size, np.uint64)
    found = look_up_and_add(words, array)
    plain, expected = [0] * size, []
    for h in hashes:
        bits = sum({1 << ((h >> shift) & 63) for shift in range(0, 30, 6)})
        place = (h >> 30) % size
        expected.append(plain[place] & bits == bits)
        plain[place] |= bits
    assert found.tolist() == expected
    assert words.tolist() == plain
    seen = set()
    for h, known in zip(hashes, found, strict=True):
        assert known or h not in seen
        seen.add(h)
