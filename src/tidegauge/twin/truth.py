"""The truth: what generated the files, as frames (and on disk as Parquet), so that estimates can be held against it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.twin.accounts import TIER_NAMES, YEAR, generator_year, tier_index, tier_moves
from tidegauge.twin.brand import contribution_truth, stream_truth, weekly_truth
from tidegauge.twin.ecosystem import Ecosystem
from tidegauge.twin.population import PROFILE_BUCKETS
from tidegauge.twin.posts import counts_at, grown_share, half_time_days
from tidegauge.twin.prices import expected_views
from tidegauge.twin.shown import account_ids
from tidegauge.twin.topics import flow_truth
from tidegauge.twin.world import CATEGORIES, FORMAT_NAMES, PLATFORM_NAMES, VERSION

Floats = npt.NDArray[np.float64]

#: Pairs of accounts on one platform whose overlap is listed.
OVERLAP_PAIRS = 2000


def truth(eco: Ecosystem) -> dict[str, pl.DataFrame]:
    """All truth tables by name; docs/methods/twin.md says what each column means."""
    tables = {
        "creators": creators(eco),
        "followers": followers(eco),
        "posts": posts(eco),
        "distribution": eco.distribution.frame(),
        "people": eco.population.frame(),
        "communities": _communities(eco),
        "memberships": _memberships(eco),
        "commenters": _commenters(eco),
        "overlaps": overlaps(eco),
        "offers": eco.offers.with_columns(eco.creator_ids.gather(eco.offers["account"]).alias("creator_id")).drop(
            "account"
        ),
        "topics": eco.topics,
        "topic_flow": flow_truth(eco.world),
        "tier_moves": tier_moves(eco.accounts, eco.days),
        "streams": stream_truth(eco.brand),
        "sales_weekly": weekly_truth(eco.brand),
        "contributions_weekly": contribution_truth(eco.brand),
    }
    if eco.world.followers == "markov":
        tables["tier_generator"] = _generator(eco)
    return tables


def meta(eco: Ecosystem) -> dict[str, Any]:
    """Seed, version, sizes and the whole `World`, as JSON-ready values."""
    world = {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in asdict(eco.world).items()}
    return {
        "artificial": True,
        "version": VERSION,
        "seed": eco.seed,
        "creators": eco.accounts.count,
        "days": eco.days,
        "first_day": eco.world.start.isoformat(),
        "last_day": (eco.world.start + timedelta(days=eco.days - 1)).isoformat(),
        "brand_decay_week": eco.brand.decay,
        "brand_half_life_weeks": eco.world.brand_half_life_weeks,
        "brand_effect_cny_per_point": eco.brand.effect,
        "world": {k: (None if isinstance(v, float) and not np.isfinite(v) else v) for k, v in world.items()},
    }


def dependence(eco: Ecosystem) -> tuple[Floats, Floats]:
    """Per account: sd of the distribution's log effect over the account's active days, and its share of the variance.

    share = sd² / (sd² + work_sd²), where work_sd is the log sd of one work (creator, followers, format held fixed).
    """
    book = eco.accounts
    days = np.arange(eco.days, dtype=np.float64) + 0.5
    effect = np.empty((book.count, eco.days))
    for d, day in enumerate(days.tolist()):
        moment = np.full(book.count, day)
        effect[:, d] = eco.distribution.effect(book.platform, moment, book.recovery_half_life_days) * book.sensitivity
    active = (days >= book.entry_day[:, None]) & (days < np.maximum(book.stop_day, book.entry_day + 1)[:, None])
    weight = active / active.sum(axis=1, keepdims=True)
    mean = np.sum(weight * effect, axis=1, keepdims=True)
    variance = np.sum(weight * (effect - mean) ** 2, axis=1)
    return np.sqrt(variance), variance / (variance + eco.world.work_sd**2)


def creators(eco: Ecosystem) -> pl.DataFrame:
    """One row per account: who it is and every latent trait."""
    book, n = eco.accounts, eco.accounts.count
    rows = np.arange(n)
    first = book.followers[rows, np.minimum(book.entry_day, eco.days - 1)]
    last_day = np.maximum(np.minimum(book.gone_day, eco.days) - 1, np.minimum(book.entry_day, eco.days - 1))
    last = book.followers[rows, last_day]
    spread, share = dependence(eco)
    priced = eco.offers.group_by("account").agg(
        pl.col("overpriced").any(),
        pl.col("fair_price").max(),
        (pl.col("list_price") / pl.col("fair_price")).mean().alias("price_over_fair"),
    )
    return (
        pl.DataFrame(
            {
                "account": rows.astype(np.int64),
                "creator_id": eco.creator_ids,
                "platform": np.array(PLATFORM_NAMES)[book.platform],
                "category": np.array([zh for _, zh in CATEGORIES])[book.category],
                "person_id": [f"person-{p}" for p in book.person.tolist()],
                "main_account": book.main,
                "role": book.role,
                "tier_start": np.array(TIER_NAMES)[tier_index(np.maximum(first, 0), book.platform)],
                "tier_end": np.array(TIER_NAMES)[tier_index(np.maximum(last, 0), book.platform)],
                "followers_start": first,
                "followers_end": last,
                "real_followers_end": np.rint(np.maximum(last, 0) * book.real_share[rows, last_day]).astype(np.int64),
                "entry_day": book.entry_day,
                "stop_day": book.stop_day,
                "gone_day": book.gone_day,
                "posts_week": book.posts_week,
                "quality_log": book.quality,
                "drift_year": book.drift_year,
                "sensitivity": book.sensitivity,
                "recovery_half_life_days": book.recovery_half_life_days,
                "distribution_sd": spread,
                "dependence": share,
                "expected_views": expected_views(
                    book, eco.world, np.maximum(last, 0) * book.real_share[rows, last_day]
                ),
                "audience_persons": eco.audience,
                "inflated": book.inflated,
                "inflation_rate": book.inflation_rate,
                "inflation_day": book.inflation_day,
            }
        )
        .join(priced, on="account", how="left", maintain_order="left")
        .drop("account")
    )


def followers(eco: Ecosystem) -> pl.DataFrame:
    """Shown followers of each account on each day on which it is there: creator_id, day, followers."""
    here = eco.accounts.followers >= 0
    account, day = np.nonzero(here)
    return pl.DataFrame(
        {
            "creator_id": eco.creator_ids.gather(pl.Series(account, dtype=pl.Int64)),
            "day": day.astype(np.int64),
            "followers": eco.accounts.followers[here],
        }
    )


def posts(eco: Ecosystem) -> pl.DataFrame:
    """One row per post: views at 30 days and at the window's end, accumulation, and the parts of log views."""
    made = eco.posts
    rows = np.arange(made.count)
    views, _ = counts_at(made, rows, np.full(made.count, float(eco.days)))
    return pl.DataFrame(
        {
            "post_id": eco.post_ids,
            "creator_id": eco.creator_ids.gather(pl.Series(made.creator, dtype=pl.Int64)),
            "published_day": made.published_day,
            "format": np.array(FORMAT_NAMES)[made.format],
            "duration_s": pl.Series(made.duration_s).fill_nan(None),
            "work_id": [f"work-{w}" for w in made.work.tolist()],
            "sponsored": made.sponsored,
            "emotional": made.emotional,
            "distribution_log": made.distribution_log,
            "work_log": made.work_log,
            "views30": made.views30,
            "views_end": views,
            "half_life_days": made.half_life_days,
            "evergreen": made.evergreen,
            "half_time_days": half_time_days(made.half_life_days, made.evergreen),
            "share_after_day7": 1.0 - grown_share(np.full(made.count, 7.0), made.half_life_days, made.evergreen),
        },
        schema_overrides={"work_id": pl.String, "format": pl.String},
    )


