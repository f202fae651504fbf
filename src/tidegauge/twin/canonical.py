"""The ecosystem as canonical tables: what a faultless reader makes of the files.

Some of them are written as they are (CSV); the whole serves tests that need no files.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.twin.accounts import REGIONS
from tidegauge.twin.brand import BRAND
from tidegauge.twin.ecosystem import Ecosystem
from tidegauge.twin.names import nicknames, post_titles
from tidegauge.twin.observe import bilibili_extras, epoch_s
from tidegauge.twin.population import PROFILE_BUCKETS
from tidegauge.twin.posts import BRANDS, SECONDS_DAY
from tidegauge.twin.shown import CREATOR_HABIT, POST_HABIT, is_floor, shown_value
from tidegauge.twin.world import CATEGORIES, FORMAT_NAMES, PLATFORM_NAMES, PLATFORMS

Ints = npt.NDArray[np.int64]

SOURCE_TITLE = "Tidegauge twin"
#: Yearly growth of monthly users: Douyin and Xiaohongshu from QuestMobile (2024-10), others assumed flat.
MAU_GROWTH = {"douyin": 0.08, "xiaohongshu": 0.119}
PROFILED_SHARE = 0.4


def canonical(eco: Ecosystem) -> dict[str, pl.DataFrame]:
    """All data tables as a faultless reader would fill them: counts as the platforms show them, views where shown.

    Audience keys are "platform:commenter" (here nothing needs hiding). Columns that no file tells are absent.
    """
    return {
        "creators": _creators(eco),
        "creator_snapshots": _creator_snapshots(eco),
        "posts": _posts(eco),
        "post_snapshots": _post_snapshots(eco),
        "audience_samples": _audience_samples(eco),
        "audience_profiles": audience_profiles(eco),
        "topics": _topics(eco),
        "offers": _offers(eco),
        "placements": placements(eco),
        "spend": spend(eco),
        "outcomes": outcomes(eco),
        "market": market(eco),
    }


def _instants(eco: Ecosystem, seconds: Ints) -> pl.Series:
    """UTC instants from seconds since the world's start."""
    return pl.from_epoch(pl.Series(seconds + epoch_s(eco.world.start)), time_unit="s").dt.replace_time_zone("UTC").cast(
        pl.Datetime("us", "UTC")
    )  # fmt: skip


def _words(choices: tuple[str, ...], index: Ints) -> pl.Series:
    return pl.Series(np.array(choices)[index].tolist(), dtype=pl.String)


def _creators(eco: Ecosystem) -> pl.DataFrame:
    """Every account that was seen; what only the register tells is null for the others."""
    seen = pl.DataFrame({"i": eco.observed.account, "s": eco.observed.account_s})
    first = seen.group_by("i").agg(pl.col("s").min()).sort("i")
    rows = first["i"].to_numpy()
    known = pl.Series(eco.registered_accounts[rows])
    book = eco.accounts
    mcn = book.mcn[rows]
    return pl.DataFrame(
        {
            "creator_id": eco.creator_ids.gather(first["i"]),
            "platform": _words(PLATFORM_NAMES, book.platform[rows]),
            "native_id": eco.native_ids.gather(first["i"]),
            "person_id": pl.Series([f"person-{p}" for p in book.person[rows].tolist()], dtype=pl.String),
            "name": nicknames(rows, book.category[rows], book.role[rows]),
            "category": _words(tuple(zh for _, zh in CATEGORIES), book.category[rows]),
            "role": book.role[rows].tolist(),
            "mcn": [f"仿真机构{m:02d}" if m >= 0 else None for m in mcn.tolist()],
            "verified": book.verified[rows],
            "region": _words(REGIONS, book.region[rows]),
            "first_seen_at": _instants(eco, first["s"].to_numpy()),
        },
        schema_overrides={"mcn": pl.String, "name": pl.String, "role": pl.String},
    ).with_columns(
        pl.when(known).then(pl.col(c)).otherwise(None).alias(c)
        for c in ("person_id", "category", "role", "mcn", "verified", "region")
    )


