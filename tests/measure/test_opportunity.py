"""Opportunity: planted white space is ranked first with honest ranks; the back-test sees foresight and its absence."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError
from tidegauge.measure.registry import run
from tidegauge.measure.windows import log_mean, log_ratio, passing
from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.tables import duckdb_tables

AT = dt.datetime(2025, 6, 30, 16, tzinfo=dt.UTC)  # midnight in Shanghai, start of 1 July


def test_log_ratio_intervals_cover_under_heavy_tails():
    rng = np.random.default_rng(1)
    hits, cells, m = 0, 400, 40
    cell = np.repeat(np.arange(cells), m)
    base = np.exp(rng.normal(8, 1.0, cell.size))
    part = base * np.exp(0.3 + rng.normal(0, 0.4, cell.size))
    truth = 0.3 + 0.4**2 / 2
    found = log_ratio(cell, cells, part, base, np.zeros(cells))
    half = 1.685 * np.sqrt(found.spread2 / found.n)
    hits = (np.abs(found.y - truth) <= half).mean()
    assert 0.84 <= hits <= 0.94


def test_cells_of_nothing_are_unknown_and_a_typical_creator_bounds_new_ones():
    cell = np.array([0, 1])
    empty = log_ratio(cell, 3, np.array([0.0, 5.0]), np.array([0.0, 0.0]), np.zeros(3))
    assert np.isnan(empty.y).tolist() == [True, True, True]
    new = log_ratio(cell, 3, np.array([0.0, 5.0]), np.array([0.0, 0.0]), np.full(3, 5.0))
    assert new.y.tolist() == [0.0, pytest.approx(np.log(2)), 0.0]
    assert log_mean(cell, 3, np.array([1.0, np.nan])).n.tolist() == [1.0, 0.0, 0.0]


def test_passing_noise_is_told_from_lasting_change():
    rng = np.random.default_rng(2)
    k = 400
    cell = np.arange(k)
    steady = rng.normal(10, 1, k)
    passing_only = [np.exp(steady + rng.normal(0, 0.3, k)) for _ in range(4)]
    lasting = [np.exp(steady + t * rng.normal(0.1, 0.05, k)) for t in range(4)]
    assert passing(cell, k, passing_only, np.zeros(k)) == pytest.approx(0.09, rel=0.3)
    assert passing(cell, k, lasting, np.zeros(k)) < 0.01


def ecosystem(persistent: bool, seed: int = 3) -> dict[str, pl.DataFrame]:
    """Twelve categories on a platform, daily totals for 120 days; growth goes on for good, or turns about on 1 July."""
    accounts, snapshots, posts, offers = [], [], [], []
    start = AT - dt.timedelta(days=80)
    for c in range(12):
        drift = (c - 5.5) * 0.004
        for i in range(10):
            cid = f"youtube:{c}-{i}"
            accounts.append(
                {
                    "creator_id": cid,
                    "platform": "youtube",
                    "native_id": cid,
                    "category": f"cat{c:02d}",
                    "first_seen_at": start,
                }
            )
            rng = np.random.default_rng([seed, c, i])
            own = np.exp(rng.normal(7, 0.7))
            day = np.arange(120)
            turn = np.where((day <= 80) | persistent, day, 80.0 - 3.0 * (day - 80.0))
            views = rng.poisson(own * np.exp(drift * turn + rng.normal(0, 0.1, 120)))
            total = 1_000 + np.cumsum(views)
            snapshots += [
                {"creator_id": cid, "observed_at": start + dt.timedelta(days=int(d)), "views_total": int(total[d])}
                | {"followers": 1_000 * (i + 1)}
                for d in day
            ]
            # The categories at the top get crowded: more posts there in the last four weeks.
            for d in range(0, 120, 4 if c < 11 else 2):
                posts.append(
                    {"post_id": f"{cid}-{d}", "creator_id": cid, "platform": "youtube"}
                    | {"published_at": start + dt.timedelta(days=d)}
                )
            offers.append(
                {
                    "creator_id": cid,
                    "format": "long_video",
                    "role": "KOL",
                    "terms": "",
                    "currency": "CNY",
                    "price": 500.0 + 10 * i,
                }
                | {"valid_from": start.date()}
            )
    frames = {"creators": accounts, "creator_snapshots": snapshots, "posts": posts, "offers": offers}
    return {k: pl.DataFrame(v) for k, v in frames.items()}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Tables of the world whose growth goes on (True) and of the one that turns about (False)."""
    lakes = {}
    for persistent in (True, False):
        place = tmp_path_factory.mktemp("opportunity") / "ws"
        create(place)
        assert load_frames(place, ecosystem(persistent)).error is None
        lakes[persistent] = attach(place)
    yield {persistent: duckdb_tables(lake) for persistent, lake in lakes.items()}
    for lake in lakes.values():
        lake.close()