def _communities(eco: Ecosystem) -> pl.DataFrame:
    """One row per community, dimension and bucket: its share."""
    parts = []
    for dimension, buckets in PROFILE_BUCKETS.items():
        share = eco.population.profiles[dimension]
        k = share.shape[0]
        parts.append(
            pl.DataFrame(
                {
                    "community": np.repeat(np.arange(k), len(buckets)),
                    "dimension": [dimension] * share.size,
                    "bucket": list(buckets) * k,
                    "share": share.ravel(),
                }
            )
        )
    return pl.concat(parts)


def _memberships(eco: Ecosystem) -> pl.DataFrame:
    """Per account: audience mix by community, membership chance by community, and the core commenters (numbers)."""
    core = [eco.cores.of(j).tolist() for j in range(eco.accounts.count)]
    return pl.DataFrame(
        {
            "creator_id": eco.creator_ids,
            "mix": pl.Series(eco.mix.tolist(), dtype=pl.List(pl.Float64)),
            "chance": pl.Series(eco.chance.tolist(), dtype=pl.List(pl.Float64)),
            "core": pl.Series(core, dtype=pl.List(pl.Int64)),
        }
    )


def _commenters(eco: Ecosystem) -> pl.DataFrame:
    """Per commenting person: community, activity and the user id on each platform (empty where not used)."""
    crowd = eco.population
    n = crowd.core_community.size
    columns: dict[str, Any] = {
        "commenter": np.arange(n),
        "community": crowd.core_community,
        "activity": crowd.core_activity,
    }
    for p, name in enumerate(PLATFORM_NAMES):
        ids = account_ids(name, np.arange(n) + eco.accounts.count)
        used = (crowd.core_pattern >> p & 1).tolist()
        columns[name] = pl.Series([i if u else None for i, u in zip(ids, used, strict=True)], dtype=pl.String)
    return pl.DataFrame(columns)


