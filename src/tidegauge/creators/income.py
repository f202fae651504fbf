"""Income: what a creator earns in a year from brands at the present pace, and from what else it declares.

    income = N × price,   N ~ Poisson(posts a year × share of them that are paid)

posts a year: gamma–Poisson on the creator's dated posts of the last `WINDOW_DAYS`; share paid: beta–binomial, shrunk to
the platform's tier; price: rate card less discount, else bookings, else the fair price, on the log scale. Everything is
drawn, so that the interval holds the chance of bookings as well as what is not known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import ibis
import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegauge.creators.discount import creator_discounts
from tidegauge.creators.next_post import forecast_next_post
from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.price import fair_prices
from tidegauge.creators.shared import shared
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]

WINDOW_DAYS = 180.0
_YEAR_DAYS = 365.25
_Z90 = 1.6449
_DRAWS, _CHUNK = 200, 5_000
#: Share of posts that are paid where no post of the workspace says; beta(0.5, 9.5): 5 %, anywhere from 0 to 20 %.
#: Assumed: flags of paid posts are rare and no source gives a share per post.
_PAID_SHARE, _PAID_WEIGHT = 0.05, 10.0
#: Posts a day on a platform of which no post was collected: one a week, anywhere from none to four; assumed.
_POSTS_DAY = 1.0 / 7.0
#: How much the price of a single booking varies around the creator's usual one (sd of the log), assumed.
_BOOKING_SD = 0.30
ASSUMED_SHARE = "share of paid posts: 5 % (0 to 20 %), assumed, since no post of the workspace says whether it is paid"
ASSUMED_PACE = (
    "pace of posting: the platform's, else one post a week, assumed, since no post of the creator was collected"
)
ASSUMED_GROSS = "before commission, agency's part and tax; income beside brands only where declared (market: income/…)"
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "creator_id": pl.String, "platform": pl.String, "tier": pl.String, "category": pl.String, "value": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "expected": pl.Float64, "jobs_year": pl.Float64, "price_job": pl.Float64,
    "declared_other": pl.Float64, "currency": pl.String, "n": pl.Int64, "basis": pl.String, "assumed": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """Creators in order with their parameters; `draws` gives incomes chunk by chunk, so that memory stays small."""

    frame: pl.DataFrame
    seed: int

    def draws(self, number: int = _DRAWS) -> Iterator[tuple[slice, Float]]:
        """Slices of creators and their drawn yearly incomes (creators in the slice, number), with declared parts."""
        for start in range(0, self.frame.height, _CHUNK):
            # A generator of its own per chunk: the same creator gets the same draws however many are asked for.
            rng = np.random.default_rng([self.seed, start])
            yield slice(start, start + _CHUNK), _incomes(self.frame.slice(start, _CHUNK), rng, number)


@shared
def income(
    tables: Tables, *, prices: pl.DataFrame | None = None, as_of: dt.datetime | None = None, seed: int = 0
) -> pl.DataFrame:
    """Estimated income per creator over a year, in the workspace's currency.

    Parameters: `prices` is `fair_prices`' table (computed when not given).

    Returns creator_id, platform, tier, category, value (median), low, high (90 %), expected (mean), jobs_year (expected
    paid posts), price_job (usual price of one), declared_other (yearly income beside brands that `market` declares for
    this creator: segment = creator_id, metric "income/…", unit = the currency; null where none), currency, n (posts
    seen in the window), basis ("offers": rate card less discount; "placements": bookings; "fair": the fair price),
    assumed (what was assumed).

    Assumptions: the pace of the last half-year goes on; posts collected are all posts; paid posts are flagged as often
    as where it is known; gross of commission, agency's part and tax. A creator with few paid posts may well earn
    nothing in a year: then value is 0 while expected is not.
    """
    drawn = income_draws(tables, prices=prices, as_of=as_of, seed=seed)
    parts = [np.empty((0, 4))]
    for _, amounts in drawn.draws():
        low, middle, high = np.quantile(amounts, [0.05, 0.5, 0.95], axis=1)
        parts.append(np.column_stack([middle, low, high, amounts.mean(axis=1)]))
    figures = np.vstack(parts)
    named = [pl.Series(c, figures[:, i]) for i, c in enumerate(("value", "low", "high", "expected"))]
    return drawn.frame.with_columns(*named).select(list(_SCHEMA)).cast(_SCHEMA)  # type: ignore[arg-type]


def income_draws(
    tables: Tables, *, prices: pl.DataFrame | None = None, as_of: dt.datetime | None = None, seed: int = 0
) -> Drawn:
    """The parameters of every creator's income, from which `income` and its distribution are drawn."""
    facts = creator_facts(tables, as_of=as_of)
    pace = _pace(tables, as_of)
    usual = _prices(tables, facts, prices, as_of, seed)
    frame = facts.select("creator_id", "platform", "tier", "category")
    frame = frame.join(pace, on="creator_id", how="left").join(usual, on="creator_id", how="left")
    frame = frame.join(_declared(tables), on="creator_id", how="left").sort("creator_id")
    frame = frame.with_columns(pl.col("dated", "paid", "told", "days", "other").fill_null(0.0))
    frame = _posting(_paid_share(frame))
    share = pl.col("paid_a") / (pl.col("paid_a") + pl.col("paid_b"))
    nobody_told = float(frame.get_column("told").sum() or 0.0) == 0.0
    return Drawn(
        frame.with_columns(
            (pl.col("pace_shape") / pl.col("pace_rate") * _YEAR_DAYS * share).alias("jobs_year"),
            pl.col("log_price").exp().alias("price_job"),
            pl.lit(tables.settings.currency).alias("currency"),
            pl.col("dated").cast(pl.Int64).alias("n"),
            pl.concat_str(
                pl.when(pl.col("dated") == 0).then(pl.lit(ASSUMED_PACE + "; ")).otherwise(pl.lit("")),
                pl.lit(f"{ASSUMED_SHARE}; {ASSUMED_GROSS}" if nobody_told else ASSUMED_GROSS),
            ).alias("assumed"),
        ),
        seed,
    )


