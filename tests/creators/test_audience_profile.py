"""Audience profiles: declared ones as they are, others from their cell, covered by what is true."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from creator_cases import all_finite, creator, frames

from tidegauge.creators.audience_profile import audience_profile, audience_summary


def declared(creator_id: str, female: float) -> list[dict[str, object]]:
    shares = {("gender", "female"): female, ("gender", "male"): 1 - female}
    platform = creator_id.split(":", maxsplit=1)[0] if creator_id else "douyin"
    return [
        {"creator_id": creator_id, "platform": platform, "dimension": d, "bucket": b, "share": s}
        for (d, b), s in shares.items()
    ]


def test_hidden_profiles_of_the_artificial_ecosystem_lie_in_their_intervals(twin, make_tables):
    frames_of = {k: twin.frames[k] for k in ("creators", "creator_snapshots", "audience_profiles")}
    profiles = frames_of["audience_profiles"]
    ids = profiles["creator_id"].unique().sort()
    hidden = ids.gather_every(3)
    shown = profiles.filter(~pl.col("creator_id").is_in(hidden.implode()))
    tables = make_tables(frames_of | {"audience_profiles": shown})
    found = audience_profile(tables, hidden.to_list())
    assert set(found["basis"]) <= {"category", "platform"}
    assert found["assumed"].is_not_null().all()
    both = found.join(profiles, on=["creator_id", "dimension", "bucket"])
    assert both.height > 0.95 * profiles.filter(pl.col("creator_id").is_in(hidden.implode())).height
    inside = (both["share"] >= both["low"]) & (both["share"] <= both["high"])
    assert 0.85 < inside.mean() < 0.99
    # Better than the platform's mean alone
    platform = shown.group_by("platform", "dimension", "bucket").agg(pl.col("share").mean().alias("mean"))
    near = both.join(platform, on=["platform", "dimension", "bucket"])
    error, plain = ((near[c] - near["share"]).abs().mean() for c in ("value", "mean"))
    assert error < 0.9 * plain
    sums = found.group_by("creator_id", "dimension").agg(pl.col("value").sum())
    assert sums["value"].to_numpy() == pytest.approx(1.0)


def test_thin_categories_lean_on_the_platform_and_declared_ones_stay(make_tables):
    rng = np.random.default_rng(3)
    people, profiles = [], []
    for i in range(40):
        category = "美妆" if i < 38 else "汽车"
        people.append(creator(f"douyin:{i}", category=category))
        profiles += declared(f"douyin:{i}", float(np.clip(rng.normal(0.8, 0.04), 0, 1)) if i < 38 else 0.1)
    people += [creator(f"douyin:{i}", category=c) for i, c in (("b", "美妆"), ("c", "汽车"), ("d", "旅行"))]
    found = audience_profile(make_tables(frames(creators=people, audience_profiles=profiles)))
    female = {r["creator_id"]: r for r in found.filter(bucket="female").iter_rows(named=True)}
    assert female["douyin:b"]["value"] == pytest.approx(0.8, abs=0.03)
    assert female["douyin:b"]["high"] - female["douyin:b"]["low"] < 0.3
    assert 0.1 < female["douyin:c"]["value"] < 0.55  # two profiles of 0.1 against the platform's 0.77
    assert female["douyin:c"]["high"] - female["douyin:c"]["low"] > 0.1
    assert (female["douyin:d"]["basis"], female["douyin:c"]["basis"]) == ("platform", "category")
    assert female["douyin:39"]["basis"] == "declared"
    assert female["douyin:39"]["value"] == pytest.approx(0.1)
    assert female["douyin:39"]["assumed"] is None


def test_without_profiles_the_cited_ones_stand_in_and_say_so(make_tables):
    people = [creator("xiaohongshu:1"), creator("twitch:1"), creator("douyin:1")]
    whole = [
        {"creator_id": "", "platform": "douyin", "dimension": "gender", "bucket": b, "share": s}
        for b, s in (("female", 0.4), ("male", 0.5))
    ]
    tables = make_tables(frames(creators=people, audience_profiles=whole))
    found = audience_profile(tables)
    assert all_finite(found)
    rows = {(r["creator_id"], r["bucket"]): r for r in found.iter_rows(named=True)}
    women = rows["xiaohongshu:1", "female"]
    assert 0.6 < women["value"] < 0.75
    assert (women["basis"], women["n"]) == ("cited", 0)
    assert "http" in women["assumed"]
    assert women["low"] < 0.6
    assert women["high"] > 0.75
    assert rows["douyin:1", "female"]["value"] == pytest.approx(0.4 / 0.9)
    assert rows["douyin:1", "female"]["basis"] == "platform"
    assert "twitch:1" not in found["creator_id"].to_list()  # nothing is known: nothing is shown
    summary = {r["creator_id"]: r for r in audience_summary(tables).iter_rows(named=True)}
    assert any(s.startswith("gender: female") for s in summary["xiaohongshu:1"]["audience"])
    assert summary["xiaohongshu:1"]["audience_basis"] == "cited"
    assert audience_profile(make_tables({})).is_empty()
