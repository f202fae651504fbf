"""Algorithm dependence: how much of a creator's reach is the platform's distribution rather than followers and work."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import polars as pl

from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.next_post import mature
from tidegauge.creators.post_frame import latest_posts
from tidegauge.creators.shared import shared
from tidegauge.creators.shock_path import Path, shock_path
from tidegauge.workspace.tables import Tables

#: Bounds of the spread of loadings between creators; in between it is estimated (a mean of one is by definition).
_LOADING_SD_LOW, _LOADING_SD_HIGH = 0.2, 1.5
#: A creator's own work variance leans on everyone's as if that many posts had been seen.
_PRIOR_POSTS = 6.0
_DRAWS, _MIN_POSTS = 300, 3
#: Draws are made for so many creators at a time: memory.
_BLOCK = 10_000
#: Variance of log likes per view between posts of a creator's format (log sd 0.25; assumed): likes stand for views.
_LIKING_VARIANCE = 0.06
#: Up to this share of what is left over may still be measurement where likes stand for views (assumed).
_NOT_WORK = 0.4
#: Where the search for the variance of one work's log views begins.
_USUAL_WORK_VARIANCE = 0.35
_SCHEMA = {
    "creator_id": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "holds": pl.Float64,
    "holds_low": pl.Float64, "holds_high": pl.Float64, "n": pl.Int64,
}  # fmt: skip


def dependence(tables: Tables, *, as_of: dt.datetime | None = None, seed: int = 0) -> pl.DataFrame:
    """The dependence index of every creator with at least three dated posts.

    Model, per platform, on log views (log likes where no views are shown) brought to 30 days:

        y = creator × format + sponsored + loading_i · shock(platform, week) + work,   loading_i ~ N(1, τ²)

    Shocks are estimated jointly over all creators of the platform and week, each creator's own posts left out for its
    own loading. Returns creator_id, value (the share of the variance of y within the creator's formats that the shocks
    explain, 0 to 1), low, high (90 %), holds (the counter-index: 1 − loading, cut to 0 … 1: the share of a shock that
    the creator's work withstands), holds_low, holds_high, n (posts).

    Identified is what moves all creators of a platform together in a week. Chance in the feed that hits one post alone
    cannot be told from the quality of the work and counts as work. What is left over but lasts from post to post (a
    distribution shock that a creator recovers from in its own time, or a drift of its own) could be either: an unknown
    part of it between none and all is counted, which is most of the interval's width.
    Source: variance components, Searle, Casella and McCulloch (1992).
    """
    posts, residual, weight, paths = shocked_posts(tables, as_of)
    if posts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    own_out, error2 = np.zeros(len(residual)), np.zeros(len(residual))
    for rows, path in paths.values():
        own_out[rows], error2[rows] = path.own_out, path.own_error2
    return _index(posts, residual, weight, own_out, error2, seed)


class Shocked(NamedTuple):
    """Dated posts, their residuals and weights (`within_creators`), and the platforms' paths (`shock_paths`)."""

    posts: pl.DataFrame
    residual: np.ndarray
    weight: np.ndarray
    paths: dict[str, tuple[np.ndarray, Path]]


@shared
def shocked_posts(tables: Tables, as_of: dt.datetime | None) -> Shocked:
    """What dependence and recovery both start from; without posts everything is empty."""
    posts = dated_posts(tables, as_of)
    if posts.is_empty():
        return Shocked(posts, np.empty(0), np.empty(0), {})
    residual, weight = within_creators(posts)
    return Shocked(posts, residual, weight, shock_paths(posts, residual, weight))


def dated_posts(tables: Tables, as_of: dt.datetime | None) -> pl.DataFrame:
    """Dated posts of creators with at least three, sorted by creator: log views (likes where none are shown).

    Columns: post_id, creator_id, platform, format, sponsored, y, day (since 1970), week, noise (variance of y that is
    measurement), through_likes.
    """
    parts = [_posts(tables, "views", as_of, frozenset())]
    seen = frozenset(parts[0].get_column("platform").unique().to_list())
    parts.append(_posts(tables, "likes", as_of, seen))
    posts = pl.concat(parts)
    enough = pl.len().over("creator_id") >= _MIN_POSTS
    return posts.filter(enough).sort("creator_id", "post_id") if posts.height else posts


def _posts(tables: Tables, metric: str, as_of: dt.datetime | None, without: frozenset[str]) -> pl.DataFrame:
    latest = latest_posts(tables, metric, as_of=as_of).filter(
        pl.col("published_at").is_not_null() & ~pl.col("censored") & ~pl.col("platform").is_in(list(without))
    )
    ready = mature(latest, fitted_growth(tables, metric, as_of))
    day = pl.col("published_at").dt.epoch("d").cast(pl.Int64)
    # What is no work: growth still to come, whole counts, and (likes for views) chance in how many like what they see.
    counting = 1.0 / (pl.col("count") + 1.0) + (_LIKING_VARIANCE if metric == "likes" else 0.0)
    return ready.select(
        "post_id", "creator_id", "platform", "format", "sponsored", "y", day.alias("day"), (day // 7).alias("week"),
        (pl.col("spread") + counting).alias("noise"), pl.lit(metric == "likes").alias("through_likes"),
    )  # fmt: skip


def within_creators(posts: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Residuals and weights of posts: y less its creator × format mean and the common effect of sponsorship.

    A post weighs as much as a work's variance has in its total variance (work and measurement); the only one of a
    creator's format tells nothing and weighs 0. Tails are cut at six robust deviations.
    """
    noise = posts.get_column("noise").to_numpy()
    work = _USUAL_WORK_VARIANCE
    for _ in range(2):
        weight = work / (work + noise)
        frame = posts.with_columns(w=pl.Series(weight), sponsored=pl.col("sponsored").cast(pl.Float64))
        group = ("creator_id", "format")
        both = frame.select(
            (pl.col(c) - (pl.col(c) * pl.col("w")).sum().over(group) / pl.col("w").sum().over(group)).alias(c)
            for c in ("y", "sponsored")
        )
        y, x = both.get_column("y").to_numpy(), both.get_column("sponsored").to_numpy()
        y = y - x * float(np.sum(weight * x * y) / max(np.sum(weight * x * x), 1e-9))
        # A mean took a part of each post's variance: put back, so that creators with few posts do not look steady.
        share = frame.select(pl.col("w") / pl.col("w").sum().over(group)).to_series().to_numpy()
        alone = share > 0.99
        y = np.where(alone, 0.0, y / np.sqrt(np.maximum(1.0 - share, 0.01)))
        if alone.all():
            break
        work = float(np.clip(np.median(weight[~alone] * y[~alone] ** 2) / 0.455, 0.02, 4.0))
    cut = 6 * np.sqrt(work + noise)
    return np.clip(y, -cut, cut), np.where(alone, 0.0, weight)


def _codes(posts: pl.DataFrame, *columns: str) -> np.ndarray:
    return posts.select(pl.struct(columns).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()


def shock_paths(posts: pl.DataFrame, residual: np.ndarray, weight: np.ndarray) -> dict[str, tuple[np.ndarray, Path]]:
    """Per platform: the rows of its posts and its path of shocks."""
    platform, creator = posts.get_column("platform").to_numpy(), _codes(posts, "creator_id")
    day = posts.get_column("day").to_numpy()
    found = {}
    for name in np.unique(platform).tolist():
        rows = np.flatnonzero(platform == name)
        found[name] = (rows, shock_path(day[rows], residual[rows], weight[rows], creator[rows]))
    return found


def _index(
    posts: pl.DataFrame, residual: np.ndarray, weight: np.ndarray, shock: np.ndarray, error2: np.ndarray, seed: int
) -> pl.DataFrame:
    creator = _codes(posts, "creator_id")
    count = np.bincount(creator).astype(float)
    told = np.maximum(np.bincount(creator, weight), 1e-9)
    mean = np.bincount(creator, weight * shock) / told
    x = shock - mean[creator]
    sxx = np.bincount(creator, weight * x * x)
    sxy = np.bincount(creator, weight * x * residual)
    # Weighted squares estimate the work's own variance: a post's weight is work / (work + its measurement's noise).
    counted = max(float((weight > 0).sum()), 1.0)
    work_all = float(np.sum(weight * (residual - x) ** 2)) / counted
    for _ in range(8):
        between = _loading_variance(sxx, sxy, work_all)
        precision = sxx / work_all + 1 / between
        loading = (sxy / work_all + 1 / between) / precision
        off = (residual - loading[creator] * x) ** 2 + x**2 / precision[creator]
        work_all = max(float(np.sum(weight * off)) / counted, 1e-4)
    left = np.bincount(creator, weight * (residual - loading[creator] * x) ** 2)
    posts_told = np.bincount(creator, (weight > 0).astype(float))
    lost = np.bincount(creator, error2) / count
    # Few posts saw few of the platform's shocks: the spread leans on that of all posts of the platform.
    platform = posts.get_column("platform").to_numpy()[np.flatnonzero(np.r_[True, creator[1:] != creator[:-1]])]
    name, at = np.unique(platform, return_inverse=True)
    usual = np.bincount(at, sxx, len(name)) / np.maximum(np.bincount(at, told * (1 - 1 / count), len(name)), 1e-9)
    seen = sxx / told * count / np.maximum(count - 1, 1)
    spread = (count * seen + _PRIOR_POSTS * usual[at]) / (count + _PRIOR_POSTS)
    through_likes = np.bincount(creator, posts.get_column("through_likes").to_numpy().astype(float)) / count
    lasting = _lasting(posts, residual - loading[creator] * x, creator)
    rng = np.random.default_rng(seed)
    share, holds = np.empty((3, len(count))), np.empty((3, len(count)))
    for start in range(0, len(count), _BLOCK):
        b = slice(start, start + _BLOCK)
        g, shape = len(count[b]), (_PRIOR_POSTS + posts_told[b]) / 2
        work = (_PRIOR_POSTS * work_all + left[b])[:, None] / 2 / rng.gamma(shape[:, None], 1.0, (g, _DRAWS))
        drawn = loading[b, None] + rng.standard_normal((g, _DRAWS)) / np.sqrt(precision[b])[:, None]
        # Shocks are known with error; their variance is what is seen plus what shrinkage took away, itself uncertain.
        freedom = (count[b] + _PRIOR_POSTS)[:, None] / 2
        chance = rng.gamma(freedom, 1.0, (g, _DRAWS)) / freedom
        moved = drawn**2 * ((spread[b] + lost[b])[:, None] * chance)
        work = work * (1.0 - _NOT_WORK * through_likes[b, None] * rng.random((g, _DRAWS)))
        unclear = np.minimum(lasting[b, None], 0.9 * work) * rng.random((g, _DRAWS))
        share[:, b] = np.quantile((moved + unclear) / (moved + work), [0.05, 0.5, 0.95], axis=1)
        holds[:, b] = np.clip(1 - np.quantile(drawn, [0.95, 0.5, 0.05], axis=1), 0.0, 1.0)
    return posts.group_by("creator_id").agg(pl.len().cast(pl.Int64).alias("n")).sort("creator_id").with_columns(
        pl.Series("value", share[1]), pl.Series("low", share[0]), pl.Series("high", share[2]),
        pl.Series("holds", holds[1]), pl.Series("holds_low", holds[0]), pl.Series("holds_high", holds[2]),
    ).select(list(_SCHEMA))  # fmt: skip


def _lasting(posts: pl.DataFrame, left: np.ndarray, creator: np.ndarray) -> np.ndarray:
    """Per creator: the variance of what is left over that lasts from one post to the next, pooled over its platform."""
    pairs = posts.select("platform").with_columns(
        pl.Series("creator", creator),
        pl.Series("left", left),
        posts.get_column("week"),
        posts.select(pl.len().over("creator_id", "format").cast(pl.Float64)).to_series().alias("group_posts"),
    ).sort("creator", "week")  # fmt: skip
    together = (pl.col("creator") == pl.col("creator").shift()) & (pl.col("week") - pl.col("week").shift() <= 1)
    # Centring on the creator's format makes neighbours' products negative by a share 1/n of the variance: put back.
    taken = pl.col("left").pow(2).mean().over("platform") / pl.col("group_posts")
    product = pairs.with_columns(
        pl.when(together).then(pl.col("left") * pl.col("left").shift() + taken).alias("product")
    )
    pooled = product.group_by("platform").agg(pl.col("product").mean().fill_null(0.0).clip(lower_bound=0.0))
    own = pairs.unique("creator", keep="first", maintain_order=True).join(
        pooled, on="platform", how="left", maintain_order="left"
    )
    return own.get_column("product").to_numpy()


def _loading_variance(sxx: np.ndarray, sxy: np.ndarray, work: float) -> float:
    """Variance of loadings around one between creators, by moments, weighted by what each creator's posts tell."""
    told = sxx > 1e-9
    if told.sum() < 5:
        return 0.25
    away2, error = np.square(sxy[told] / sxx[told] - 1.0), work / sxx[told]
    between = 0.25
    for _ in range(20):
        weight = 1 / (between + error) ** 2
        between = float(
            np.clip(np.sum(weight * (away2 - error)) / weight.sum(), _LOADING_SD_LOW**2, _LOADING_SD_HIGH**2)
        )
    return between
