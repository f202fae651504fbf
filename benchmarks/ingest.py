"""How fast a collector's file becomes a workspace, beside pandas and plain DuckDB on the same file.

    python benchmarks/ingest.py [--rows N] [--json]

Writes an xhs JSON-lines file as MediaCrawler does (1.25 KB a note, a tenth of them crawled twice), then, each
in a process of its own: `pandas.read_json(lines=True)`, DuckDB's `read_json` into an in-memory table, Tidegauge reading
and checking alone, and Tidegauge from file to lake (validation, rejects, lineage, snapshots, one transaction). Seconds
are of the whole call after imports; `cpu_s` is processor time, the fairer figure on a shared machine; `rss_mb` is the
process's peak.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = "今日穿搭分享秋冬必备好物推荐护肤妆容教程美食探店旅行攻略平价替代测评开箱通勤日常"
RUNS = ("duckdb", "pandas", "tidegauge read", "tidegauge ingest")


def write_notes(path: Path, rows: int, seed: int = 1) -> None:
    """Notes as MediaCrawler's xhs store writes them, counts as text with the platform's rounding."""
    import orjson

    draw = random.Random(seed)

    def count(scale: float) -> str:
        n = int(draw.lognormvariate(scale, 1.6))
        return str(n) if n < 10_000 else f"{n / 10_000:.1f}万" if n < 100_000 else "10万+"

    def text(n: int) -> str:
        return "".join(draw.choices(WORDS, k=n))

    note = b""
    with path.open("wb") as out:
        for i in range(rows):
            seen = 1_780_000_000_000 + i * 40
            if note and draw.random() < 0.1:  # the same note, crawled again later with newer counts
                record = orjson.loads(note) | {"last_modify_ts": seen, "liked_count": count(5)}
            else:
                note_id, author = f"{draw.getrandbits(96):024x}", draw.getrandbits(16)
                record = {
                    "note_id": note_id,
                    "type": draw.choice(["normal", "video"]),
                    "title": text(18),
                    "desc": text(draw.randrange(40, 200)),
                    "video_url": "",
                    "time": seen - draw.randrange(10**9),
                    "last_update_time": seen - 1000,
                    "user_id": f"{author:024x}",
                    "nickname": f"用户{author}",
                    "avatar": f"https://sns-avatar-qc.xhscdn.com/avatar/{author:032x}.jpg",
                    "liked_count": count(5),
                    "collected_count": count(4),
                    "comment_count": count(3),
                    "share_count": count(2),
                    "ip_location": "上海",
                    "image_list": ",".join(
                        f"http://sns-webpic-qc.xhscdn.com/{draw.getrandbits(128):032x}" for _ in range(3)
                    ),
                    "tag_list": ",".join(text(2) for _ in range(4)),
                    "last_modify_ts": seen,
                    "note_url": f"https://www.xiaohongshu.com/explore/{note_id}?xsec_token=AB&xsec_source=pc_search",
                    "source_keyword": "穿搭",
                    "xsec_token": "AB",
                }
            note = orjson.dumps(record)
            out.write(note + b"\n")


def run_duckdb(file: Path) -> int:
    import duckdb

    con = duckdb.connect()
    con.execute(f"CREATE TABLE notes AS FROM read_json('{file}')")
    return con.execute("SELECT count(*) FROM notes").fetchall()[0][0]


def run_pandas(file: Path) -> int:
    import pandas as pd

    return len(pd.read_json(file, lines=True))


def run_read(file: Path) -> int:
    from tidegauge.schema import check
    from tidegauge.sources import open_readings
    from tidegauge.workspace.batch import ReadContext, pseudonymiser
    from tidegauge.workspace.settings import Settings

    rows = 0
    for reading in open_readings([file], ReadContext(Settings(), pseudonymiser(b"benchmark"))):
        for batch in reading.batches:
            rows += batch.records
            for table, frame in batch.tables.items():
                check(table, frame)
    return rows


def run_ingest(file: Path) -> int:
    import tidegauge as tg

    ws = tg.open(file.parent / "ws")
    report = ws.ingest([file])
    assert not report.failed, report.failed[0].error
    return report.files[0].rows


def measure(what: str, file: Path) -> dict[str, object]:
    """One run in this process, after the imports that it needs."""
    run, modules = {
        "duckdb": (run_duckdb, ("duckdb",)),
        "pandas": (run_pandas, ("pandas",)),
        "tidegauge read": (run_read, ("tidegauge.sources.mediacrawler", "tidegauge.schema")),
        "tidegauge ingest": (run_ingest, ("tidegauge", "tidegauge.sources.mediacrawler", "tidegauge.workspace.ingest")),
    }[what]
    for module in modules:
        if importlib.util.find_spec(module.split(".")[0]) is None:
            return {"what": what, "missing": module}
        importlib.import_module(module)
    if what == "tidegauge ingest":
        import tidegauge as tg

        tg.open(file.parent / "ws")  # making the workspace is no part of reading a file
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    rows = run(file)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size_mb = file.stat().st_size / 1e6
    return {
        "what": what,
        "rows": rows,
        "seconds": round(seconds, 2),
        "cpu_s": round(cpu, 2),
        "mb_per_s": round(size_mb / seconds, 1),
        "mb_per_cpu_s": round(size_mb / cpu, 1),
        "rows_per_s": round(rows / seconds),
        "rss_mb": after.ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Ingest speed beside pandas and plain DuckDB.")
    parser.add_argument("--rows", type=int, default=400_000, help="notes in the file (default 400000, about 500 MB)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--skip", default="", help="runs to leave out, with commas (pandas needs much memory)")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        print(json.dumps(measure(args.run, args.file)))
        return
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "search_contents_2026-06-12.jsonl"
        write_notes(file, args.rows)
        size_mb = file.stat().st_size / 1e6
        for what in RUNS:
            if what in args.skip.split(","):
                continue
            call = [sys.executable, "-P", __file__, "--run", what, "--file", str(file)]
            done = subprocess.run(call, capture_output=True, text=True, check=False)
            last = done.stdout.strip().splitlines()[-1:] if done.returncode == 0 else []
            rows.append(json.loads(last[0]) if last else {"what": what, "failed": done.stderr.strip()[-300:]})
    plain = next((r for r in rows if r["what"] == "duckdb" and "seconds" in r), None)
    for row in rows:
        if plain and "seconds" in row:
            row["share_of_duckdb"] = round(float(row["mb_per_s"]) / float(plain["mb_per_s"]), 2)  # type: ignore[arg-type]
    machine = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load": os.getloadavg()[0],
    }
    if args.json:
        print(json.dumps({"rows": rows, "machine": machine, "file_mb": round(size_mb, 1)}))
        return
    print(f"{args.rows:,} notes, {size_mb:,.0f} MB; {machine['cpus']} processors, load {machine['load']:.1f}")
    columns = (
        "what",
        "rows",
        "seconds",
        "cpu_s",
        "mb_per_s",
        "mb_per_cpu_s",
        "rows_per_s",
        "rss_mb",
        "share_of_duckdb",
    )
    print("  ".join(f"{c:>16}" for c in columns))
    for row in rows:
        print(
            "  ".join(f"{row.get(c, ''):>16}" for c in columns)
            + ("  " + str(row.get("failed") or row.get("missing") or ""))
        )


if __name__ == "__main__":
    main()
