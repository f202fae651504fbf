"""Displacement and tiers on many snapshots: pandas, Polars, DuckDB and Spark side by side.

    python benchmarks/engines.py --rows 20000000 [--engines duckdb,polars] [--json]

Each engine answers two questions from the same Parquet files, each in a process of its own, as two runs of a measure
would: `displacement`, followers per platform at the end of every month (last count carried forward), and `tiers`, how
often a creator went from tier to tier between the weeks in which it was read. DuckDB and Spark run the very expressions
that the measures run; pandas and Polars are written as one would by hand. All must give the same rows. Seconds are
those of the work from the files on, without imports and the start of the engine (Spark's session, attaching the lake);
the peak of memory is that of the process and its children.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ENGINES = ("pandas", "polars", "duckdb", "spark")
QUESTIONS = ("displacement", "tiers")
PLATFORMS = ("bilibili", "douyin", "weibo", "youtube")
BOUNDS = (10_000, 50_000, 500_000, 1_000_000)
TIERS = ("nano", "micro", "mid", "macro", "mega")
STALE_DAYS = 90


def make(rows: int, place: Path) -> Path:
    """A workspace with `rows` snapshots over a year, 200 a creator, at irregular times, by DuckDB alone."""
    from tidegauge.workspace.lake import create, writer

    ws = place / "ws"
    create(ws)
    n = max(rows // 200, 1)
    with writer(ws, wait_s=5) as lake:
        con = lake.con
        names = ", ".join(f"'{p}'" for p in PLATFORMS)
        con.execute(f"""
            INSERT INTO lake.creators (creator_id, platform, native_id, category, first_seen_at, ingest_id)
            SELECT [{names}][1 + i % 4] || ':' || i, [{names}][1 + i % 4], i::VARCHAR, 'c' || (i // 4) % 6,
                   TIMESTAMPTZ '2025-01-01 00:00:00+00', 'bench'
            FROM range({n}) r(i)""")
        # One reading in each of 200 equal slots of the year, at a place in the slot that only the hash knows.
        con.execute(f"""
            INSERT INTO lake.creator_snapshots (creator_id, observed_at, followers, censored, ingest_id)
            SELECT [{names}][1 + i % 4] || ':' || i,
                   TIMESTAMPTZ '2025-01-01 00:00:00+00'
                     + to_seconds((k * 157680 + hash(i * 1009 + k) % 157680)::BIGINT),
                   (exp(6.5 + 7.0 * ((hash(i) % 100000) / 1e5) ** 1.5)
                     * exp(0.002 * k * ((hash(i + 77) % 100) / 50.0 - 0.8))
                     * (1 + 0.02 * ((hash(i * 31 + k) % 100) / 100.0)))::BIGINT,
                   false, 'bench'
            FROM range({n}) r(i), range(200) s(k)""")
    return ws


def files(ws: Path) -> tuple[str, str]:
    return tuple(str(ws / "data" / "main" / t / "*.parquet") for t in ("creator_snapshots", "creators"))


def digest(rows: list) -> str:
    """One answer as a fingerprint: (month, platform, followers) or (before, after, pairs, days)."""
    plain = [[str(v) if isinstance(v, str) else int(v) for v in row] for row in sorted(rows)]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:16]


def run_ibis(tables, question: str) -> str:
    """What the measures do up to their aggregates, on DuckDB or Spark."""
    import polars as pl

    from tidegauge.measure.amounts import Asked, levels
    from tidegauge.measure.segments import grid, span
    from tidegauge.measure.tier_moves import pairs

    snapshots = tables["creator_snapshots"]
    found = span(tables, snapshots.filter(snapshots.followers.notnull()), "observed_at")
    if question == "displacement":
        asked = Asked(("platform",), "month", None, None, STALE_DAYS)
        level = levels(tables, grid(tables, "month", *found), asked).filter(pl.col("period") >= 0)
        return digest(level.group_by("period", "platform").agg(pl.col("count").sum()).rows())
    moved = pairs(tables, grid(tables, "week", *found), ("platform",), None)
    moves = moved.group_by("before", "after").agg(pl.col("times").sum(), (pl.col("gap_days") * pl.col("times")).sum())
    return digest(moves.rows())


def edges(kind: str) -> list:
    """Edges of local periods over the benchmark's year as the measures cut them (Asia/Shanghai), in UTC."""
    import datetime as dt
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Asia/Shanghai")
    if kind == "month":
        days = [dt.date(2025 + m // 12, m % 12 + 1, 1) for m in range(14)]
    else:
        days = [dt.date(2024, 12, 30) + dt.timedelta(days=7 * w) for w in range(54)]
    return [dt.datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(dt.UTC) for d in days]


def run_polars(ws: Path, question: str) -> str:
    import polars as pl

    snapshots, creators = files(ws)
    at = pl.col("observed_at").cast(pl.Datetime("us", "UTC"))
    scan = pl.scan_parquet(snapshots).select("creator_id", at, "followers").drop_nulls("followers")
    who = pl.scan_parquet(creators).select("creator_id", "platform").collect()

    def last(kind: str) -> pl.DataFrame:
        cuts = pl.Series(edges(kind)).dt.cast_time_unit("us").to_physical().to_list()
        # 0 for the first period: as many edges as lie at or before the instant, less one.
        period = pl.lit(pl.Series(cuts)).search_sorted(at.to_physical(), side="right").cast(pl.Int64) - 1
        keyed = scan.with_columns(period=period)
        grouped = keyed.group_by("creator_id", "period").agg(
            pl.col("followers").sort_by("observed_at").last(), read_at=pl.col("observed_at").max()
        )
        return grouped.collect(engine="streaming")

    if question == "tiers":
        return digest(moves_polars(last("week")))
    month = last("month")
    ends = pl.DataFrame({"period": range(13), "end_at": edges("month")[1:]}).cast({"end_at": pl.Datetime("us", "UTC")})
    filled = (
        ends.join(month.select("creator_id").unique(), how="cross")
        .join(month, on=["creator_id", "period"], how="left")
        .sort("creator_id", "period")
        .with_columns(pl.col("followers", "read_at").forward_fill().over("creator_id"))
        .drop_nulls("followers")
        .filter((pl.col("end_at") - pl.col("read_at")).dt.total_seconds() <= STALE_DAYS * 86_400)
        .join(who, on="creator_id")
    )
    return digest(filled.group_by("period", "platform").agg(pl.col("followers").sum()).rows())


def moves_polars(week) -> list:
    import polars as pl

    week = week.sort("creator_id", "period")
    code = pl.sum_horizontal((pl.col("followers") >= b).cast(pl.Int64) for b in BOUNDS)
    tier = code.replace_strict(dict(enumerate(TIERS)), return_dtype=pl.String)
    week = week.with_columns(after=tier, at_s=pl.col("read_at").dt.epoch("s"))
    week = week.with_columns(
        before=pl.col("after").shift().over("creator_id"), before_s=pl.col("at_s").shift().over("creator_id")
    ).drop_nulls("before")
    gap = (pl.col("at_s") - pl.col("before_s") + 43_200) // 86_400
    moves = week.with_columns(gap=gap).filter(pl.col("gap") >= 1).group_by("before", "after")
    return moves.agg(pl.len(), pl.col("gap").sum()).rows()


def run_pandas(ws: Path, question: str) -> str:
    import glob

    import pandas as pd

    snapshots, creators = files(ws)
    columns = ["creator_id", "observed_at", "followers"]
    frame = pd.concat([pd.read_parquet(f, columns=columns) for f in sorted(glob.glob(snapshots))]).dropna()
    who = pd.concat([pd.read_parquet(f, columns=["creator_id", "platform"]) for f in glob.glob(creators)])
    frame["observed_at"] = frame.observed_at.astype("datetime64[us, UTC]")
    frame = frame.sort_values(["creator_id", "observed_at"], ignore_index=True)

    def last(kind: str) -> pd.DataFrame:
        cuts = pd.DatetimeIndex(edges(kind)).as_unit("us")
        period = cuts.searchsorted(frame.observed_at, side="right") - 1
        keep = ["creator_id", "period", "followers", "observed_at"]
        return frame.assign(period=period)[keep].groupby(["creator_id", "period"], as_index=False).last()

    if question == "tiers":
        return digest(moves_pandas(last("week")))
    month = last("month").set_index(["creator_id", "period"])
    full = pd.MultiIndex.from_product([month.index.get_level_values(0).unique(), range(13)], names=month.index.names)
    filled = month.reindex(full).groupby(level=0).ffill().dropna().reset_index()
    end_at = pd.DatetimeIndex(edges("month")).as_unit("us")[1:][filled.period.to_numpy()]
    filled = filled[(end_at - filled.observed_at).dt.total_seconds().to_numpy() <= STALE_DAYS * 86_400]
    shares = filled.merge(who, on="creator_id").groupby(["period", "platform"]).followers.sum().reset_index()
    return digest(shares.to_numpy().tolist())


def moves_pandas(week) -> list:
    import numpy as np

    week = week.sort_values(["creator_id", "period"])
    week["after"] = np.array(TIERS)[np.searchsorted(BOUNDS, week.followers.to_numpy(), side="right")]
    week["at_s"] = week.observed_at.astype("int64") // 1_000_000
    before = week.groupby("creator_id")[["after", "at_s"]].shift()
    week = week.assign(before=before.after, gap=(week.at_s - before.at_s + 43_200) // 86_400).dropna()
    week = week[week.gap >= 1]
    moves = week.groupby(["before", "after"]).gap.agg(["size", "sum"]).reset_index()
    return moves.to_numpy().tolist()


def watch(peak: list[float], stop: threading.Event) -> None:
    """Largest resident memory of this process and its children (Spark's JVM is one), MB, ten times a second."""
    page = os.sysconf("SC_PAGE_SIZE") / 1e6
    while not stop.wait(0.1):
        total, todo = 0.0, [os.getpid()]
        while todo:
            pid = todo.pop()
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
                todo += [
                    int(c) for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()
                ]
            except (OSError, IndexError):
                continue
        peak[0] = max(peak[0], total)


def opened(engine: str, ws: Path):
    """The engine ready to work, with all it imports late: what `run_ibis` reads, or nothing for pandas and Polars."""
    if engine == "spark":
        from tidegauge.workspace.spark import spark_tables

        return spark_tables(ws)
    if engine == "duckdb":
        import ibis

        import tidegauge.measure.tier_moves  # noqa: F401
        from tidegauge.workspace.lake import attach
        from tidegauge.workspace.tables import duckdb_tables

        ibis.duckdb.connect().sql("SELECT 1 AS one").to_polars()
        return duckdb_tables(attach(ws))
    importlib.import_module(engine)
    return None


def one(engine: str, question: str, ws: Path) -> dict:
    """Answer one question on one engine, in this process."""
    peak, stop = [0.0], threading.Event()
    watcher = threading.Thread(target=watch, args=(peak, stop), daemon=True)
    began = time.perf_counter()
    tables = opened(engine, ws)
    start_s = time.perf_counter() - began
    watcher.start()
    began, began_cpu = time.perf_counter(), time.process_time()
    by_hand = {"pandas": run_pandas, "polars": run_polars}
    answer = by_hand[engine](ws, question) if engine in by_hand else run_ibis(tables, question)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    stop.set()
    watcher.join()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {
        "engine": engine,
        "measure": question,
        "seconds": round(seconds, 2),
        "cpu_seconds": None if engine == "spark" else round(cpu_s, 2),  # Spark's are those of another process
        "start_seconds": round(start_s, 2),
        "peak_mb": round(max(peak[0], own)),
        "answer": answer,
    }


def totals(rows: list[dict]) -> list[dict]:
    """Both measures of an engine together: seconds added, the larger peak, and how many times pandas' seconds."""
    out = []
    for engine in dict.fromkeys(r["engine"] for r in rows):
        own = [r for r in rows if r["engine"] == engine]
        cpu = [r["cpu_seconds"] for r in own]
        out.append(
            {
                "engine": engine,
                "measure": "both",
                "seconds": round(sum(r["seconds"] for r in own), 2),
                "cpu_seconds": None if None in cpu else round(sum(cpu), 2),
                "start_seconds": round(sum(r["start_seconds"] for r in own), 2),
                "peak_mb": max(r["peak_mb"] for r in own),
                "rows": own[0]["rows"],
            }
        )
    slow = next((r["seconds"] for r in out if r["engine"] == "pandas"), None)
    return [r | {"times_pandas": None if slow is None else round(slow / max(r["seconds"], 1e-9), 2)} for r in out]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=2_000_000)
    options.add_argument("--engines", default=",".join(ENGINES))
    options.add_argument("--json", action="store_true")
    options.add_argument("--one", nargs=3, metavar=("ENGINE", "MEASURE", "WS"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.one:
        print(json.dumps(one(asked.one[0], asked.one[1], Path(asked.one[2]))))
        return
    rows = []
    with tempfile.TemporaryDirectory(prefix="tidegauge-engines-") as place:
        ws = make(asked.rows, Path(place))
        for engine in asked.engines.split(","):
            lacks = [m for m in ({"spark": "pyspark"}.get(engine, engine),) if importlib.util.find_spec(m) is None]
            if lacks or (engine == "spark" and shutil.which("java") is None):
                print(f"{engine}: left out, lacks {', '.join(lacks) or 'Java'}", file=sys.stderr)
                continue
            for question in QUESTIONS:
                command = [sys.executable, __file__, "--one", engine, question, str(ws)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{engine}: failed\n{done.stderr[-2000:]}", file=sys.stderr)
                    continue
                rows.append(json.loads(done.stdout.strip().splitlines()[-1]) | {"rows": asked.rows})
    same = all(len({r["answer"] for r in rows if r["measure"] == q}) <= 1 for q in QUESTIONS)
    rows += totals(rows)
    if asked.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
        print(json.dumps({"rows": rows, "same_answer": same, "machine": machine}))
    else:
        print(f"{asked.rows:,} snapshots; all the same answers: {same}")
        print(
            f"{'engine':10}{'measure':14}{'seconds':>10}{'cpu s':>10}{'start s':>10}{'peak MB':>10}{'times pandas':>14}"
        )
        for r in rows:
            cpu, times = r["cpu_seconds"] or "-", r.get("times_pandas") or ""
            place = f"{r['engine']:10}{r['measure']:14}{r['seconds']:10.2f}{cpu:>10}{r['start_seconds']:10.2f}"
            print(f"{place}{r['peak_mb']:10}{times:>14}")
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