def _incomes(frame: pl.DataFrame, rng: np.random.Generator, number: int) -> Float:
    column = {c: frame.get_column(c).to_numpy()[:, None] for c in
              ("pace_shape", "pace_rate", "paid_a", "paid_b", "log_price", "price_sd", "other")}  # fmt: skip
    size = (frame.height, number)
    posts = rng.gamma(column["pace_shape"], 1.0, size) / column["pace_rate"] * _YEAR_DAYS
    jobs = rng.poisson(np.minimum(posts * rng.beta(column["paid_a"], column["paid_b"], size), 1e5))
    # The usual price is drawn once; the mean of the single bookings around it narrows with their number.
    single = _BOOKING_SD / np.sqrt(np.maximum(jobs, 1))
    log_price = column["log_price"] + np.hypot(column["price_sd"], single) * rng.standard_normal(size)
    return np.asarray(jobs * np.exp(np.clip(log_price, -5.0, 25.0)) + column["other"])


def _pace(tables: Tables, as_of: dt.datetime | None) -> pl.DataFrame:
    """Per creator over the window: dated posts, days since the first of them, paid posts of those that tell.

    A post that was booked is a paid one, whatever its flag says; bookings whose post is not known count on top.
    """
    posts, placements = tables["posts"], tables["placements"]
    dated = posts.filter(posts.published_at.notnull() & posts.creator_id.notnull())
    dated = tables.between(dated, "published_at", None, as_of)
    newest = as_of or tables.frame(dated.aggregate(last=dated.published_at.max())).item(0, 0)
    columns = {"creator_id": pl.String, "dated": pl.Float64, "days": pl.Float64, "paid": pl.Float64, "told": pl.Float64}
    if newest is None:
        return pl.DataFrame(schema=columns)
    start = newest - dt.timedelta(days=WINDOW_DAYS)
    recent = tables.between(dated, "published_at", start, None)
    booked = placements.filter(placements.post_id != "").select("post_id").distinct().mutate(is_booked=True)
    marked = recent.left_join(booked, "post_id")
    paid = marked.is_booked.coalesce(False) | marked.sponsored.coalesce(False)
    told = marked.is_booked.coalesce(False) | marked.sponsored.notnull()
    marked = marked.mutate(is_paid=paid.cast("int64"), is_told=told.cast("int64"))
    summed: pl.DataFrame = tables.frame(
        marked.group_by("creator_id").agg(
            dated=marked.count(), first=marked.published_at.min(), paid=marked.is_paid.sum(), told=marked.is_told.sum()
        )
    )
    loose = placements.filter(
        (placements.post_id == "") & placements.cost.notnull() & placements.published_at.notnull()
    )
    loose = tables.between(tables.between(loose, "published_at", start, None), "published_at", None, as_of)
    extra: pl.DataFrame = tables.frame(loose.group_by("creator_id").agg(extra=ibis._.count()))
    days = (pl.lit(newest).cast(summed.schema["first"]) - pl.col("first")).dt.total_seconds() / 86_400.0
    both = summed.with_columns(days.alias("days")).join(extra, on="creator_id", how="full", coalesce=True)
    extra_jobs = pl.col("extra").fill_null(0)
    return both.select(
        "creator_id", (pl.col("dated").fill_null(0) + extra_jobs).cast(pl.Float64).alias("dated"),
        pl.col("days").fill_null(WINDOW_DAYS).cast(pl.Float64),
        (pl.col("paid").fill_null(0) + extra_jobs).cast(pl.Float64).alias("paid"),
        (pl.col("told").fill_null(0) + extra_jobs).cast(pl.Float64).alias("told"),
    )  # fmt: skip


