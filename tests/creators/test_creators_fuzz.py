"""Small workspaces of odd rows, whatever they are: every figure finite, every document JSON, no warning of NumPy."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from creator_cases import NOW, all_finite, creator, frames

from tidegauge.creators import (
    advise,
    audience_union,
    creator_page,
    creators_table,
    forecast_views,
    income,
    resonance,
    roles,
)  # fmt: skip
from tidegauge.creators.shared import shared_reads

PLATFORMS = ("bilibili", "xiaohongshu", "douyin", "youtube")


def odd_world(seed: int) -> dict[str, pl.DataFrame]:
    """Creators with and without rows of their own; counts that are null, zero, a floor or absurd, and that fall."""
    rng = np.random.default_rng(seed)
    tables = ("creators", "creator_snapshots", "posts", "post_snapshots", "offers", "audience_samples")
    rows: dict[str, list[dict[str, Any]]] = {t: [] for t in tables}

    def one_of(*values: Any) -> Any:
        return values[rng.integers(0, len(values))]

    def count() -> int | None:
        return one_of(0, 1, None, 100_000, int(np.exp(rng.normal(8, 2))), int(10 ** rng.integers(0, 13)))

    def days(low: float, high: float) -> dt.timedelta:
        return dt.timedelta(days=float(rng.uniform(low, high)))

    for i in range(int(rng.integers(8, 16))):
        platform = one_of(*PLATFORMS)
        cid = f"{platform}:{i}"
        if i == 0 or rng.random() < 0.85:
            named = {
                "name": one_of(None, "", "小王", "<b>x"),
                "category": one_of(None, "美妆"),
                "role": one_of(None, "KOC"),
            }
            rows["creators"].append(creator(cid, person_id=one_of(None, "a", "b"), **named))
        for _ in range(int(rng.integers(0, 6))):
            seen = {"creator_id": cid, "observed_at": NOW - days(0, 40), "followers": count(), "views_total": count()}
            rows["creator_snapshots"].append(seen)
        for k in range(one_of(0, 1, 3, 9)):
            pid, born = f"{cid}_{k}", NOW - days(-2, 120)
            rows["posts"].append(
                {"post_id": pid, "creator_id": cid, "platform": platform, "format": one_of(None, "short_video"),
                 "published_at": one_of(None, born), "title": one_of(None, "震惊！", "今天的分享日常一则"),
                 "tags": one_of(None, ["日常"], []), "sponsored": one_of(None, True, False),
                 "work_id": one_of(None, "w")}
            )  # fmt: skip
            for _ in range(int(rng.integers(0, 4))):
                counts = {m: count() for m in ("views", "likes", "comments", "shares", "saves")}
                rows["post_snapshots"].append(
                    {"post_id": pid, "observed_at": born + days(0, 40), "censored": one_of(None, True, False)} | counts
                )
            keys = [f"k{rng.integers(0, 9)}" for _ in range(int(rng.integers(0, 4)))]
            rows["audience_samples"] += [
                {"creator_id": cid, "post_id": pid, "audience_key": key, "observed_at": NOW} for key in set(keys)
            ]
        if rng.random() < 0.6:
            price, currency = one_of(0.0, 1.0, 1e9, 3000.0), one_of("CNY", "USD")
            offer = {"creator_id": cid, "format": "short_video", "role": "KOL", "price": price, "currency": currency}
            rows["offers"].append(offer | {"valid_from": NOW.date()})
    return frames(**rows)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("seed", [1, 2])
def test_no_figure_of_an_odd_world_is_nan_or_infinite(make_tables, seed):
    world = odd_world(seed)
    tables = make_tables(world)
    first = world["creators"]["creator_id"][0]
    with shared_reads():
        table = creators_table(tables)
        assert set(world["creators"]["creator_id"]) <= set(table["creator_id"])
        for frame in (table, roles(tables), income(tables), forecast_views(tables, horizon_days=30)):
            assert all_finite(frame)
            json.dumps(frame.to_dicts(), allow_nan=False, default=str)
        union = audience_union(tables, table["creator_id"].to_list())
        assert union.seen <= union.low <= union.persons <= union.high
        for told in (creator_page(tables, first), advise(tables, first), resonance(tables), union):
            json.dumps(told.as_dict(), allow_nan=False, default=str)
