"""One definition, two engines: every registered measure gives the same rows on DuckDB and on Spark."""

from __future__ import annotations

import datetime as dt
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError
from tidegauge.measure.registry import measures, run
from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.tables import duckdb_tables

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="the extra `spark` is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed"),
]

T0 = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
PLATFORMS = ("bilibili", "douyin", "xiaohongshu")
FORMATS = ("short_video", "mid_video", "long_video", "image_text")


def sample(n=48, seed=11):
    """A small workspace with every habit that engines could treat differently: nulls, floors, gaps, ties, Chinese."""
    rng = np.random.default_rng(seed)
    ids = [f"{PLATFORMS[i % 3]}:{i}" for i in range(n)]
    start = np.exp(rng.normal(9.5, 1.5, n))
    creators = pl.DataFrame(
        {
            "creator_id": ids,
            "platform": [PLATFORMS[i % 3] for i in range(n)],
            "native_id": [str(i) for i in range(n)],
            "name": [f"达人{i}" for i in range(n)],
            "category": [("美妆", "科技", None)[i % 3 if i % 5 else 2] for i in range(n)],
            "role": [("KOL", "KOC", None)[i % 3] for i in range(n)],
            "verified": [(True, False, None)[i % 3] for i in range(n)],
            "first_seen_at": [T0] * n,
        }
    )
    snaps, posts, counts, topics = [], [], [], []
    for i, c in enumerate(ids):
        for day in sorted(rng.choice(120, 14, replace=False).tolist()):
            at = T0 + dt.timedelta(days=day, seconds=int(rng.integers(0, 86_400)), milliseconds=int(rng.integers(999)))
            f = int(start[i] * np.exp(0.004 * day + rng.normal(0, 0.05)))
            snaps.append((c, at, None if rng.random() < 0.05 else f, f * 50 + day * 1_000, bool(rng.random() < 0.1)))
        for k in range(8):
            born = T0 + dt.timedelta(days=float(rng.uniform(-10, 110)))
            kind = FORMATS[int(rng.integers(4))]
            p = f"{c}/{k}"
            long = {"short_video": 30.0, "mid_video": 240.0, "long_video": 900.0}.get(kind)
            posts.append((p, c, c.split(":")[0], born, kind, long, f"标题{k}", bool(rng.random() < 0.2)))
            views = float(start[i]) * np.exp(rng.normal(-1, 1))
            for age in (1.5, 4.25, 20.0):
                seen = int(views * (1 - np.exp(-age / 4)))
                shares = (seen, seen // 20, seen // 200, seen // 300, seen // 100)
                counts.append((p, born + dt.timedelta(days=age), *shares, bool(rng.random() < 0.05)))
    for t in range(120):
        at = T0 + dt.timedelta(hours=int(rng.integers(0, 700)))
        for platform in PLATFORMS[: 1 + t % 3]:
            late = at + dt.timedelta(hours=int(rng.integers(0, 30)))
            topics.append((platform, f"今天的第{t}个热门话题讨论", late, t % 50 + 1, float(t)))
    offers = creators.select(
        "creator_id",
        format=pl.lit("short_video"),
        role=pl.lit("KOL"),
        terms=pl.lit(""),
        price=pl.Series(np.round(start * 0.05, 2)),
        currency=pl.lit("CNY"),
        valid_from=pl.lit(T0.date()),
    )
    market = pl.DataFrame(
        [
            (p, s, m, y, float(v), "ratio", "a report", "own")
            for v, (p, s, m, y) in enumerate(
                (p, s, m, y)
                for p in PLATFORMS
                for s in ("search", "shop", "live")
                for m in ("capability", "MAU")
                for y in ("2023", "2024")
            )
        ],
        schema=["platform", "segment", "metric", "period", "value", "unit", "source_title", "confidence"],
        orient="row",
    )

    def frame(rows, columns):
        return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)

    return {
        "creators": creators,
        "creator_snapshots": frame(snaps, ["creator_id", "observed_at", "followers", "views_total", "censored"]),
        "posts": frame(
            posts,
            ["post_id", "creator_id", "platform", "published_at", "format", "duration_s", "title", "sponsored"],
        ),
        "post_snapshots": frame(
            counts, ["post_id", "observed_at", "views", "likes", "comments", "shares", "saves", "censored"]
        ),
        "topics": frame(topics, ["platform", "topic", "observed_at", "rank", "heat"]),
        "offers": offers,
        "market": market,
    }


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """The same lake twice: tables on DuckDB and on Spark. Creators are merged a second time, so rows are deleted."""
    from tidegauge.workspace.spark import spark_tables

    place: Path = tmp_path_factory.mktemp("engines") / "ws"
    create(place)
    frames = sample()
    for part in (frames, {"creators": frames["creators"].with_columns(mcn=pl.lit("机构甲"))}):
        assert load_frames(place, part).error is None
    lake = attach(place)
    session = spark_tables(place, conf={"spark.master": "local[2]", "spark.sql.shuffle.partitions": "2"})
    yield duckdb_tables(lake), session
    lake.close()


