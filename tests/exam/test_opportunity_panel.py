"""The opportunity score back-tested on the real two-platform panel, as docs/methods/opportunity.md tells."""

from __future__ import annotations

import polars as pl
import pytest

from tidegauge.measure.registry import run

pytestmark = pytest.mark.exam

ACCOUNTS = (("youtube", "youtube_id", "youtube_subscribers"), ("twitch", "twitch_id", "twitch_followers"))


@pytest.fixture
def tables(shared_data, make_tables):
    panel = pl.read_parquet(shared_data / "creators" / "vtuber_panel.parquet")
    rows = pl.concat(
        panel.filter(pl.col(native).is_not_null()).select(
            creator_id=pl.lit(platform + ":") + pl.col(native),
            platform=pl.lit(platform),
            native_id=native,
            category="group",
            observed_at="observed_at",
            followers=followers,
            views_total=pl.col("total_views") if platform == "youtube" else pl.lit(None, dtype=pl.Int64),
        )
        for platform, native, followers in ACCOUNTS
    ).unique(["creator_id", "observed_at"], keep="first", maintain_order=True)
    creators = rows.group_by("creator_id", maintain_order=True).agg(
        pl.col("platform", "native_id").first(),
        pl.col("category").drop_nulls().last(),
        first_seen_at=pl.col("observed_at").min(),
    )
    snapshots = rows.select("creator_id", "observed_at", "followers", "views_total")
    return make_tables({"creators": creators, "creator_snapshots": snapshots})


def test_the_score_foresees_followers_and_not_views(tables):
    rows = run("opportunity", tables, by=("platform", "category", "tier"), backtest="2026-07-11", horizon_d=14).rows
    rho = {
        r["platform"]: r for r in rows.filter(pl.col("quantity") == "backtest_rank_correlation").iter_rows(named=True)
    }
    assert rho["twitch"]["low"] > 0.1  # followers: growth goes on
    assert rho["youtube"]["high"] < 0.2  # views gained in two weeks: peaks fall back
    assert rho["all"]["n"] == rho["twitch"]["n"] + rho["youtube"]["n"] > 80
    ranks = rows.filter(pl.col("quantity") == "rank")
    width = (ranks.get_column("high") - ranks.get_column("low")).mean()
    assert width > 10  # a league table of 108 cells of few creators each is not to be read to the place
