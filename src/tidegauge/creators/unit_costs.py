"""What a thousand views, an engagement and a view cost at the forecast of the next post, each with its interval."""

from __future__ import annotations

import datetime as dt

import ibis
import numpy as np
import polars as pl
from scipy.stats import t as student

from tidegauge.creators.effects import DEGREES
from tidegauge.creators.next_post import forecast_next_post
from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.shared import shared
from tidegauge.workspace.tables import Tables

_Z80 = 1.2816
#: The next post's log count is Student t: this many of its standard deviations hold the middle 80 %.
_T80 = float(student.ppf(0.9, DEGREES) * np.sqrt((DEGREES - 2.0) / DEGREES))
#: A creator's ratio of all engagements to likes leans on its platform's and format's as if on this many likes.
_LEAN_LIKES = 200.0
_WIDEST = 15.0
COLUMNS = (
    "creator_id", "format", "role", "terms", "price", "price_basis", "currency", "views", "engagements",
    "cpm", "cpm_low", "cpm_high", "cpe", "cpe_low", "cpe_high", "cpv", "cpv_low", "cpv_high", "n",
)  # fmt: skip


def unit_costs(
    tables: Tables, prices: pl.DataFrame, forecasts: pl.DataFrame, *, as_of: dt.datetime | None = None
) -> pl.DataFrame:
    """CPM, CPE and CPV of every row of `fair_prices` at the forecast.

    Parameters: `prices` is `fair_prices`' table, `forecasts` `forecast_next_post`'s of views.

    Returns `COLUMNS`, money in each row's currency: price (asked, else the fair one: price_basis "offer" or "fair"),
    views and engagements (medians of the next post after 30 days; engagements are likes, comments, shares and saves as
    far as the platform shows them), cpm (price per 1,000 views), cpe (price per engagement), cpv (price per view), with
    the range in which the next post's will lie with 80 % (views and engagements by chance of the post and of what is
    not known about the creator; a fair price by its own uncertainty, too), n (own posts in that format). cpe is null
    where a platform shows no likes at all. A forecast of nothing costs at most the price for one view.
    """
    ahead = forecasts.select("creator_id", "format", "log_mean", "log_sd", "n")
    frame = prices.join(ahead, on=["creator_id", "format"], how="left")
    paid = pl.coalesce("price", "fair")
    # Half the width of the fair price's 90 % interval, as a standard deviation; an asked price is known.
    fair_sd = (pl.col("fair_high").log() - pl.col("fair_low").log()) / (2 * 1.6449)
    frame = frame.with_columns(
        pl.when(pl.col("price").is_null()).then(pl.lit("fair")).otherwise(pl.lit("offer")).alias("price_basis"),
        paid.alias("paid"),
        pl.when(pl.col("price").is_null()).then(fair_sd).otherwise(0.0).alias("paid_sd"),
        pl.col("log_mean").fill_null((pl.col("views") + 1).log()),
        pl.col("log_sd").fill_null(2.0),
        pl.col("n").fill_null(0),
    )
    frame = frame.join(engagement_forecast(tables, as_of=as_of), on=["creator_id", "format"], how="left")
    frame = _per(frame, "log_mean", "log_sd", "cpv")
    frame = _per(frame, "engaged_log", "engaged_sd", "cpe")
    return frame.with_columns(
        *((1000.0 * pl.col(f"cpv{s}")).alias(f"cpm{s}") for s in ("", "_low", "_high")),
        (pl.col("log_mean").clip(0.0, 27.0).exp() - 1).alias("views"),
        (pl.col("engaged_log").clip(0.0, 27.0).exp() - 1).alias("engagements"),
        pl.col("paid").alias("price"),
    ).select(COLUMNS)


