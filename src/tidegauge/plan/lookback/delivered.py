"""What a roster delivered: its posts found in the workspace, their counts brought to the age of 30 days.

A pick's posts are the placements of the plan's brand or campaign with its creator around the flight; where nobody
entered placements, the creator's sponsored posts for the brand. Counts of young posts are carried to 30 days by the
growth of the same creator's and platform's posts (`creators.growth`). Where a platform shows no views, views follow
from likes: as many times the promise as likes are times what was to be expected when the flight began.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import ibis
import polars as pl

from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.next_post import forecast_next_post, mature
from tidegauge.creators.post_frame import latest_posts
from tidegauge.plan.lookback.promised import Promised
from tidegauge.plan.offers.expected import BODY, ENGAGEMENTS, MAX_SD_IN_MEAN
from tidegauge.workspace.tables import Tables

#: How long before the first and after the last day of the flight a post still counts as the plan's.
EARLY_DAYS, LATE_DAYS = 14, 60
#: How far views may be off when they are inferred from a post's likes (log scale): the scatter of a work's like rate.
LIKE_RATE_SD = 0.35
_LEDGER = {
    "creator_id": pl.String, "post_id": pl.String, "cost": pl.Float64, "format_posted": pl.String,
    "published_at": pl.Datetime("us", "UTC"),
}  # fmt: skip


@dataclass(frozen=True)
class Delivered:
    """One row per pick and post in `posts`; `strangers`: placements of the campaign with creators who are no picks.

    `posts` has creator_id, post_id (null where nothing was posted), cost (null where not entered), published_at,
    format_posted, age_days, views_now, log_views and log_sd (of the views at 30 days; null where unseen), views_from
    (counted, grown, likes), engagements, engagements_expected (both at 30 days). `now` is the newest observation.
    """

    posts: pl.DataFrame
    strangers: pl.DataFrame
    now: dt.datetime | None


def find_delivered(tables: Tables, plan: Promised) -> Delivered:
    """Look for what became of every pick."""
    ledger, strangers = _ledger(tables, plan)
    rows = plan.picks.select("creator_id", "platform", "format", "views", "publish_on").join(
        ledger, on="creator_id", how="left", maintain_order="left"
    )
    began = _began(plan, rows)
    views = _matured(tables, "views", rows)
    likes = _matured(tables, "likes", rows)
    rows = rows.join(views, on="post_id", how="left", maintain_order="left")
    rows = rows.join(
        likes.select("post_id", pl.col("y").alias("y_likes"), pl.col("spread").alias("spread_likes"),
                     pl.col("age_days").alias("age_likes"), pl.col("count").alias("likes_now")),
        on="post_id", how="left", maintain_order="left",
    )  # fmt: skip
    rows = _with_expected_likes(tables, rows, began)
    rows = _with_views(rows)
    rows = _with_engagements(tables, rows, began)
    newest: pl.DataFrame = tables.frame(tables["post_snapshots"].aggregate(at=lambda t: t.observed_at.max()))
    return Delivered(rows, strangers, newest["at"][0])


def _ledger(tables: Tables, plan: Promised) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Posts of the picks with their cost (creator_id, post_id, cost, format_posted, published_at), and strangers."""
    placed: pl.DataFrame = tables.frame(_around(tables["placements"], plan))
    name = pl.col("brand").fill_null("").str.strip_chars().str.to_lowercase()
    campaign = pl.col("campaign_id").fill_null("").str.strip_chars().str.to_lowercase()
    brand, asked = plan.brief.brand.strip().lower(), plan.brief.campaign.strip().lower()
    named = placed.filter(campaign == asked) if asked else placed.head(0)
    for_brand = placed.filter(name == brand) if brand else placed.filter(pl.lit(not asked))
    # The campaign's own name tells best; else everything for the brand; a plan without either takes what is there.
    mine = named if named.height else for_brand
    picks = plan.picks["creator_id"]
    strangers = mine.filter(~pl.col("creator_id").is_in(picks.to_list()))
    booked = mine.filter(pl.col("creator_id").is_in(picks.to_list())).select(
        "creator_id",
        pl.when(pl.col("post_id") != "").then(pl.col("post_id")).alias("post_id"),
        pl.col("cost").cast(pl.Float64),
        pl.col("format").alias("format_posted"),
        "published_at",
    )
    without = picks.filter(~picks.is_in(booked["creator_id"].to_list()))
    found = _sponsored(tables, plan, without.to_list(), brand) if brand and len(without) else booked.head(0)
    return pl.concat([booked.cast(_LEDGER), found.cast(_LEDGER)]), strangers  # type: ignore[arg-type]


