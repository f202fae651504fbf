"""Expected views and engagements of every candidate, from the best source that the workspace has for it.

Sources: its own posts; its likes where the platform hides views; what the rate card states; the growth of the channel's
total; the platform's line in followers; followers times a cited ratio. Among those that rest on the creator itself the
one with the narrowest interval wins. Only own posts and the rate card count as read; all others are marked assumed.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tidegauge.plan.posts_read import weekly_channel_views
from tidegauge.plan.views import NOISE_SD, as_counts, cells_of, predict
from tidegauge.reference import facts
from tidegauge.workspace.tables import Tables

#: Likes per view where neither the workspace nor any other platform in it tells; no source is known for it.
LIKE_RATE_GUESS, LIKE_RATE_GUESS_SD = 0.03, 0.8
#: Posts a week taken for a channel whose posts are not in the workspace, and how far that may be off (log scale).
POSTS_PER_WEEK_GUESS, CHANNEL_SD = 3.5, 1.0
#: How far a rate card's figure is off from the creator's own posts, before any comparison (log scale).
CLAIM_SD = 0.6
BORROWED_SD = 1.0

#: Basis → whether it is an assumption rather than a reading.
BASES = {
    "posts": False,
    "rate_card": False,
    "likes": True,
    "channel": True,
    "platform_line": True,
    "followers_ratio": True,
}


def expected_views(tables: Tables, wanted: pl.DataFrame, posts: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """Add views, views_low, views_high (90 %), views_log_sd, views_shared_sd, views_basis, views_assumed to candidates.

    `wanted`: creator_id, platform, format, followers, claim (the rate card's views); the last two may be null. `posts`
    is what `recent_posts` gives. Rows without any source get null views.
    """
    keys = wanted.select("creator_id", "platform", "format", "followers", "claim")
    by_views = predict(cells_of(posts, "views"), keys)
    by_likes = predict(cells_of(posts, "likes"), keys)
    rows = (
        keys.hstack(
            by_views.select(pl.col("mu").alias("v_mu"), pl.col("sd").alias("v_sd"), pl.col("n_all").alias("v_n"))
        )
        .hstack(by_likes.select(pl.col("mu").alias("l_mu"), pl.col("sd").alias("l_sd"), pl.col("n_all").alias("l_n")))
        .join(weekly_channel_views(tables, now), on="creator_id", how="left", maintain_order="left")
    )
    rows = _with_claim(rows)
    rows = _with_likes(rows, posts)
    rows = _with_channel(rows)
    rows = _with_ratio(rows)
    own = {"posts": "v", "likes": "k", "rate_card": "c", "channel": "w"}
    usable = {
        "posts": pl.col("v_n") > 0,
        "likes": pl.col("l_n") > 0,
        "rate_card": pl.col("claim") > 0,
        "channel": pl.col("weekly_views") > 0,
    }
    spread = {b: pl.when(usable[b]).then(pl.col(f"{own[b]}_sd")) for b in own}
    narrowest = pl.min_horizontal(*spread.values())
    # The part of the spread that hits all creators of a platform alike: a wrong like rate does not average out.
    common = {"v": pl.lit(0.0), "k": pl.col("rate_sd"), "c": pl.lit(0.2), "w": pl.lit(0.5), "f": pl.lit(BORROWED_SD)}
    choices = [(spread[name] == narrowest, name, prefix) for name, prefix in own.items()]
    for name, prefix in (("platform_line", "v"), ("platform_line", "k"), ("followers_ratio", "f")):
        choices.append((pl.col(f"{prefix}_mu").is_not_null(), name, prefix))
    chosen = rows.select(
        pl.coalesce(*(pl.when(holds).then(pl.lit(name)) for holds, name, _ in choices)).alias("views_basis"),
        pl.coalesce(*(pl.when(holds).then(pl.col(f"{p}_mu")) for holds, _, p in choices)).alias("mu"),
        pl.coalesce(*(pl.when(holds).then(pl.col(f"{p}_sd")) for holds, _, p in choices)).alias("views_log_sd"),
        pl.coalesce(*(pl.when(holds).then(common[p]) for holds, _, p in choices)).alias("views_shared_sd"),
    )
    mean, low, high = as_counts(pl.col("mu"), pl.col("views_log_sd"))
    return wanted.hstack(
        chosen.with_columns(
            mean.alias("views"),
            low.alias("views_low"),
            high.alias("views_high"),
            pl.col("views_basis").replace_strict(BASES, default=None, return_dtype=pl.Boolean).alias("views_assumed"),
        ).drop("mu")
    )


def expected_engagements(wanted: pl.DataFrame, posts: pl.DataFrame) -> pl.DataFrame:
    """Add engagements (likes, comments, shares and saves of one post) to candidates that have views.

    From the creator's own posts, else from its views times the median engagement per view of its platform in the
    workspace, else times the guess for likes.
    """
    model = predict(cells_of(posts, "engagements"), wanted.select("creator_id", "platform", "format", "followers"))
    mean, _, _ = as_counts(pl.col("mu"), pl.col("sd"))
    own = model.select(pl.when(pl.col("n_all") > 0).then(mean).alias("own")).get_column("own")
    both = posts.filter((pl.col("views") > 0) & pl.col("engagements").is_not_null())
    rates = dict(
        both.group_by("platform").agg((pl.col("engagements") / pl.col("views")).median()).sort("platform").iter_rows()
    )
    rate = pl.col("platform").replace_strict(rates, default=LIKE_RATE_GUESS, return_dtype=pl.Float64)
    return wanted.with_columns(own.fill_null(wanted.select(rate * pl.col("views")).to_series()).alias("engagements"))


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
    """c_mu, c_sd: the rate card's figure, corrected by how such figures compare with own posts in the workspace."""
    log_claim = pl.col("claim").cast(pl.Float64).log1p()
    both = rows.filter((pl.col("claim") > 0) & (pl.col("v_n") >= 3)).select(pl.col("v_mu") - log_claim).to_series()
    bias, scatter = _robust(both, 0.0, CLAIM_SD, strength=20)
    spread = float(np.hypot(scatter, NOISE_SD))
    stated = pl.col("claim") > 0
    return rows.with_columns(
        pl.when(stated).then(log_claim + bias).alias("c_mu"), pl.when(stated).then(spread).alias("c_sd")
    )


def like_rates(rows: pl.DataFrame, posts: pl.DataFrame) -> dict[str, tuple[float, float]]:
    """Platform → log of likes per view, and its uncertainty.

    From posts that show both; else from rate cards that state views of creators whose likes are known; else from the
    platforms that show both, with the spread between platforms added; else a guess.
    """
    both = posts.filter((pl.col("views") > 0) & (pl.col("likes") > 0)).with_columns(
        (pl.col("likes") / pl.col("views")).log().alias("rate")
    )
    found: dict[str, tuple[float, float]] = {}
    for platform, part in both.group_by("platform", maintain_order=True):
        if part.height >= 30:
            found[str(platform[0])] = _robust(part["rate"], float(np.log(LIKE_RATE_GUESS)), 0.5, strength=5)
    shown = list(found.values())
    for platform, part in rows.group_by("platform", maintain_order=True):
        name = str(platform[0])
        stated = part.filter((pl.col("claim") > 0) & (pl.col("l_n") >= 2))
        if name not in found and stated.height >= 10:
            ratio = stated.select(pl.col("l_mu") - pl.col("claim").cast(pl.Float64).log1p()).to_series()
            found[name] = _robust(ratio, float(np.log(LIKE_RATE_GUESS)), 0.5, strength=5)
        elif name not in found and shown:
            found[name] = (float(np.mean([m for m, _ in shown])), LIKE_RATE_GUESS_SD)
    return found


def _with_likes(rows: pl.DataFrame, posts: pl.DataFrame) -> pl.DataFrame:
    """k_mu, k_sd: views inferred from likes, also for creators without posts by the platform's line of likes."""
    rates = like_rates(rows, posts)
    guess = (float(np.log(LIKE_RATE_GUESS)), LIKE_RATE_GUESS_SD)
    platforms = rows["platform"].to_list()
    mean = pl.Series("rate", [rates.get(p, guess)[0] for p in platforms], dtype=pl.Float64)
    spread = pl.Series("rate_sd", [rates.get(p, guess)[1] for p in platforms], dtype=pl.Float64)
    return rows.with_columns(mean, spread).with_columns(
        (pl.col("l_mu") - pl.col("rate")).alias("k_mu"),
        (pl.col("l_sd") ** 2 + pl.col("rate_sd") ** 2).sqrt().alias("k_sd"),
    )


def _with_channel(rows: pl.DataFrame) -> pl.DataFrame:
    """w_mu, w_sd: a post's views as a part of what the channel gains in a week.

    The part is estimated where both are known in the workspace; else a week holds `POSTS_PER_WEEK_GUESS` posts.
    """
    log_week = pl.col("weekly_views").log1p()
    both = rows.filter((pl.col("v_n") >= 3) & (pl.col("weekly_views") > 0)).unique("creator_id", maintain_order=True)
    part, scatter = _robust(
        both.select(pl.col("v_mu") - log_week).to_series(),
        -float(np.log(POSTS_PER_WEEK_GUESS)),
        CHANNEL_SD,
        strength=20,
    )
    spread = float(np.hypot(scatter, NOISE_SD))
    there = pl.col("weekly_views") > 0
    return rows.with_columns(
        pl.when(there).then(log_week + part).alias("w_mu"), pl.when(there).then(spread).alias("w_sd")
    )


def _with_ratio(rows: pl.DataFrame) -> pl.DataFrame:
    """f_mu, f_sd: followers times the cited ratio of reach to followers, the platform's own or a borrowed one."""
    ratios = reach_over_followers()
    borrowed = float(np.exp(np.mean(np.log(list(ratios.values())))))
    ratio = pl.col("platform").replace_strict(ratios, default=borrowed, return_dtype=pl.Float64)
    return rows.with_columns(
        (pl.col("followers").cast(pl.Float64) * ratio).log1p().alias("f_mu"),
        pl.when(pl.col("followers").is_not_null()).then(float(np.hypot(BORROWED_SD, NOISE_SD))).alias("f_sd"),
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
