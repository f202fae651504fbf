"""Recovery: how many days until half of a platform's abrupt fall in distribution is made good, per creator."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegauge.creators.dependence import shocked_posts
from tidegauge.creators.shock_path import Path
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: Half-lives (days) between which the search is made.
HALF_LIVES_DAYS: Float = np.geomspace(3.0, 120.0, 25)
#: A fall must be as deep as this (log views), explain so much of the path's variance, and leave room around it.
_FALL_LOG, _EXPLAINED, _MAX_FALLS, _EDGE_DAYS = -0.2, 0.08, 3, 10
#: Half-lives lie around a month before anything is seen (assumed), and creators differ by about a factor of 1.6.
_PRIOR_DAYS, _PRIOR_SD, _BETWEEN_SD, _LOADING_VARIANCE = 25.0, 0.8, 0.5, 0.3
#: Shocks last: so many days of a path are one draw.
_SHOCK_DAYS = 14.0
_SCHEMA = {
    "creator_id": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "falls": pl.Int64,
    "n": pl.Int64, "told": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True)
class Fall:
    """An abrupt fall of a platform's distribution: the day, its depth (log views), support of each half-life (log)."""

    platform: str
    day: int
    depth_log: float
    support: Float


def recovery(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """Days until half of an abrupt fall of the platform's distribution is made good, per creator, with 90 % intervals.

    Returns creator_id, value (median), low, high, falls (how many falls the creator posted through), n (its posts
    in the 90 days after them), told (0 to 1: how much narrower its own posts make the interval than the platforms'
    recovery alone; near 0 the figure is the pooled one). Creators whose platform had no such fall, or who did not post
    after it, have no row.

    Model: after a fall of depth c on day d, creator i's log views miss loading_i · c · 2^(−(t − d) / h_i). The mean
    recovery is seen in the platform's path, a creator's own only in how its posts depart from that path; log h_i is
    normal around the pooled mean. Identified is a recovery from abrupt falls that hit a whole platform; a week's dip
    that all share and leave together is part of the path, and a creator's private fall looks like its work.
    Source: Robbins (1956) on empirical Bayes; the path: `creators.shock_path`.
    """
    posts, residual, weight, paths = shocked_posts(tables, as_of)
    falls = [f for name, (_, path) in paths.items() for f in find_falls(name, path)]
    if not falls:
        return pl.DataFrame(schema=_SCHEMA)
    pooled = _pooled(falls)
    frames = [
        _per_creator(posts[rows], residual[rows], weight[rows], path, [f for f in falls if f.platform == name], pooled)
        for name, (rows, path) in paths.items()
    ]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *frames]).sort("creator_id")