def _around(placements: ibis.expr.types.Table, plan: Promised) -> ibis.expr.types.Table:
    """Placements around the flight; those without a day count too."""
    if plan.start is None or plan.end is None:
        return placements
    first, last = _span(plan.start, plan.end)
    at = placements.published_at
    return placements.filter(at.isnull() | ((at >= ibis.literal(first)) & (at < ibis.literal(last))))


def _span(start: dt.date, end: dt.date) -> tuple[dt.datetime, dt.datetime]:
    midnight = dt.time(tzinfo=dt.UTC)
    return (
        dt.datetime.combine(start, midnight) - dt.timedelta(days=EARLY_DAYS),
        dt.datetime.combine(end, midnight) + dt.timedelta(days=LATE_DAYS),
    )


def _sponsored(tables: Tables, plan: Promised, creators: list[str], brand: str) -> pl.DataFrame:
    """Posts for the brand by picks for whom nobody entered a placement."""
    posts = tables["posts"]
    mine = posts.filter(posts.creator_id.isin(creators), posts.brand.strip().lower() == brand)
    if plan.start is not None and plan.end is not None:
        first, last = _span(plan.start, plan.end)
        mine = mine.filter(posts.published_at >= ibis.literal(first), posts.published_at < ibis.literal(last))
    frame: pl.DataFrame = tables.frame(mine.select("creator_id", "post_id", "format", "published_at"))
    return frame.select(
        "creator_id", "post_id", pl.lit(None, pl.Float64).alias("cost"),
        pl.col("format").alias("format_posted"), "published_at",
    )  # fmt: skip


def _began(plan: Promised, rows: pl.DataFrame) -> dt.datetime | None:
    """When the flight began: the day of the plan or the first post, whichever came first."""
    known = [rows["published_at"].drop_nulls().min()]
    if plan.start is not None:
        known.append(dt.datetime.combine(plan.start, dt.time(tzinfo=dt.UTC)))
    times = [t for t in known if isinstance(t, dt.datetime)]
    return min(times) if times else None


def _matured(tables: Tables, metric: str, rows: pl.DataFrame) -> pl.DataFrame:
    """post_id, count, age_days, y (log of the count at 30 days, plus one), spread (variance of what was added)."""
    wanted = rows["post_id"].drop_nulls().to_list()
    mine = latest_posts(tables, metric).filter(pl.col("post_id").is_in(wanted))
    grown = mature(mine, fitted_growth(tables, metric, None))
    return grown.select("post_id", "count", "age_days", "y", "spread")


def _with_expected_likes(tables: Tables, rows: pl.DataFrame, began: dt.datetime | None) -> pl.DataFrame:
    """expected_likes, expected_likes_sd: log likes at 30 days as they were to be expected when the flight began."""
    if rows["y_likes"].null_count() == rows.height:
        return rows.with_columns(
            pl.lit(None, pl.Float64).alias("expected_likes"), pl.lit(None, pl.Float64).alias("expected_likes_sd")
        )
    found = forecast_next_post(tables, metric="likes", as_of=began).select(
        "creator_id",
        "format",
        pl.col("log_mean").alias("expected_likes"),
        pl.col("log_sd").alias("expected_likes_sd"),
    )
    return rows.join(found, on=["creator_id", "format"], how="left", maintain_order="left")


def _with_views(rows: pl.DataFrame) -> pl.DataFrame:
    """log_views, log_sd, views_now, age_days and views_from of every post."""
    through_likes = pl.col("views").log() + pl.col("y_likes") - pl.col("expected_likes")
    return rows.with_columns(
        pl.col("count").alias("views_now"),
        pl.coalesce("age_days", "age_likes").alias("age_days"),
        pl.coalesce("y", through_likes).alias("log_views"),
        pl.when(pl.col("y").is_not_null())
        .then(pl.col("spread").sqrt())
        .when(through_likes.is_not_null())
        .then((pl.col("spread_likes") + LIKE_RATE_SD**2).sqrt())
        .alias("log_sd"),
        pl.when(pl.col("y").is_not_null() & (pl.col("age_days") >= 30.0))
        .then(pl.lit("counted"))
        .when(pl.col("y").is_not_null())
        .then(pl.lit("grown"))
        .when(through_likes.is_not_null())
        .then(pl.lit("likes"))
        .alias("views_from"),
    )