def register_creators(eco: Ecosystem) -> pl.DataFrame:
    """The accounts of the agency's own register, with person, category, role, MCN."""
    everyone = _creators(eco)
    return everyone.filter(pl.col("category").is_not_null())


def _shown(frame: pl.DataFrame, columns: tuple[str, ...], habits: dict[str, str]) -> pl.DataFrame:
    """Counts as each platform shows them and whether any count of the row is only a floor."""
    values, floors = [], []
    for column in columns:
        value, floor = pl.lit(None, dtype=pl.Int64), pl.lit(False)
        for platform, habit in habits.items():
            on = pl.col("platform") == platform
            value = pl.when(on).then(shown_value(pl.col(column), habit)).otherwise(value)
            floor = pl.when(on).then(is_floor(pl.col(column), habit)).otherwise(floor)
        values.append(value.cast(pl.Int64).alias(column))
        floors.append(floor)
    return frame.with_columns(*values, pl.any_horizontal(floors).alias("censored"))


def _creator_snapshots(eco: Ecosystem) -> pl.DataFrame:
    seen = eco.observed
    platform = _words(PLATFORM_NAMES, eco.accounts.platform[seen.account])
    frame = pl.DataFrame(
        {
            "creator_id": eco.creator_ids.gather(pl.Series(seen.account, dtype=pl.Int64)),
            "observed_at": _instants(eco, seen.account_s),
            "platform": platform,
            "followers": seen.followers,
            "following": seen.following,
            "likes_received": seen.likes_total,
            "posts": seen.posts_total,
        }
    )
    counted = pl.col("platform").is_in(["douyin", "kuaishou", "zhihu"])
    return (
        _shown(frame, ("followers", "following", "likes_received"), CREATOR_HABIT)
        .with_columns(
            pl.when(counted).then(pl.col("posts")).otherwise(None).alias("posts"),
            pl.when(pl.col("platform").is_in(["kuaishou", "weibo"]))
            .then(None)
            .otherwise(pl.col("likes_received"))
            .alias("likes_received"),
            pl.when(pl.col("platform") == "bilibili").then(None).otherwise(pl.col("following")).alias("following"),
        )
        .drop("platform")
        .sort("creator_id", "observed_at")
    )


def _post_rows(eco: Ecosystem, rows: Ints) -> pl.DataFrame:
    made, book = eco.posts, eco.accounts
    owner = made.creator[rows]
    index = pl.Series(rows, dtype=pl.Int64)
    return pl.DataFrame(
        {
            "post_id": eco.post_ids.gather(index),
            "creator_id": eco.creator_ids.gather(pl.Series(owner, dtype=pl.Int64)),
            "platform": _words(PLATFORM_NAMES, book.platform[owner]),
            "published_at": _instants(eco, np.rint(made.published_day[rows] * SECONDS_DAY).astype(np.int64)),
            "format": _words(FORMAT_NAMES, made.format[rows]),
            "duration_s": pl.Series(made.duration_s[rows]).fill_nan(None),
            "title": pl.Series(
                post_titles(made.work[rows], book.category[owner], made.emotional[rows], eco.work_roles[rows]),
                dtype=pl.String,
            ),
            "sponsored": made.sponsored[rows],
            "brand": pl.Series([BRANDS[b] if b >= 0 else None for b in made.brand[rows].tolist()], dtype=pl.String),
            "work_id": pl.Series([f"work-{w}" for w in made.work[rows].tolist()], dtype=pl.String),
        }
    )


def register_posts(eco: Ecosystem) -> pl.DataFrame:
    """The posts that the agency tracks itself: exact format, duration, sponsor and the work they belong to."""
    return _post_rows(eco, np.flatnonzero(eco.registered_posts))


