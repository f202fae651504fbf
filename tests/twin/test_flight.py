"""A flown roster lives in the same world as everybody else, and its frames say what the truth says."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from tidegauge.schema import check
from tidegauge.twin import World, grow
from tidegauge.twin.flight import Conduct, fly


def roster(eco, n: int = 40) -> SimpleNamespace:
    """A plan's picks over accounts with an offer, without planning."""
    offers = eco.offers.unique("account", keep="first", maintain_order=True).head(n)
    days = [dt.date(2026, 2, 20) + dt.timedelta(days=i % 14) for i in range(offers.height)]
    picks = pl.DataFrame(
        {
            "creator_id": eco.creator_ids.gather(offers["account"]),
            "price": offers["list_price"],
            "format": offers["format"],
            "role": ["KOL"] * offers.height,
            "stage": ["discover"] * offers.height,
            "publish_on": days,
        }
    )
    return SimpleNamespace(picks=picks, brief={"brand": "沐研", "campaign": "春"})


@pytest.fixture(scope="module")
def stormy():
    """Huge weekly shocks, hardly any other chance, and no effect of being sponsored."""
    world = World(
        shock_sd=2.0, shock_persistence=0.0, sensitivity_sd=0.0, work_sd=0.02, sponsored_effect=0.0, emotion_effect=0.0,
        algorithm_changes=1, algorithm_change_size=0.0, posts_week=7.0, comments_post_share=0.02,
    )  # fmt: skip
    return grow(300, 45, seed=3, world=world)


def test_paid_and_ordinary_posts_share_the_platforms_weeks(stormy):
    done = fly(stormy, roster(stormy), seed=5, conduct=Conduct(not_posted_share=0.0, late_share=0.0))
    last = done.frames["post_snapshots"].sort("observed_at").group_by("post_id", maintain_order=True).last()
    posts = done.frames["posts"].join(last.select("post_id", "likes"), on="post_id").filter(pl.col("likes") > 50)
    week = ((pl.col("published_at") - pl.lit(dt.datetime(2026, 1, 4, 16, tzinfo=dt.UTC))).dt.total_days() // 7).alias(
        "w"
    )
    posts = posts.with_columns(week, pl.col("likes").log().alias("y"))
    usual = (
        posts.filter(~pl.col("sponsored")).group_by("creator_id", "format", "w").agg(pl.col("y").mean().alias("usual"))
    )
    both = posts.filter("sponsored").join(usual, on=["creator_id", "format", "w"])
    assert both.height >= 10
    off = (both["y"] - both["usual"]).to_numpy()
    assert abs(off.mean()) < 0.2
    assert off.std() < 0.6  # with weeks of their own it would be about 2.8


def test_frames_are_canonical_and_tell_the_truth(stormy):
    plan = roster(stormy)
    done = fly(stormy, plan, seed=6, conduct=Conduct(not_posted_share=0.3, late_share=0.5, dearer_share=0.5))
    for table, frame in done.frames.items():
        assert check(table, frame).rejects.is_empty(), table
    truth, placed = done.truth, done.frames["placements"]
    assert placed.height == plan.picks.height
    gone = truth.filter(~pl.col("posted"))["creator_id"].to_list()
    assert len(gone) > 3
    missing = placed.filter(pl.col("creator_id").is_in(gone))
    assert set(missing["post_id"]) == {""}
    assert missing["cost"].null_count() == missing.height
    there = placed.join(truth, on="creator_id").filter("posted")
    assert there["cost"].to_numpy() == pytest.approx(there["cost_right"].to_numpy())
    dearer = (there["cost"] / there.join(plan.picks, on="creator_id")["price"]).to_numpy()
    assert (dearer >= 0.999).all()
    assert (dearer > 1.01).mean() > 0.2
    assert (truth["late_days"] > 0).mean() == pytest.approx(0.5, abs=0.25)


def test_counts_grow_and_stop_where_the_brand_stopped_looking(stormy):
    plan = roster(stormy)
    done = fly(stormy, plan, seed=7, until_day=58.0)
    shots = done.frames["post_snapshots"].sort("post_id", "observed_at")
    falls = shots.with_columns(pl.col("likes").diff().over("post_id").alias("step")).filter(pl.col("step") < 0)
    assert falls.is_empty()
    end = dt.datetime(2026, 1, 4, 16, tzinfo=dt.UTC) + dt.timedelta(days=58, minutes=1)
    assert shots["observed_at"].max() <= end
    assert done.frames["posts"]["published_at"].max() <= end
    unseen = done.frames["placements"].filter(pl.col("post_id") == "").height
    assert 0 < unseen < plan.picks.height


def test_the_same_seed_flies_the_same(stormy):
    a, b, c = (fly(stormy, roster(stormy), seed=s) for s in (1, 1, 2))
    assert a.truth.equals(b.truth)
    assert all(a.frames[t].equals(b.frames[t]) for t in a.frames)
    assert not np.array_equal(a.truth["views30"], c.truth["views30"])
