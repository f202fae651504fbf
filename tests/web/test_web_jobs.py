"""Long work: asked once, told while it goes, failing in words, surviving a killed process; outcomes whole or absent."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from tidegauge.errors import InfeasibleError, MeasureError
from tidegauge.web.cache import Cache, read_about, write_about, write_whole
from tidegauge.web.jobs import Jobs


def slow(say, gate):
    say(0.25, "half way")
    for _ in range(400):
        if os.path.exists(gate):
            return {"pid": os.getpid()}
        time.sleep(0.05)
    raise AssertionError("nobody opened the gate")


def refuse(say):
    raise MeasureError("no data for it", mend="ingest some", where="a.csv")


def clash(say):
    raise InfeasibleError("cannot hold together", clash=("line 3: at least 5", "line 9: at most 2"))


def burst(say):
    os.kill(os.getpid(), signal.SIGKILL)


def fine(say, value):
    return {"value": value}


@pytest.fixture(scope="module")
def jobs():
    made = Jobs()
    yield made
    made.close()


def over(jobs, job):
    for _ in range(1200):
        now = jobs.get(job.id)
        if now.over:
            return now
        time.sleep(0.05)
    raise AssertionError(f"not over: {now}")


def test_the_same_question_is_one_job_and_tells_its_progress(jobs, tmp_path):
    gate = tmp_path / "gate"
    started = [jobs.submit("k", "same", slow, str(gate)) for _ in range(5)]
    assert len({j.id for j in started}) == 1
    for _ in range(1200):
        if jobs.get(started[0].id).stage == "half way":
            break
        time.sleep(0.05)
    now = jobs.get(started[0].id)
    assert (now.state, now.share, now.stage) == ("running", 0.25, "half way")
    gate.touch()
    done = over(jobs, started[0])
    assert done.state == "done"
    assert done.result["pid"] != os.getpid()
    assert jobs.submit("k", "same", fine, 1).id != started[0].id


def test_an_error_keeps_its_words_its_mend_and_its_clash(jobs):
    failed = over(jobs, jobs.submit("k", "refused", refuse))
    assert failed.error == {
        "type": "MeasureError",
        "message": "no data for it",
        "mend": "ingest some",
        "where": "a.csv",
    }
    failed = over(jobs, jobs.submit("k", "clash", clash))
    assert failed.error["clash"] == "line 3: at least 5\nline 9: at most 2"


def test_after_a_killed_process_the_next_job_runs(jobs):
    killed = over(jobs, jobs.submit("k", "burst", burst))
    assert killed.state == "failed"
    assert "stopped" in killed.error["message"]
    assert over(jobs, jobs.submit("k", "next", fine, 7)).result == {"value": 7}


def test_an_outcome_is_whole_or_absent(tmp_path):
    place = tmp_path / "s1" / "tiers"

    def half(folder):
        (folder / "rows").write_text("1")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_whole(place, half)
    assert not place.exists()
    assert not list(place.parent.iterdir())
    seen = set()
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            about = read_about(place)
            if about is not None:
                seen.add((about["n"], len(list(place.iterdir()))))

    watcher = threading.Thread(target=watch)
    watcher.start()

    def full(folder):
        for i in range(20):
            (folder / f"part{i}").write_text("x")
            write_about(folder, {"n": 20})
            time.sleep(0.002)

    write_whole(place, full)
    write_whole(place, half_second)
    stop.set()
    watcher.join()
    assert seen <= {(20, 21)}
    assert read_about(place) == {"n": 20}


def half_second(folder):
    write_about(folder, {"n": 1})


def test_questions_and_snapshots_have_their_own_place_inside_the_cache(tmp_path):
    cache = Cache(tmp_path / "v1")
    keys = ["", "a", ("platform",), ("platform", "tier"), "../../etc", {"x": 1}]
    places = {cache.place(s, "k", k) for s in (1, 2) for k in keys}
    assert len(places) == 12
    assert all(p.resolve().is_relative_to(cache.root) for p in places)


def test_old_snapshots_and_old_versions_are_swept(tmp_path):
    cache = Cache(tmp_path / "vnew")
    for s in range(1, 8):
        cache.place(s, "k").mkdir(parents=True)
    (tmp_path / "vold" / "s1").mkdir(parents=True)
    cache.sweep(7)
    assert sorted(p.name for p in cache.root.iterdir()) == ["s5", "s6", "s7"]
    assert not (tmp_path / "vold").exists()