def _posts(eco: Ecosystem) -> pl.DataFrame:
    """Every post that was seen; exact format, duration, sponsor and work only where the register knows it."""
    rows = np.unique(np.concatenate([eco.observed.post, np.flatnonzero(eco.registered_posts)]))
    known = pl.Series(eco.registered_posts[rows])
    guess = (
        pl.when(pl.col("platform") == "weibo").then(pl.lit("status"))
        .when(pl.col("platform") == "bilibili").then(pl.lit("mid_video"))
        .when(pl.col("platform").is_in(["douyin", "kuaishou", "xiaohongshu"]) & pl.col("format").str.ends_with("video"))
        .then(pl.lit("short_video"))
        .otherwise(pl.col("format"))
    )  # fmt: skip
    return _post_rows(eco, rows).with_columns(
        pl.when(known).then(pl.col("format")).otherwise(guess).alias("format"),
        *(
            pl.when(known).then(pl.col(c)).otherwise(None).alias(c)
            for c in ("duration_s", "sponsored", "brand", "work_id")
        ),
    )


def _post_snapshots(eco: Ecosystem) -> pl.DataFrame:
    seen, made = eco.observed, eco.posts
    platform = _words(PLATFORM_NAMES, eco.accounts.platform[made.creator[seen.post]])
    frame = pl.DataFrame(
        {
            "post_id": eco.post_ids.gather(pl.Series(seen.post, dtype=pl.Int64)),
            "observed_at": _instants(eco, seen.post_s),
            "platform": platform,
            "views": seen.views,
            "likes": seen.engaged[:, 0],
            "comments": seen.engaged[:, 1],
            "shares": seen.engaged[:, 2],
            "saves": seen.engaged[:, 3],
            **dict(zip(("danmaku", "coins"), bilibili_extras(seen.engaged), strict=True)),
        }
    )
    viewed = [s.platform.value for s in PLATFORMS if s.views_shown]
    hidden = {
        "views": ~pl.col("platform").is_in(viewed),
        "comments": pl.col("platform") == "kuaishou",
        "shares": pl.col("platform").is_in(["kuaishou", "zhihu"]),
        "saves": pl.col("platform").is_in(["kuaishou", "weibo", "zhihu"]),
        "danmaku": pl.col("platform") != "bilibili",
        "coins": pl.col("platform") != "bilibili",
    }
    blank = [pl.when(h).then(None).otherwise(pl.col(c)).alias(c) for c, h in hidden.items()]
    counts = ("views", "likes", "comments", "shares", "saves", "danmaku", "coins")
    shown = _shown(frame.with_columns(blank), counts, POST_HABIT)
    return shown.drop("platform").sort("post_id", "observed_at")


def _audience_samples(eco: Ecosystem) -> pl.DataFrame:
    seen, made = eco.observed, eco.posts
    owner = made.creator[seen.comment_post]
    platform = _words(PLATFORM_NAMES, eco.accounts.platform[owner])
    who = pl.Series(seen.commenter, dtype=pl.Int64)
    return pl.DataFrame(
        {
            "creator_id": eco.creator_ids.gather(pl.Series(owner, dtype=pl.Int64)),
            "post_id": eco.post_ids.gather(pl.Series(seen.comment_post, dtype=pl.Int64)),
            "audience_key": pl.select(pl.format("{}:{}", platform, who)).to_series(),
            "observed_at": _instants(eco, seen.comment_s),
        }
    ).unique(subset=["post_id", "audience_key", "observed_at"], maintain_order=True)


def audience_profiles(eco: Ecosystem) -> pl.DataFrame:
    """Declared profiles of a part of the registered accounts: their audience's true make-up, to four decimals."""
    rows = np.flatnonzero(eco.registered_accounts)
    rows = rows[(rows * 2_654_435_761 % 1000) < 1000 * PROFILED_SHARE]
    parts = []
    for dimension, buckets in PROFILE_BUCKETS.items():
        share = np.round(eco.mix[rows] @ eco.population.profiles[dimension], 4)
        parts.append(
            pl.DataFrame(
                {
                    "creator_id": eco.creator_ids.gather(pl.Series(np.repeat(rows, len(buckets)), dtype=pl.Int64)),
                    "platform": _words(PLATFORM_NAMES, np.repeat(eco.accounts.platform[rows], len(buckets))),
                    "dimension": pl.Series([dimension] * share.size, dtype=pl.String),
                    "bucket": pl.Series(list(buckets) * rows.size, dtype=pl.String),
                    "share": share.ravel(),
                }
            )
        )
    return pl.concat(parts).sort("creator_id", "dimension", maintain_order=True)


