"""Displacement through a workspace: figures worked out by hand, gaps, floors, bad questions."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError
from tidegauge.measure.registry import run

T0 = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def day(n, hour=0):
    return T0 + dt.timedelta(days=n, hours=hour)


def creators(**platform_of):
    names = list(platform_of)
    return pl.DataFrame(
        {
            "creator_id": names,
            "platform": list(platform_of.values()),
            "native_id": names,
            "category": ["beauty" if i % 2 else "tech" for i in range(len(names))],
            "first_seen_at": [T0] * len(names),
        }
    )


def readings(*rows, **more):
    frame = {"creator_id": [r[0] for r in rows], "observed_at": [r[1] for r in rows], "followers": [r[2] for r in rows]}
    return pl.DataFrame(frame | more, schema_overrides={"followers": pl.Int64})


def value(result, quantity, **where):
    found = result.rows.filter(pl.col("quantity") == quantity, *(pl.col(c) == w for c, w in where.items()))
    assert found.height == 1, (quantity, where, found)
    return found.get_column("value")[0]


def test_shares_carry_the_last_reading_forward_whatever_the_gaps(make_tables):
    tables = make_tables(
        {
            "creators": creators(a="bilibili", b="douyin"),
            "creator_snapshots": readings(
                ("a", day(3), 100), ("a", day(3, 5), 120), ("a", day(65), 300), ("b", day(10), 80), ("b", day(40), None)
            ),
        }
    )
    r = run("displacement", tables, by=("platform",), period="month")
    assert value(r, "share", platform="bilibili", period="2026-01-01") == pytest.approx(120 / 200)
    assert value(r, "share", platform="bilibili", period="2026-02-01") == pytest.approx(120 / 200)  # nobody was read
    assert value(r, "share", platform="bilibili", period="2026-03-01") == pytest.approx(300 / 380)
    assert value(r, "growth", platform="douyin") == 0.0
    assert value(r, "growth.market", platform="douyin") == pytest.approx(380 / 200 - 1)


def test_a_creator_that_was_not_read_for_long_is_gone(make_tables):
    tables = make_tables(
        {
            "creators": creators(a="bilibili", b="douyin"),
            "creator_snapshots": readings(("a", day(3), 100), ("b", day(3), 100), ("a", day(100), 100)),
        }
    )
    r = run("displacement", tables, by=("platform",), period="month", stale_days=60)
    assert value(r, "share", platform="bilibili", period="2026-04-01") == 1.0
    assert any("carried" in n.en or "Changes" in n.en for n in r.notes)


def test_periods_are_local_days_of_the_workspace(make_tables):
    # 17:00 UTC on the last of January is February in Shanghai.
    late = dt.datetime(2026, 1, 31, 17, tzinfo=dt.UTC)
    tables = make_tables({"creators": creators(a="bilibili"), "creator_snapshots": readings(("a", late, 5))})
    r = run("displacement", tables, by=("platform",), period="month")
    assert r.rows.filter(pl.col("quantity") == "share").get_column("period").to_list() == ["2026-02-01"]


def posts(rows):
    columns = ["post_id", "creator_id", "platform", "published_at", "format"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_views_are_growth_within_the_period_new_posts_from_zero_old_ones_from_their_first_reading(make_tables):
    tables = make_tables(
        {
            "creators": creators(a="bilibili", b="douyin"),
            "posts": posts(
                [
                    ("p", "a", "bilibili", day(2), "short_video"),
                    ("q", "b", "douyin", day(-200), "short_video"),
                    ("r", None, "douyin", day(33), "live"),
                ]
            ),
            "post_snapshots": pl.DataFrame(
                {
                    "post_id": ["p", "p", "p", "q", "q", "r", "r"],
                    "observed_at": [day(5), day(20), day(45), day(6), day(44), day(34), day(35)],
                    "views": [10, 50, 40, 1_000, 1_300, 7, 9],
                }
            ),
        }
    )
    r = run("displacement", tables, by=("platform",), quantity="views", period="month", mix="format")
    assert value(r, "amount", platform="bilibili", period="2026-01-01") == 50.0
    assert value(r, "amount", platform="douyin", period="2026-02-01") == 300.0 + 9.0
    # A fall from 50 to 40 adds nothing and takes nothing away.
    assert r.rows.filter(pl.col("period") == "2026-02-01", pl.col("platform") == "bilibili").is_empty() or (
        value(r, "amount", platform="bilibili", period="2026-02-01") == 0.0
    )
    by_format = run("displacement", tables, by=("format",), quantity="views", period="month")
    assert value(by_format, "amount", format="live", period="2026-02-01") == 9.0


def test_posts_read_once_are_counted_by_when_they_were_published(make_tables):
    tables = make_tables(
        {
            "creators": creators(a="bilibili", b="douyin"),
            "posts": posts([("p", "a", "bilibili", day(2), None), ("q", "b", "douyin", day(40), None)]),
            "post_snapshots": pl.DataFrame(
                {"post_id": ["p", "q"], "observed_at": [day(50)] * 2, "saves": [30, 10], "censored": [True, False]}
            ),
        }
    )
    r = run("displacement", tables, by=("platform",), quantity="saves", period="month")
    assert value(r, "amount", platform="bilibili", period="2026-01-01") == 30.0
    assert value(r, "amount", platform="douyin", period="2026-02-01") == 10.0
    assert any("read once" in n.en for n in r.notes)


def test_censored_counts_are_said(make_tables):
    rows = (("a", day(1), 100_000), ("b", day(1), 50_000))
    tables = make_tables(
        {"creators": creators(a="bilibili", b="douyin"), "creator_snapshots": readings(*rows, censored=[True, False])}
    )
    r = run("displacement", tables, by=("platform",))
    assert any("66.7%" in n.en and "floor" in n.en for n in r.notes)


def test_matched_panel_leaves_out_who_was_reached_late(make_tables):
    rows = [("a", day(1), 100), ("b", day(1), 100), ("a", day(40), 110), ("b", day(40), 100), ("c", day(40), 800)]
    frames = {"creators": creators(a="bilibili", b="douyin", c="douyin"), "creator_snapshots": readings(*rows)}
    tables = make_tables(frames)
    everyone = run("displacement", tables, by=("platform",), period="month")
    matched = run("displacement", tables, by=("platform",), period="month", panel="matched")
    assert value(everyone, "growth", platform="douyin") == pytest.approx(8.0)
    assert value(matched, "growth", platform="douyin") == 0.0
    assert any("panel=matched" in n.en for n in everyone.notes)


def test_one_creator_one_period_one_segment_is_an_honest_answer(make_tables):
    tables = make_tables({"creators": creators(a="bilibili"), "creator_snapshots": readings(("a", day(1), 7))})
    r = run("displacement", tables)
    assert value(r, "share", platform="bilibili") == 1.0
    assert set(r.rows.get_column("quantity")) == {"share", "amount", "rank", "hhi"}
    assert r.rows.select(pl.col("value", "low", "high").is_finite().all()).row(0) == (True, True, True)


def test_many_segments_are_pooled_and_intervals_hold_the_value(make_tables):
    n = 120
    rng = np.random.default_rng(0)
    names = {f"c{i}": ["bilibili", "douyin", "weibo"][i % 3] for i in range(n)}
    followers = (rng.pareto(1.3, n) * 1_000 + 10).astype(int)
    rows = [(c, day(d), int(f * g)) for c, f in zip(names, followers, strict=True) for d, g in ((1, 1), (70, 1.2))]
    tables = make_tables({"creators": creators(**names), "creator_snapshots": readings(*rows)})
    r = run("displacement", tables, by=("creator",), period="month", top=5)
    assert r.rows.filter(pl.col("quantity") == "share", pl.col("creator") == "other").height > 0
    assert r.rows.filter((pl.col("low") > pl.col("value")) | (pl.col("high") < pl.col("value"))).is_empty()
    again = run("displacement", tables, by=("creator",), period="month", top=5)
    assert again.rows.equals(r.rows)
    assert not run("displacement", tables, by=("creator",), period="month", top=5, seed=2).rows.equals(r.rows)
    tables_by_tier = run("displacement", tables, by=("platform", "tier"), period="month")
    total = tables_by_tier.rows.filter(pl.col("quantity") == "share").group_by("period").agg(pl.col("value").sum())
    assert total.get_column("value").to_list() == pytest.approx([1.0] * total.height)


def test_cited_market_figures_have_the_width_of_their_range(make_tables):
    def row(platform, period, metric, number):
        return (platform, "all", metric, period, number, "million users", "a report", "secondary")

    columns = ["platform", "segment", "metric", "period", "value", "unit", "source_title", "confidence"]
    rows = [
        row("weibo", "2023", "MAU", 600.0),
        row("weibo", "2024", "MAU", 580.0),
        row("douyin", "2023", "MAU", 700.0),
        row("douyin", "2024", "MAU:low", 800.0),
        row("douyin", "2024", "MAU:high", 1000.0),
    ]
    tables = make_tables({"market": pl.DataFrame(rows, schema=columns, orient="row")})
    r = run("displacement", tables, by=("platform",), quantity="market:MAU")
    certain = r.rows.filter(pl.col("quantity") == "share", pl.col("period") == "2023")
    assert certain.select((pl.col("high") - pl.col("low")).max()).item() == pytest.approx(0.0, abs=1e-12)
    assert value(r, "share", platform="douyin", period="2024") == pytest.approx(900 / 1480)
    ranged = r.rows.filter(pl.col("quantity") == "share", pl.col("period") == "2024")
    assert ranged.select((pl.col("high") - pl.col("low")).min()).item() > 0.03
    with pytest.raises(MeasureError, match="MAU"):
        run("displacement", tables, by=("platform",), quantity="market:DAU")


def test_spend_from_the_ledger_is_counted_in_full_and_split_by_the_streams_name(make_tables):
    rows = [
        ("brand", "douyin/mid/KOL/short_video/consider", dt.date(2026, 1, 5), dt.date(2026, 1, 11), "", 300.0),
        ("brand", "bilibili/mid/KOL/mid_video/consider", dt.date(2026, 1, 26), dt.date(2026, 2, 1), "", 100.0),
        ("brand", "search", dt.date(2026, 2, 2), dt.date(2026, 2, 8), "", 50.0),
        ("brand", "douyin/mid/KOL/short_video/consider", dt.date(2026, 2, 2), dt.date(2026, 2, 8), "", 150.0),
        ("brand", "bilibili/mid/KOL/mid_video/consider", dt.date(2026, 2, 9), dt.date(2026, 2, 15), "", 150.0),
    ]
    columns = ["brand", "stream", "period_start", "period_end", "geo", "cost"]
    tables = make_tables({"spend": pl.DataFrame(rows, schema=columns, orient="row")})
    r = run("displacement", tables, by=("platform",), quantity="spend", period="month")
    assert value(r, "share", platform="douyin", period="2026-01-01") == pytest.approx(0.75)
    assert value(r, "amount", platform="unknown", period="2026-02-01") == 50.0
    # The search stream is not there in January, so that the change is among the two that are.
    assert value(r, "share_change", platform="douyin") == pytest.approx(0.5 - 0.75)
    assert value(r, "displacement_index", platform="all") == pytest.approx(0.25)
    by_stream = run("displacement", tables, by=("stream",), quantity="spend", period="month")
    assert by_stream.rows.filter(pl.col("quantity") == "share").height == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quantity": "likes"}, "post_snapshots.likes"),
        ({"quantity": "fame"}, "possible: followers"),
        ({"period": "fortnight"}, "possible: auto"),
        ({"by": ("format",)}, "cannot be split by format"),
        ({"mix": "platform"}, "segment column already"),
        ({"top": "many"}, "whole number"),
        ({"by": ("shoe_size",)}, "shoe_size"),
        ({"start": day(400)}, "--from"),
    ],
)
def test_wrong_questions_say_what_is_possible(make_tables, options, words):
    tables = make_tables({"creators": creators(a="bilibili"), "creator_snapshots": readings(("a", day(1), 7))})
    with pytest.raises(MeasureError) as caught:
        run("displacement", tables, **({"by": ("platform",)} | options))
    assert words in str(caught.value)
