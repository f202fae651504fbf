"""Prices where a workspace has no rate cards: cited ranges per tier, and a cited price per follower. Always assumed."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegauge.reference import facts

_Z90, _Z80 = 1.6449, 1.2816
#: A price per follower was found for Xiaohongshu only; on other platforms it may be half or double of that (assumed).
_OTHER_PLATFORM_SD = 0.7
_TIERS = ("nano", "micro", "mid", "macro", "mega")


def reference_price(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds fair, fair_low, fair_high, ask_low, ask_high, basis "reference" and assumed (the source) to each row.

    A tier's cited ranges (low to high is taken as the middle 90 % of asks) are averaged on the log scale over sources,
    whose disagreement widens the interval. Elsewhere the cited price per follower is used, and a creator of
    unknown size gets the range of all.
    """
    cited = _ranges()
    per_follower = _price_per_follower()
    joined = rows.join(cited, on=["platform", "tier"], how="left")
    followers = pl.col("followers").fill_null(10_000.0).clip(lower_bound=100.0)
    size_known = pl.col("followers").is_not_null()
    from_size = followers.log() + per_follower[0]
    size_sd = pl.when(size_known).then(per_follower[1]).otherwise(2.0)
    other_sd = pl.when(pl.col("platform") == "xiaohongshu").then(0.0).otherwise(_OTHER_PLATFORM_SD)
    joined = joined.with_columns(
        pl.coalesce("cited_mean", from_size).alias("mean"),
        pl.coalesce("cited_error", (size_sd**2 + other_sd**2).sqrt()).alias("error"),
        pl.coalesce("cited_spread", (size_sd**2 + other_sd**2 + 0.25).sqrt()).alias("spread"),
        pl.coalesce("cited_source", pl.lit(per_follower[2])).alias("assumed"),
    )
    return joined.with_columns(
        pl.col("mean").exp().alias("fair"),
        (pl.col("mean") - _Z90 * pl.col("error")).exp().alias("fair_low"),
        (pl.col("mean") + _Z90 * pl.col("error")).exp().alias("fair_high"),
        (pl.col("mean") - _Z80 * pl.col("spread")).exp().alias("ask_low"),
        (pl.col("mean") + _Z80 * pl.col("spread")).exp().alias("ask_high"),
        pl.lit("reference").alias("basis"),
    ).drop("cited_mean", "cited_error", "cited_spread", "cited_source", "mean", "error", "spread")


def _ranges() -> pl.DataFrame:
    """Per platform and tier: mean of log price, its standard error, the spread of single asks, the sources."""
    known = facts().filter(
        (pl.col("topic") == "price")
        & (pl.col("metric") == "price per post")
        & (pl.col("value_low") > 0)
        & (pl.col("value_high") > 0)
    )
    tier = pl.col("segment").str.extract(r"^(nano|micro|mid|macro|mega)\b")
    log_low, log_high = pl.col("value_low").log(), pl.col("value_high").log()
    known = known.with_columns(
        tier.alias("tier"),
        ((log_low + log_high) / 2).alias("middle"),
        ((log_high - log_low) / (2 * _Z90)).alias("own_sd"),
    ).filter(pl.col("tier").is_in(_TIERS))
    source = pl.format("{} ({})", "source_title", "source_url")
    grouped = known.group_by("platform", "tier").agg(
        pl.col("middle").mean().alias("cited_mean"),
        pl.col("middle").std().fill_null(0.5).alias("disagreement"),
        pl.col("own_sd").mean(),
        source.unique().sort().str.join("; ").alias("cited_source"),
        pl.len().alias("sources"),
    )
    error = (pl.col("disagreement").pow(2) / pl.col("sources") + pl.col("own_sd").pow(2) / 4).sqrt()
    return grouped.with_columns(
        error.alias("cited_error"),
        (pl.col("own_sd").pow(2) + pl.col("disagreement").pow(2)).sqrt().alias("cited_spread"),
    ).select("platform", "tier", "cited_mean", "cited_error", "cited_spread", "cited_source")


def _price_per_follower() -> tuple[float, float, str]:
    """Mean and sd of log CNY per follower, and the source."""
    row = facts().filter((pl.col("topic") == "price") & (pl.col("metric") == "price over followers")).row(0, named=True)
    low, high = float(row["value_low"]), float(row["value_high"])
    middle, sd = (np.log(low) + np.log(high)) / 2, (np.log(high) - np.log(low)) / (2 * _Z90)
    return float(middle), float(sd), f"{row['source_title']} ({row['source_url']})"
