"""Income: covered by what creators would earn in the artificial ecosystem, honest where little is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from creator_cases import NOW, all_finite, creator, frames, posted

from tidegauge.creators.income import ASSUMED_SHARE, income
from tidegauge.creators.income_spread import income_distribution
from tidegauge.creators.shared import shared_reads
from tidegauge.errors import MeasureError


def test_incomes_of_a_year_lie_in_their_intervals_nine_times_in_ten(twin):
    with shared_reads():
        found = income(twin.tables, seed=1)
    assert all_finite(found)
    dearest = twin.truth["offers"].group_by("creator_id").agg(pl.col("list_price").max())
    going = twin.truth["creators"].filter(pl.col("stop_day") >= 110, "main_account")
    both = found.join(going.select("creator_id", "posts_week"), on="creator_id").join(dearest, on="creator_id")
    assert both.height > 200
    # What a year brings: paid posts at the true rate, each at the dearest offer less the usual markup.
    rate = (both["posts_week"] * 365.25 / 7 * 0.08).to_numpy()
    paid = np.random.default_rng(0).poisson(rate) * both["list_price"].to_numpy() / 1.15
    inside = (paid >= both["low"].to_numpy()) & (paid <= both["high"].to_numpy())
    assert 0.84 < inside.mean() < 0.97
    bias = np.log(both["expected"].to_numpy() / (rate * both["list_price"].to_numpy() / 1.15))
    assert abs(np.median(bias)) < 0.25


def paid_creators(**more: dict[str, object]) -> dict[str, list]:
    """A steady seller (a paid post every eighth), one who sells nothing, one without posts."""
    rows: dict[str, list] = {"creators": [], "posts": [], "post_snapshots": [], "offers": []}
    for name, every in (("sells", 8), ("never", 10**6)):
        flags = [{"sponsored": k % every == 0} for k in range(80)]
        made = posted(f"douyin:{name}", np.full(80, 9.0), columns=flags)
        rows["posts"] += made[0]
        rows["post_snapshots"] += made[1]
    for name in ("sells", "never", "silent"):
        rows["creators"].append(creator(f"douyin:{name}"))
        rows["offers"].append(
            {"creator_id": f"douyin:{name}", "format": "short_video", "role": "KOL", "price": 2_000.0,
             "currency": "CNY", "valid_from": NOW.date()}
        )  # fmt: skip
    return rows | more


def test_pace_share_and_price_make_the_income(make_tables):
    found = {r["creator_id"]: r for r in income(make_tables(frames(**paid_creators()))).iter_rows(named=True)}
    sells, never, silent = (found[f"douyin:{n}"] for n in ("sells", "never", "silent"))
    # every second day a post, every eighth of them paid, 2,000 less the usual markup
    assert sells["jobs_year"] == pytest.approx(365.25 / 2 / 8, rel=0.15)
    assert sells["price_job"] == pytest.approx(2_000 / 1.15, rel=0.05)
    assert sells["expected"] == pytest.approx(365.25 / 16 * 2_000 / 1.15, rel=0.25)
    assert sells["low"] < sells["value"] < sells["high"]
    assert never["expected"] < 0.4 * sells["expected"]
    assert silent["n"] == 0
    assert silent["high"] / (silent["expected"] + 1) > 2


def test_bookings_and_declared_income_count(make_tables):
    rows = paid_creators()
    for r in rows["posts"]:
        r["sponsored"] = None
    booked = [
        {"campaign_id": f"c{i}", "creator_id": "douyin:never", "post_id": rows["posts"][80 + 8 * i]["post_id"],
         "format": "short_video", "cost": 5_000.0, "published_at": NOW}
        for i in range(8)
    ]  # fmt: skip
    other = {
        "platform": "douyin", "segment": "douyin:silent", "metric": "income/live", "period": "2025", "value": 90_000.0,
        "unit": "CNY per year", "source_title": "own books", "confidence": "own",
    }  # fmt: skip
    before = income(make_tables(frames(**rows)))
    assert before["assumed"].str.contains(ASSUMED_SHARE, literal=True).all()
    rows = rows | {"placements": booked, "market": [other]}
    rows["offers"] = [o for o in rows["offers"] if o["creator_id"] != "douyin:never"]
    after = {r["creator_id"]: r for r in income(make_tables(frames(**rows))).iter_rows(named=True)}
    assert after["douyin:never"]["basis"] == "placements"
    assert after["douyin:never"]["price_job"] == pytest.approx(5_000.0)
    assert after["douyin:silent"]["declared_other"] == 90_000.0
    assert after["douyin:silent"]["low"] >= 90_000.0
    assert after["douyin:sells"]["declared_other"] is None


def test_distribution_of_a_known_population_is_recovered(twin):
    found = income_distribution(twin.tables, by=(), seed=3)
    rows = {(r["quantity"], r["point"]): r for r in found.rows.iter_rows(named=True)}
    assert ((found.rows["low"] <= found.rows["value"]) & (found.rows["value"] <= found.rows["high"])).all()
    lorenz = [r["value"] for (q, _), r in rows.items() if q == "lorenz"]
    assert lorenz == sorted(lorenz)
    dearest = twin.truth["offers"].group_by("creator_id").agg(pl.col("list_price").max())
    true = twin.truth["creators"].join(dearest, on="creator_id")
    expected = (true["posts_week"] * 365.25 / 7 * 0.08 * true["list_price"] / 1.15).sort().to_numpy()
    n = expected.size
    true_gini = 2 * ((np.arange(n) + 0.5) * expected).sum() / (n * expected.sum()) - 1
    assert rows["gini", None]["value"] == pytest.approx(true_gini, abs=0.12)
    above = [rows["above", f"{b}"]["value"] for b in (10_000, 100_000, 1_000_000, 10_000_000)]
    assert above == sorted(above, reverse=True)
    assert rows["total", None]["unit"] == "CNY"
    split = income_distribution(twin.tables, by=("platform", "tier"), seed=3)
    assert split.by == ("platform", "tier")
    assert any("left out" in t.en for t in split.notes)
    assert split.as_dict()["provenance"]["assumed"]


def test_an_uncollected_platform_is_unknown_and_not_poor(make_tables):
    rows = paid_creators()
    rows["creators"] += [creator(f"twitch:{i}") for i in range(12)]
    found = income(make_tables(frames(**rows)))
    blind = found.filter(platform="twitch")
    assert blind["assumed"].str.contains("no post of the creator was collected").all()
    assert (blind["jobs_year"] > 0.5).all()  # a post a week, some of them paid
    assert (blind["high"] / blind["expected"]).median() > 2
    assert (blind["low"] == 0).all()
    with pytest.raises(MeasureError, match="with posts"):
        income_distribution(make_tables(frames(**rows)))


def test_wrong_columns_and_empty_workspaces_are_told(make_tables):
    tables = make_tables({})
    assert income(tables).is_empty()
    with pytest.raises(MeasureError, match="split by mcn"):
        income_distribution(tables, by=("mcn",))
    with pytest.raises(MeasureError, match="with posts"):
        income_distribution(tables)
