"""A creator's views in the next days: from lifetime counters where they exist, else from posts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegauge.creators.cumulative import daily_counter
from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.growth import Growth
from tidegauge.creators.next_post import forecast_next_post
from tidegauge.creators.post_frame import creator_facts, latest_posts
from tidegauge.creators.scoring import interval, quantile
from tidegauge.creators.shared import shared
from tidegauge.creators.view_model import forecast_added
from tidegauge.workspace.tables import Tables

LEVEL = 0.8
#: Posting rates are learned over this many days, half-life below; the prior is one post in ten days, worth three days.
_RATE_DAYS, _RATE_HALF_LIFE_DAYS, _PRIOR_POSTS, _PRIOR_DAYS = 90.0, 30.0, 0.3, 3.0
_RATE_DECAY = np.log(2.0) / _RATE_HALF_LIFE_DAYS
_DRAWS = 200
#: What posts already out still gather is known within this factor (log sd): their own growth differs from the curve's.
_OLD_SD = 0.5
#: Share of the variance between a creator's posts that all posts of a window have in common (the mean index of
#: `creators.dependence` on artificial ecosystems; assumed).
_SHARED = 0.2
_TIER_CODE = {"nano": 0, "micro": 1, "mid": 2, "macro": 3, "mega": 4, "unknown": 5}
_SCHEMA = {
    "creator_id": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64,
    "basis": pl.String,
}  # fmt: skip


@shared
def forecast_views(
    tables: Tables, *, horizon_days: int = 7, as_of: dt.datetime | None = None, seed: int = 0
) -> pl.DataFrame:
    """Views that each creator will add in the next `horizon_days` days after the last observation before `as_of`.

    Returns creator_id, value (median), low and high (central 80 %), n (days or posts that it rests on), basis:
    "own", "size", "population" or "prior" where the lifetime counter is observed (`view_model.forecast_added`);
    "posts" where it is not: posting rate (gamma-Poisson) × next post (`next_post`), as far as it has grown by
    then, plus what older posts still gather; "likes" as "posts" on platforms that show no views.
    """
    facts = creator_facts(tables, as_of=as_of)
    if facts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    counted = _from_counters(tables, facts, horizon_days, as_of)
    rest = facts.join(counted, on="creator_id", how="anti")
    posted = _from_posts(tables, rest, horizon_days, as_of, seed) if rest.height else pl.DataFrame(schema=_SCHEMA)
    return pl.concat([counted, posted]).select(list(_SCHEMA)).sort("creator_id")


def _from_counters(tables: Tables, facts: pl.DataFrame, horizon_days: int, as_of: dt.datetime | None) -> pl.DataFrame:
    """Creators whose views in all were seen on at least two days."""
    snapshots = tables["creator_snapshots"]
    snapshots = tables.between(snapshots.filter(snapshots.views_total.notnull()), "observed_at", None, as_of)
    newest = tables.frame(snapshots.aggregate(last=snapshots.observed_at.max())).item(0, 0)
    if newest is None:
        return pl.DataFrame(schema=_SCHEMA)
    start = newest - dt.timedelta(days=120)
    rows: pl.DataFrame = tables.frame(
        tables.between(snapshots, "observed_at", start, None).select(
            "creator_id", "observed_at", "views_total", "followers"
        )
    )
    rows = rows.sort("creator_id", "observed_at").with_columns(pl.col("observed_at").dt.date().alias("day"))
    seen = (
        rows.group_by("creator_id")
        .agg(pl.col("day").n_unique().alias("days"))
        .filter(pl.col("days") >= 2)
        .sort("creator_id")
    )
    known = seen.join(facts, on="creator_id", how="inner", maintain_order="left")
    if known.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    keys = known.get_column("creator_id")
    views = daily_counter(rows, key="creator_id", day="day", count="views_total", keys=keys)
    followers = daily_counter(rows, key="creator_id", day="day", count="followers", keys=keys)
    group = known.get_column("tier").replace_strict(_TIER_CODE, default=5, return_dtype=pl.Int64).to_numpy()
    found = forecast_added(views, followers, group, origin=views.days - 1, horizon_days=horizon_days)
    low, high = interval(found.quantiles, LEVEL)
    return (
        known.select("creator_id", pl.col("days").cast(pl.Int64).alias("n"))
        .with_columns(
            pl.Series("value", np.expm1(quantile(found.quantiles, 0.5))),
            pl.Series("low", np.expm1(low)),
            pl.Series("high", np.expm1(high)),
            pl.Series("basis", found.basis.tolist(), dtype=pl.String),
        )
        .select(list(_SCHEMA))
    )


def _from_posts(
    tables: Tables, rest: pl.DataFrame, horizon_days: int, as_of: dt.datetime | None, seed: int
) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    each = forecast_next_post(tables, as_of=as_of, seed=seed)
    blind = each.filter(pl.col("basis") == "likes").get_column("creator_id").unique()
    shown = _old_and_new(tables, "views", horizon_days, as_of)
    liked = _old_and_new(tables, "likes", horizon_days, as_of) if len(blind) else shown
    frame = rest.select("creator_id", "platform").join(_per_creator(each), on="creator_id", how="left")
    frame = frame.join(_posting(tables, as_of), on="creator_id", how="left")
    is_blind = pl.col("creator_id").is_in(blind.implode())
    frame = (
        frame.join(shown.old, on="creator_id", how="left")
        .join(liked.old.rename({"gathered": "gathered_likes", "units": "units_likes"}), on="creator_id", how="left")
        .sort("creator_id")
        .with_columns(
            pl.col("log_mean").fill_null(5.0), pl.col("level_sd").fill_null(2.0), pl.col("noise_sd").fill_null(1.0)
        )
        # Where views are not shown, old posts count as so many usual posts of that creator, grown as its likes grow.
        .with_columns(
            pl.when(is_blind).then(pl.col("units_likes") * pl.col("log_mean").exp()).otherwise("gathered").alias("old"),
        )
        .with_columns(pl.col("old", "posts", "n").fill_null(0))
    )
    column = {c: frame.get_column(c).to_numpy()[:, None] for c in ("log_mean", "level_sd", "noise_sd", "posts", "old")}
    n = frame.height
    window = (1 - np.exp(-_RATE_DECAY * _RATE_DAYS)) / _RATE_DECAY
    rate = rng.gamma(_PRIOR_POSTS + column["posts"], 1.0, (n, _DRAWS)) / (_PRIOR_DAYS + window)
    number = rng.poisson(np.minimum(rate * horizon_days, 1e4))
    # The level is shared by all posts; the sum of their own chances is matched by one lognormal (Fenton and Wilkinson).
    # Posts of one window share the platform's shocks, which no number of posts averages out.
    posts_sd = np.minimum(column["noise_sd"], 2.0)
    level_sd = np.sqrt(np.minimum(column["level_sd"], 3.0) ** 2 + _SHARED * posts_sd**2)
    level = column["log_mean"] + level_sd * rng.standard_normal((n, _DRAWS))
    noise = np.sqrt(1 - _SHARED) * posts_sd
    spread2 = np.log1p(np.expm1(noise**2) / np.maximum(number, 1))
    total = np.log(np.maximum(number, 1)) + level + (noise**2 - spread2) / 2
    total += np.sqrt(spread2) * rng.standard_normal((n, _DRAWS))
    grown = np.where(
        frame.select(is_blind).to_series().to_numpy(),
        liked.grown(frame.get_column("platform")),
        shown.grown(frame.get_column("platform")),
    )
    new = np.where(number > 0, np.exp(np.minimum(total, 27.0)), 0.0) * grown[:, None]
    old = column["old"] * np.exp(_OLD_SD * rng.standard_normal((n, _DRAWS)))
    low, middle, high = np.quantile(new + old, [0.5 - LEVEL / 2, 0.5, 0.5 + LEVEL / 2], axis=1)
    return frame.select(
        "creator_id",
        pl.Series("value", middle),
        pl.Series("low", low),
        pl.Series("high", high),
        pl.col("n").cast(pl.Int64),
        pl.when(is_blind).then(pl.lit("likes")).otherwise(pl.lit("posts")).alias("basis"),
    )


def _posting(tables: Tables, as_of: dt.datetime | None) -> pl.DataFrame:
    """Decayed number of recent posts per creator (posts), and how many they were (n)."""
    posts = tables["posts"]
    dated = posts.filter(posts.published_at.notnull() & posts.creator_id.notnull())
    frame: pl.DataFrame = tables.frame(
        tables.between(dated, "published_at", None, as_of).select("creator_id", "published_at")
    )
    now = pl.col("published_at").max() if as_of is None else pl.lit(as_of)
    age = (now - pl.col("published_at")).dt.total_seconds() / 86_400.0
    # Sorted, so that sums do not depend on the order in which the engine hands out rows.
    recent = frame.sort("creator_id", "published_at").with_columns(age.alias("age")).filter(pl.col("age") < _RATE_DAYS)
    return recent.group_by("creator_id").agg(
        (-_RATE_DECAY * pl.col("age")).exp().sum().alias("posts"), pl.len().alias("n")
    )


def _per_creator(each: pl.DataFrame) -> pl.DataFrame:
    """One distribution per creator: of its formats, weighted by how often it posts in them."""
    share = (pl.col("n") + 0.1) / (pl.col("n") + 0.1).sum()
    mean = (share * pl.col("log_mean")).sum()
    between = (share * pl.col("log_mean").pow(2)).sum() - mean.pow(2)
    level = (share * pl.col("level_sd").pow(2)).sum()
    noise = (share * (pl.col("log_sd").pow(2) - pl.col("level_sd").pow(2)).clip(lower_bound=0.01)).sum()
    return each.group_by("creator_id").agg(
        mean.alias("log_mean"),
        level.sqrt().alias("level_sd"),
        (noise + between.clip(lower_bound=0.0)).sqrt().alias("noise_sd"),
    )


@dataclass(frozen=True)
class _Growing:
    """What old posts still gather (creator_id, gathered in counts, units in usual posts), how far new ones grow."""

    old: pl.DataFrame
    growth: Growth
    horizon_days: int

    def grown(self, platform: pl.Series) -> np.ndarray:
        """The mean share of its 30-day count that a post published within the horizon has at its end (rows)."""
        ages = (np.arange(self.horizon_days * 4) + 0.5) / 4
        names = platform.unique().to_list()
        share = {p: float(np.exp(-self.growth.curve_of(p).remaining(ages)).mean()) for p in names}
        return np.array([share[p] for p in platform])


def _old_and_new(tables: Tables, metric: str, horizon_days: int, as_of: dt.datetime | None) -> _Growing:
    growth = fitted_growth(tables, metric, as_of)
    posts = latest_posts(tables, metric, as_of=as_of).filter(pl.col("age_days").is_not_null())
    if posts.is_empty():
        empty = pl.DataFrame(schema={"creator_id": pl.String, "gathered": pl.Float64, "units": pl.Float64})
        return _Growing(empty, growth, horizon_days)
    newest = pl.col("seen_at").max() if as_of is None else pl.lit(as_of)
    now = ((newest - pl.col("published_at")).dt.total_seconds() / 86_400.0).alias("now")
    posts = posts.with_columns(pl.max_horizontal(now, "age_days"))
    platform, age = posts.get_column("platform"), posts.get_column("now").to_numpy()
    ahead = growth.remaining(platform, age), growth.remaining(platform, age + horizon_days)
    units = np.exp(-ahead[1]) - np.exp(-ahead[0])
    to_30_days = np.exp(np.clip(growth.remaining(platform, posts.get_column("age_days").to_numpy()), -5.0, 5.0))
    gathered = posts.get_column("count").to_numpy() * to_30_days * units
    old = posts.select("creator_id", pl.Series("gathered", gathered), pl.Series("units", units))
    return _Growing(old.group_by("creator_id").agg(pl.col("gathered", "units").sum()), growth, horizon_days)
