"""What each platform's posts are made of, per creator and period: the rows under convergence."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure.amounts import Asked, period_grid
from tidegauge.measure.bootstrap import units, weights
from tidegauge.measure.segments import UNKNOWN, span
from tidegauge.workspace.tables import Tables

Floats = npt.NDArray[np.float64]

DIMENSIONS = ("format", "category", "duration")
#: Upper bounds in seconds. 中视频 is commonly one to thirty minutes; a quarter of a minute is the old short video.
DURATIONS = ((15.0, "under_15s"), (60.0, "15s_1min"), (300.0, "1_5min"), (1800.0, "5_30min"))
LONGEST = "over_30min"
#: Rarer buckets are put together: a tail of one-post categories would drown every comparison in noise.
_MOST_BUCKETS = 30
OTHER = "other"


@dataclass(frozen=True)
class Mixes:
    """`counts` (periods, platforms, buckets) posts; `draws` the same with replicates first, resampled over creators;
    `posts`, `creators` (periods, platforms) how many stand behind; `left_out` the share of posts without a bucket."""

    platforms: tuple[str, ...]
    buckets: tuple[str, ...]
    periods: tuple[str, ...]
    days: float
    counts: Floats
    draws: Floats
    creators: npt.NDArray[np.int64]
    left_out: float


def duration_bucket(seconds: ir.FloatingValue) -> ir.StringValue:
    """The duration's bucket; null where the duration is not known or 0."""
    branches = [(seconds < bound, name) for bound, name in DURATIONS]
    return ibis.cases((seconds.isnull() | (seconds <= 0.0), ibis.null("string")), *branches, else_=LONGEST)


def mixes(
    tables: Tables,
    dimension: str,
    period: str,
    start: dt.datetime | None,
    end: dt.datetime | None,
    rng: np.random.Generator,
) -> Mixes:
    """Posts by platform, period and bucket of a dimension (format, category, duration); bootstrap over creators."""
    posts = tables["posts"]
    posts = posts.filter(posts.published_at.notnull())
    found = span(tables, posts, "published_at", start, end)
    if found is None:
        raise MeasureError("there are no posts with a time of publication", mend="ingest posts (posts.published_at)")
    grid = period_grid(tables, Asked((), period, start, end), *found)
    rows = tables.between(posts, "published_at", start, end)
    if dimension == "category":
        creators = tables["creators"].select("creator_id", "category")
        rows = rows.left_join(creators, "creator_id")
    bucket = duration_bucket(rows.duration_s) if dimension == "duration" else rows[dimension]
    rows = rows.select(
        "platform",
        creator=rows.creator_id.fill_null(rows.post_id),
        period=grid.index(rows.published_at),
        bucket=bucket.fill_null(UNKNOWN),
    )
    summed = rows.group_by("creator", "platform", "period", "bucket").agg(posts=rows.count())
    frame: pl.DataFrame = tables.frame(summed).sort("creator", "platform", "period", "bucket")
    known = frame.filter(pl.col("bucket") != UNKNOWN)
    if known.is_empty():
        column = {"format": "posts.format", "category": "creators.category", "duration": "posts.duration_s"}[dimension]
        raise MeasureError(f"no post has a {dimension}", mend=f"ingest files that carry {column}")
    left_out = 1.0 - float(known.get_column("posts").sum()) / float(frame.get_column("posts").sum())
    step_days = (grid.edges[-1] - grid.edges[0]).total_seconds() / 86_400.0 / grid.length
    return _summed(_common(known), grid.labels, step_days, left_out, rng)


def _common(known: pl.DataFrame) -> pl.DataFrame:
    sizes = known.group_by("bucket").agg(pl.col("posts").sum()).sort(["posts", "bucket"], descending=[True, False])
    kept = sizes.get_column("bucket").head(_MOST_BUCKETS)
    return known.with_columns(pl.when(pl.col("bucket").is_in(kept.implode())).then("bucket").otherwise(pl.lit(OTHER)))


def _summed(
    known: pl.DataFrame, labels: tuple[str, ...], step_days: float, left_out: float, rng: np.random.Generator
) -> Mixes:
    platforms, buckets = (tuple(known.get_column(c).unique().sort().to_list()) for c in ("platform", "bucket"))
    shape = (len(labels), len(platforms), len(buckets))
    coded = known.select(
        "posts",
        "period",
        creator=pl.col("creator").rank("dense").cast(pl.Int64) - 1,
        platform=pl.col("platform").replace_strict({p: i for i, p in enumerate(platforms)}, return_dtype=pl.Int64),
        bucket=pl.col("bucket").replace_strict({b: i for i, b in enumerate(buckets)}, return_dtype=pl.Int64),
    )
    creator, period, platform, bucket = (
        coded.get_column(c).to_numpy().astype(np.int64) for c in ("creator", "period", "platform", "bucket")
    )
    column = np.ravel_multi_index((period, platform, bucket), shape)
    value = coded.get_column("posts").to_numpy().astype(np.float64)
    drawn = units(int(creator.max()) + 1, rng)
    sums = drawn.sums(creator, column, value, int(np.prod(shape)))
    draws = weights(drawn, rng) @ sums
    active = coded.unique(["creator", "period", "platform"])
    creators = np.zeros(shape[:2], np.int64)
    np.add.at(creators, (active.get_column("period").to_numpy(), active.get_column("platform").to_numpy()), 1)
    counts = sums.sum(axis=0).reshape(shape)
    return Mixes(platforms, buckets, labels, step_days, counts, draws.reshape(-1, *shape), creators, left_out)
