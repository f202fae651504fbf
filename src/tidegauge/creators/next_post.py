"""What the next post of a creator will bring, per format, 30 days after it is published."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from scipy.stats import t as student

from tidegauge.creators.effects import DEGREES, Nested, fit_nested
from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.growth import Growth
from tidegauge.creators.post_frame import check_metric, creator_facts, latest_posts
from tidegauge.creators.shared import shared
from tidegauge.workspace.tables import Tables

#: A post counts half as much for the forecast as one published this many days later.
HALF_LIFE_DAYS = 120.0
LEVEL = 0.8
#: A platform's own spread of posts counts half at so many posts.
_PLATFORM_POSTS = 100.0
#: Views per like where a platform shows no views and no other platform of the workspace shows both: likes are about 3 %
#: of views on platforms that show both (own estimate, assumed; the spread covers 1 % to 9 %).
_VIEWS_PER_LIKE_LOG, _VIEWS_PER_LIKE_SD = 3.5, 0.85
#: A platform shows views where at least this share of the observations with likes has them too.
_SHOWS_VIEWS = 0.2
_SCHEMA = {
    "creator_id": pl.String, "format": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "log_mean": pl.Float64, "log_sd": pl.Float64, "level_sd": pl.Float64, "n": pl.Int64, "basis": pl.String,
}  # fmt: skip


@shared
def forecast_next_post(
    tables: Tables, *, metric: str = "views", as_of: dt.datetime | None = None, seed: int = 0
) -> pl.DataFrame:
    """Predictive distribution of a count of the next post, 30 days after publication, per creator × format.

    Parameters: `metric` is views, likes, comments, shares or saves; only what was observed before `as_of` is used.
    `seed` is accepted so that all forecasts share one signature; this one is deterministic.

    Returns creator_id, format, value (median), low and high (central 80 %), log_mean and log_sd (location and standard
    deviation of log(count + 1); Student t with 5 degrees of freedom), level_sd (how well the creator's own level is
    known, without the chance of a single post), n (the creator's posts in that format), basis:
    "posts" (own posts in that format), "creator" (own posts in other formats), "cell" (creators of the platform, tier
    and category), "likes" (the platform shows no views: forecast likes × views per like, assumed where no platform of
    the workspace shows both). Formats: those a creator has posted or offers; else the platform's most frequent one.

    Model: `creators.effects` on log counts brought to 30 days by `creators.growth`; floors enter as floors.
    """
    del seed
    check_metric(metric)
    facts = creator_facts(tables, as_of=as_of)
    wanted = _wanted(tables, facts)
    if wanted.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    own = _forecast(tables, metric, facts, wanted, as_of)
    if metric != "views":
        return own.select(list(_SCHEMA))
    return _through_likes(tables, facts, wanted, own, as_of).select(list(_SCHEMA))


def mature(posts: pl.DataFrame, growth: Growth) -> pl.DataFrame:
    """Adds `y`, log(count + 1) brought to the age of 30 days, and `spread`, the variance of what was added.

    A post's own growth is used where it was seen twice, else its creator's, else its cell's.
    """
    keyed = (
        posts.join(
            growth.cells.select("platform", "format", pl.col("k").alias("cell_k")),
            on=["platform", "format"],
            how="left",
        )
        .join(growth.creators.select("creator_id", pl.col("k").alias("creator_k")), on="creator_id", how="left")
        .join(growth.posts.select("post_id", pl.col("k").alias("post_k")), on="post_id", how="left")
        .sort("creator_id", "post_id")
    )
    k = pl.coalesce("post_k", pl.col("cell_k") * pl.col("creator_k").fill_null(1.0), pl.lit(1.0))
    keyed = keyed.with_columns(k.alias("k"), pl.col("age_days").fill_null(30.0))
    to_come = (
        growth.remaining(keyed.get_column("platform"), keyed.get_column("age_days").to_numpy())
        * keyed.get_column("k").to_numpy()
    )
    uncertain = np.where(keyed.get_column("post_k").is_null().to_numpy(), 0.35, 0.15)
    return keyed.with_columns(
        ((pl.col("count") + 1.0).log() + pl.Series(to_come)).alias("y"),
        pl.Series("spread", np.square(uncertain * to_come) + np.abs(to_come) * growth.curve.dispersion),
    ).drop("cell_k", "creator_k", "post_k", "k")


def _wanted(tables: Tables, facts: pl.DataFrame) -> pl.DataFrame:
    """Creator × format rows to forecast: posted or offered; creators with neither get their platform's usual format."""
    posts, offers = tables["posts"], tables["offers"]
    posted: pl.DataFrame = tables.frame(
        posts.filter(posts.creator_id.notnull())
        .group_by("creator_id", "platform", "format")
        .agg(n_posts=lambda t: t.count())
    )
    posted = posted.with_columns(pl.col("format").fill_null("unknown"))
    offered: pl.DataFrame = tables.frame(offers.select("creator_id", "format").distinct())
    usual = (
        posted.group_by("platform", "format")
        .agg(pl.col("n_posts").sum())
        .sort("n_posts", "format", descending=[True, False])
    )
    usual = usual.unique("platform", keep="first", maintain_order=True).select(
        "platform", pl.col("format").alias("usual")
    )
    both = pl.concat([posted.select("creator_id", "format"), offered.select("creator_id", "format")]).unique()
    everyone = facts.select("creator_id", "platform", "tier", "category").join(both, on="creator_id", how="left")
    everyone = everyone.join(usual, on="platform", how="left")
    return (
        everyone.with_columns(pl.coalesce("format", "usual", pl.lit("unknown")).alias("format"))
        .drop("usual")
        .sort("creator_id", "format")
    )


def _forecast(
    tables: Tables, metric: str, facts: pl.DataFrame, wanted: pl.DataFrame, as_of: dt.datetime | None
) -> pl.DataFrame:
    growth = fitted_growth(tables, metric, as_of)
    posts = mature(latest_posts(tables, metric, as_of=as_of), growth)
    posts = posts.join(
        facts.select("creator_id", "tier", "category"), on="creator_id", how="inner", maintain_order="left"
    )
    days = (pl.col("published_at").max() - pl.col("published_at")).dt.total_seconds() / 86_400.0
    posts = posts.with_columns((0.5 ** (days.clip(0.0, 3650.0) / HALF_LIFE_DAYS)).fill_null(0.5).alias("recency"))
    keys = pl.concat(
        [
            posts.select("platform", "format", "tier", "category", "creator_id"),
            wanted.select("platform", "format", "tier", "category", "creator_id"),
        ]
    )
    cell, creator, pair = (
        keys.select(pl.struct(columns).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
        for columns in (["platform", "format", "tier", "category"], ["creator_id"], ["creator_id", "format"])
    )
    parent = (
        keys.select(pl.struct("platform", "format", "tier").rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    )
    n = posts.height
    sizes = (int(cell.max()) + 1, int(creator.max()) + 1, int(pair.max()) + 1)
    y, spread, recency = (posts.get_column(c).to_numpy() for c in ("y", "spread", "recency"))
    floored = posts.get_column("censored").to_numpy()
    size = keys.select(pl.struct("platform", "tier").rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    # From wide cells to narrow ones: a format that nobody of that size has posted yet keeps the size's level.
    base, base_variance = np.zeros(len(cell)), np.zeros(len(cell))
    for groups in (size, parent):
        wide = (int(groups.max()) + 1, *sizes[1:])
        coarse = fit_nested(y - base[:n], spread, recency, floored, groups[:n], creator[:n], pair[:n], wide, rounds=3)
        base = base + coarse.cell.mean[groups]
        base_variance = base_variance + coarse.cell.variance[groups]
    fit = fit_nested(y - base[:n], spread, recency, floored, cell[:n], creator[:n], pair[:n], sizes)
    fitted = base[:n] + fit.cell.mean[cell[:n]] + fit.creator.mean[creator[:n]] + fit.pair.mean[pair[:n]]
    noise = _platform_noise(posts, (y - fitted) / np.sqrt(fit.noise + spread), fit.noise)
    noise_of = np.array([noise.get(p, fit.noise) for p in wanted.get_column("platform")])
    return _predict(fit, noise_of, base[n:], base_variance[n:], cell[n:], creator[n:], pair[n:], wanted, posts)


def _platform_noise(posts: pl.DataFrame, z: np.ndarray, noise: float) -> dict[str, float]:
    """Variance of a single post around its creator's level per platform: some platforms' feeds are calmer."""
    frame = posts.select("platform", "censored").with_columns(pl.Series("away", np.abs(z))).filter(~pl.col("censored"))
    usual = frame.get_column("away").quantile(LEVEL)
    if usual is None or usual <= 0:
        return {}
    each = frame.group_by("platform").agg(pl.col("away").quantile(LEVEL), pl.len().alias("n"))
    found = {}
    for name, away, n in each.iter_rows():
        trust = n / (n + _PLATFORM_POSTS)
        found[name] = noise * float(trust * (away / usual) ** 2 + 1 - trust)
    return found


def _predict(
    fit: Nested,
    noise: np.ndarray,
    base: np.ndarray,
    base_variance: np.ndarray,
    cell: np.ndarray,
    creator: np.ndarray,
    pair: np.ndarray,
    wanted: pl.DataFrame,
    posts: pl.DataFrame,
) -> pl.DataFrame:
    mean = base + fit.cell.mean[cell] + fit.creator.mean[creator] + fit.pair.mean[pair]
    # What a creator's own posts say about the level leaves less of the cell's uncertainty in it.
    left = fit.creator.variance[creator] / max(fit.creator.between, 1e-9)
    scale2 = (
        left * (base_variance + fit.cell.variance[cell])
        + fit.creator.variance[creator]
        + fit.pair.variance[pair]
        + noise
    )
    reach = student.ppf(0.5 + LEVEL / 2, DEGREES) * np.sqrt(scale2)
    counts = posts.group_by("creator_id", "format").len("n")
    any_posts = posts.group_by("creator_id").len("n_all")
    frame = wanted.with_columns(
        pl.Series("log_mean", np.maximum(mean, 0.0)),
        pl.Series("log_sd", np.sqrt(scale2 * DEGREES / (DEGREES - 2))),
        pl.Series("level_sd", np.sqrt(np.maximum(scale2 - noise, 1e-6))),
        pl.Series("value", np.expm1(np.clip(mean, 0.0, 27.0))),
        pl.Series("low", np.expm1(np.clip(mean - reach, 0.0, 27.0))),
        pl.Series("high", np.expm1(np.clip(mean + reach, 0.0, 27.0))),
    )
    frame = frame.join(counts, on=["creator_id", "format"], how="left").join(any_posts, on="creator_id", how="left")
    basis = (
        pl.when(pl.col("n").is_not_null())
        .then(pl.lit("posts"))
        .when(pl.col("n_all").is_not_null())
        .then(pl.lit("creator"))
    )
    return frame.with_columns(
        basis.otherwise(pl.lit("cell")).alias("basis"), pl.col("n").fill_null(0).cast(pl.Int64)
    ).sort("creator_id", "format")


def _through_likes(
    tables: Tables, facts: pl.DataFrame, wanted: pl.DataFrame, own: pl.DataFrame, as_of: dt.datetime | None
) -> pl.DataFrame:
    """On platforms that hardly ever show views, views come from likes.

    A brand gets the views of its own paid posts where others see none: a few of them do not make a platform one that
    shows views, and forecasts from them alone would forget all that is known of the other posts.
    """
    snapshots, posts = tables["post_snapshots"], tables["posts"]
    joined = snapshots.join(posts.select("post_id", "platform"), "post_id")
    shown: pl.DataFrame = tables.frame(
        joined.group_by("platform").agg(views=joined.views.count(), likes=joined.likes.count())
    )
    blind = (
        shown.filter((pl.col("likes") > 0) & (pl.col("views") < _SHOWS_VIEWS * pl.col("likes")))
        .get_column("platform")
        .to_list()
    )
    if not blind:
        return own
    likes = _forecast(tables, "likes", facts, wanted, as_of)
    both = own.join(likes, on=["creator_id", "format"], suffix="_likes").filter(
        (pl.col("basis") == "posts") & (pl.col("basis_likes") == "posts")
    )
    gap = (both.get_column("log_mean") - both.get_column("log_mean_likes")).to_numpy()
    log_ratio, sd = (
        (float(np.median(gap)), max(float(np.std(gap)), 0.5))
        if gap.size >= 30
        else (_VIEWS_PER_LIKE_LOG, _VIEWS_PER_LIKE_SD)
    )
    mean = pl.col("log_mean") + log_ratio
    total_sd = (pl.col("log_sd").pow(2) + sd**2).sqrt()
    reach = total_sd * float(student.ppf(0.5 + LEVEL / 2, DEGREES) * np.sqrt((DEGREES - 2) / DEGREES))
    guessed = likes.filter(pl.col("platform").is_in(blind)).with_columns(
        mean.alias("log_mean"),
        total_sd.alias("log_sd"),
        (pl.col("level_sd").pow(2) + sd**2).sqrt().alias("level_sd"),
        (mean.clip(0.0, 27.0).exp() - 1).alias("value"),
        ((mean - reach).clip(0.0, 27.0).exp() - 1).alias("low"),
        ((mean + reach).clip(0.0, 27.0).exp() - 1).alias("high"),
        pl.lit("likes").alias("basis"),
    )
    return pl.concat([own.filter(~pl.col("platform").is_in(blind)), guessed]).sort("creator_id", "format")