def _topics(eco: Ecosystem) -> pl.DataFrame:
    heat = pl.col("heat").rank("ordinal", descending=True).over("platform", pl.col("first_seen_s") // SECONDS_DAY)
    return eco.topics.select(
        "platform",
        pl.col("title").alias("topic"),
        _instants(eco, eco.topics["first_seen_s"].to_numpy()).alias("observed_at"),
        heat.cast(pl.Int64).alias("rank"),
        "heat",
    )


def _offers(eco: Ecosystem) -> pl.DataFrame:
    last = eco.world.start + timedelta(days=eco.days - 1)
    return eco.offers.select(
        eco.creator_ids.gather(eco.offers["account"]).alias("creator_id"),
        "format",
        pl.Series("role", eco.accounts.role[eco.offers["account"].to_numpy()].tolist(), dtype=pl.String),
        "terms",
        pl.col("list_price").alias("price"),
        pl.lit("CNY").alias("currency"),
        pl.lit(last).alias("valid_from"),
        "expected_views",
    )


def placements(eco: Ecosystem) -> pl.DataFrame:
    """What the brand booked with creators of the sample."""
    booked = eco.placements
    published = _instants(
        eco, np.rint(eco.posts.published_day[booked["post"].to_numpy()] * SECONDS_DAY).astype(np.int64)
    )
    return booked.select(
        pl.format("拟海-{}", published.dt.strftime("%Y%m")).alias("campaign_id"),
        pl.lit(BRAND).alias("brand"),
        eco.creator_ids.gather(booked["account"]).alias("creator_id"),
        eco.post_ids.gather(booked["post"]).alias("post_id"),
        "format",
        "role",
        "stage",
        "cost",
        published.alias("published_at"),
    )


def _periods(weeks: list[date]) -> dict[str, list[date]]:
    return {"period_start": weeks, "period_end": [w + timedelta(days=6) for w in weeks]}


def spend(eco: Ecosystem) -> pl.DataFrame:
    """Weekly spend by stream, national."""
    history = eco.brand
    return pl.concat(
        [
            pl.DataFrame({**_periods(history.weeks), "cost": history.spend[:, j]}).select(
                pl.lit(BRAND).alias("brand"), pl.lit(s).alias("stream"), "period_start", "period_end",
                pl.lit("").alias("geo"), "cost",
            )
            for j, s in enumerate(history.streams)
        ]
    )  # fmt: skip


def outcomes(eco: Ecosystem) -> pl.DataFrame:
    """Weekly sales, orders, brand series and controls, national."""
    history = eco.brand
    return pl.concat(
        [
            pl.DataFrame({**_periods(history.weeks), "value": v}).select(
                pl.lit(BRAND).alias("brand"), pl.lit(m).alias("metric"), "period_start", "period_end",
                pl.lit("").alias("geo"), "value",
            )
            for m, v in history.outcomes.items()
        ]
    )  # fmt: skip


def market(eco: Ecosystem) -> pl.DataFrame:
    """Monthly users per platform and without double counting, for the window's months and the year before."""
    last = eco.world.start + timedelta(days=eco.days - 1)
    months = [(last.year * 12 + last.month - 1 - back) for back in range(12, -1, -1)]
    now = eco.population.on_platform().sum(axis=0)
    rows = []
    for month in months:
        period, back = f"{month // 12}-{month % 12 + 1:02d}", months[-1] - month
        for j, name in enumerate(PLATFORM_NAMES):
            value = round(float(now[j]) / (1.0 + MAU_GROWTH.get(name, 0.0)) ** (back / 12.0))
            rows.append((name, "all", "MAU", period, float(value)))
    union = round(float(eco.population.cells[:, 1:].sum()))
    rows.append((",".join(PLATFORM_NAMES), "deduplicated", "MAU", period, float(union)))
    return pl.DataFrame(rows, schema=["platform", "segment", "metric", "period", "value"], orient="row").with_columns(
        pl.lit("persons").alias("unit"),
        pl.lit(SOURCE_TITLE).alias("source_title"),
        pl.lit("").alias("source_url"),
        pl.lit("own").alias("confidence"),
    )