def overlaps(eco: Ecosystem) -> pl.DataFrame:
    """Random pairs of accounts on one platform: expected persons in both audiences, core persons in both."""
    rows = []
    rng = np.random.default_rng(eco.seed)
    for p in range(len(PLATFORM_NAMES)):
        mine = np.flatnonzero((eco.accounts.platform == p) & (eco.accounts.followers[:, -1] >= 0))
        if mine.size < 2:
            continue
        wanted = max(1, round(OVERLAP_PAIRS * mine.size / eco.accounts.count))
        pairs = np.unique(np.sort(rng.choice(mine, size=(wanted, 2)), axis=1), axis=0)
        for a, b in pairs[pairs[:, 0] != pairs[:, 1]].tolist():
            shared = np.intersect1d(eco.cores.of(a), eco.cores.of(b), assume_unique=True).size
            rows.append((a, b, eco.overlap(a, b), eco.cores.of(a).size, eco.cores.of(b).size, shared))
    schema = {
        "a": pl.Int64,
        "b": pl.Int64,
        "persons_both": pl.Float64,
        "core_a": pl.Int64,
        "core_b": pl.Int64,
        "core_both": pl.Int64,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.select(
        eco.creator_ids.gather(frame["a"]).alias("creator_a"),
        eco.creator_ids.gather(frame["b"]).alias("creator_b"),
        pl.exclude("a", "b"),
    )


def _generator(eco: Ecosystem) -> pl.DataFrame:
    """The generator of the tier process per platform, rates a month (30.4375 days)."""
    rows = []
    for p, name in enumerate(PLATFORM_NAMES):
        rates = generator_year(eco.world, p) * 30.4375 / YEAR
        rows += [
            (name, TIER_NAMES[a], TIER_NAMES[b], float(rates[a, b]))
            for a in range(5)
            for b in range(5)
            if a != b and rates[a, b] > 0
        ]
    return pl.DataFrame(rows, schema=["platform", "from_tier", "to_tier", "rate_month"], orient="row")
