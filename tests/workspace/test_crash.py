"""A killed ingest leaves all of the file or nothing; readers go on while a writer writes; a second writer is told."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tidegauge.errors import WorkspaceError
from tidegauge.workspace.lake import attach, create, writer
from tidegauge.workspace.status import check

ROWS = 30_000
#: A separate process that ingests one file of several batches and two tables, announcing when it starts.
WRITER = """
import datetime as dt, sys
import polars as pl
from pathlib import Path
from tidegauge.workspace.batch import Batch, Reading
from tidegauge.workspace.ingest import ingest
ws, rows, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def batches():
    print("started", flush=True)
    for k in range(6):
        ids = [f"bilibili:{name}-{k}-{i}" for i in range(rows // 6)]
        now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        posts = pl.DataFrame({"post_id": ids}).with_columns(platform=pl.lit("bilibili"))
        shots = pl.DataFrame({"post_id": ids}).with_columns(observed_at=pl.lit(now), views=pl.lit(5))
        yield Batch({"posts": posts, "post_snapshots": shots}, records=len(ids))
for done in ingest(ws, [Reading(Path(name), "test", batches(), name.encode())]):
    print(done.state, flush=True)
"""


def start(ws: Path, name: str, rows: int = ROWS) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(ws), str(rows), name], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "started"
    return process


def counts(ws: Path) -> tuple[int, int, int]:
    lake = attach(ws)
    try:
        one = "SELECT (SELECT count(*) FROM lake.posts), (SELECT count(*) FROM lake.post_snapshots), "
        row = lake.con.execute(one + "(SELECT count(*) FROM lake.ingests)").fetchone()
        assert row is not None
        return row
    finally:
        lake.close()


def test_kill_at_random_moments_leaves_all_or_nothing_and_the_next_ingest_completes_it(tmp_path):
    ws = tmp_path / "ws"
    create(ws)
    began = time.monotonic()
    process = start(ws, "whole")
    assert process.wait() == 0
    duration_s = time.monotonic() - began
    draw = random.Random(7)
    done = 1
    for _ in range(10):
        process = start(ws, f"f{done}")
        time.sleep(draw.uniform(0, duration_s))
        process.send_signal(signal.SIGKILL)
        process.wait()
        posts, shots, ingests = counts(ws)
        assert (posts, shots) == (ingests * ROWS, ingests * ROWS)
        assert ingests in (done, done + 1)
        done = ingests
    assert start(ws, f"f{done}").wait() == 0
    done += 1
    assert counts(ws) == (done * ROWS, done * ROWS, done)
    assert not list((ws / "tmp").glob("stage-*")), "a later ingest sweeps what a killed one staged"
    assert check(ws, repair=True).sound
    assert check(ws).orphaned_files == 0
    assert counts(ws) == (done * ROWS, done * ROWS, done)


def test_readers_never_see_half_an_ingest(tmp_path):
    ws = tmp_path / "ws"
    create(ws)
    process = start(ws, "a")
    seen = set()
    while process.poll() is None:
        posts, shots, ingests = counts(ws)
        assert posts == shots == ingests * ROWS
        seen.add(ingests)
    assert counts(ws)[2] == 1
    assert seen <= {0, 1}


def test_a_second_writer_is_told_who_holds_the_workspace(tmp_path):
    ws = tmp_path / "ws"
    create(ws)
    with writer(ws, wait_s=0), pytest.raises(WorkspaceError, match="another process is writing"), writer(ws, wait_s=0):
        pass


def test_a_second_writer_waits_for_the_first(tmp_path):
    ws = tmp_path / "ws"
    create(ws)
    first = start(ws, "a", rows=600)
    second = start(ws, "b", rows=600)
    assert first.wait() == 0
    assert second.wait() == 0
    assert counts(ws) == (1200, 1200, 2)


def test_frames_survive_a_move_of_the_workspace(tmp_path):
    create(tmp_path / "ws")
    assert start(tmp_path / "ws", "a", rows=600).wait() == 0
    (tmp_path / "ws").rename(tmp_path / "moved")
    assert counts(tmp_path / "moved") == (600, 600, 1)
    assert start(tmp_path / "moved", "b", rows=600).wait() == 0
    assert counts(tmp_path / "moved") == (1200, 1200, 2)
