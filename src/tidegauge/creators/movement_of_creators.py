"""How each creator moved between two successive windows: views per post, mix of formats, followers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import ibis
import polars as pl

from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.post_scores import post_scores
from tidegauge.workspace.tables import Tables

WINDOW_DAYS, _LEAST_DAYS = 28.0, 7.0


@dataclass(frozen=True)
class Movement:
    """Two windows of `days` days, the later one ending at `end`.

    `creators`: creator_id, platform, tier, category, y0, y1 (mean log count per post, brought to 30 days and freed of
    what the platform did that week), n0, n1 (posts), size (log followers between the windows), grown0, grown1 (log
    growth of followers in each window). `formats`: creator_id, format, share0, share1 (of the creator's posts). Null
    where not known.
    """

    creators: pl.DataFrame
    formats: pl.DataFrame
    days: float
    end: dt.datetime | None


def movement(tables: Tables, *, as_of: dt.datetime | None = None) -> Movement:
    """The last two windows that the posts cover: 28 days each, or halves of what there is (at least seven days)."""
    scores = post_scores(tables, as_of=as_of)
    people = creator_facts(tables, as_of=as_of).select("creator_id", "platform", "tier", "category")
    blank = people.with_columns(
        *(pl.lit(None, pl.Float64).alias(c) for c in ("y0", "y1", "n0", "n1", "size", "grown0", "grown1"))
    )
    none = pl.DataFrame(
        schema={"creator_id": pl.String, "format": pl.String, "share0": pl.Float64, "share1": pl.Float64}
    )
    if scores.is_empty():
        return Movement(blank, none, WINDOW_DAYS, None)
    first, last = scores.get_column("published_at").min(), scores.get_column("published_at").max()
    assert isinstance(first, dt.datetime)
    assert isinstance(last, dt.datetime)
    days = min(WINDOW_DAYS, max((last - first).total_seconds() / 86_400.0 / 2.0, _LEAST_DAYS))
    end = last + dt.timedelta(seconds=1)
    middle, start = end - dt.timedelta(days=days), end - dt.timedelta(days=2 * days)
    recent = scores.filter(pl.col("published_at") >= start).with_columns(
        (pl.col("published_at") >= middle).alias("later")
    )
    recent = recent.with_columns((pl.col("y") - pl.col("shock")).alias("level"))
    views = recent.group_by("creator_id").agg(
        *(pl.col("level").filter(pl.col("later") == k).mean().alias(f"y{int(k)}") for k in (False, True)),
        *((pl.col("later") == k).sum().cast(pl.Float64).alias(f"n{int(k)}") for k in (False, True)),
    )
    counted = recent.group_by("creator_id", "format").agg(
        *((pl.col("later") == k).sum().cast(pl.Float64).alias(f"k{int(k)}") for k in (False, True))
    )
    formats = counted.join(views.select("creator_id", "n0", "n1"), on="creator_id").select(
        "creator_id", "format",
        *(pl.when(pl.col(f"n{k}") > 0).then(pl.col(f"k{k}") / pl.col(f"n{k}")).alias(f"share{k}") for k in (0, 1)),
    )  # fmt: skip
    sizes = _sizes(tables, (start, middle, end))
    creators = people.join(views, on="creator_id", how="left").join(sizes, on="creator_id", how="left")
    return Movement(creators.sort("creator_id"), formats, days, end)


def _sizes(tables: Tables, at: tuple[dt.datetime, dt.datetime, dt.datetime]) -> pl.DataFrame:
    """Log followers between the windows, and their growth in each: the last reading up to each instant."""
    snapshots = tables["creator_snapshots"]
    known = snapshots.filter((snapshots.followers > 0) & (snapshots.observed_at < ibis.literal(at[2])))
    seen = known.group_by("creator_id").agg(
        **{
            f"f{i}": known.followers.argmax(known.observed_at, where=known.observed_at < ibis.literal(t))
            for i, t in enumerate(at)
        }
    )
    frame: pl.DataFrame = tables.frame(seen)
    f = [pl.col(f"f{i}").cast(pl.Float64).log() for i in range(3)]
    return frame.select(
        "creator_id",
        pl.coalesce(f[1], f[2]).alias("size"),
        (f[1] - f[0]).alias("grown0"),
        (f[2] - f[1]).alias("grown1"),
    )
