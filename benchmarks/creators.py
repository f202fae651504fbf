"""How long the creators' figures take, and how much memory: every figure of `creators_table`, then part by part.

    python benchmarks/creators.py [--creators 100000] [--posts 20] [--sightings 5] [--json]

Writes an artificial workspace by columns (100,000 creators on six platforms, 2 million posts seen five times each,
weekly follower counts, rate cards, comments), then measures in a process of its own each: the whole table as
`tidegauge creators` makes it, and the parts one after the other with shared reads, as the table calls them, so that a
part that finds posts and curves read already costs less. `cpu_s` is processor time of all threads, the fairer figure
on a shared machine; `peak_mb` is the process's resident peak during that part.
The promise: 100,000 creators with 10 million post snapshots in under 300 s and 4,096 MB on two cores.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

START = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
DAYS = 180
#: Platform: share of the creators, whether views are shown, formats.
PLATFORMS: dict[str, tuple[float, bool, tuple[str, ...]]] = {
    "douyin": (0.26, False, ("short_video", "mid_video", "image_text")),
    "kuaishou": (0.15, True, ("short_video", "mid_video")),
    "xiaohongshu": (0.26, False, ("image_text", "short_video")),
    "bilibili": (0.13, True, ("mid_video", "long_video", "short_video")),
    "weibo": (0.12, False, ("status", "image_text", "short_video")),
    "youtube": (0.08, True, ("long_video", "short_video")),
}
CATEGORIES = ("美妆", "时尚", "美食", "母婴", "旅行", "家居", "科技", "汽车", "游戏", "知识", "财经", "运动")
ROLES = ("KOL", "KOC", "KOS", "KOE", "KOB")


def _times(days: np.ndarray) -> pl.Series:
    start_us = int(START.timestamp() * 1e6)
    return pl.Series(start_us + (days * 86_400e6).astype(np.int64)).cast(pl.Datetime("us", "UTC"))


def _words(choices: tuple[str, ...], index: np.ndarray) -> pl.Series:
    """Words by number, without a Python string per row."""
    return pl.Series(list(choices)).gather(pl.Series(index, dtype=pl.UInt32))


def world(creators: int, posts: int, sightings: int, seed: int) -> dict[str, pl.DataFrame]:
    """Canonical tables of an artificial ecosystem: heavy tails in followers and posts, growth with age, floors."""
    rng = np.random.default_rng(seed)
    names = tuple(PLATFORMS)
    on = rng.choice(len(names), creators, p=[PLATFORMS[p][0] for p in names])
    prefix = _words(names, on)
    number = pl.Series(np.arange(creators)).cast(pl.String).str.zfill(7)
    creator_id = pl.select(pl.format("{}:{}", prefix, number)).to_series()
    followers = np.minimum(500.0 * (1.0 - rng.random(creators)) ** -0.9, 8e7)
    level = 1.5 + 0.85 * np.log(followers) + rng.normal(0, 0.6, creators)
    people = pl.DataFrame(
        {
            "creator_id": creator_id,
            "platform": prefix,
            "native_id": number,
            "name": pl.select(pl.format("作者{}", number)).to_series(),
            "category": _words(CATEGORIES, rng.integers(0, len(CATEGORIES), creators)),
            "role": _words(ROLES, rng.choice(5, creators, p=[0.7, 0.15, 0.06, 0.05, 0.04])),
            "verified": rng.random(creators) < 0.3,
            "first_seen_at": _times(np.zeros(creators)),
        }
    )
    # Weekly profile counts; YouTube also tells views in all.
    week = np.arange(3, DAYS, 7.0)
    who, when = np.repeat(np.arange(creators), week.size), np.tile(week, creators)
    growth = np.exp(0.001 * when * rng.normal(1.0, 1.0, creators)[who] + rng.normal(0, 0.002, who.size))
    total = np.where(on[who] == names.index("youtube"), np.exp(level[who]) * (50 + when * 0.3), np.nan)
    profiles = pl.DataFrame(
        {
            "creator_id": creator_id.gather(pl.Series(who)),
            "observed_at": _times(when),
            "followers": (followers[who] * growth).astype(np.int64),
            "views_total": pl.Series(total).fill_nan(None).cast(pl.Int64),
        }
    )
    owner = np.sort(rng.choice(creators, creators * posts, p=_activity(rng, creators)))
    born = rng.random(owner.size) * (DAYS - 1)
    widths = np.array([len(PLATFORMS[p][2]) for p in names])
    taste = rng.integers(0, 6, creators)
    pick = np.where(rng.random(owner.size) < 0.75, taste[owner], rng.integers(0, 6, owner.size)) % widths[on[owner]]
    formats = tuple(sorted({f for p in names for f in PLATFORMS[p][2]}))
    table = np.array([[formats.index(PLATFORMS[p][2][k % len(PLATFORMS[p][2])]) for k in range(3)] for p in names])
    post_id = pl.select(
        pl.format("{}:p{}", prefix.gather(pl.Series(owner)), pl.Series(np.arange(owner.size)).cast(pl.String))
    ).to_series()
    works = pl.DataFrame(
        {
            "post_id": post_id,
            "creator_id": creator_id.gather(pl.Series(owner)),
            "platform": prefix.gather(pl.Series(owner)),
            "published_at": _times(born),
            "format": _words(formats, table[on[owner], pick]),
            "title": _words(("今天的分享", "太好看了！", "一分钟看懂", "避坑指南", "震惊", "日常"), pick),
            "sponsored": rng.random(owner.size) < 0.08,
        }
    )
    shock = rng.normal(0, 0.3, (len(names), DAYS // 7 + 1))
    views30 = np.exp(
        level[owner] + shock[on[owner], (born // 7).astype(int)] + 0.55 * rng.standard_t(4, owner.size).clip(-6, 6)
    )
    return {
        "creators": people,
        "creator_snapshots": profiles,
        "posts": works,
        "post_snapshots": _sightings(rng, post_id, on[owner], born, views30, sightings),
        "audience_samples": _comments(rng, creator_id, post_id, owner),
        "offers": _offers(rng, creator_id, on, level, formats, table),
    }


def _activity(rng: np.random.Generator, creators: int) -> np.ndarray:
    rate = np.exp(rng.normal(0, 0.75, creators))
    return rate / rate.sum()


def _sightings(
    rng: np.random.Generator, post_id: pl.Series, on: np.ndarray, born: np.ndarray, views30: np.ndarray, sightings: int
) -> pl.DataFrame:
    row = np.repeat(np.arange(born.size), sightings)
    age = np.sort(rng.random((born.size, sightings)) * 40 + 0.05, axis=1).ravel()
    views = views30[row] * np.log1p(age) / np.log(31.0)
    shown = np.array([PLATFORMS[p][1] for p in PLATFORMS])[on[row]]
    likes = (views * 0.03).astype(np.int64)
    floor = ~shown & (likes >= 100_000)
    return pl.DataFrame(
        {
            "post_id": post_id.gather(pl.Series(row)),
            "observed_at": _times(born[row] + age),
            "views": pl.Series(np.where(shown, np.floor(views), np.nan)).fill_nan(None).cast(pl.Int64),
            "likes": np.where(floor, 100_000, likes),
            "comments": (views * 0.003).astype(np.int64),
            "shares": (views * 0.004).astype(np.int64),
            "saves": (views * 0.006).astype(np.int64),
            "censored": floor,
        }
    )


def _comments(rng: np.random.Generator, creator_id: pl.Series, post_id: pl.Series, owner: np.ndarray) -> pl.DataFrame:
    row = np.sort(rng.integers(0, owner.size, owner.size // 2))
    person = (owner[row] * 40 + rng.integers(0, 400, row.size)) % 800_000
    return pl.DataFrame(
        {
            "creator_id": creator_id.gather(pl.Series(owner[row])),
            "post_id": post_id.gather(pl.Series(row)),
            "audience_key": pl.Series(person).cast(pl.String),
            "observed_at": _times(np.full(row.size, DAYS - 0.5)),
        }
    ).unique(["post_id", "audience_key"], maintain_order=True)


def _offers(
    rng: np.random.Generator, creator_id: pl.Series, on: np.ndarray, level: np.ndarray, formats: tuple[str, ...],
    table: np.ndarray,
) -> pl.DataFrame:  # fmt: skip
    who = np.flatnonzero(rng.random(len(on)) < 0.4)
    return pl.DataFrame(
        {
            "creator_id": creator_id.gather(pl.Series(who)),
            "format": _words(formats, table[on[who], 0]),
            "role": ["KOL"] * who.size,
            "terms": [""] * who.size,
            "price": np.exp(level[who] - 3.2 + rng.normal(0, 0.35, who.size)),
            "currency": ["CNY"] * who.size,
            "valid_from": [START.date()] * who.size,
        }
    )


def build(directory: Path, creators: int, posts: int, sightings: int, seed: int) -> None:
    from tidegauge.workspace.ingest import load_frames
    from tidegauge.workspace.lake import create

    create(directory)
    for name, frame in world(creators, posts, sightings, seed).items():
        done = load_frames(directory, {name: frame}, name=name)
        if done.error is not None or done.rejected:
            sys.exit(f"{name}: {done.error or f'{done.rejected} rows rejected'}")


def _peak_mb() -> int:
    """The resident peak since the last `_forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def measure(directory: Path, what: str) -> list[dict[str, object]]:
    from tidegauge import creators as room
    from tidegauge.creators.post_frame import creator_facts, latest_posts
    from tidegauge.creators.shared import shared_reads
    from tidegauge.workspace.lake import attach
    from tidegauge.workspace.tables import duckdb_tables

    lake = attach(directory)
    tables = duckdb_tables(lake)
    rows: list[dict[str, object]] = []

    def time_it(name: str, call) -> None:  # type: ignore[no-untyped-def]
        _forget_peak()
        start, cpu = time.perf_counter(), time.process_time()
        height = len(call())
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        rows.append(
            {
                "part": name,
                "seconds": round(seconds, 1),
                "cpu_s": round(cpu, 1),
                "peak_mb": _peak_mb(),
                "rows": height,
            }
        )
        print(f"{name}: {seconds:.1f} s, {rows[-1]['peak_mb']} MB", file=sys.stderr)

    if what == "table":
        time_it("creators_table, every figure", lambda: room.creators_table(tables))
    else:
        with shared_reads():
            time_it("creator_facts", lambda: creator_facts(tables))
            for metric in ("views", "likes"):
                time_it(f"latest_posts {metric}", lambda m=metric: latest_posts(tables, m))
            time_it("half_life by creator", lambda: room.half_life(tables, by="creator"))
            time_it("forecast_next_post", lambda: room.forecast_next_post(tables))
            time_it("forecast_views 7 days", lambda: room.forecast_views(tables))
            time_it("fair_prices", lambda: room.fair_prices(tables))
            time_it("dependence", lambda: room.dependence(tables))
            time_it("recovery", lambda: room.recovery(tables))
            time_it("quality", lambda: room.quality(tables))
            time_it("audience_overlap, 200 creators", lambda: room.audience_overlap(tables))
            time_it("forecast_views 30 days", lambda: room.forecast_views(tables, horizon_days=30))
            for metric in ("likes", "comments", "shares", "saves"):
                time_it(f"forecast_next_post {metric}", lambda m=metric: room.forecast_next_post(tables, metric=m))
    lake.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--creators", type=int, default=100_000)
    parser.add_argument("--posts", type=int, default=20, help="posts per creator on average")
    parser.add_argument("--sightings", type=int, default=5, help="counts per post")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workspace", type=Path, help="keep the workspace here, and use it if it is there already")
    parser.add_argument("--only", choices=("table", "parts"), help="measure one of the two")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        print(json.dumps(measure(args.workspace, args.run)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        directory = args.workspace or Path(scratch) / "ws"
        if not directory.exists():
            start = time.perf_counter()
            build(directory, args.creators, args.posts, args.sightings, args.seed)
            print(f"workspace made in {time.perf_counter() - start:.0f} s", file=sys.stderr)
        rows: list[dict[str, object]] = []
        for what in (args.only,) if args.only else ("table", "parts"):
            call = [sys.executable, "-P", __file__, "--workspace", str(directory), "--run", what]
            done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
            rows += json.loads(done.stdout.strip().splitlines()[-1])
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    sizes = {"creators": args.creators, "post_snapshots": args.creators * args.posts * args.sightings}
    if args.json:
        print(json.dumps({"rows": rows, **sizes, "machine": machine}))
        return
    print(f"{sizes['creators']:,} creators, {sizes['post_snapshots']:,} post snapshots, {machine['cpus']} processors")
    print(f"{'part':34}{'seconds':>9}{'cpu s':>9}{'peak MB':>9}{'rows':>11}")
    for r in rows:
        print(f"{r['part']:34}{r['seconds']:9.1f}{r['cpu_s']:9.1f}{r['peak_mb']:9d}{r['rows']:11,d}")


if __name__ == "__main__":
    main()
