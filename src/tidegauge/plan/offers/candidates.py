"""Candidates: creators × the offers that hold in the flight, with tier, role, stage, expected views and price."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import ibis
import polars as pl

from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.briefs.stages import role_expr, stage_expr
from tidegauge.plan.offers.expected import expected_engagements, expected_views
from tidegauge.plan.offers.posts_read import cadence, posted_formats
from tidegauge.plan.offers.pricing import CURRENCY, PRICE_COLUMNS, assumed_prices
from tidegauge.plan.offers.response_goal import expected_response
from tidegauge.vocab import Format, Platform
from tidegauge.workspace.tables import Tables

#: A repost does not get the views of a post; such offers count only where the brief names their terms.
REPOST_TERMS = ("转发", "repost", "retweet", "share only")
#: The form in which a platform's creators mostly post, for those of whom no post is known.
USUAL_FORMAT: dict[str, str] = {
    Platform.XIAOHONGSHU: Format.IMAGE_TEXT,
    Platform.WEIBO: Format.STATUS,
    Platform.WECHAT: Format.ARTICLE,
    Platform.ZHIHU: Format.QUESTION_ANSWER,
    Platform.TIEBA: Format.STATUS,
    Platform.XIAOYUZHOU: Format.PODCAST,
    Platform.PODCAST: Format.PODCAST,
    Platform.BILIBILI: Format.MID_VIDEO,
    Platform.YOUTUBE: Format.LONG_VIDEO,
    Platform.TWITCH: Format.LIVE,
    Platform.INSTAGRAM: Format.IMAGE_TEXT,
    Platform.FACEBOOK: Format.STATUS,
    Platform.X: Format.STATUS,
}
#: Formats per creator for which a price may be assumed: those it posts most.
ASSUMED_FORMATS_PER_CREATOR = 2


@dataclass(frozen=True)
class Found:
    """What the workspace holds before any filter of the brief.

    `items`: one row per creator and format. `accounts`: every creator with followers and tier; `without_offer`: how
    many have no offer that holds; `other_currency`: how many have offers in another currency only; `now`: the newest
    observation; `offers_hold`: the first and the last day of any offer where none holds in the flight (None: open).
    """

    items: pl.DataFrame
    accounts: pl.DataFrame
    without_offer: int
    other_currency: int
    now: dt.datetime
    offers_hold: tuple[dt.date | None, dt.date | None] = (None, None)


def find_candidates(tables: Tables, brief: Brief, now: dt.datetime) -> Found:
    """Every creator and format that could be booked, before the brief's filters.

    Columns of `items`: creator_id, name, platform, category, mcn, region, verified, person_id, followers, tier, role,
    stage, format, terms, price, price_low, price_high, price_assumed, price_source, list_price, valid_from, claim,
    views, views_low, views_high, views_log_sd, views_shared_sd, views_basis, views_assumed, engagements (where they, or
    the response, are the goal), last_post_at, posts_per_week.
    """
    accounts = _accounts(tables)
    offers, other_currency = _offers(tables, brief, now)
    missing = accounts.join(offers, on="creator_id", how="anti")
    parts = [offers]
    if brief.prices.allow_assumed:
        parts.append(_without_price(missing, posted_formats(tables, now)))
    items = pl.concat(parts, how="diagonal_relaxed").join(accounts, on="creator_id", how="inner", maintain_order="left")
    items = items.sort("creator_id", "format", "price", "terms", nulls_last=True)
    items = expected_views(tables, items, now)
    if brief.goal.kind == "engagements":
        items = expected_engagements(tables, items)
    items = _priced(items, brief)
    items = items.with_columns(role_expr(brief.koc_below_followers).alias("role")).with_columns(
        stage_expr(brief.stage_rule).alias("stage")
    )
    if brief.goal.kind == "response":
        items = expected_response(items, brief)
    rhythm = cadence(tables, now).select("creator_id", "last_post_at", "posts_per_week")
    items = items.join(rhythm, on="creator_id", how="left", maintain_order="left")
    hold = _span_of_offers(tables) if offers.is_empty() else (None, None)
    return Found(items, accounts, missing.height, other_currency, now, hold)


def _accounts(tables: Tables) -> pl.DataFrame:
    """Every creator with its newest known followers and tier."""
    creators, snaps = tables["creators"], tables["creator_snapshots"]
    known = snaps.filter(snaps.followers.notnull())
    nth = ibis.row_number().over(
        ibis.window(group_by=known.creator_id, order_by=[known.observed_at.desc(), known.followers.desc()])
    )
    newest = known.mutate(nth=nth).filter(lambda t: t.nth == 0).select("creator_id", "followers")
    joined = creators.left_join(newest, "creator_id").select(
        "creator_id", "platform", "name", "category", "mcn", "region", "verified", "person_id", "role", "followers"
    )
    rows = joined.mutate(tier=tables.tier(joined.platform, joined.followers)).rename(account_role="role")
    frame: pl.DataFrame = tables.frame(rows)
    return frame.sort("creator_id")


def _offers(tables: Tables, brief: Brief, now: dt.datetime) -> tuple[pl.DataFrame, int]:
    """Offers that hold in the flight: the newest rate card, then the cheapest terms per creator and format.

    Offers of one format differ in terms (length, custom or embedded); the model gives them the same views, so only the
    cheapest can be in a best roster. Returns the offers, and the number of creators with offers in another currency
    only.
    """
    offers = tables["offers"]
    first = brief.flight.start if brief.flight else now.date()
    holding = offers.filter(offers.valid_to.isnull() | (offers.valid_to >= ibis.literal(first)))
    if brief.flight is not None:
        holding = holding.filter(holding.valid_from <= ibis.literal(brief.flight.end))
    rows: pl.DataFrame = tables.frame(holding)
    terms = pl.col("terms").str.to_lowercase()
    if brief.candidates.terms:
        wanted = [t.lower() for t in brief.candidates.terms]
        rows = rows.filter(pl.any_horizontal(*(terms.str.contains(t, literal=True) for t in wanted)))
    else:
        rows = rows.filter(~pl.any_horizontal(*(terms.str.contains(t, literal=True) for t in REPOST_TERMS)))
    own = rows.filter(pl.col("currency") == brief.currency)
    foreign = rows.join(own, on="creator_id", how="anti").get_column("creator_id").n_unique()
    newest = own.sort("valid_from", descending=True).unique(
        ["creator_id", "format", "role", "terms"], keep="first", maintain_order=True
    )
    cheapest = newest.sort("creator_id", "format", "price", "terms", "role").unique(
        ["creator_id", "format"], keep="first", maintain_order=True
    )
    return cheapest.select(
        "creator_id", "format", "terms", "price", "valid_from",
        pl.col("role").alias("offer_role"), pl.col("expected_views").alias("claim"),
    ), foreign  # fmt: skip


def _span_of_offers(tables: Tables) -> tuple[dt.date | None, dt.date | None]:
    """The days between which any offer holds; an end that is open, or no offer at all, gives None."""
    offers = tables["offers"]
    open_end = offers.valid_to.isnull().any()
    row = tables.frame(offers.agg(first=offers.valid_from.min(), last=offers.valid_to.max(), open=open_end)).row(0)
    return row[0], None if row[2] else row[1]


def _without_price(accounts: pl.DataFrame, formats: pl.DataFrame) -> pl.DataFrame:
    """Creators without an offer, in the formats that they post most, else in the usual one of their platform."""
    most = formats.group_by("creator_id", maintain_order=True).head(ASSUMED_FORMATS_PER_CREATOR)
    counted = most.select("creator_id", "format")
    posted = accounts.select("creator_id").join(counted, on="creator_id", how="inner", maintain_order="left")
    usual = pl.col("platform").replace_strict(
        {p: str(f) for p, f in USUAL_FORMAT.items()}, default=Format.SHORT_VIDEO.value, return_dtype=pl.String
    )
    silent = accounts.join(posted, on="creator_id", how="anti").select("creator_id", usual.alias("format"))
    return pl.concat([posted, silent]).with_columns(pl.lit("").alias("terms"))


def _priced(items: pl.DataFrame, brief: Brief) -> pl.DataFrame:
    """Prices after the discount; where there is no offer, the assumed one with its range and source."""
    discount = pl.col("platform").replace_strict(
        brief.prices.discounts, default=brief.prices.rate_card_discount, return_dtype=pl.Float64
    )
    paid = pl.col("price") * (1 - discount)
    stated = items.with_columns(pl.col("price").alias("list_price"), paid.alias("price"))
    offered = stated.filter(pl.col("list_price").is_not_null()).with_columns(
        pl.col("price").alias("price_low"),
        pl.col("price").alias("price_high"),
        pl.lit("rate card").alias("price_source"),
        pl.lit(False).alias("price_assumed"),
    )
    silent = stated.filter(pl.col("list_price").is_null())
    if brief.currency == CURRENCY:
        silent = assumed_prices(silent)
    else:
        silent = silent.with_columns(*(pl.lit(None).alias(c) for c in PRICE_COLUMNS))
    silent = silent.with_columns(pl.lit(True).alias("price_assumed"))
    return pl.concat([offered, silent], how="diagonal_relaxed").sort("creator_id", "format")
