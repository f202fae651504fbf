"""Hot-list topics: each begins on one platform and may cross to others after a lag."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegauge.twin.names import reworded, topic_titles
from tidegauge.twin.world import PLATFORM_NAMES, PLATFORMS, World

#: How often a platform's topics leave it, and how open a platform is to others' topics (relative). First looks at real
#: lists of 2024: 7.6 % of Douyin's topics were also on Weibo, which was first in 80 %, by 2.9 h; Bilibili takes few.
LEAVES = {"weibo": 1.0, "douyin": 0.45, "kuaishou": 0.25, "zhihu": 0.2, "bilibili": 0.1}
TAKES = {"weibo": 0.6, "douyin": 0.9, "kuaishou": 0.8, "zhihu": 0.5, "bilibili": 0.05}
LAG_SPREAD = 1.0
REWORDED_SHARE = 0.4
RETURN_SHARE = 0.25  # on the list again the next day


def crossing_share(world: World, source: str, target: str) -> float:
    """Chance that a topic that began on `source` comes to `target`."""
    lists = {s.platform.value for s in PLATFORMS if s.hot_topics_per_day}
    if source == target or source not in lists or target not in lists:
        return 0.0
    return min(1.0, world.topic_share * LEAVES[source] * TAKES[target] / 0.6)


def topics(rng: np.random.Generator, world: World, days: int) -> pl.DataFrame:
    """One row per topic and platform where it appeared: topic, platform, title, first_seen_s, origin, heat, returned.

    `first_seen_s` are seconds since the world's start. Appearances after the window are not there.
    """
    amount = np.array([s.hot_topics_per_day for s in PLATFORMS])
    origin = np.repeat(np.arange(len(PLATFORMS)), amount * days)
    begin = rng.random(origin.size) * days * 86_400.0
    titles = topic_titles(rng, origin.size)
    topic, platform, when = [np.arange(origin.size)], [origin], [begin]
    for q, target in enumerate(PLATFORM_NAMES):
        chance = np.array([crossing_share(world, source, target) for source in PLATFORM_NAMES])[origin]
        crossed = np.flatnonzero(rng.random(origin.size) < chance)
        lag_h = world.topic_lag_h * np.exp(LAG_SPREAD * rng.normal(size=crossed.size))
        topic.append(crossed)
        platform.append(np.full(crossed.size, q))
        when.append(begin[crossed] + 3600.0 * lag_h)
    which, where, second = np.concatenate(topic), np.concatenate(platform), np.concatenate(when)
    is_origin = np.arange(which.size) < origin.size
    kind = np.where(is_origin | (rng.random(which.size) >= REWORDED_SHARE), 0, rng.integers(1, 4, size=which.size))
    heat = np.rint(np.exp(rng.normal(12.0, 1.2, size=which.size)))
    returned = rng.random(which.size) < RETURN_SHARE
    return (
        pl.DataFrame(
            {
                "topic": which.astype(np.int64),
                "platform": np.array(PLATFORM_NAMES)[where],
                "title": [reworded(titles[t], k) for t, k in zip(which.tolist(), kind.tolist(), strict=True)],
                "first_seen_s": np.floor(second).astype(np.int64),
                "origin": is_origin,
                "heat": heat,
                "returned": returned,
            }
        )
        .filter(pl.col("first_seen_s") < days * 86_400)
        .sort("platform", "first_seen_s", "topic")
    )


def flow_truth(world: World) -> pl.DataFrame:
    """The parameters: for each pair of platforms the chance to cross and the lag's median and spread."""
    rows = [
        (a, b, crossing_share(world, a, b), world.topic_lag_h, LAG_SPREAD)
        for a in PLATFORM_NAMES
        for b in PLATFORM_NAMES
        if a != b
    ]
    return pl.DataFrame(rows, schema=["source", "target", "share", "lag_median_h", "lag_log_sd"], orient="row")
