"""The discount from list: recovered per level, shrunk where thin, cited where nothing is known."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from creator_cases import NOW, all_finite, creator, frames

from tidegauge.creators.discount import creator_discounts, discounts
from tidegauge.creators.post_frame import creator_facts

CARD = {"format": "short_video", "role": "KOL", "currency": "CNY", "valid_from": dt.date(2026, 1, 1)}
PLATFORMS = ("douyin", "kuaishou", "weibo", "bilibili")


def market(rng: np.random.Generator, per_platform: int = 40) -> tuple[dict[str, pl.DataFrame], dict[str, float]]:
    """Creators whose log ratio is platform + own; up to six bookings each."""
    rows: dict[str, list] = {"creators": [], "creator_snapshots": [], "offers": [], "placements": []}
    truth: dict[str, float] = {}
    level = dict(zip(PLATFORMS, (-0.05, -0.15, -0.25, -0.10), strict=True))
    for platform in PLATFORMS:
        for i in range(per_platform):
            cid = f"{platform}:{i}"
            truth[cid] = level[platform] + rng.normal(0, 0.08)
            rows["creators"].append(creator(cid))
            size = (5_000, 20_000, 200_000)[i % 3]
            rows["creator_snapshots"].append({"creator_id": cid, "observed_at": NOW, "followers": size})
            price = float(np.exp(rng.normal(8, 1)))
            rows["offers"].append({"creator_id": cid, "price": price, **CARD})
            for k in range(rng.integers(0, 7)):
                rows["placements"].append(
                    {"campaign_id": f"c{k}", "creator_id": cid, "post_id": f"{cid}_{k}", "format": "short_video",
                     "cost": price * float(np.exp(truth[cid] + rng.normal(0, 0.06))), "published_at": NOW}
                )  # fmt: skip
    return frames(**rows), truth | {f"level:{p}": level[p] for p in PLATFORMS}


def test_levels_and_creators_are_recovered_and_covered(make_tables):
    hits, total, errors = 0, 0, []
    for seed in range(2):
        made, truth = market(np.random.default_rng(seed))
        tables = make_tables(made)
        found = discounts(tables)
        assert all_finite(found)
        for r in found.filter(level="platform").iter_rows(named=True):
            assert np.log(1 - r["value"]) == pytest.approx(truth[f"level:{r['platform']}"], abs=0.04)
            assert r["n"] > 60
        # Booked or not: the creator's own discount lies in its interval nine times in ten.
        for r in creator_discounts(tables, creator_facts(tables)).iter_rows(named=True):
            true = 1 - np.exp(truth[r["creator_id"]])
            hits += r["low"] <= true <= r["high"]
            errors.append(r["value"] - true)
            total += 1
    assert 0.84 < hits / total < 0.97
    assert np.std(errors) < 0.07  # between creators of a platform: 0.08


def test_the_card_of_the_day_counts_and_terms_of_a_format_widen(make_tables):
    old = {"creator_id": "douyin:1", **CARD, "price": 1_000.0, "valid_to": dt.date(2026, 3, 31)}
    new = {**old, "price": 2_000.0, "valid_from": dt.date(2026, 4, 1), "valid_to": None}
    terms = [
        {"creator_id": "douyin:2", **CARD, "terms": t, "price": p} for t, p in (("1-20s", 500.0), ("60s+", 2_000.0))
    ]
    booked = [
        {
            "campaign_id": c,
            "creator_id": who,
            "post_id": "",
            "format": "short_video",
            "cost": cost,
            "published_at": when,
        }
        for c, who, cost, when in (
            ("a", "douyin:1", 900.0, dt.datetime(2026, 2, 1, tzinfo=dt.UTC)),
            ("b", "douyin:1", 1_800.0, NOW),
            ("c", "douyin:2", 900.0, NOW),
            ("gift", "douyin:1", 1.0, NOW),
            ("early", "douyin:1", 900.0, dt.datetime(2025, 2, 1, tzinfo=dt.UTC)),
        )
    ]
    tables = make_tables(
        frames(creators=[creator("douyin:1"), creator("douyin:2")], offers=[old, new, *terms], placements=booked)
    )
    found = {r["creator_id"]: r for r in discounts(tables).filter(level="creator").iter_rows(named=True)}
    assert found["douyin:1"]["value"] == pytest.approx(0.10, abs=0.02)
    assert found["douyin:1"]["n"] == 3  # the gift is no price
    assert found["douyin:1"]["in_force"] == pytest.approx(2 / 3)
    wide = {c: r["high"] - r["low"] for c, r in found.items()}
    assert wide["douyin:2"] > wide["douyin:1"]


def test_without_bookings_the_cited_markup_stands_in(make_tables):
    tables = make_tables(frames(creators=[creator("douyin:1")]))
    (row,) = discounts(tables).iter_rows(named=True)
    assert row["value"] == pytest.approx(1 - 1 / 1.15)
    assert row["low"] < 0 < row["high"]
    assert (row["basis"], row["n"]) == ("cited", 0)
    assert "http" in row["assumed"]
    (one,) = creator_discounts(tables, creator_facts(tables)).iter_rows(named=True)
    assert (one["value"], one["discount_basis"]) == (row["value"], "cited")


def test_on_the_artificial_ecosystem_it_finds_the_planted_markup(twin, make_tables):
    # There a booking costs the creator's dearest offer whatever its format: told apart where there is one offer only.
    single = twin.frames["offers"].group_by("creator_id").len().filter(pl.col("len") == 1).select("creator_id")
    parts = ("creators", "creator_snapshots", "offers", "placements")
    tables = make_tables({k: twin.frames[k].join(single, on="creator_id") for k in parts})
    whole = discounts(tables).filter(level="all").row(0, named=True)
    assert whole["n"] >= 3
    assert whole["low"] < 1 - 1 / 1.15 < whole["high"]
    assert 0.02 < whole["value"] < 0.2
