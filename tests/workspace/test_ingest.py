"""One file, one transaction; entities merge; the same again adds nothing."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from tidegauge.workspace.batch import Batch, Reading
from tidegauge.workspace.ingest import ingest, load_frames
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.status import check

DAY1 = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY2 = DAY1 + dt.timedelta(days=1)


def rows(directory, sql):
    lake = attach(directory)
    try:
        return lake.con.execute(sql).fetchall()
    finally:
        lake.close()


def creators(name, seen, **more):
    return pl.DataFrame(
        {
            "creator_id": ["bilibili:1"],
            "platform": ["bilibili"],
            "native_id": ["1"],
            "name": [name],
            "first_seen_at": [seen],
            "_seen_at": [seen],
            **more,
        }
    )


def snapshots(*pairs):
    return pl.DataFrame(
        {
            "creator_id": ["bilibili:1"] * len(pairs),
            "observed_at": [t for t, _ in pairs],
            "followers": [f for _, f in pairs],
        }
    )


def test_the_same_frames_again_add_nothing(tmp_path):
    create(tmp_path / "ws")
    frames = {"creator_snapshots": snapshots((DAY1, 10))}
    assert load_frames(tmp_path / "ws", frames).state == "done"
    assert load_frames(tmp_path / "ws", frames).state == "known"
    assert rows(tmp_path / "ws", "SELECT count(*) FROM lake.creator_snapshots") == [(1,)]
    assert rows(tmp_path / "ws", "SELECT count(*) FROM lake.ingests") == [(1,)]


@pytest.mark.parametrize("large", [32 << 20, 0], ids=["read before", "read meanwhile"])
def test_the_same_file_under_another_name_adds_nothing(tmp_path, monkeypatch, large):
    monkeypatch.setattr("tidegauge.workspace.ingest._LARGE", large)
    create(tmp_path / "ws")
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    (tmp_path / "c").write_text("y")
    batches = [Batch({"creator_snapshots": snapshots((DAY1 + dt.timedelta(days=k), 10))}, records=1) for k in range(2)]
    first, second, other = (
        done
        for files in (("a",), ("b", "c"))
        for done in ingest(tmp_path / "ws", [Reading(tmp_path / f, "test", iter(batches)) for f in files])
    )
    assert (first.state, second.state, other.state) == ("done", "known", "done")
    assert second.ingest_id == first.ingest_id
    assert rows(tmp_path / "ws", "SELECT count(*) FROM lake.creator_snapshots") == [(2,)]
    assert rows(tmp_path / "ws", "SELECT count(DISTINCT sha256) FROM lake.ingests") == [(2,)]


def test_newer_counts_of_the_same_item_are_a_new_snapshot(tmp_path):
    create(tmp_path / "ws")
    load_frames(tmp_path / "ws", {"creator_snapshots": snapshots((DAY1, 10))})
    done = load_frames(tmp_path / "ws", {"creator_snapshots": snapshots((DAY1, 10), (DAY2, 12))})
    assert done.added == {"creator_snapshots": 1}
    assert rows(tmp_path / "ws", "SELECT followers FROM lake.creator_snapshots ORDER BY 1") == [(10,), (12,)]


def test_newer_attributes_win_older_ones_only_fill_gaps(tmp_path):
    create(tmp_path / "ws")
    load_frames(tmp_path / "ws", {"creators": creators("new name", DAY2), "creator_snapshots": snapshots((DAY2, 12))})
    load_frames(tmp_path / "ws", {"creators": creators("old name", DAY1, category=["beauty"])})
    found = rows(tmp_path / "ws", "SELECT name, category, first_seen_at FROM lake.creators")
    assert found == [("new name", "beauty", DAY1)]
    load_frames(tmp_path / "ws", {"creators": creators("newest name", DAY2 + dt.timedelta(days=1))})
    assert rows(tmp_path / "ws", "SELECT name, category FROM lake.creators") == [("newest name", "beauty")]


def test_a_key_that_repeats_over_batches_is_kept_once_and_the_last_row_wins(tmp_path):
    create(tmp_path / "ws")
    batches = [Batch({"creator_snapshots": snapshots((DAY1, n))}, records=1) for n in (1, 2, 3)]
    (done,) = ingest(tmp_path / "ws", [Reading(tmp_path / "x", "test", iter(batches))])
    assert (done.rows, done.added) == (3, {"creator_snapshots": 1})
    assert rows(tmp_path / "ws", "SELECT followers FROM lake.creator_snapshots") == [(3,)]


def test_bad_rows_are_rejected_with_their_place_and_reason_good_ones_kept(tmp_path):
    create(tmp_path / "ws")
    frame = snapshots((DAY1, -5), (DAY2, 7)).with_columns(_locator=pl.Series(["row 2", "row 3"]))
    done = load_frames(tmp_path / "ws", {"creator_snapshots": frame})
    assert (done.rejected, done.added) == (1, {"creator_snapshots": 1})
    ((locator, reason),) = rows(tmp_path / "ws", "SELECT locator, reason FROM lake.rejects")
    assert locator == "row 2"
    assert "followers" in reason


def test_an_error_in_the_middle_of_a_file_leaves_nothing(tmp_path):
    create(tmp_path / "ws")

    def broken():
        yield Batch({"creator_snapshots": snapshots((DAY1, 1))}, records=1)
        from tidegauge.errors import SourceError

        raise SourceError("the disk is gone")

    (done,) = ingest(tmp_path / "ws", [Reading(tmp_path / "x", "test", broken())])
    assert done.state == "failed"
    assert "disk" in str(done.error)
    assert rows(tmp_path / "ws", "SELECT count(*) FROM lake.creator_snapshots") == [(0,)]
    assert rows(tmp_path / "ws", "SELECT count(*) FROM lake.ingests") == [(0,)]
    assert not list((tmp_path / "ws" / "tmp").glob("stage-*"))


@pytest.mark.parametrize("large", [8 << 20, 0], ids=["posts are inserted", "posts are taken as they are"])
def test_audience_samples_learn_their_creator_whichever_file_comes_first(tmp_path, monkeypatch, large):
    monkeypatch.setattr("tidegauge.workspace.adopt._LARGE", large)
    create(tmp_path / "ws")
    sample = pl.DataFrame({"post_id": ["bilibili:p"], "audience_key": ["k"], "observed_at": [DAY1]})
    post = pl.DataFrame({"post_id": ["bilibili:p"], "platform": ["bilibili"], "creator_id": ["bilibili:1"]})
    load_frames(tmp_path / "ws", {"audience_samples": sample})
    assert rows(tmp_path / "ws", "SELECT creator_id FROM lake.audience_samples") == [(None,)]
    load_frames(tmp_path / "ws", {"posts": post})
    assert rows(tmp_path / "ws", "SELECT creator_id FROM lake.audience_samples") == [("bilibili:1",)]
    later = sample.with_columns(observed_at=pl.lit(DAY2))
    load_frames(tmp_path / "ws", {"audience_samples": later})
    assert rows(tmp_path / "ws", "SELECT DISTINCT creator_id FROM lake.audience_samples") == [("bilibili:1",)]


def test_a_snapshot_shows_the_lake_as_of_then(tmp_path):
    create(tmp_path / "ws")
    load_frames(tmp_path / "ws", {"creator_snapshots": snapshots((DAY1, 10))})
    lake = attach(tmp_path / "ws")
    then = lake.snapshot
    lake.close()
    load_frames(tmp_path / "ws", {"creator_snapshots": snapshots((DAY2, 12))})
    old = attach(tmp_path / "ws", at=then)
    assert old.con.execute("SELECT count(*) FROM lake.creator_snapshots").fetchone() == (1,)
    old.close()
    assert rows(tmp_path / "ws", "SELECT count(*) FROM lake.creator_snapshots") == [(2,)]


def test_large_new_pieces_are_taken_as_they_are_and_read_back_equal(tmp_path, monkeypatch):
    monkeypatch.setattr("tidegauge.workspace.adopt._LARGE", 0)
    create(tmp_path / "ws")
    posts = pl.DataFrame(
        {"post_id": ["bilibili:a", "bilibili:b"], "platform": ["bilibili"] * 2, "published_at": [DAY1, None],
         "tags": [["x", "y"], None], "sponsored": [True, None], "duration_s": [1.5, None], "title": ["标题", None]}
    )  # fmt: skip
    batches = [
        Batch({"posts": posts.slice(k, 1), "creator_snapshots": snapshots((DAY1 + dt.timedelta(days=k), k))}, records=1)
        for k in range(2)
    ]
    (done,) = ingest(tmp_path / "ws", [Reading(tmp_path / "x", "test", iter(batches))])
    assert done.added == {"posts": 2, "creator_snapshots": 2}
    lake = attach(tmp_path / "ws")
    assert list((tmp_path / "ws" / "data" / "main" / "posts").glob("adopted-*"))
    back = lake.con.execute("SELECT * EXCLUDE ingest_id FROM lake.posts ORDER BY post_id").pl()
    assert back.select(posts.columns).equals(posts)
    lake.close()
    more = posts.with_columns(title=pl.lit("new title"))
    (again,) = ingest(
        tmp_path / "ws", [Reading(tmp_path / "y", "test", iter([Batch({"posts": more}, records=2)]), b"y")]
    )
    assert again.state == "done"
    assert rows(tmp_path / "ws", "SELECT DISTINCT title FROM lake.posts") == [("new title",)]
    assert rows(tmp_path / "ws", "SELECT count(*) FROM lake.posts") == [(2,)]
    assert check(tmp_path / "ws", repair=True).sound
    assert rows(tmp_path / "ws", "SELECT count(*), count(DISTINCT post_id) FROM lake.posts") == [(2, 2)]