VARIANTS = [(name, {}) for name in measures()] + [
    ("displacement", {"by": ("format", "platform"), "quantity": "views", "period": "month"}),
    ("displacement", {"by": ("tier",), "quantity": "saves", "basis": "published"}),
    ("tiers", {"by": ("category",), "step": "day", "start": T0 + dt.timedelta(days=20)}),
    ("inequality", {"by": ("verified",), "quantity": "income"}),
    ("convergence", {"of": "category", "period": "week"}),
    ("convergence", {"of": "duration", "period": "month"}),
    ("convergence", {"of": "capability"}),
    ("flow", {"by": ("platform", "other", "month"), "threshold": 1}),
    ("renewal", {"by": ("format",), "period": "week", "of": "creators"}),
    ("renewal", {"by": ("platform", "topic"), "period": "day"}),
    ("profile", {"by": ("platform", "format", "tier")}),
    ("opportunity", {"by": ("platform", "tier"), "horizon_d": 20, "backtest": "2026-03-20", "least": 1}),
    ("duration", {"by": ("platform", "format")}),
]


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_the_same_rows_on_both_engines(engines, name, options):
    results = []
    for tables in engines:
        try:
            results.append(run(name, tables, **options).rows)
        except MeasureError as e:
            results.append(str(e))
    ours, theirs = results
    if isinstance(ours, str) or isinstance(theirs, str):
        assert ours == theirs
        return
    assert ours.schema == theirs.schema
    words = [c for c, kind in ours.schema.items() if not kind.is_float()]
    assert ours.select(words).equals(theirs.select(words))
    for c in ("value", "low", "high"):
        a, b = (r.get_column(c).to_numpy() for r in (ours, theirs))
        assert np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True), c


def test_deleted_and_inlined_rows_are_not_seen_by_spark(engines):
    ours, theirs = engines
    for table in ("creators", "creator_snapshots", "post_snapshots", "placements"):
        counts = [int(t.frame(t[table].aggregate(n=t[table].count())).item()) for t in engines]
        assert counts[0] == counts[1], table
    names = [t.frame(t["creators"].select("creator_id", "mcn")).sort("creator_id") for t in (ours, theirs)]
    assert names[0].equals(names[1])
    assert names[0].get_column("mcn").unique().to_list() == ["机构甲"]


def test_an_export_gives_the_same_rows_and_says_what_it_holds(engines, tmp_path):
    from tidegauge.errors import UsageError
    from tidegauge.workspace.spark import export, spark_tables

    ours, _ = engines
    lake = attach(Path(ours.backend.con.execute("SELECT current_setting('temp_directory')").fetchone()[0]).parent)
    try:
        manifest = export(lake, tmp_path / "out")
        with pytest.raises(UsageError, match="empty directory"):
            export(lake, tmp_path / "out")
    finally:
        lake.close()
    assert manifest["tables"]["creators"] == 48
    assert len(list((tmp_path / "out" / "post_snapshots").glob("part_month=*"))) >= 4
    there = spark_tables(tmp_path / "out")
    assert there.snapshot == ours.snapshot
    by = ("platform",)
    assert run("tiers", there, by=by).rows.equals(run("tiers", ours, by=by).rows)
    with pytest.raises(UsageError, match="neither"):
        spark_tables(tmp_path)
