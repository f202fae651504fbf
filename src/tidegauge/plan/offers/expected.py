"""Expected views and engagements of every candidate, from the best source that the workspace has for it.

Sources: the forecast of the creator's next post (its own posts; its likes where the platform hides views; creators
like it); what the rate card states; the growth of the channel's total; followers times a cited ratio. Forecast and rate
card are two readings of one level and are weighed by their precision, which also takes back the luck of those who look
best by chance; the weightier one names the basis. All but own posts and the rate card are marked assumed.

The figure is the *expected* count of one post (the mean of a log-normal), since reach adds up over a roster; the
interval is that of one post.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tidegauge.creators.next_post import forecast_next_post
from tidegauge.plan.offers.posts_read import weekly_channel_views
from tidegauge.reference import facts
from tidegauge.workspace.tables import Tables

#: A post's spread (log scale) raises its mean over its median, by the body of the distribution and not its tail: the
#: forecast is a Student t of 5 degrees, whose scale is this part of its standard deviation; the cap bounds the rise.
BODY, MAX_SD_IN_MEAN = 0.775, 0.8
#: 90 % of a normal distribution lies within this many standard deviations.
Z90 = 1.6449
#: Spread of single posts around a creator's level (log scale), for sources that speak of the level alone.
NOISE_SD = 0.9
#: Posts a week taken for a channel whose posts are not in the workspace, and how far that may be off (log scale).
POSTS_PER_WEEK_GUESS, CHANNEL_SD = 3.5, 1.0
#: How far a rate card's figure is off from the creator's own posts, before any comparison (log scale).
CLAIM_SD = 0.6
#: How far the views per like of one platform may be off for another, and once rate cards have set it right (log scale).
LIKES_SD, LIKES_CHECKED_SD = 0.5, 0.2
#: How far a ratio cited for another platform may be off (log scale).
BORROWED_SD = 1.0
#: Engagements per view where the workspace holds none; no source is known for it.
ENGAGEMENT_GUESS = 0.03
ENGAGEMENTS = ("likes", "comments", "shares", "saves")

#: Basis → whether it is an assumption rather than a reading.
BASES = {
    "posts": False,
    "rate_card": False,
    "likes": True,
    "channel": True,
    "similar_creators": True,
    "followers_ratio": True,
}


def expected_views(tables: Tables, wanted: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """Add views, views_low, views_high (90 %), views_log_sd, views_shared_sd, views_basis, views_assumed to candidates.

    `wanted`: creator_id, platform, format, followers, claim (the rate card's views); the last two may be null. Rows
    without any source get null views.
    """
    rows = wanted.select("creator_id", "platform", "format", "followers", "claim")
    rows = _with_forecast(rows, tables).join(
        weekly_channel_views(tables, now), on="creator_id", how="left", maintain_order="left"
    )
    rows = _with_ratio(_with_channel(_weighed(_likes_set_right(_with_claim(rows)))))
    # Prefixes: v forecast, c claim, w week of the channel, f followers. The first four rest on the creator itself.
    claimed = pl.col("claim_leads").fill_null(False)
    own = [
        ("posts", "v", pl.col("v_basis").is_in(["posts", "creator"]) & ~claimed),
        ("likes", "v", (pl.col("v_basis") == "likes") & ~claimed),
        ("rate_card", "c", claimed),
        ("channel", "w", pl.col("weekly_views") > 0),
    ]
    spread = [pl.when(usable).then(pl.col(f"{prefix}_sd")) for _, prefix, usable in own]
    narrowest = pl.min_horizontal(*spread)
    choices = [(sd == narrowest, name, prefix) for sd, (name, prefix, _) in zip(spread, own, strict=True)]
    choices += [
        (pl.col("v_basis") == "cell", "similar_creators", "v"),
        (pl.col("f_mu").is_not_null(), "followers_ratio", "f"),
    ]
    chosen = rows.select(
        pl.coalesce(*(pl.when(holds).then(pl.lit(name)) for holds, name, _ in choices)).alias("views_basis"),
        *(
            pl.coalesce(*(pl.when(holds).then(pl.col(f"{p}_{part}")) for holds, _, p in choices)).alias(part)
            for part in ("mu", "sd", "shared")
        ),
    )
    capped = pl.min_horizontal(BODY * pl.col("sd"), pl.lit(MAX_SD_IN_MEAN))
    return wanted.hstack(
        chosen.select(
            (pl.col("mu") + capped**2 / 2).exp().alias("views"),
            (pl.col("mu") - Z90 * pl.col("sd")).exp().alias("views_low"),
            (pl.col("mu") + Z90 * pl.col("sd")).exp().alias("views_high"),
            pl.col("sd").alias("views_log_sd"),
            pl.col("shared").alias("views_shared_sd"),
            "views_basis",
            pl.col("views_basis").replace_strict(BASES, default=None, return_dtype=pl.Boolean).alias("views_assumed"),
        )
    )


def expected_engagements(tables: Tables, wanted: pl.DataFrame) -> pl.DataFrame:
    """Add engagements (expected likes, comments, shares and saves of one post together) to candidates with views.

    From forecasts of each count; where the creator has none, views times the median rate of its platform's candidates,
    else a guess.
    """
    total = pl.Series("own", [None] * wanted.height, dtype=pl.Float64)
    for metric in ENGAGEMENTS:
        forecast = _forecast(tables, metric, wanted.select("creator_id", "platform", "format"))
        capped = pl.min_horizontal(BODY * pl.col("v_sd"), pl.lit(MAX_SD_IN_MEAN))
        known = pl.when(pl.col("v_basis").is_in(["posts", "creator"])).then((pl.col("v_mu") + capped**2 / 2).exp())
        part = forecast.select(known.alias("part")).get_column("part")
        total = pl.select(pl.when(total.is_null() & part.is_null()).then(None).otherwise(
            total.fill_null(0.0) + part.fill_null(0.0)
        )).to_series()  # fmt: skip
    rate = (pl.col("own") / pl.col("views")).median().over("platform").fill_null(ENGAGEMENT_GUESS)
    return (
        wanted.with_columns(total.alias("own"))
        .with_columns(pl.coalesce("own", rate * pl.col("views")).alias("engagements"))
        .drop("own")
    )


def _forecast(tables: Tables, metric: str, rows: pl.DataFrame) -> pl.DataFrame:
    """v_mu, v_sd, v_level (spread of the level alone) and v_basis of the next post.

    Null where no post of the platform shows the count, or for views at least likes.
    """
    snapshots, posts = tables["post_snapshots"], tables["posts"]
    counted = snapshots.filter(snapshots[metric].notnull() | (snapshots.likes.notnull() & (metric == "views")))
    seen: pl.DataFrame = tables.frame(counted.join(posts, "post_id").select("platform").distinct())
    shown = seen.get_column("platform").to_list()
    empty = {"v_mu": pl.Float64, "v_sd": pl.Float64, "v_level": pl.Float64, "v_basis": pl.String}
    if not shown:
        return rows.with_columns(*(pl.lit(None, kind).alias(name) for name, kind in empty.items()))
    found = forecast_next_post(tables, metric=metric).select(
        "creator_id",
        "format",
        pl.col("log_mean").alias("v_mu"),
        pl.col("log_sd").alias("v_sd"),
        pl.col("level_sd").alias("v_level"),
        pl.col("basis").alias("v_basis"),
    )
    joined = rows.join(found, on=["creator_id", "format"], how="left", maintain_order="left")
    # A format that the forecast does not list (nobody posted it) takes the creator's level in its first one.
    any_format = found.unique("creator_id", keep="first", maintain_order=True).drop("format")
    joined = joined.join(any_format, on="creator_id", how="left", maintain_order="left", suffix="_any")
    there = pl.col("platform").is_in(shown)
    return joined.with_columns(
        *(pl.when(there).then(pl.coalesce(name, f"{name}_any")).alias(name) for name in empty)
    ).drop(f"{name}_any" for name in empty)


def _with_forecast(rows: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    shared = pl.when(pl.col("v_basis") == "likes").then(LIKES_SD).otherwise(0.0)
    return _forecast(tables, "views", rows).with_columns(shared.alias("v_shared"))


def _robust(values: pl.Series, centre: float, spread: float, *, strength: float) -> tuple[float, float]:
    """Median and robust standard deviation, shrunk towards what was assumed as if by `strength` observations."""
    n = values.len()
    if n == 0:
        return centre, spread
    x = values.to_numpy()
    middle = float(np.median(x))
    scatter = 1.4826 * float(np.median(np.abs(x - middle)))
    trust = n / (n + strength)
    return trust * middle + (1 - trust) * centre, trust * scatter + (1 - trust) * spread


def _with_claim(rows: pl.DataFrame) -> pl.DataFrame:
    """The rate card's figure, corrected by how such figures compare with the creators' own posts in the workspace.

    Its spread as a reading of the level is the scatter of that comparison, less what the forecast itself is unsure of.
    """
    log_claim = pl.col("claim").cast(pl.Float64).log1p()
    both = rows.filter((pl.col("claim") > 0) & (pl.col("v_basis") == "posts"))
    bias, scatter = _robust(both.select(pl.col("v_mu") - log_claim).to_series(), 0.0, CLAIM_SD, strength=20)
    unsure = float(np.mean(both["v_level"].to_numpy() ** 2)) if both.height else 0.0
    level = float(np.sqrt(max(scatter**2 - unsure, 0.2**2)))
    stated = pl.col("claim") > 0
    return rows.with_columns(
        pl.when(stated).then(log_claim + bias).alias("c_mu"),
        pl.when(stated).then(level).alias("c_level"),
        pl.when(stated).then(float(np.hypot(level, NOISE_SD))).alias("c_sd"),
        pl.lit(LIKES_CHECKED_SD).alias("c_shared"),
    )


def _weighed(rows: pl.DataFrame) -> pl.DataFrame:
    """Where there are a forecast and a rate card: their mean weighed by precision, under both prefixes.

    `claim_leads` tells whether the rate card weighs more; null without one.
    """
    w_v, w_c = 1 / pl.col("v_level") ** 2, 1 / pl.col("c_level") ** 2
    noise = pl.max_horizontal(pl.col("v_sd") ** 2 - pl.col("v_level") ** 2, pl.lit(0.0))
    mu = (w_v * pl.col("v_mu") + w_c * pl.col("c_mu")) / (w_v + w_c)
    sd = (1 / (w_v + w_c) + noise).sqrt()
    both = rows.with_columns(mu.alias("both_mu"), sd.alias("both_sd"))
    leads = pl.when(pl.col("c_mu").is_not_null()).then((w_c > w_v).fill_null(True))
    return both.with_columns(
        *(pl.coalesce(f"both_{part}", f"{p}_{part}").alias(f"{p}_{part}") for p in ("v", "c") for part in ("mu", "sd")),
        leads.alias("claim_leads"),
    )


def _likes_set_right(rows: pl.DataFrame) -> pl.DataFrame:
    """Views inferred from likes, moved per platform to where rate cards of the same platform put them.

    The forecast takes the views per like of platforms that show both; a platform's own rate cards (median reads) tell
    how far that is off. At least ten creators with both are needed.
    """
    both = rows.filter((pl.col("v_basis") == "likes") & pl.col("c_mu").is_not_null())
    shifts = {
        str(platform[0]): _robust(part.select(pl.col("c_mu") - pl.col("v_mu")).to_series(), 0.0, 0.0, strength=5)[0]
        for platform, part in both.group_by("platform", maintain_order=True)
        if part.height >= 10
    }
    moved = (pl.col("v_basis") == "likes") & pl.col("platform").is_in(sorted(shifts))
    shift = pl.col("platform").replace_strict(shifts, default=0.0, return_dtype=pl.Float64)
    return rows.with_columns(
        pl.when(moved).then(pl.col("v_mu") + shift).otherwise(pl.col("v_mu")).alias("v_mu"),
        pl.when(moved).then(LIKES_CHECKED_SD).otherwise(pl.col("v_shared")).alias("v_shared"),
    )


def _with_channel(rows: pl.DataFrame) -> pl.DataFrame:
    """A post's views as a part of what the channel gains in a week.

    The part is estimated where both are known in the workspace; else a week holds `POSTS_PER_WEEK_GUESS` posts.
    """
    log_week = pl.col("weekly_views").log1p()
    both = rows.filter((pl.col("v_basis") == "posts") & (pl.col("weekly_views") > 0)).unique(
        "creator_id", maintain_order=True
    )
    guess = -float(np.log(POSTS_PER_WEEK_GUESS))
    part, scatter = _robust(both.select(pl.col("v_mu") - log_week).to_series(), guess, CHANNEL_SD, strength=20)
    there = pl.col("weekly_views") > 0
    return rows.with_columns(
        pl.when(there).then(log_week + part).alias("w_mu"),
        pl.when(there).then(float(np.hypot(scatter, NOISE_SD))).alias("w_sd"),
        pl.lit(CHANNEL_SD / 2).alias("w_shared"),
    )


def _with_ratio(rows: pl.DataFrame) -> pl.DataFrame:
    """Followers times the cited ratio of reach to followers, the platform's own or a borrowed one."""
    ratios = reach_over_followers()
    borrowed = float(np.exp(np.mean(np.log(list(ratios.values())))))
    ratio = pl.col("platform").replace_strict(ratios, default=borrowed, return_dtype=pl.Float64)
    return rows.with_columns(
        (pl.col("followers").cast(pl.Float64) * ratio).log1p().alias("f_mu"),
        pl.when(pl.col("followers").is_not_null()).then(float(np.hypot(BORROWED_SD, NOISE_SD))).alias("f_sd"),
        pl.lit(BORROWED_SD).alias("f_shared"),
    )


def reach_over_followers() -> dict[str, float]:
    """Platform → cited reach of a post over followers."""
    rows = facts().filter((pl.col("topic") == "reach") & pl.col("segment").str.starts_with("reach over followers"))
    named = {"twitter": "x"}
    return {named.get(p, p): float(r["value_low"]) for r in rows.to_dicts() for p in r["platform"].split(",")}


def viewers_over_views() -> tuple[dict[str, float], float]:
    """Platform → cited unique viewers per view, and the mean of the cited ones for all other platforms."""
    rows = facts().filter((pl.col("topic") == "reach") & (pl.col("segment") == "unique viewers over views"))
    cited = {str(r["platform"]): float(r["value_low"]) for r in rows.to_dicts()}
    return cited, float(np.mean(list(cited.values())))