def _posting(frame: pl.DataFrame) -> pl.DataFrame:
    """Gamma posterior of posts a day: half a post's worth of the platform's usual pace is the prior.

    The window of a creator begins with its first post, which therefore does not count.
    """
    seen = pl.col("dated") > 0
    days = pl.when(seen).then(pl.col("days").clip(lower_bound=1.0)).sum()
    usual = (pl.when(seen).then(pl.col("dated")).sum() / days).over("platform")
    # A platform of which no post was collected: silence of the collector, not of the creators.
    usual = pl.when(days.over("platform") > 0).then(usual.clip(1e-3, 20.0)).otherwise(_POSTS_DAY)
    return frame.with_columns(
        ((pl.col("dated") - 1.0).clip(lower_bound=0.0) + 0.5).alias("pace_shape"),
        (pl.col("days") + 0.5 / usual).alias("pace_rate"),
    )


def _paid_share(frame: pl.DataFrame) -> pl.DataFrame:
    """Beta posterior of the share of paid posts: the cell's mean counts as `weight` posts, fitted by moments."""
    told, paid = float(frame.get_column("told").sum() or 0), float(frame.get_column("paid").sum() or 0)
    overall = (paid + _PAID_SHARE * _PAID_WEIGHT) / (told + _PAID_WEIGHT)
    some = frame.filter(pl.col("told") >= 5)
    weight = _PAID_WEIGHT
    if some.height >= 30:
        n, share = some.get_column("told").to_numpy(), (some.get_column("paid") / some.get_column("told")).to_numpy()
        middle = float(np.average(share, weights=n))
        chance = middle * (1 - middle) * float(np.mean(1 / n))
        between = max(float(np.average(np.square(share - middle), weights=n)) - chance, 1e-5)
        weight = float(np.clip(middle * (1 - middle) / between - 1, 2.0, 200.0))
    lean = 50.0
    cell = (pl.col("paid").sum() + lean * overall).over("platform", "tier")
    cell = cell / (pl.col("told").sum() + lean).over("platform", "tier")
    return frame.with_columns(
        (pl.col("paid") + weight * cell).alias("paid_a"),
        (pl.col("told") - pl.col("paid") + weight * (1 - cell)).clip(lower_bound=1e-3).alias("paid_b"),
    )


