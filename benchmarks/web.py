"""The page on a large workspace: first view, filters, and many readers while files come in.

python benchmarks/web.py [--creators 100000] [--readers 50] [--seconds 20] [--json]

Builds an artificial workspace in a temporary folder, serves it in a process of its own (as `tidegauge serve` does),
and asks over HTTP. Times are medians and 95th percentiles in milliseconds, of answers as a browser gets them (bytes of
the page or of its changing part, without drawing). Needs the extra `web`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import numpy as np
import polars as pl

import tidegauge as tg

SEEN = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
PLATFORMS = ("douyin", "xiaohongshu", "bilibili", "kuaishou", "weibo")
CATEGORIES = ("美妆", "美食", "数码", "汽车", "母婴", "旅行", "运动", "知识")


def build(place: Path, creators: int) -> tg.Workspace:
    """Creators with two follower counts each, a post each seen twice, and an offer for every fourth."""
    rng = np.random.default_rng(1)
    ws = tg.open(place)
    on, field = rng.integers(0, len(PLATFORMS), creators), rng.integers(0, len(CATEGORIES), creators)
    ids = [f"{PLATFORMS[p]}:{i}" for i, p in enumerate(on)]
    names = [f"达人{CATEGORIES[f]}{i}" for i, f in enumerate(field)]
    followers = np.exp(rng.normal(10, 1.8, creators)).astype(np.int64)
    views = (followers * np.exp(rng.normal(-1.5, 0.8, creators))).astype(np.int64)
    who = pl.DataFrame({"creator_id": ids, "platform": [PLATFORMS[p] for p in on]})
    seen = [SEEN + dt.timedelta(days=d) for d in (0, 7)]
    twice = [
        pl.DataFrame({"creator_id": ids, "observed_at": at, "followers": followers + i}) for i, at in enumerate(seen)
    ]
    counts = [
        pl.DataFrame(
            {"post_id": [f"{i}-p" for i in ids], "observed_at": at, "views": (views * share).astype(np.int64),
             "likes": (views * 0.03).astype(np.int64)}
        )
        for at, share in zip(seen, (0.7, 1.0), strict=True)
    ]  # fmt: skip
    frames = {
        "creators": who.with_columns(
            native_id=pl.Series([i.split(":")[1] for i in ids]), name=pl.Series(names),
            category=pl.Series([CATEGORIES[f] for f in field]), first_seen_at=pl.lit(SEEN),
        ),
        "creator_snapshots": pl.concat(twice),
        "posts": who.with_columns(
            post_id=pl.concat_str("creator_id", pl.lit("-p")), format=pl.lit("short_video"), title=pl.lit("作品"),
            published_at=pl.lit(SEEN - dt.timedelta(days=1)),
        ),
        "post_snapshots": pl.concat(counts),
        "offers": pl.DataFrame(
            {"creator_id": ids[::4], "format": "short_video", "role": "KOL", "terms": "", "currency": "CNY",
             "price": (followers[::4] * 0.03 + 100).astype(float), "valid_from": SEEN.date()}
        ),
    }  # fmt: skip
    done = ws.load(frames)
    if done.error is not None:
        raise done.error
    return ws


def asked(port: int, path: str, *, part: bool = False) -> tuple[int, float, bytes]:
    """Status, milliseconds and body of one request on a connection of its own."""
    began = time.perf_counter()
    con = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    con.request("GET", path, headers={"x-part": "1"} if part else {})
    answer = con.getresponse()
    body = answer.read()
    con.close()
    return answer.status, 1000 * (time.perf_counter() - began), body


def times(port: int, name: str, path: str, *, part: bool = False, times_asked: int = 15) -> dict[str, object]:
    taken = []
    for _ in range(times_asked):
        status, ms, body = asked(port, path, part=part)
        if status != 200:
            raise SystemExit(f"{path}: {status}")
        taken.append(ms)
    return {"what": name, "first_ms": taken[0], **middle(taken), "kilobytes": len(body) / 1024}


def middle(taken: list[float]) -> dict[str, float]:
    return {"median_ms": float(np.median(taken)), "p95_ms": float(np.quantile(taken, 0.95))}


def crowd(port: int, ws: tg.Workspace, readers: int, seconds: float) -> dict[str, object]:
    """Readers on four views without a pause, while every other second a thousand creators come in."""
    stop, taken, wrong, snapshots = threading.Event(), [], [], set()
    paths = ["/creators?platform=bilibili&sort=followers", "/data", "/creators?q=达人", "/plans"]

    def read(i: int) -> None:
        n = i
        while not stop.is_set():
            status, ms, body = asked(port, urllib.parse.quote(paths[n % 4], safe="/?&="))
            taken.append(ms)
            n += 1
            if status != 200 or b"</html>" not in body:
                wrong.append(status)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(readers)]
    for t in threads:
        t.start()
    ends, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        ids = [f"zhihu:r{rounds}n{i}" for i in range(1000)]
        more = pl.DataFrame({"creator_id": ids, "platform": "zhihu", "native_id": ids, "first_seen_at": SEEN})
        ws.load({"creators": more}, name=f"round {rounds}")
        rounds += 1
        snapshots.add(ws.status().snapshot)
        time.sleep(2)
    stop.set()
    for t in threads:
        t.join()
    told = {"what": f"{readers} readers, {rounds} ingests", "answers": len(taken), "errors": len(wrong)}
    return told | middle(taken) | {"snapshots": len(snapshots)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--creators", type=int, default=100_000)
    options.add_argument("--readers", type=int, default=50)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegauge-web-") as home:
        ws = build(Path(home) / "ws", chosen.creators)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-c", "import sys; from tidegauge.cli import main; sys.exit(main())", "serve", "-w",
                   str(ws.path), "--no-browser", "--port", str(port)]  # fmt: skip
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    asked(port, "/static/web.css")
                    break
                except OSError:
                    time.sleep(0.1)
            time.sleep(5)  # the list of creators is read into memory as the server starts
            rows = [
                times(port, "first view (tide)", "/"),
                times(port, "list of creators", "/creators"),
                times(port, "filter by platform", "/creators?platform=bilibili", part=True),
                times(port, "search by name", "/creators?q=" + urllib.parse.quote("达人数码12"), part=True),
                times(
                    port,
                    "filter, sort and page",
                    "/creators?platform=weibo&followers_min=10000&sort=followers&page=7",
                    part=True,
                ),
                crowd(port, ws, chosen.readers, chosen.seconds),
            ]
        finally:
            server.terminate()
            server.wait(timeout=30)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}
    if chosen.json:
        print(json.dumps({"rows": rows, "machine": machine}, ensure_ascii=False))
        return
    print(f"{chosen.creators:,} creators; {machine}")
    for row in rows:
        print("  ".join(f"{k}: {v:,.0f}" if isinstance(v, float) else f"{k}: {v}" for k, v in row.items()))


if __name__ == "__main__":
    main()