def told(rows: pl.DataFrame, quantity: str) -> dict[str, dict]:
    return {r["category"]: r for r in rows.filter(pl.col("quantity") == quantity).iter_rows(named=True)}


def test_planted_growth_is_ranked_and_foresight_is_seen(worlds):
    tables = worlds[True]
    result = run("opportunity", tables, end=AT, backtest="2025-07-01", horizon_d=28)
    rows = result.rows
    growth = told(rows, "demand_growth")
    for c in range(12):
        true = np.expm1((c - 5.5) * 0.004 * 28)
        row = growth[f"cat{c:02d}"]
        assert row["low"] - 0.03 <= true <= row["high"] + 0.03
    ranks = told(rows, "rank")
    assert ranks["cat10"]["value"] < ranks["cat00"]["value"]
    assert all(1 <= r["low"] <= r["value"] <= r["high"] <= 12 for r in ranks.values())
    price = told(rows, "price_per_view")
    assert price["cat10"]["value"] < price["cat00"]["value"]
    rho = told(rows, "backtest_rank_correlation")["all"]
    assert rho["low"] > 0.3
    assert rho["n"] == 12
    assert told(rows, "backtest_top_third_more")["all"]["low"] > 0
    after = told(rows, "growth_after")
    assert after["cat11"]["value"] > after["cat00"]["value"]
    assert any("yes" in n.en for n in result.notes)
    assert rows.select(pl.col("low") <= pl.col("value"), pl.col("value") <= pl.col("high")).to_numpy().all()
    assert rows.equals(run("opportunity", tables, end=AT, backtest="2025-07-01", horizon_d=28).rows)
    result.plot().to_dict()

    now = run("opportunity", tables, horizon_d=21).rows
    assert "backtest_rank_correlation" not in now.get_column("quantity").to_list()


def test_growth_that_turns_about_is_not_taken_for_foresight(worlds):
    rows = run("opportunity", worlds[False], backtest="2025-07-01", horizon_d=28).rows
    assert told(rows, "backtest_rank_correlation")["all"]["high"] < 0


def test_scores_as_of_a_date_do_not_know_what_came_after(worlds):
    scores = [
        run("opportunity", worlds[persistent], backtest="2025-07-01", horizon_d=28).rows.filter(
            pl.col("quantity").is_in(["score", "rank", "demand_growth"])
        )
        for persistent in (True, False)
    ]
    assert scores[0].equals(scores[1])


def test_too_little_is_refused_with_the_mend(make_tables):
    frames = ecosystem(persistent=True)
    tables = make_tables({k: frames[k] for k in ("creators", "creator_snapshots")})
    with pytest.raises(MeasureError, match="smaller horizon_d"):
        run("opportunity", tables, horizon_d=300)
    with pytest.raises(MeasureError, match="earlier date"):
        run("opportunity", tables, backtest="2025-08-05", horizon_d=28)
    with pytest.raises(MeasureError, match="no date"):
        run("opportunity", tables, backtest="July")
    with pytest.raises(MeasureError, match="lower `least`"):
        run("opportunity", tables, least=500, horizon_d=28)
    alone = run("opportunity", tables, horizon_d=28).rows
    assert set(alone.get_column("quantity")) == {"score", "rank", "demand_growth", "demand_per_creator"}
