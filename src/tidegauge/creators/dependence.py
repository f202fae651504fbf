"""Algorithm dependence: how much of a creator's reach is the platform's distribution rather than followers and work."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tidegauge.creators.effects import shrink
from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.next_post import mature
from tidegauge.creators.post_frame import latest_posts
from tidegauge.workspace.tables import Tables

#: Bounds of the spread of loadings between creators; in between it is estimated (a mean of one is by definition).
_LOADING_SD_LOW, _LOADING_SD_HIGH = 0.2, 1.5
#: A creator's own work variance leans on everyone's as if that many posts had been seen.
_PRIOR_POSTS = 6.0
_DRAWS, _MIN_POSTS = 300, 3
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
    parts = [_posts(tables, "views", as_of, frozenset())]
    seen = frozenset(parts[0].get_column("platform").unique().to_list())
    parts.append(_posts(tables, "likes", as_of, seen))
    posts = pl.concat(parts)
    if posts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    enough = pl.len().over("creator_id") >= _MIN_POSTS
    posts = posts.filter(enough).sort("creator_id", "post_id")
    if posts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    residual = _within(posts)
    shock, own_out, error2 = _shocks(posts, residual)
    del shock
    return _index(posts, residual, own_out, error2, seed)


def _posts(tables: Tables, metric: str, as_of: dt.datetime | None, without: frozenset[str]) -> pl.DataFrame:
    latest = latest_posts(tables, metric, as_of=as_of).filter(
        pl.col("published_at").is_not_null() & ~pl.col("censored") & ~pl.col("platform").is_in(list(without))
    )
    ready = mature(latest, fitted_growth(tables, metric, as_of))
    week = (pl.col("published_at").dt.epoch("d") // 7).alias("week")
    return ready.select("post_id", "creator_id", "platform", "format", "sponsored", "y", week)


def _within(posts: pl.DataFrame) -> np.ndarray:
    """y less its creator × format mean and the common effect of sponsorship, tails cut at six robust deviations."""
    centred = posts.with_columns(pl.col("y") - pl.col("y").mean().over("creator_id", "format"))
    sponsored = pl.col("sponsored").cast(pl.Float64)
    sponsored = sponsored - sponsored.mean().over("creator_id", "format")
    x, y = posts.select(sponsored).to_series().to_numpy(), centred.get_column("y").to_numpy()
    y = y - x * float(np.sum(x * y) / max(np.sum(x * x), 1e-9))
    cut = 6 * 1.4826 * float(np.median(np.abs(y))) + 1e-9
    # A mean of n posts took 1/n of each one's variance: put back, so that creators with few posts do not look steady.
    n = posts.select(pl.len().over("creator_id", "format")).to_series().to_numpy()
    return np.asarray(np.clip(y, -cut, cut) * np.sqrt(n / np.maximum(n - 1, 1)) * (n > 1))


def _codes(posts: pl.DataFrame, *columns: str) -> np.ndarray:
    return posts.select(pl.struct(columns).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()


def _shocks(posts: pl.DataFrame, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shock of each post's platform and week, the same without the own creator, and its error variance."""
    cell, pair = _codes(posts, "platform", "week"), _codes(posts, "platform", "week", "creator_id")
    noise = float(np.mean(residual**2))
    effect = shrink(residual, np.ones(len(residual)), cell, int(cell.max()) + 1, noise, 0.05)
    own_sum, own_n = np.bincount(pair, residual), np.bincount(pair)
    cell_sum, cell_n = np.bincount(cell, residual), np.bincount(cell)
    others_n = cell_n[cell] - own_n[pair]
    others = (cell_sum[cell] - own_sum[pair]) / np.maximum(others_n, 1)
    trust = effect.between / (effect.between + noise / np.maximum(others_n, 1e-9))
    return (
        effect.mean[cell],
        np.where(others_n > 0, trust * others, 0.0),
        np.where(others_n > 0, (1 - trust), 1.0) * effect.between,
    )


def _index(posts: pl.DataFrame, residual: np.ndarray, shock: np.ndarray, error2: np.ndarray, seed: int) -> pl.DataFrame:
    creator = _codes(posts, "creator_id")
    count = np.bincount(creator).astype(float)
    mean = np.bincount(creator, shock) / count
    x = shock - mean[creator]
    sxx = np.bincount(creator, x * x)
    sxy = np.bincount(creator, x * residual)
    work_all = float(np.mean((residual - x) ** 2))
    for _ in range(8):
        between = _loading_variance(sxx, sxy, work_all)
        precision = sxx / work_all + 1 / between
        loading = (sxy / work_all + 1 / between) / precision
        work_all = float(np.mean((residual - loading[creator] * x) ** 2 + x**2 / precision[creator]))
    left = np.bincount(creator, (residual - loading[creator] * x) ** 2)
    rng = np.random.default_rng(seed)
    g, shape = len(count), (_PRIOR_POSTS + count) / 2
    work = (_PRIOR_POSTS * work_all + left)[:, None] / 2 / rng.gamma(shape[:, None], 1.0, (g, _DRAWS))
    drawn = loading[:, None] + rng.standard_normal((g, _DRAWS)) / np.sqrt(precision)[:, None]
    # The shocks are known with error; their variance is what is seen plus what shrinkage took away, itself uncertain.
    lost = np.bincount(creator, error2) / count
    chance = rng.gamma(np.maximum(count, 2.0)[:, None] / 2, 1.0, (g, _DRAWS)) / (np.maximum(count, 2.0)[:, None] / 2)
    moved = drawn**2 * ((sxx / count + lost)[:, None] * chance)
    lasting = _lasting(posts, residual - loading[creator] * x, creator)
    unclear = np.minimum(lasting[:, None], 0.9 * work) * rng.random((g, _DRAWS))
    share = np.quantile((moved + unclear) / (moved + work), [0.05, 0.5, 0.95], axis=1)
    holds = np.clip(1 - np.quantile(drawn, [0.95, 0.5, 0.05], axis=1), 0.0, 1.0)
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
