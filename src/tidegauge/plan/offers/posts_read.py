"""What the planner reads from posts and snapshots besides forecasts: formats, cadence, rhythm, channel growth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import ibis
import polars as pl

from tidegauge.workspace.tables import Tables

#: Posts older than this say little about the next one.
LOOKBACK_DAYS = 365


def as_of(tables: Tables, platforms: Sequence[str] = ()) -> dt.datetime | None:
    """The newest observation of the platforms that a plan is about (of all, where none are named): its "now".

    Another platform that was collected months later must not make everybody here look idle. None where nothing was
    observed.
    """
    creators, posts = tables["creators"], tables["posts"]
    if platforms:
        creators = creators.filter(creators.platform.isin([str(p) for p in platforms]))
        posts = posts.filter(posts.platform.isin([str(p) for p in platforms]))
    shots = tables["creator_snapshots"].semi_join(creators, "creator_id")
    post_shots = tables["post_snapshots"].semi_join(posts, "post_id") if platforms else tables["post_snapshots"]
    newest: list[dt.datetime | None] = [
        tables.frame(t.aggregate(at=t[c].max()))["at"][0]
        for t, c in ((post_shots, "observed_at"), (shots, "observed_at"), (posts, "published_at"))
    ]
    known = [t for t in newest if t is not None]
    if known:
        return max(known)
    # Rate cards without follower counts leave no snapshot, only creators: the last one met is the newest word there is.
    met: pl.DataFrame = tables.frame(creators.aggregate(at=creators.first_seen_at.max()))
    found: dt.datetime | None = met["at"][0]
    return found


def posted_formats(tables: Tables, now: dt.datetime) -> pl.DataFrame:
    """In which formats creators posted in the last year: creator_id, format, n; a creator's most frequent first."""
    posts = tables["posts"]
    since = ibis.literal(now - dt.timedelta(days=LOOKBACK_DAYS))
    recent = posts.filter(posts.published_at >= since, posts.creator_id.notnull(), posts.format.notnull())
    frame: pl.DataFrame = tables.frame(recent.group_by("creator_id", "format").aggregate(n=lambda t: t.count()))
    return frame.sort("creator_id", "n", "format", descending=[False, True, False])


def cadence(tables: Tables, now: dt.datetime) -> pl.DataFrame:
    """How often and when creators post: creator_id, last_post_at, posts_per_week (over the last 56 days)."""
    posts = tables["posts"]
    recent = posts.filter(posts.creator_id.notnull(), posts.published_at.notnull())
    since = ibis.literal(now - dt.timedelta(days=56))
    grouped = recent.group_by("creator_id").aggregate(
        last_post_at=recent.published_at.max(),
        posts_56_days=(recent.published_at >= since).cast("int64").sum(),
    )
    frame: pl.DataFrame = tables.frame(grouped)
    return frame.with_columns((pl.col("posts_56_days") / 8).alias("posts_per_week"))


def weekly_channel_views(tables: Tables, now: dt.datetime) -> pl.DataFrame:
    """A channel's growth of views in all per week, over up to the last 28 days: creator_id, weekly_views.

    The first and the last snapshot of that time count; a total that fell (deleted posts) gives no row.
    """
    snaps = tables["creator_snapshots"]
    recent = snaps.filter(snaps.views_total.notnull(), snaps.observed_at >= ibis.literal(now - dt.timedelta(days=28)))
    last = recent.group_by("creator_id").aggregate(
        first_at=recent.observed_at.min(),
        last_at=recent.observed_at.max(),
        first=recent.views_total.argmin(recent.observed_at),
        last=recent.views_total.argmax(recent.observed_at),
    )
    frame: pl.DataFrame = tables.frame(last)
    days = (pl.col("last_at") - pl.col("first_at")).dt.total_seconds() / 86_400
    return (
        frame.with_columns(days.alias("days"), (pl.col("last") - pl.col("first")).alias("gain"))
        .filter((pl.col("days") >= 5) & (pl.col("gain") > 0))
        .select("creator_id", (pl.col("gain") / pl.col("days") * 7).alias("weekly_views"))
        .sort("creator_id")
    )


def weekday_rhythm(tables: Tables, now: dt.datetime) -> pl.DataFrame:
    """When a category posts: category, weekday (0 is Monday, in the workspace's time zone), posts in the last year."""
    posts, creators = tables["posts"], tables["creators"]
    since = ibis.literal(now - dt.timedelta(days=LOOKBACK_DAYS))
    recent = posts.filter(posts.published_at >= since, posts.creator_id.notnull()).select("creator_id", "published_at")
    named = recent.join(creators.select("creator_id", "category"), "creator_id")
    hours = named.mutate(hour=named.published_at.truncate("h")).group_by("category", "hour")
    frame: pl.DataFrame = tables.frame(hours.aggregate(posts=lambda t: t.count()))
    local = pl.col("hour").dt.convert_time_zone(tables.settings.timezone)
    return (
        frame.with_columns((local.dt.weekday() - 1).alias("weekday"))
        .group_by("category", "weekday")
        .agg(pl.col("posts").sum())
        .sort("category", "weekday", nulls_last=True)
    )