def _with_engagements(tables: Tables, rows: pl.DataFrame, began: dt.datetime | None) -> pl.DataFrame:
    """Likes, comments, shares and saves together at 30 days, and what the creators' earlier posts let expect.

    All kinds grow as likes do. Expected are the likes of the forecast, and of the other kinds as many per like as the
    creator's earlier posts had (with few posts: its platform's). A kind counts only where the post shows it and earlier
    posts did: comparing four kinds with three would be no comparison.
    """
    told = rows.select("post_id", "creator_id", "platform")
    now, before = pl.lit(0.0), pl.lit(0.0)
    for metric in ENGAGEMENTS[1:]:
        counts = latest_posts(tables, metric).select(
            "post_id", "creator_id", "platform", "published_at", pl.col("count").alias(metric)
        )
        ratio = _per_like(counts, latest_posts(tables, "likes"), metric, began)
        told = told.join(counts.select("post_id", metric), on="post_id", how="left", maintain_order="left")
        told = _with_ratio(told, ratio, f"{metric}_per_like")
        both = pl.col(metric).is_not_null() & pl.col(f"{metric}_per_like").is_not_null()
        now += pl.when(both).then(pl.col(metric)).otherwise(0.0)
        before += pl.when(both).then(pl.col(f"{metric}_per_like")).otherwise(0.0)
    others = told.select(now.alias("others_now"), before.alias("others_per_like"))
    # The mean of a log-normal whose body the forecast gives, as the planner takes it.
    sd = pl.min_horizontal(BODY * pl.col("expected_likes_sd"), pl.lit(MAX_SD_IN_MEAN))
    likes_due = (pl.col("expected_likes") + sd**2 / 2).exp() - 1.0
    growth = (pl.col("y_likes") - (pl.col("likes_now") + 1.0).log()).exp()
    done = rows.hstack(others).with_columns(
        ((pl.col("likes_now") + pl.col("others_now")) * growth).alias("engagements"),
        (likes_due.clip(0.0) * (1.0 + pl.col("others_per_like"))).alias("engagements_expected"),
    )
    both = pl.col("engagements").is_not_null() & pl.col("engagements_expected").is_not_null()
    return done.with_columns(
        pl.when(both).then(pl.col(c)).alias(c) for c in ("engagements", "engagements_expected")
    ).drop(
        "count", "y", "spread", "y_likes", "spread_likes", "age_likes", "likes_now", "expected_likes",
        "expected_likes_sd", "others_now", "others_per_like",
    )  # fmt: skip


#: A creator's own ratio of two counts needs this many posts.
_OWN_RATIO_POSTS = 3


def _per_like(counts: pl.DataFrame, likes: pl.DataFrame, metric: str, began: dt.datetime | None) -> pl.DataFrame:
    """creator_id or platform → that kind per like over posts before the flight (one of the two columns is null)."""
    both = counts.join(likes.select("post_id", pl.col("count").alias("likes")), on="post_id")
    if began is not None:
        both = both.filter(pl.col("published_at").is_null() | (pl.col("published_at") < began))
    ratio = pl.col(metric).sum() / pl.col("likes").sum()
    own = both.group_by("creator_id").agg(ratio.alias("r"), pl.len().alias("n"), pl.col("likes").sum())
    all_of = both.group_by("platform").agg(ratio.alias("r"), pl.col("likes").sum())
    return pl.concat(
        [
            own.filter((pl.col("n") >= _OWN_RATIO_POSTS) & (pl.col("likes") > 0)).select("creator_id", "r"),
            all_of.filter(pl.col("likes") > 0).select("platform", "r"),
        ],
        how="diagonal",
    )


def _with_ratio(told: pl.DataFrame, ratio: pl.DataFrame, name: str) -> pl.DataFrame:
    for column, part in (("creator_id", "own"), ("platform", "all")):
        if column not in ratio.columns:
            told = told.with_columns(pl.lit(None, pl.Float64).alias(f"{name}_{part}"))
            continue
        known = ratio.filter(pl.col(column).is_not_null()).select(column, pl.col("r").alias(f"{name}_{part}"))
        told = told.join(known, on=column, how="left", maintain_order="left")
    return told.with_columns(pl.coalesce(f"{name}_own", f"{name}_all").alias(name))
