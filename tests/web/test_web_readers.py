"""Many readers while files come in: no error, and never half of an ingest on one page."""

from __future__ import annotations

import datetime as dt
import re
import threading

import polars as pl

ROUNDS, READERS = 6, 8
SEEN = dt.datetime(2026, 9, 9, tzinfo=dt.UTC)


def test_readers_see_whole_snapshots_while_an_ingest_runs(client, site, workspace):
    """Each ingest brings as many topics as creators; a page that shows one without the other would be torn."""
    base = site.rows(
        site.snapshot(), "SELECT (SELECT count(*) FROM lake.topics) AS t, (SELECT count(*) FROM lake.creators) AS c"
    )[0]
    done, problems, pages = threading.Event(), [], []

    def read(i: int) -> None:
        paths = ["/data?lang=en", "/creators?sort=followers&lang=en", "/data?lang=en", "/?lang=en"]
        n = 0
        while not done.is_set() or n < 2:
            answer = client.get(paths[(i + n) % len(paths)])
            n += 1
            if answer.status_code != 200:
                problems.append((answer.status_code, answer.text[:300]))
                return
            if "/data/rows/topics" in answer.text:
                shown = {
                    name: int(re.search(rf'/data/rows/{name}">([\d,]+)<', answer.text).group(1).replace(",", ""))
                    for name in ("topics", "creators")
                }
                pages.append((int(answer.headers["x-tidegauge-snapshot"]), shown["topics"], shown["creators"]))

    readers = [threading.Thread(target=read, args=(i,)) for i in range(READERS)]
    for r in readers:
        r.start()
    for k in range(ROUNDS):
        names = [f"r{k}n{i}" for i in range(50)]
        loaded = workspace.load(
            {
                "creators": pl.DataFrame(
                    {"creator_id": [f"zhihu:{n}" for n in names], "platform": "zhihu", "native_id": names,
                     "first_seen_at": SEEN}
                ),
                "topics": pl.DataFrame(
                    {"platform": "zhihu", "topic": names, "observed_at": SEEN + dt.timedelta(hours=k), "rank": 1}
                ),
            },
            name=f"round {k}",
        )  # fmt: skip
        assert loaded.error is None
    done.set()
    for r in readers:
        r.join()
    assert not problems
    assert len(pages) >= READERS
    for snapshot, topics, creators in pages:
        assert topics - base["t"] == creators - base["c"], f"snapshot {snapshot} is torn"
        assert (topics - base["t"]) % 50 == 0
    by_snapshot = {}
    for snapshot, topics, creators in pages:
        assert by_snapshot.setdefault(snapshot, (topics, creators)) == (topics, creators)
    after = client.get("/data?lang=en").text
    assert f"{base['c'] + 50 * ROUNDS:,}" in after
