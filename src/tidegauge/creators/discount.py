"""Discount: how far below the rate card creators are booked, per platform, tier and creator, with partial pooling.

    y = log(paid / list) = all + platform + tier on the platform + creator + noise

Each level's spread is estimated by moments on the level below (DerSimonian and Laird 1986) and its members shrink to
the level above; what is not known above is carried down. The whole leans on the cited usual markup.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.shared import shared
from tidegauge.reference import facts as cited_facts
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]
Int = NDArray[np.int64]

_Z90 = 1.6449
#: How far the cited markup may be off for a market (sd of the log ratio); assumed, as the source is one blog.
_PRIOR_SD = 0.15
#: Spread of the levels where it cannot be told (sd of log): platforms, tiers, creators, single bookings; assumed.
_DEFAULT = {"platform": 0.05, "tier": 0.05, "creator": 0.10, "noise": 0.10}
#: Beyond a factor of ten the price bought something else (a package, a gift): such a booking is left out.
_FARTHEST = float(np.log(10.0))
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "level": pl.String, "platform": pl.String, "tier": pl.String, "creator_id": pl.String, "value": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "n": pl.Int64, "creators": pl.Int64, "in_force": pl.Float64,
    "basis": pl.String, "assumed": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class _Level:
    """Members of one level: posterior `mean` and `variance` of log(paid / list), and the spread between members."""

    mean: Float
    variance: Float
    between: float


@shared
def discounts(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """The discount from list per level, as a share of the list price (0.13: paid 13 % less; below 0: a surcharge).

    Returns level ("all", "platform", "tier", "creator"), platform, tier, creator_id (null above their level), value,
    low, high (90 %), n (bookings), creators, in_force (share of the bookings for which a rate card was in force at the
    time; else the nearest one in time stands in), basis ("placements", or "cited" where there are none), assumed.

    A booking is held against the list price of the same creator and format in the workspace's currency; where several
    terms of that format are listed (1-20s, 21-60s) their middle is taken and their spread counts as error. Only
    creators of the list can be told: what was booked without a rate card says nothing about discounts.
    """
    booked = _booked(tables, as_of)
    centre, source = _usual_markup()
    if booked.is_empty():
        half = _Z90 * float(np.hypot(_PRIOR_SD, _DEFAULT["creator"]))
        bounds = sorted(1 - float(np.exp(centre + s * half)) for s in (-1, 1))
        row = ["all", None, None, None, 1 - float(np.exp(centre)), *bounds, 0, 0, None, "cited", source]
        return pl.DataFrame([row], schema=_SCHEMA, orient="row")
    return _levels(booked, centre)


def creator_discounts(tables: Tables, facts: pl.DataFrame, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """One row per creator of `facts` (`creator_facts`): creator_id, value, low, high, discount_basis.

    The creator's own where it was booked, else that of its platform's tier, its platform, or all: there with the
    spread between creators, which a single creator's bookings would settle.
    """
    found = discounts(tables, as_of=as_of)
    wide = ["value", "low", "high"]
    frame = facts.select("creator_id", "platform", "tier")
    keys = {"creator": ["creator_id"], "tier": ["platform", "tier"], "platform": ["platform"]}
    for level, key in keys.items():
        part = found.filter(level=level).select(*key, *(pl.col(c).alias(f"{c}_{level}") for c in wide))
        frame = frame.join(part, on=key, how="left", nulls_equal=False)
    whole = found.filter(level="all").row(0, named=True)
    basis = pl.lit("cited" if whole["basis"] == "cited" else "all")
    for level in ("platform", "tier", "creator"):
        basis = pl.when(pl.col(f"value_{level}").is_not_null()).then(pl.lit(level)).otherwise(basis)
    return frame.select(
        "creator_id",
        *(pl.coalesce(*(f"{c}_{level}" for level in keys), pl.lit(whole[c], pl.Float64)).alias(c) for c in wide),
        basis.alias("discount_basis"),
    )


def _usual_markup() -> tuple[float, str]:
    """log(paid / list) at the cited markup, and its source."""
    row = cited_facts().filter(
        (pl.col("topic") == "price") & (pl.col("segment") == "list price over paid price")
    ).row(0, named=True)  # fmt: skip
    return -float(np.log1p(float(row["value_low"]))), f"{row['source_title']} ({row['source_url']})"


def _booked(tables: Tables, as_of: dt.datetime | None) -> pl.DataFrame:
    """One row per booking with a list price: creator_id, platform, tier, y, spread (variance), in_force."""
    placements, offers = tables["placements"], tables["offers"]
    known = tables.between(placements.filter(placements.cost > 0), "published_at", None, as_of)
    paid: pl.DataFrame = tables.frame(known.select("creator_id", "format", "cost", "published_at"))
    cards: pl.DataFrame = tables.frame(
        offers.filter((offers.price > 0) & (offers.currency == tables.settings.currency)).select(
            "creator_id", "format", "terms", "price", "valid_from", "valid_to"
        )
    )
    day = pl.col("published_at").dt.convert_time_zone(str(tables.settings.zone)).dt.date()
    paid = paid.with_row_index("booking").with_columns(day.alias("day"))
    both = paid.join(cards, on=["creator_id", "format"])
    apart = (pl.col("valid_from") - pl.col("day")).dt.total_days()
    inside = (apart <= 0) & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("day")))
    both = both.with_columns(
        inside.fill_null(False).alias("in_force"),
        apart.abs().fill_null(0).alias("apart"),
        pl.col("price").log().alias("list"),
    )
    both = both.filter(pl.col("in_force") | ~pl.col("in_force").any().over("booking"))
    nearest = pl.col("apart") == pl.col("apart").min().over("booking", "terms")
    each = both.filter(nearest).group_by("booking").agg(
        pl.col("creator_id").first(), pl.col("cost").first().log().alias("paid"), pl.col("list").median(),
        pl.col("list").var().fill_null(0.0).alias("spread"), pl.col("in_force").any(),
    )  # fmt: skip
    each = each.with_columns((pl.col("paid") - pl.col("list")).alias("y")).filter(pl.col("y").abs() < _FARTHEST)
    people = creator_facts(tables, as_of=as_of).select("creator_id", "platform", "tier")
    return each.join(people, on="creator_id").sort("booking")


def _levels(booked: pl.DataFrame, centre: float) -> pl.DataFrame:
    creators = booked.group_by("platform", "tier", "creator_id").agg(
        pl.col("y").mean(), pl.col("y").var().alias("own_variance"), pl.len().alias("n"), pl.col("spread").mean(),
        pl.col("in_force").mean(),
    ).sort("platform", "tier", "creator_id").with_columns(creators=pl.lit(1, pl.UInt32))  # fmt: skip
    again = creators.filter(pl.col("n") > 1)
    degrees = float((again.get_column("n") - 1).sum() or 0)
    squares = float((again.get_column("own_variance") * (again.get_column("n") - 1)).sum() or 0.0)
    # The pooled variance of single bookings, with the assumed one worth four more degrees of freedom.
    noise = (squares + 4.0 * _DEFAULT["noise"] ** 2) / (degrees + 4.0)
    n = creators.get_column("n").to_numpy().astype(np.float64)
    error = noise / n + creators.get_column("spread").to_numpy()
    tiers, to_tier = _groups(creators, ["platform", "tier"])
    platforms, to_platform = _groups(tiers, ["platform"])
    y = creators.get_column("y").to_numpy()
    tau_creator = _between(y, error, to_tier, _DEFAULT["creator"])
    tier_mean, tier_error = _summed(y, error + tau_creator, to_tier)
    tau_tier = _between(tier_mean, tier_error, to_platform, _DEFAULT["tier"])
    platform_mean, platform_error = _summed(tier_mean, tier_error + tau_tier, to_platform)
    zeros = np.zeros(platforms.height, dtype=np.int64)
    tau_platform = _between(platform_mean, platform_error, zeros, _DEFAULT["platform"])
    whole_mean, whole_error = _summed(platform_mean, platform_error + tau_platform, zeros)
    trust = _PRIOR_SD**2 / (_PRIOR_SD**2 + whole_error)
    whole = _Level(trust * whole_mean + (1 - trust) * centre, trust * whole_error, tau_platform)
    platform = _down(platform_mean, platform_error, whole, zeros, tau_platform)
    tier = _down(tier_mean, tier_error, platform, to_platform, tau_tier)
    own = _down(y, error, tier, to_tier, tau_creator)
    single = {"creator": 0.0, "tier": tau_creator, "platform": tau_creator + tau_tier,
              "all": tau_creator + tau_tier + tau_platform}  # fmt: skip
    every = creators.select(
        pl.col("n").sum(), pl.col("creators").sum(), ((pl.col("in_force") * pl.col("n")).sum() / pl.col("n").sum())
    )
    parts = [
        _rows("all", every, whole, single),
        _rows("platform", platforms, platform, single),
        _rows("tier", tiers, tier, single),
        _rows("creator", creators.select("platform", "tier", "creator_id", "n", "creators", "in_force"), own, single),
    ]
    return pl.concat(parts, how="diagonal_relaxed").select(list(_SCHEMA)).cast(_SCHEMA)  # type: ignore[arg-type]


def _groups(members: pl.DataFrame, keys: list[str]) -> tuple[pl.DataFrame, Int]:
    """The groups of sorted members with their sums, and the group's number of each member."""
    share = ((pl.col("in_force") * pl.col("n")).sum() / pl.col("n").sum()).alias("in_force")
    groups = members.group_by(keys, maintain_order=True).agg(share, pl.col("n", "creators").sum())
    codes = members.select(pl.struct(keys).rle_id().cast(pl.Int64)).to_series().to_numpy()
    return groups, codes


