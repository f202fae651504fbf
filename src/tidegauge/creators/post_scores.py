"""How far each post lies above or below what its creator usually gets there: one standardised score per post."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegauge.creators.effects import shrink
from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.next_post import mature
from tidegauge.creators.post_frame import latest_posts
from tidegauge.creators.shared import shared
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]
_TO_SD = 1.4826
#: A platform shows views where at least this share of the posts with likes has them too.
_SHOWS_VIEWS = 0.2
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "post_id": pl.String, "creator_id": pl.String, "platform": pl.String, "format": pl.String,
    "published_at": pl.Datetime("us", "UTC"), "work_id": pl.String, "sponsored": pl.Boolean, "censored": pl.Boolean,
    "log_age": pl.Float64, "week": pl.Int64, "y": pl.Float64, "shock": pl.Float64,
    "above": pl.Float64, "z": pl.Float64, "n": pl.Int64,
}  # fmt: skip


@shared
def post_scores(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """One row per dated post with a count.

    Counts are views, on platforms that show hardly any likes, brought to the age of 30 days. Returns post_id,
    creator_id, platform, format, published_at, work_id, sponsored, censored (the count is a floor: the score is one,
    too), log_age (log of 1 + age in days when last seen), week (of publication), y (log count at 30 days), shock
    (what the platform did to all posts of that week), above (y less the creator's usual level in that format, from its
    other posts, and less the shock), z (`above` over its standard deviation), n (the creator's posts in that format).

    The usual level is the posterior mean from the creator's other posts (the own one left out), which leans on the
    platform's and format's; what is not known of it widens the standard deviation, so that a first post scores little.
    """
    viewed, liked = _mature(tables, "views", as_of), _mature(tables, "likes", as_of)
    counts = liked.group_by("platform").len("likes").join(viewed.group_by("platform").len("views"), on="platform")
    # Views of a few paid posts do not make a platform one that shows views.
    rare = counts.filter(pl.col("views") < _SHOWS_VIEWS * pl.col("likes")).get_column("platform")
    viewed = viewed.filter(~pl.col("platform").is_in(rare.implode()))
    blind = ~pl.col("platform").is_in(viewed.get_column("platform").unique().implode())
    posts = pl.concat([viewed, liked.filter(blind)]).sort("creator_id", "post_id")
    if posts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    return _scored(posts).select(list(_SCHEMA)).cast(_SCHEMA)  # type: ignore[arg-type]


def _mature(tables: Tables, metric: str, as_of: dt.datetime | None) -> pl.DataFrame:
    dated = latest_posts(tables, metric, as_of=as_of).filter(pl.col("published_at").is_not_null())
    ready = mature(dated, fitted_growth(tables, metric, as_of))
    return ready.select(
        "post_id", "creator_id", "platform", "format", "published_at", "work_id", "sponsored", "censored",
        (pl.col("age_days") + 1.0).log().alias("log_age"), (pl.col("published_at").dt.epoch("d") // 7).alias("week"),
        "y", "spread",
    )  # fmt: skip


def _scored(posts: pl.DataFrame) -> pl.DataFrame:
    cell, group = ["platform", "format"], ["creator_id", "format"]
    posts = posts.with_columns(
        pl.len().over(group).cast(pl.Float64).alias("n"),
        pl.col("y").sum().over(group).alias("total"),
        pl.col("y").median().over(cell).alias("centre"),
    )
    within = (pl.col("y") - pl.col("total") / pl.col("n")) * (pl.col("n") / (pl.col("n") - 1)).sqrt()
    posts = posts.with_columns(pl.when(pl.col("n") > 1).then(within).alias("within"))
    # Robust: a few hits must not make every other post look ordinary. Cells where nobody posted twice take the whole.
    noise = (_TO_SD * pl.col("within").abs().median().over("platform")).pow(2)
    whole = float(posts.select((_TO_SD * pl.col("within").abs().median()).pow(2)).item() or 0.5)
    posts = posts.with_columns(noise.fill_null(whole).clip(lower_bound=0.01).alias("noise"))
    levels = posts.group_by("platform", *group).agg(
        (pl.col("total").first() / pl.col("n").first() - pl.col("centre").first()).alias("level"),
        (pl.col("noise").first() / pl.col("n").first()).alias("error"),
    )
    between = levels.group_by("platform").agg(
        (pl.col("level").pow(2) - pl.col("error")).mean().clip(lower_bound=0.05).alias("between")
    )
    posts = posts.join(between, on="platform", maintain_order="left")
    others = pl.col("n") - 1.0
    trust = others * pl.col("between") / (others * pl.col("between") + pl.col("noise"))
    rest = (pl.col("total") - pl.col("y")) / others.clip(lower_bound=1.0) - pl.col("centre")
    posts = posts.with_columns(
        (pl.col("y") - pl.col("centre") - trust * rest).alias("above"),
        ((1.0 - trust) * pl.col("between")).alias("unknown"),
    )
    shock = _weekly(posts)
    sd = (pl.col("noise") + pl.col("unknown") + pl.col("spread")).sqrt()
    posts = posts.with_columns(pl.col("above") - pl.Series(shock), pl.Series("shock", shock))
    return posts.with_columns((pl.col("above") / sd).alias("z"), pl.col("n").cast(pl.Int64))


def _weekly(posts: pl.DataFrame) -> Float:
    """What the platform did to all posts of a week (shrunk), per post; outliers cut at four noise deviations."""
    code = posts.select(pl.struct("platform", "week").rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    above, noise = posts.get_column("above").to_numpy(), posts.get_column("noise").to_numpy()
    known = 1.0 / (noise + posts.get_column("unknown").to_numpy())
    cut = np.clip(above, -4 * np.sqrt(noise), 4 * np.sqrt(noise))
    typical = float(np.median(noise))
    effect = shrink(cut, known * typical, code, int(code.max()) + 1, typical, 0.05)
    return np.asarray(effect.mean[code])
