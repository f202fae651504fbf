"""Resonance: works across platforms, topics, and the effect of emotional titles, against planted truth."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from creator_cases import NOW, all_finite, creator, frames, posted

from tidegauge.creators.emotion import EMOTIONS, emotion_effects, within_effects
from tidegauge.creators.post_scores import post_scores
from tidegauge.creators.resonance import resonance
from tidegauge.creators.works import works


def test_planted_emotion_effect_is_found_and_covered(twin):
    found = emotion_effects(twin.tables)
    assert all_finite(found)
    emotional = found.filter(platform="all", feature="emotional").row(0, named=True)
    assert emotional["low"] < np.expm1(0.15) < emotional["high"]
    assert emotional["p"] < 1e-4
    assert emotional["p_holm"] >= emotional["p"]
    each = found.filter(pl.col("feature") == "emotional", pl.col("platform") != "all")
    inside = (each["low"] < np.expm1(0.15)) & (each["high"] > np.expm1(0.15))
    assert each.height >= 4
    assert inside.sum() >= each.height - 2


def test_works_on_several_platforms_share_what_was_planted(twin):
    found = resonance(twin.tables, seed=1)
    # 0.49 of a post's noise is the work's own; levels and growth that are not known exactly take some of it away.
    assert 0.25 < found.shared["low"] < found.shared["value"] < found.shared["high"] < 0.7
    posts = twin.truth["posts"].with_columns(pl.col("work_log") + 0.15 * pl.col("emotional").cast(pl.Float64))
    true = posts.group_by(work="work_id").agg(pl.col("work_log").mean(), pl.len())
    both = found.works.join(true.filter(pl.col("len") > 1), on="work")
    assert both.height > 100
    assert both.select(pl.corr("value", "work_log")).item() > 0.6
    assert ((found.works["low"] <= found.works["value"]) & (found.works["value"] <= found.works["high"])).all()
    assert all_finite(found.works)
    assert found.works["platforms"].list.len().min() >= 2
    assert found.as_dict()["provenance"]["seed"] == 1


def two_platforms(rng: np.random.Generator, persons: int = 25, each: int = 16, shared: float = 0.5):
    """Every post of a person is on two platforms; half of the variance is the work's."""
    rows: dict[str, list] = {"creators": [], "posts": [], "post_snapshots": []}
    strength = {}
    for i in range(persons):
        u = rng.normal(0, 1, each)
        for platform, level in (("bilibili", 9.0), ("kuaishou", 11.0)):
            cid = f"{platform}:{i}"
            rows["creators"].append(creator(cid, person_id=f"p{i}"))
            e = rng.normal(0, 1, each)
            y = level + rng.normal(0, 0.5) + 0.6 * (np.sqrt(shared) * u + np.sqrt(1 - shared) * e)
            titles = [{"title": f"第{'甲乙丙丁'[k % 4]}{k}次去拟潮市看海 vlog"} for k in range(each)]
            made = posted(cid, y, every_days=3, columns=titles)
            rows["posts"] += made[0]
            rows["post_snapshots"] += made[1]
        strength |= {f"bilibili:{i}_{k}": float(np.sqrt(shared) * u[k]) for k in range(each)}
    return rows, strength


def test_strength_of_works_found_by_title_is_recovered_and_covered(make_tables):
    rows, strength = two_platforms(np.random.default_rng(2))
    tables = make_tables(frames(**rows))
    found = resonance(tables)
    assert found.works.height == 25 * 16
    assert found.works["how"].unique().to_list() == ["title"]
    assert found.shared["low"] < 0.5 < found.shared["high"]
    named = works(tables).filter(pl.col("post_id").str.starts_with("bilibili"))
    both = found.works.join(named.select("work", "post_id"), on="work").join(
        pl.DataFrame({"post_id": list(strength), "true": list(strength.values())}), on="post_id"
    )
    assert both.height == 400
    inside = (both["low"] <= both["true"]) & (both["true"] <= both["high"])
    assert 0.84 < inside.mean() < 0.96
    assert both.select(pl.corr("value", "true")).item() > 0.7


