"""Role × platform × industry → stage: cited to begin with, moved by bookings, sums to one."""

from __future__ import annotations

import polars as pl
import pytest
from creator_cases import NOW, creator, frames

from tidegauge.creators.role_fit import STAGE_NAMES, role_fit
from tidegauge.reference import role_evidence, stage_fit


def cell(found: pl.DataFrame, role: str, platform: str, industry: str) -> dict[str, dict]:
    rows = found.filter(role=role, platform=platform, industry=industry)
    return {r["stage"]: r for r in rows.iter_rows(named=True)}


def test_without_bookings_employees_explain_cars_and_technology_on_podcasts(make_tables):
    found = role_fit(make_tables(frames(creators=[creator("douyin:1")])))
    for industry in ("auto", "tech"):
        podcast = cell(found, "KOE", "xiaoyuzhou", industry)
        assert podcast["consider"]["value"] > 0.65
        assert podcast["consider"]["value"] > cell(found, "KOE", "douyin", "other")["consider"]["value"]
        assert podcast["consider"]["basis"] == "cited"
        assert "http" in podcast["consider"]["source"]
    assert cell(found, "KOS", "douyin", "other")["purchase"]["value"] > 0.6
    sums = found.group_by("role", "platform", "industry").agg(pl.col("value").sum(), pl.len())
    assert sums["value"].to_numpy() == pytest.approx(1.0)
    assert sums["len"].unique().to_list() == [len(STAGE_NAMES)]
    assert ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).all()


def test_bookings_move_their_cell_most_and_other_cells_of_the_role_a_little(make_tables):
    people = [creator("douyin:1", category="汽车"), creator("weibo:2", category="美食")]
    booked = [
        {"campaign_id": f"c{i}", "creator_id": "douyin:1", "post_id": "", "format": "short_video", "role": "KOL",
         "stage": "purchase", "cost": 10.0, "published_at": NOW}
        for i in range(60)
    ]  # fmt: skip
    before = role_fit(make_tables(frames(creators=people)))
    after = role_fit(make_tables(frames(creators=people, placements=booked)))
    own = cell(after, "KOL", "douyin", "auto")["purchase"]
    assert own["value"] > 0.8
    assert (own["n"], own["basis"]) == (60, "placements")
    far, was = (cell(f, "KOL", "weibo", "other")["purchase"]["value"] for f in (after, before))
    assert was < far < 0.6
    assert cell(after, "KOC", "douyin", "auto")["purchase"]["value"] == pytest.approx(
        cell(before, "KOC", "douyin", "auto")["purchase"]["value"]
    )


def test_every_shipped_share_names_its_basis_and_adds_up():
    fit = stage_fit()
    assert fit.select(pl.sum_horizontal(STAGE_NAMES)).to_series().to_numpy() == pytest.approx(1.0)
    assert fit["source_url"].str.starts_with("http").all()
    evidence = role_evidence()
    assert evidence["basis"].str.len_chars().min() > 5
    prior = evidence.filter(evidence="prior").select(pl.sum_horizontal("KOL", "KOC", "KOS", "KOE", "KOB"))
    assert prior.to_series().to_numpy() == pytest.approx(1.0)
