"""Posts and creators as this room needs them: one row each, read once from the workspace."""

from __future__ import annotations

import datetime as dt

import ibis
import ibis.expr.types as ir
import polars as pl

from tidegauge.creators.shared import shared
from tidegauge.errors import MeasureError
from tidegauge.workspace.tables import Tables

METRICS = ("views", "likes", "comments", "shares", "saves")
_DAY_S = 86_400.0


def check_metric(metric: str) -> str:
    if metric not in METRICS:
        raise MeasureError(f"there is no metric '{metric}' of a post", mend="metrics: " + ", ".join(METRICS))
    return metric


@shared
def latest_posts(tables: Tables, metric: str, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """The latest known count of every post that has one.

    Returns post_id, creator_id, platform, format ("unknown" where not told), published_at, sponsored, work_id, count,
    censored (the count is a floor), age_days (at that observation; null where the time of publication is not known).
    """
    check_metric(metric)
    snapshots, posts = tables["post_snapshots"], tables["posts"]
    known = snapshots.filter(snapshots[metric].notnull())
    known = tables.between(known, "observed_at", None, as_of)
    floor = known.censored.coalesce(False)
    last = known.mutate(is_floor=floor).group_by("post_id")
    last = last.agg(
        seen_at=lambda t: t.observed_at.max(),
        count=lambda t: t[metric].argmax(t.observed_at),
        censored=lambda t: t.is_floor.argmax(t.observed_at),
    )
    posts = posts.filter(posts.creator_id.notnull())
    joined = last.join(posts, "post_id").select(
        "post_id",
        "creator_id",
        "platform",
        "format",
        "published_at",
        "sponsored",
        "work_id",
        "seen_at",
        "count",
        "censored",
    )
    frame: pl.DataFrame = tables.frame(joined)
    return frame.with_columns(
        pl.col("format").fill_null("unknown"),
        pl.col("sponsored").fill_null(False),
        pl.col("count").cast(pl.Float64),
        _age_days("seen_at").clip(lower_bound=0.0).alias("age_days"),
    ).sort("creator_id", "post_id")


@shared
def creator_facts(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """One row per creator: creator_id, platform, name, category, role, verified, mcn, region, followers, tier.

    Followers are the latest known ones (null where never told), and so is the tier ("unknown" then), by the workspace's
    thresholds. Creators known only from their posts are there too.
    """
    snapshots, creators, posts = tables["creator_snapshots"], tables["creators"], tables["posts"]
    known = tables.between(snapshots.filter(snapshots.followers.notnull()), "observed_at", None, as_of)
    last = known.group_by("creator_id").agg(followers=known.followers.argmax(known.observed_at))
    columns = ("creator_id", "platform", "name", "category", "role", "verified", "mcn", "region")
    seen = posts.filter(posts.creator_id.notnull()).group_by("creator_id").agg(platform=posts.platform.min())
    bare = seen.anti_join(creators, "creator_id")
    frame: pl.DataFrame = pl.concat(
        [_with_size(tables, creators.select(*columns), last), _with_size(tables, bare, last)], how="diagonal"
    )
    return frame.with_columns(
        pl.col("tier").cast(pl.String).fill_null("unknown"),
        pl.col("category").fill_null("unknown"),
        pl.col("followers").cast(pl.Float64),
    ).sort("creator_id")


def _with_size(tables: Tables, people: ir.Table, last: ir.Table) -> pl.DataFrame:
    both = people.left_join(last, "creator_id").drop("creator_id_right")
    frame: pl.DataFrame = tables.frame(both.mutate(tier=tables.tier(both.platform, both.followers)))
    return frame


def growth_steps(
    tables: Tables, metric: str, *, as_of: dt.datetime | None = None, posts_per_cell: int = 20_000
) -> pl.DataFrame:
    """Pairs of consecutive counts of a post: post_id, creator_id, platform, format, age_from, age_to (days), gain.

    `gain` is log((later + 1) / (earlier + 1)), at least 0. Floors are left out, and at most `posts_per_cell` posts of
    each platform and format are read (in the order of their ids, which says nothing about their growth).
    """
    check_metric(metric)
    snapshots, posts = tables["post_snapshots"], tables["posts"]
    dated = posts.filter(posts.published_at.notnull() & posts.creator_id.notnull())
    cell = ibis.window(group_by=[dated.platform, dated.format], order_by=dated.post_id)
    dated = dated.mutate(place=ibis.row_number().over(cell))
    dated = dated.filter(dated.place < posts_per_cell).select(
        "post_id", "creator_id", "platform", "format", "published_at"
    )
    usable = snapshots.filter(snapshots[metric].notnull() & ~snapshots.censored.coalesce(False))
    usable = tables.between(usable, "observed_at", None, as_of)
    joined = usable.select("post_id", "observed_at", count=usable[metric]).join(dated, "post_id")
    joined = joined.filter(joined.observed_at >= joined.published_at)
    order = ibis.window(group_by=joined.post_id, order_by=joined.observed_at)
    steps = joined.mutate(earlier=joined["count"].lag().over(order), earlier_at=joined.observed_at.lag().over(order))
    steps = steps.filter(steps.earlier.notnull()).select(
        "post_id", "creator_id", "platform", "format", "published_at", "observed_at", "earlier_at", "earlier", "count"
    )
    frame: pl.DataFrame = tables.frame(steps)
    return (
        frame.with_columns(
            _age_days("earlier_at").alias("age_from"),
            _age_days("observed_at").alias("age_to"),
            ((pl.col("count") + 1.0).log() - (pl.col("earlier") + 1.0).log()).clip(lower_bound=0.0).alias("gain"),
            pl.col("format").fill_null("unknown"),
        )
        .filter(pl.col("age_to") > pl.col("age_from"))
        .select("post_id", "creator_id", "platform", "format", "age_from", "age_to", "gain")
        .sort("post_id", "age_to")
    )


def _age_days(column: str) -> pl.Expr:
    return (pl.col(column) - pl.col("published_at")).dt.total_seconds() / _DAY_S
