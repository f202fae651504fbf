"""Roles: recovered and calibrated where the truth is known, honest where nothing is."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from creator_cases import NOW, all_finite

from tidegauge.creators.role_evidence import industry
from tidegauge.creators.role_model import categorical, posterior, share_of_posts, statement
from tidegauge.creators.roles import REASONS, ROLE_NAMES, likeliest_role, roles


def scored(found: pl.DataFrame, truth: pl.DataFrame) -> tuple[float, float, float]:
    """Accuracy of the likeliest role, mean log loss, and the mean chance given to the true role."""
    both = found.join(truth.select("creator_id", pl.col("role").alias("true")), on="creator_id")
    right = both.filter(pl.col("role") == pl.col("true"))
    top = both.sort("creator_id", "value", descending=[False, True]).unique("creator_id", keep="first")
    return (top["role"] == top["true"]).mean(), -right["value"].log().mean(), right["value"].mean()


def test_roles_that_nobody_declared_are_found_and_calibrated(twin):
    found = roles(twin.tables)
    assert found.height == 5 * found["creator_id"].n_unique()
    assert found.group_by("creator_id").agg(pl.col("value").sum())["value"].to_numpy() == pytest.approx(1.0)
    assert ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).all()
    hidden = found.filter(pl.col("declared").is_null())
    accuracy, loss, chance = scored(hidden, twin.truth["creators"])
    assert accuracy > 0.9
    assert loss < 0.35
    # As often right as it says: the mean chance of the likeliest role against how often it is the true one.
    top = hidden.group_by("creator_id").agg(pl.col("value").max())["value"].mean()
    assert top == pytest.approx(accuracy, abs=0.05)
    assert chance > 0.85


def test_shipped_chances_alone_find_roles_where_a_workspace_declares_none(twin, make_tables):
    bare = {k: twin.frames[k] for k in ("creators", "creator_snapshots", "posts")}
    bare["creators"] = bare["creators"].with_columns(role=pl.lit(None, pl.String))
    found = roles(make_tables(bare))
    _, loss, _ = scored(found, twin.truth["creators"])
    common = twin.truth["creators"]["role"].value_counts(normalize=True)["proportion"]
    assert loss < 0.8 * -(common * common.log()).sum()  # knowing only how common each role is
    named = found.join(twin.frames["creators"].select("creator_id", "name"), on="creator_id")
    official = named.filter(pl.col("name").str.contains("官方"), pl.col("role") == "KOB")
    assert official["value"].median() > 0.5
    assert official["reasons"].list.contains("name").all()


def test_a_declared_role_is_nearly_believed_and_a_rate_card_hardly(make_tables):
    people = [{"role": None}, {"role": "KOS"}, {"role": None}]
    creators = [
        {"creator_id": f"weibo:{i}", "platform": "weibo", "native_id": str(i), "first_seen_at": NOW, **p}
        for i, p in enumerate(people)
    ]
    offer = {"creator_id": "weibo:2", "format": "status", "role": "KOL", "price": 100.0, "currency": "CNY"}
    tables = make_tables(
        {"creators": pl.DataFrame(creators), "offers": pl.DataFrame([{**offer, "valid_from": NOW.date()}])}
    )
    found = {(r["creator_id"], r["role"]): r for r in roles(tables).iter_rows(named=True)}
    assert found["weibo:0", "KOL"]["basis"] == "prior"
    assert found["weibo:0", "KOL"]["high"] - found["weibo:0", "KOL"]["low"] > 0.15
    assert found["weibo:1", "KOS"]["value"] > 0.35  # against a prior of 6 %: one statement
    assert found["weibo:1", "KOS"]["reasons"] == ["declared"]
    lift = found["weibo:2", "KOL"]["value"] - found["weibo:0", "KOL"]["value"]
    assert 0.0 < lift < 0.3
    likely = likeliest_role(roles(tables)).sort("creator_id")
    assert likely["role_likely"].to_list() == ["KOL", "KOS", "KOL"]


def test_beta_binomial_evidence_is_weaker_than_that_of_independent_posts():
    shipped = np.array([0.1, 0.3])
    none = np.full(2, -1)
    said = share_of_posts(np.array([30.0, 0.0]), np.array([100.0, 0.0]), shipped, 60.0, none)
    gap = said.log[0, 1] - said.log[0, 0]
    independent = 30 * np.log(3) + 70 * np.log(0.7 / 0.9)
    assert 0 < gap < 0.2 * independent
    assert np.all(said.log[1] == 0)
    assert np.all(said.variance >= 0)


def test_declared_creators_move_the_shipped_chances():
    rng = np.random.default_rng(3)
    label = rng.integers(0, 2, 400)
    level = np.where(rng.random(400) < np.where(label == 0, 0.8, 0.2), 1, 0)
    shipped = np.array([[0.5, 0.5], [0.5, 0.5]])
    before = categorical(level, shipped, 30.0, np.full(400, -1))
    after = categorical(level, shipped, 30.0, label)
    assert np.ptp(before.log) == 0
    learned = np.exp(after.log[level == 1][0])
    assert learned == pytest.approx([0.78, 0.23], abs=0.07)
    nothing = statement(np.full(400, -1), np.full(2, 0.9), 2)
    chance, error = posterior(nothing, [after], 1.0, statement(label, np.full(2, 0.9), 2))
    assert chance.sum(axis=1) == pytest.approx(1.0)
    assert np.all(error > 0)


def test_no_creator_no_posts_and_odd_names_do_no_harm(make_tables):
    assert roles(make_tables({})).is_empty()
    odd = [None, "", "🔥🔥", "A(b[c", "官方" * 200]
    creators = [
        {"creator_id": f"douyin:{i}", "platform": "douyin", "native_id": str(i), "first_seen_at": NOW, "name": n}
        for i, n in enumerate(odd)
    ]
    posts = [{"post_id": "douyin:p", "creator_id": "douyin:3", "platform": "douyin", "title": None, "brand": "A(b["}]
    late = [{**posts[0], "post_id": "douyin:q", "published_at": NOW + dt.timedelta(days=400), "title": "下单领券"}]
    tables = make_tables(
        {"creators": pl.DataFrame(creators), "posts": pl.DataFrame(posts + late, infer_schema_length=None)}
    )
    found = roles(tables)
    assert all_finite(found)
    assert found.filter(pl.col("creator_id") == "douyin:3", pl.col("n") == 2).height == 5
    assert roles(tables, as_of=NOW).filter(pl.col("creator_id") == "douyin:3", pl.col("n") == 1).height == 5


def test_words_of_categories_are_whole_words_in_english():
    names = ["汽车测评", "Cartoons", "cars", "数码3C", "Fashion & Style", None, "unknown"]
    frame = pl.DataFrame({"c": names}).select(industry(pl.col("c")))
    assert frame.to_series().to_list() == ["auto", "other", "auto", "tech", "fashion", "other", "other"]
    assert set(ROLE_NAMES) == {"KOL", "KOC", "KOS", "KOE", "KOB"}
    assert all(t.zh and t.en for t in REASONS.values())