def _per(frame: pl.DataFrame, log_mean: str, log_sd: str, name: str) -> pl.DataFrame:
    """Adds the price per unit of a count: at its median, and where 80 % of the next post's will lie."""
    half = ((_T80 * pl.col(log_sd)) ** 2 + (_Z80 * pl.col("paid_sd")) ** 2).sqrt().clip(0.0, _WIDEST)
    units = (pl.col(log_mean).clip(0.0, 27.0).exp() - 1).clip(lower_bound=1.0)
    middle = pl.col("paid") / units
    # No post has under one view: the upper bound ends where it would be priced as one.
    dearest = pl.max_horizontal(middle, pl.col("paid") * (_Z80 * pl.col("paid_sd")).exp())
    high = pl.when(middle.is_not_null()).then(pl.min_horizontal(middle * half.exp(), dearest))
    return frame.with_columns(
        middle.alias(name), (middle * (-half).exp()).alias(f"{name}_low"), high.alias(f"{name}_high")
    )


@shared
def engagement_forecast(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """Engagements of the next post: creator_id, format, engaged_log (mean of log(count + 1)), engaged_sd.

    The forecast of likes, times all engagements over likes: the creator's own ratio, shrunk to that of its platform and
    format. Platforms without likes are left out.
    """
    likes = forecast_next_post(tables, metric="likes", as_of=as_of)
    ratio = _all_over_likes(tables, as_of)
    if ratio.is_empty():
        empty = {"creator_id": pl.String, "format": pl.String, "engaged_log": pl.Float64, "engaged_sd": pl.Float64}
        return pl.DataFrame(schema=empty)
    cells = ratio.group_by("platform", "format").agg(pl.col("engaged", "likes").sum())
    cells = cells.with_columns((pl.col("engaged") / pl.col("likes")).alias("usual"))
    platforms = cells.group_by("platform").agg(
        (pl.col("engaged").sum() / pl.col("likes").sum()).alias("platform_usual")
    )
    own = ratio.join(cells.select("platform", "format", "usual"), on=["platform", "format"])
    lean = pl.lit(_LEAN_LIKES)
    own = own.with_columns(((pl.col("engaged") + lean * pl.col("usual")) / (pl.col("likes") + lean)).alias("own_ratio"))
    spread = (
        own.filter(pl.col("likes") > _LEAN_LIKES).select((pl.col("own_ratio") / pl.col("usual")).log().std()).item()
    )
    platform_of = creator_facts(tables, as_of=as_of).select("creator_id", "platform")
    frame = likes.join(platform_of, on="creator_id").join(
        own.select("creator_id", "format", "own_ratio"), on=["creator_id", "format"], how="left"
    )
    frame = frame.join(cells.select("platform", "format", "usual"), on=["platform", "format"], how="left")
    frame = frame.join(platforms, on="platform")  # only platforms that show likes
    ratio_log = pl.coalesce("own_ratio", "usual", "platform_usual").clip(lower_bound=1.0).log()
    ratio_sd = pl.when(pl.col("own_ratio").is_not_null()).then(0.1).otherwise(max(float(spread or 0.0), 0.1))
    return frame.select(
        "creator_id", "format", (pl.col("log_mean") + ratio_log).alias("engaged_log"),
        (pl.col("log_sd").pow(2) + ratio_sd**2).sqrt().alias("engaged_sd"),
    ).sort("creator_id", "format")  # fmt: skip


def _all_over_likes(tables: Tables, as_of: dt.datetime | None) -> pl.DataFrame:
    """Sums of all engagements and of likes over each creator's posts in a format, where likes are shown."""
    snapshots, posts = tables["post_snapshots"], tables["posts"]
    seen = tables.between(snapshots.filter(snapshots.likes.notnull()), "observed_at", None, as_of)
    # Counts only grow, but for corrections: the highest is the latest, without sorting.
    last = seen.group_by("post_id").agg(**{c: seen[c].max() for c in ("likes", "comments", "shares", "saves")})
    engaged = last.likes + sum((last[c].coalesce(0) for c in ("comments", "shares", "saves")), ibis.literal(0))
    named = last.mutate(engaged=engaged).join(posts.filter(posts.creator_id.notnull()), "post_id")
    summed = named.group_by(
        "creator_id", "platform", format=named.format.coalesce("unknown")
    ).agg(engaged=named.engaged.cast("float64").sum(), likes=named.likes.cast("float64").sum())  # fmt: skip
    frame: pl.DataFrame = tables.frame(summed)
    return frame.filter(pl.col("likes") > 0).sort("creator_id", "format")
