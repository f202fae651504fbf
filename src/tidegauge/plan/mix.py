"""The budget split that a roster implies, beside the split of what was booked before.

Before: the brand's own `placements` in the year up to the newest one (all brands where the brief names none that has
any), so that the shift between tiers or platforms is seen on one's own money.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tidegauge.plan.briefs.stages import role_expr, stage_expr
from tidegauge.workspace.tables import Tables

DIMENSIONS = ("platform", "tier", "role", "format", "stage", "category")
#: How far back "before" goes from the newest placement.
BEFORE_DAYS = 365

SPLIT_SCHEMA: dict[str, type[pl.DataType]] = {
    "dimension": pl.String,
    "bucket": pl.String,
    "cost": pl.Float64,
    "cost_share": pl.Float64,
    "count": pl.Int64,
    "cost_before": pl.Float64,
    "cost_share_before": pl.Float64,
}


def placements_before(tables: Tables, brand: str, accounts: pl.DataFrame) -> pl.DataFrame:
    """What was booked in the year up to the newest placement, with the dimensions of the split; empty without any.

    `accounts`: creator_id, platform, tier, category, account_role, followers of every creator in the workspace. A
    placement of a creator who is not there has only the dimensions that it states itself.
    """
    t = tables["placements"]
    rows: pl.DataFrame = tables.frame(t.filter(t.cost.notnull(), t.cost > 0))
    own = rows.filter(pl.col("brand").str.strip_chars().str.to_lowercase() == brand.strip().lower())
    rows = own if own.height else rows
    dated = rows.filter(pl.col("published_at").is_not_null())
    if dated.height:
        newest = dated.select(pl.col("published_at").max()).item()
        since = newest - dt.timedelta(days=BEFORE_DAYS)
        rows = rows.filter(pl.col("published_at").is_null() | (pl.col("published_at") >= since))
    known = rows.join(accounts, on="creator_id", how="left", maintain_order="left").with_columns(
        pl.col("role").alias("offer_role"), pl.col("stage").alias("stated_stage")
    )
    known = known.with_columns(pl.coalesce("role", role_expr(None)).alias("role"))
    return known.with_columns(pl.coalesce("stated_stage", stage_expr([])).alias("stage")).select(*DIMENSIONS, "cost")


def split_of(picks: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Cost, share of cost and number of picks per bucket of each dimension, with the earlier cost and share.

    Buckets that got money only before are rows too (cost 0): what was dropped is part of the shift. Where there is no
    earlier placement, the earlier columns are null.
    """
    parts = []
    for dimension in DIMENSIONS:
        bucket = pl.col(dimension).fill_null("")
        now = picks.group_by(bucket.alias("bucket")).agg(
            pl.col("price").sum().alias("cost"), pl.len().cast(pl.Int64).alias("count")
        )
        earlier = before.group_by(bucket.alias("bucket")).agg(pl.col("cost").sum().alias("cost_before"))
        both = now.join(earlier, on="bucket", how="full", coalesce=True).with_columns(
            pl.col("cost").fill_null(0.0), pl.col("count").fill_null(0)
        )
        if before.height:
            both = both.with_columns(pl.col("cost_before").fill_null(0.0))
        total, total_before = pl.col("cost").sum(), pl.col("cost_before").sum()
        parts.append(
            both.with_columns(
                pl.lit(dimension).alias("dimension"),
                pl.when(total > 0).then(pl.col("cost") / total).otherwise(0.0).alias("cost_share"),
                pl.when(total_before > 0).then(pl.col("cost_before") / total_before).alias("cost_share_before"),
            ).sort("cost", "cost_before", "bucket", descending=[True, True, False], nulls_last=True)
        )
    return pl.concat(parts, how="vertical_relaxed").select(pl.col(c).cast(kind) for c, kind in SPLIT_SCHEMA.items())