def _summed(mean: Float, variance: Float, group: Int) -> tuple[Float, Float]:
    weight = 1.0 / variance
    total = np.bincount(group, weight)
    return np.bincount(group, weight * mean) / total, 1.0 / total


def _between(mean: Float, error: Float, group: Int, default: float) -> float:
    """Variance between the members of a group, pooled over groups; the assumed one counts as four more members."""
    centre, _ = _summed(mean, error + default**2, group)
    degrees = float(mean.size - (int(group.max()) + 1))
    excess = float(np.sum(np.square(mean - centre[group]) - error)) if degrees > 0 else 0.0
    return max((max(excess, 0.0) + 4.0 * default**2) / (max(degrees, 0.0) + 4.0), 1e-5)


def _down(mean: Float, error: Float, above: _Level, group: Int, between: float) -> _Level:
    trust = between / (between + error)
    middle = trust * mean + (1 - trust) * above.mean[group]
    return _Level(middle, trust * error + np.square(1 - trust) * above.variance[group], between)


def _rows(level: str, keys: pl.DataFrame, found: _Level, single: dict[str, float]) -> pl.DataFrame:
    """One level's rows. Above the creator the interval is that of a creator of the group, not of its mean."""
    half = _Z90 * np.sqrt(found.variance + single[level])
    low, high = 1 - np.exp(found.mean + half), 1 - np.exp(found.mean - half)
    return keys.with_columns(
        pl.lit(level).alias("level"), pl.Series("value", 1 - np.exp(found.mean)), pl.Series("low", low),
        pl.Series("high", high), pl.lit("placements").alias("basis"), pl.lit(None, pl.String).alias("assumed"),
    )  # fmt: skip