def find_falls(platform: str, path: Path) -> list[Fall]:
    """Falls of a path by matched filtering: the day and half-life whose fading step explains most, then the next."""
    left = path.value - path.value.mean()
    bins = len(left)
    edge = max(2, _EDGE_DAYS // path.bin_days)
    days = np.arange(bins) * path.bin_days
    found: list[Fall] = []
    variance = float(np.var(left))
    if bins < 4 * edge or variance <= 1e-6:
        return found
    since = days[None, :] - days[edge : bins - edge, None]
    for _ in range(_MAX_FALLS):
        gain, depth = np.empty((len(HALF_LIVES_DAYS), len(since))), np.empty((len(HALF_LIVES_DAYS), len(since)))
        for j, half in enumerate(HALF_LIVES_DAYS):
            step = np.where(since >= 0, np.exp2(-np.maximum(since, 0) / half), 0.0)
            step -= step.mean(axis=1, keepdims=True)
            norm = np.sum(step**2, axis=1)
            depth[j] = step @ left / norm
            gain[j] = np.where(depth[j] < _FALL_LOG, depth[j] ** 2 * norm, 0.0)
        k, d = divmod(int(gain.argmax()), gain.shape[1])
        if gain[k, d] < _EXPLAINED * variance * bins:
            break
        noise = max(variance - float(gain[k, d]) / bins, 0.1 * variance) * max(_SHOCK_DAYS / path.bin_days, 1.0)
        support = (gain[:, d] - gain[k, d]) / (2 * noise)
        found.append(Fall(platform, path.first_day + int(days[edge + d]), float(depth[k, d]), support))
        step = np.where(since[d] >= 0, np.exp2(-np.maximum(since[d], 0) / HALF_LIVES_DAYS[k]), 0.0)
        left = left - depth[k, d] * (step - step.mean())
    return found


def _pooled(falls: list[Fall]) -> tuple[float, float]:
    """Mean of log half-life over creators, and its standard error, from the plainest fall of every platform.

    Lesser falls may be a dip of a week or two that everyone left together, and would say that all recover fast.
    """
    grid = np.log(HALF_LIVES_DAYS)
    falls = [f for k, f in enumerate(falls) if k == 0 or f.platform != falls[k - 1].platform]
    log = -0.5 * ((grid - np.log(_PRIOR_DAYS)) / _PRIOR_SD) ** 2 + np.sum([f.support for f in falls], axis=0)
    p = np.exp(log - log.max())
    p /= p.sum()
    mean = float(p @ grid)
    return mean, float(np.sqrt(p @ (grid - mean) ** 2))


def _per_creator(
    posts: pl.DataFrame, residual: Float, weight: Float, path: Path, falls: list[Fall], pooled: tuple[float, float]
) -> pl.DataFrame:
    """Posterior of every creator's half-life on the grid, its loading integrated out."""
    if not falls:
        return pl.DataFrame(schema=_SCHEMA)
    day = posts.get_column("day").to_numpy()
    creator = posts.get_column("creator_id").rank("dense").cast(pl.Int64).to_numpy() - 1
    groups = int(creator.max()) + 1
    grid = np.log(HALF_LIVES_DAYS)
    spread = np.hypot(_BETWEEN_SD, pooled[1])
    prior = np.exp(-0.5 * ((grid - pooled[0]) / spread) ** 2)
    prior /= prior.sum()
    since = day[:, None] - np.array([f.day for f in falls])[None, :]
    fades = np.where(
        since >= 0, np.exp2(-np.maximum(since, 0)[None, :, :] / HALF_LIVES_DAYS[:, None, None]), 0.0
    ) @ np.array([f.depth_log for f in falls])
    usual = prior @ fades
    told = np.maximum(np.bincount(creator, weight, groups), 1e-9)
    noise = max(float(np.sum(weight * (residual - path.own_out) ** 2)) / max(float((weight > 0).sum()), 1.0), 1e-4)
    log = np.empty((len(grid), groups))
    for k in range(len(grid)):
        x = path.own_out + fades[k] - usual
        x = x - (np.bincount(creator, weight * x, groups) / told)[creator]
        sxx = np.bincount(creator, weight * x * x, groups) / noise
        sxy = np.bincount(creator, weight * x * residual, groups) / noise
        precision = sxx + 1 / _LOADING_VARIANCE
        log[k] = 0.5 * (sxy + 1 / _LOADING_VARIANCE) ** 2 / precision - 0.5 * np.log(precision)
    posterior = np.exp(log - log.max(axis=0)) * prior[:, None]
    posterior /= posterior.sum(axis=0)
    running = np.cumsum(posterior, axis=0)
    low, middle, high = (_quantile(running, grid, q) for q in (0.05, 0.5, 0.95))
    own_sd = np.sqrt(np.maximum(posterior.T @ grid**2 - (posterior.T @ grid) ** 2, 0.0))
    prior_sd = np.sqrt(prior @ (grid - prior @ grid) ** 2)
    after = (since >= 0) & (since <= 90)
    posted = np.array([np.bincount(creator, after[:, j], groups) > 0 for j in range(len(falls))]).sum(axis=0)
    n = np.bincount(creator, after.any(axis=1), groups)
    names = posts.get_column("creator_id").unique().sort()
    return pl.DataFrame(
        {
            "creator_id": names, "value": np.exp(middle), "low": np.exp(low), "high": np.exp(high),
            "falls": posted.astype(np.int64), "n": n.astype(np.int64),
            "told": np.clip(1 - own_sd / prior_sd, 0.0, 1.0),
        }
    ).filter(pl.col("n") > 0)  # fmt: skip


def _quantile(running: Float, grid: Float, level: float) -> Float:
    """Quantile per column of a distribution on the grid, interpolated between its points."""
    at = np.clip((running < level).sum(axis=0), 0, len(grid) - 1)
    column = np.arange(running.shape[1])
    before = np.where(at > 0, running[np.maximum(at - 1, 0), column], 0.0)
    share = np.clip((level - before) / np.maximum(running[at, column] - before, 1e-12), 0.0, 1.0)
    width = np.log(HALF_LIVES_DAYS[1] / HALF_LIVES_DAYS[0])
    return np.asarray(grid[at] + width * (share - 0.5))
