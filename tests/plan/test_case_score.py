"""The case score recovers a known effect, covers it as often as it says, and gives chance what is chance's."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest

import tidegauge as tg
from tidegauge.errors import MeasureError
from tidegauge.plan.lookback.case_score import case_score, effect_of, matched_posts
from tidegauge.report.looks import show_case
from tidegauge.twin import World, canonical, grow

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def drawn(seed: int, effect: float, *, creators: int = 40, tau: float = 0.2, heavy: bool = False) -> pl.DataFrame:
    """Ordinary and paid posts of creators: y = level + platform's week + noise (+ effect of the creator's campaign)."""
    rng = np.random.default_rng(seed)
    n = rng.integers(6, 20, creators)
    owner = np.repeat(np.arange(creators), n)
    paid = rng.random(owner.size) < 0.2
    day = rng.uniform(0, 80, owner.size)
    noise = 0.6 * (rng.standard_t(4, owner.size) / np.sqrt(2) if heavy else rng.normal(size=owner.size))
    week = 0.4 * rng.normal(size=20)
    y = rng.normal(9, 1, creators)[owner] + week[(day // 7).astype(int)] + noise
    y = y + paid * (effect + tau * rng.normal(size=creators)[owner])
    return pl.DataFrame(
        {
            "post_id": [f"p{i}" for i in range(owner.size)],
            "creator_id": [f"c{i}" for i in owner],
            "platform": ["kuaishou"] * owner.size,
            "format": ["short_video"] * owner.size,
            "published_at": [START + dt.timedelta(days=float(d)) for d in day],
            "age_days": [30.0] * owner.size,
            "metric": ["views"] * owner.size,
            "paid": paid,
            "treated": paid,
            "y": y,
            "spread": np.zeros(owner.size),
        }
    )


@pytest.mark.parametrize("heavy", [False, True])
def test_intervals_cover_the_true_effect_as_often_as_they_say(heavy):
    hits, centre = 0, []
    for seed in range(150):
        e = effect_of(matched_posts(drawn(seed, -0.18, heavy=heavy), 200).sort("post_id"))
        low, high = e.interval()
        hits += low <= -0.18 <= high
        centre.append(e.mean)
    assert 0.84 <= hits / 150 <= 0.97
    assert np.mean(centre) == pytest.approx(-0.18, abs=0.03)


def test_break_outs_happen_by_chance_one_time_in_ten():
    chance = np.concatenate([matched_posts(drawn(s, 0.0, tau=0.0), 200)["breakout"].to_numpy() for s in range(30)])
    assert chance.mean() == pytest.approx(0.10, abs=0.03)
    lucky = np.concatenate([matched_posts(drawn(s, 1.2, tau=0.0), 200)["breakout"].to_numpy() for s in range(5)])
    assert lucky.mean() > 0.6


def test_one_creator_is_no_sure_thing():
    e = effect_of(matched_posts(drawn(3, 0.0, creators=1), 200))
    low, high = e.interval()
    assert low < 0.0 < high
    assert high - low > 0.3


def test_only_posts_beside_it_count():
    posts = drawn(7, 0.0)
    near, wide = matched_posts(posts, 10), matched_posts(posts, 200)
    assert near["matched"].mean() < wide["matched"].mean()
    assert near.height <= wide.height
    assert matched_posts(posts.filter("paid"), 200).is_empty()


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    ws = tg.init(tmp_path_factory.mktemp("case") / "ws")
    world = World(comments_post_share=0.05, sponsored_share=0.15, sponsored_effect=-0.4, posts_week=2.5)
    assert ws.load(canonical(grow(350, 50, seed=2, world=world))).error is None
    return ws


def test_the_population_level_effect_of_sponsoring_is_recovered_in_the_twin(twin):
    found = twin.case_score()
    assert np.log(found.effect.value) == pytest.approx(-0.4, abs=0.12)
    assert found.effect.high < 1.0
    assert found.against_sponsored is None
    assert found.posts["platform"].n_unique() >= 4
    assert "Below ordinary" in found.verdict.en
    json.dumps(found.as_dict(), allow_nan=False, default=str)


def test_a_brand_is_held_against_the_other_sponsored_posts(twin):
    found = twin.case_score(brand="拟海奶茶")
    against = found.against_sponsored
    assert against.low < against.value < against.high
    assert abs(np.log(against.value)) < 0.35  # the twin's brands are all alike
    assert 0.0 <= found.score <= 100.0
    assert found.posts.height + found.unmatched >= found.creators


def test_an_unknown_campaign_is_told(twin):
    with pytest.raises(MeasureError, match="no published post of 'nobody'"):
        twin.case_score(brand="nobody")
    with twin.tables() as tables, pytest.raises(MeasureError, match="none of"):
        case_score(tables, brand="拟海奶茶", window_days=0)


def test_the_page_of_a_case(twin, tmp_path):
    document, _ = show_case(twin.case_score(brand="拟海奶茶"), tmp_path / "r", "en")
    assert "Against other sponsored posts" in (tmp_path / "r" / "case.html").read_text(encoding="utf-8")
    assert document["files"]["xlsx"].endswith("case.xlsx")
