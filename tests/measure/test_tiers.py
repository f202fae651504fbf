"""Tiers through a workspace: counts, moves, growth and forecast on small panels whose answer is known."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError
from tidegauge.measure.registry import run
from tidegauge.measure.tier_moves import PARTS

T0 = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def frames(paths, platform="bilibili", **more):
    """paths: creator → list of (day, followers)."""
    rows = [(c, T0 + dt.timedelta(days=d), f) for c, path in paths.items() for d, f in path]
    return {
        "creators": pl.DataFrame(
            {
                "creator_id": list(paths),
                "platform": [platform] * len(paths),
                "native_id": list(paths),
                "first_seen_at": [T0] * len(paths),
            }
        ),
        "creator_snapshots": pl.DataFrame(
            {"creator_id": [r[0] for r in rows], "observed_at": [r[1] for r in rows], "followers": [r[2] for r in rows]}
            | more
        ),
    }


def value(result, quantity, **where):
    rows = result.rows.filter(pl.col("quantity") == quantity, *(pl.col(c) == w for c, w in where.items()))
    assert rows.height == 1, (quantity, where, rows)
    return rows.get_column("value")[0]


def test_counts_and_follower_shares_at_each_date(make_tables):
    paths = {"a": [(0, 9_999), (35, 12_000)], "b": [(0, 10_000), (36, 60_000)], "c": [(1, 2_000_000), (36, 2_000_000)]}
    r = run("tiers", make_tables(frames(paths)), period="month", stale_days=60)
    assert value(r, "accounts", tier="nano", at="2026-01-31") == 1
    assert value(r, "accounts", tier="nano", at="2026-02-10") == 0  # the last date is that of the last reading
    assert value(r, "accounts", tier="mid", at="2026-02-10") == 1
    assert value(r, "follower_share", tier="mega", at="2026-02-10") == pytest.approx(2_000_000 / 2_072_000)
    low, high = r.rows.filter(pl.col("quantity") == "account_share", pl.col("at") == "2026-02-10").select("low", "high")
    assert (low >= 0).all()
    assert (high <= 1).all()


def test_a_tiers_growth_is_the_sum_of_its_parts_in_the_table_too(make_tables):
    rng = np.random.default_rng(1)
    start = np.exp(rng.normal(9.5, 1.5, 200)).astype(int)
    paths = {}
    for i, f in enumerate(start):
        g = float(np.exp(rng.normal(0.1, 0.5)))
        days = (0, 20, 41, 62, 80) if i % 10 else (0, 20)  # each tenth vanishes
        days = days if i % 7 else (41, 62, 80)  # each seventh is reached late
        paths[f"c{i:03d}"] = [(d, int(f * g ** (d / 80))) for d in days]
    r = run("tiers", make_tables(frames(paths)), period="month", stale_days=40)
    for kind in ("change", "growth"):
        for tier in ("nano", "micro", "mid", "macro", "mega"):
            rows = r.rows.filter(pl.col("tier") == tier)
            whole = rows.filter(pl.col("quantity") == kind).get_column("value").to_list()
            parts = [rows.filter(pl.col("quantity") == f"{kind}.{p}").get_column("value").to_list() for p in PARTS]
            if whole:
                assert sum(p[0] for p in parts) == pytest.approx(whole[0], abs=1e-6)
    assert r.rows.filter(pl.col("quantity") == "change.entry").get_column("value").sum() > 0
    assert r.rows.filter(pl.col("quantity") == "change.exit").get_column("value").sum() < 0
    assert r.rows.filter(pl.col("quantity") == "exit_share").get_column("value").max() > 0


def test_moves_and_forecast_recover_a_known_pace(make_tables):
    # Each week one in a hundred nano accounts becomes micro; nothing else happens.
    rng = np.random.default_rng(5)
    paths = {}
    for i in range(600):
        crosses = rng.geometric(0.01)
        weeks = sorted(set(rng.choice(12, 9, replace=False)) | {0})
        paths[f"c{i:03d}"] = [(7 * int(w), 20_000 if w >= crosses else 5_000) for w in weeks]
    r = run("tiers", make_tables(frames(paths)), horizon_days=28)
    rate = r.rows.filter(pl.col("quantity") == "rate", pl.col("tier") == "nano", pl.col("to") == "micro").row(
        0, named=True
    )
    truth = -np.log(0.99) / 7 * 30
    assert rate["low"] < truth < rate["high"]
    assert abs(rate["value"] / truth - 1) < 0.35
    moved = value(r, "migration", tier="nano", to="micro")
    naive = value(r, "migration_naive", tier="nano", to="micro")
    assert abs(moved - (1 - 0.99**4)) < 0.015
    assert abs(naive - moved) < 0.03
    now = value(r, "account_share", tier="micro", at=r.rows.filter(pl.col("quantity") == "accounts")["at"].max())
    forecast = r.rows.filter(pl.col("quantity") == "forecast", pl.col("tier") == "micro").row(0, named=True)
    assert forecast["value"] == pytest.approx(now + (1 - now) * (1 - 0.99**4), abs=0.02)
    assert forecast["low"] <= forecast["value"] <= forecast["high"]
    shares = r.rows.filter(pl.col("quantity") == "forecast").get_column("value").sum()
    assert shares == pytest.approx(1.0)


def test_daily_flicker_about_a_threshold_is_thinned_to_the_step(make_tables):
    paths = {"a": [(d, 10_000 if d % 2 else 9_990) for d in range(60)], "b": [(d, 500) for d in range(60)]}
    tables = make_tables(frames(paths))
    by_day = run("tiers", tables, step="day")
    by_week = run("tiers", tables, step="week")
    n = [r.rows.filter(pl.col("quantity") == "rate").get_column("n").sum() for r in (by_day, by_week)]
    assert n[0] == 59
    assert n[1] <= 9


def test_an_empty_tier_of_a_platform_is_not_shown(make_tables):
    # Xiaohongshu's source knows no macro tier: its bounds for macro and mega are the same.
    r = run("tiers", make_tables(frames({"a": [(0, 600_000)], "b": [(0, 100)]}, platform="xiaohongshu")))
    assert set(r.rows.get_column("tier")) == {"nano", "micro", "mid", "mega"}
    assert any("xiaohongshu" in a for a in r.provenance.assumed)


def test_one_reading_gives_levels_without_moves(make_tables):
    r = run("tiers", make_tables(frames({"a": [(0, 600)]})))
    assert set(r.rows.get_column("quantity")) == {"accounts", "account_share", "followers", "follower_share"}
    assert any("read twice" in n.en for n in r.notes)
    assert r.rows.select(pl.col("value", "low", "high").is_finite().all()).row(0) == (True, True, True)


def test_tiers_of_a_category_over_platforms(make_tables):
    two = [frames({"a": [(0, 600_000)]}, platform="xiaohongshu"), frames({"b": [(0, 600_000)]}, platform="douyin")]
    both = {t: pl.concat([f[t] for f in two]) for t in two[0]}
    r = run("tiers", make_tables(both), by=("category",))
    assert value(r, "accounts", category="unknown", tier="mega") == 1  # by each platform's own thresholds
    assert value(r, "accounts", category="unknown", tier="macro") == 1


def test_floors_and_missing_counts(make_tables):
    paths = {"a": [(0, 100_000), (30, None)], "b": [(0, 5), (30, 6)]}
    tables = make_tables(frames(paths, censored=[True, False, False, False]))
    r = run("tiers", tables, period="month", stale_days=100)
    assert value(r, "accounts", tier="mid", at="2026-02-04") == 1  # the missing count does not erase the known one
    assert any("floor" in n.en for n in r.notes)


def test_start_and_end_bound_what_is_seen(make_tables):
    paths = {"a": [(0, 5_000), (40, 20_000), (80, 90_000)]}
    tables = make_tables(frames(paths))
    r = run("tiers", tables, period="month", end=T0 + dt.timedelta(days=50))
    last = r.rows.filter(pl.col("quantity") == "accounts", pl.col("value") == 1).sort("at").row(-1, named=True)
    assert (last["tier"], last["at"]) == ("micro", "2026-02-14")
    moves = run("tiers", tables, step="day", start=T0 + dt.timedelta(days=30))
    assert moves.rows.filter(pl.col("quantity") == "rate").get_column("n").sum() == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"horizon_days": "soon"}, "horizon_days"),
        ({"step": "year"}, "possible: auto, day"),
        ({"stale_days": -3}, "stale_days"),
        ({"end": T0 - dt.timedelta(days=9)}, "no follower counts"),
        ({"by": ("format",)}, "cannot be split by format"),
    ],
)
def test_wrong_questions_say_what_is_possible(make_tables, options, words):
    with pytest.raises(MeasureError) as caught:
        run("tiers", make_tables(frames({"a": [(0, 600)]})), **options)
    assert words in str(caught.value)