def _prices(
    tables: Tables, facts: pl.DataFrame, prices: pl.DataFrame | None, as_of: dt.datetime | None, seed: int
) -> pl.DataFrame:
    """Usual price of a paid post per creator: log_price, price_sd (log), basis."""
    ahead = forecast_next_post(tables, as_of=as_of, seed=seed)
    rows = fair_prices(tables, forecasts=ahead, facts=facts, seed=seed) if prices is None else prices
    rows = rows.filter(pl.col("currency") == tables.settings.currency)
    rows = rows.join(ahead.select("creator_id", "format", "n"), on=["creator_id", "format"], how="left")
    rows = rows.with_columns(
        ((pl.col("n").fill_null(0) + 0.1) / pl.len().over("creator_id", "format")).alias("weight"),
        pl.coalesce("price", "fair").clip(lower_bound=1e-2).alias("asked"),
        ((pl.col("fair_high").log() - pl.col("fair_low").log()) / (2 * _Z90)).alias("fair_sd"),
    )
    middle = (pl.col("weight") * pl.col("asked")).sum() / pl.col("weight").sum()
    # Which of its offers a brand takes is not known: half of their spread is left open.
    spread = pl.col("asked").log().std().fill_null(0.0) / 2.0
    each = rows.group_by("creator_id").agg(
        middle.log().alias("list_log"), spread.alias("list_sd"), pl.col("fair_sd").mean(),
        pl.col("price").is_not_null().any().alias("listed"),
    )  # fmt: skip
    less = creator_discounts(tables, facts, as_of=as_of).with_columns(
        (1 - pl.col("value")).log().alias("less"),
        (((1 - pl.col("low")) / (1 - pl.col("high"))).log() / (2 * _Z90)).alias("less_sd"),
    )
    placements = tables["placements"]
    costs = tables.between(placements.filter(placements.cost > 0), "published_at", None, as_of)
    booked: pl.DataFrame = tables.frame(costs.select("creator_id", "cost"))
    log_cost = pl.col("cost").log()
    usual = booked.group_by("creator_id").agg(
        (log_cost.mean()).alias("booked_log"), (_BOOKING_SD / pl.len().sqrt()).alias("booked_sd")
    )
    frame = facts.select("creator_id").join(each, on="creator_id", how="left")
    frame = frame.join(less.select("creator_id", "less", "less_sd"), on="creator_id", how="left")
    frame = frame.join(usual, on="creator_id", how="left")
    # Where nothing at all is known of a creator's price, it is anything around the market's middle.
    frame = frame.with_columns(pl.col("list_log").fill_null(pl.col("list_log").median()).fill_null(6.0))
    listed = pl.col("listed").fill_null(False)
    is_booked = pl.col("booked_log").is_not_null()
    return frame.select(
        "creator_id",
        pl.when(listed).then(pl.col("list_log") + pl.col("less")).when(is_booked).then("booked_log")
        .otherwise(pl.col("list_log") + pl.col("less")).alias("log_price"),
        pl.when(listed).then((pl.col("less_sd") ** 2 + pl.col("list_sd") ** 2).sqrt())
        .when(is_booked).then("booked_sd")
        .otherwise((pl.col("fair_sd") ** 2 + pl.col("less_sd") ** 2).sqrt()).fill_null(2.0).clip(0.05, 3.0)
        .alias("price_sd"),
        pl.when(listed).then(pl.lit("offers")).when(is_booked).then(pl.lit("placements")).otherwise(pl.lit("fair"))
        .alias("basis"),
    )  # fmt: skip


def _declared(tables: Tables) -> pl.DataFrame:
    """Yearly income beside brands that the workspace's market table states for a creator, in its currency."""
    market = tables["market"]
    stated = market.filter(market.metric.startswith("income/") & market.segment.contains(":"))
    rows: pl.DataFrame = tables.frame(stated.select("segment", "metric", "period", "value", "unit"))
    rows = rows.filter(pl.col("unit").str.starts_with(tables.settings.currency))
    newest = rows.sort("segment", "metric", "period").unique(["segment", "metric"], keep="last", maintain_order=True)
    summed = newest.group_by(pl.col("segment").alias("creator_id")).agg(pl.col("value").sum().alias("declared_other"))
    return summed.with_columns(pl.col("declared_other").alias("other"))