def test_titles_link_only_the_same_person_near_in_time_and_keep_known_works(make_tables):
    day = dt.timedelta(days=1)

    def post(pid, when, title, **more):
        c = pid.rsplit("_", 1)[0]
        return {"post_id": pid, "creator_id": c, "platform": c.split(":", maxsplit=1)[0], "published_at": when,
                "title": title} | more  # fmt: skip

    people = [
        creator("bilibili:a", person_id="a"),
        creator("weibo:a", person_id="a"),
        creator("weibo:b", person_id="b"),
    ]
    posts = [
        post("bilibili:a_1", NOW, "三天走遍拟潮市的海边", work_id="w1"),
        post("weibo:a_1", NOW + day, "三天走遍拟潮市的海边！记"),
        post("weibo:b_1", NOW + day, "三天走遍拟潮市的海边"),  # somebody else
        post("bilibili:a_2", NOW, "每周总结 第12期 大家好"),
        post("weibo:a_2", NOW + day, "每周总结 第13期 大家好"),  # another number, another work
        post("bilibili:a_3", NOW, "收到礼物的那一天真开心"),
        post("weibo:a_3", NOW + 40 * day, "收到礼物的那一天真开心"),  # too late
        post("bilibili:a_4", NOW, "短"),
        post("weibo:a_4", NOW, "短"),
    ]
    found = works(make_tables(frames(creators=people, posts=posts)))
    assert dict(found.select("post_id", "work").iter_rows()) == {"bilibili:a_1": "w1", "weibo:a_1": "w1"}


def test_topics_that_win_on_two_platforms_come_first_and_luck_is_shrunk(make_tables):
    rng = np.random.default_rng(4)
    rows: dict[str, list] = {"creators": [], "posts": [], "post_snapshots": []}
    names = [f"t{k}" for k in range(20)]
    for platform in ("bilibili", "kuaishou"):
        for i in range(30):
            cid = f"{platform}:{i}"
            rows["creators"].append(creator(cid))
            tags = [names[k] for k in rng.integers(0, 20, 14)]
            y = 9 + rng.normal(0, 1) + rng.normal(0, 0.5, 14) + np.array([0.6 * (t == "t3") for t in tags])
            made = posted(cid, y, columns=[{"tags": [t]} for t in tags])
            rows["posts"] += made[0]
            rows["post_snapshots"] += made[1]
    found = resonance(make_tables(frames(**rows))).topics
    assert found["topic"][0] == "t3"
    assert found["low"][0] > 0.1
    assert found["above"][0] == 2
    others = found.filter(pl.col("topic") != "t3")
    # nothing was planted there: nine intervals in ten hold zero
    assert ((others["low"] <= 0) & (others["high"] >= 0)).mean() > 0.8


def test_effects_of_a_feature_are_covered_nine_times_in_ten():
    rng = np.random.default_rng(9)
    hits = 0
    runs = 150
    for _ in range(runs):
        creators, per = 60, 12
        group = np.repeat(np.arange(creators), per)
        week = rng.integers(0, 8, group.size)
        taste = rng.random(creators)[group]  # who writes emotionally also has more views
        x = (rng.random(group.size) < taste).astype(float)
        heavy = rng.standard_t(4, group.size) * np.exp(0.3 * rng.normal(size=creators))[group]
        y = 3 * taste + 0.3 * rng.normal(size=8)[week] + 0.2 * x + 0.5 * heavy
        fit = within_effects(y, x[:, None], [group, week], group)
        hits += abs(fit.beta[0] - 0.2) < 1.671 * fit.se[0]
    assert 0.84 < hits / runs < 0.96


def test_nothing_to_compare_is_an_empty_answer(make_tables):
    empty = resonance(make_tables({}))
    assert empty.works.is_empty()
    assert empty.topics.is_empty()
    assert empty.emotions.is_empty()
    assert empty.shared["n"] == 0
    one = posted("xiaohongshu:1", np.array([9.0]), columns=[{"title": "感动哭了！"}])
    floors = posted("xiaohongshu:2", np.full(4, np.log(100_000.0)))
    snapshots = one[1] + [s | {"censored": True} for s in floors[1]]
    people = [creator("xiaohongshu:1"), creator("xiaohongshu:2"), creator("xiaohongshu:3")]
    tables = make_tables(frames(creators=people, posts=one[0] + floors[0], post_snapshots=snapshots))
    scores = post_scores(tables)
    assert all_finite(scores)
    assert scores.filter(pl.col("creator_id") == "xiaohongshu:2")["censored"].all()
    assert resonance(tables).emotions.is_empty()
    assert len(EMOTIONS) == 6
    assert scores["z"].abs().max() == pytest.approx(0.0, abs=3.0)
