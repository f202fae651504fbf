"""How a platform's ordinary posts did during a flight, beside what the same creators had before it.

A roster that falls short together with everybody else on its platform was not badly chosen. For every platform: the
mean over creators of (log count at 30 days of their unsponsored posts in the flight − the same of their posts in the
90 days before), creators alike, with a 90 % t-interval.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from scipy.stats import t as student

from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.next_post import mature
from tidegauge.creators.post_frame import latest_posts
from tidegauge.workspace.tables import Tables

BEFORE_DAYS = 90
#: Fewer creators than this tell nothing about a platform.
LEAST_CREATORS = 20
#: A creator's mean of logs is cut at this distance from the platform's median: one viral post is no tide.
_CUT = 3.0
SCHEMA = {
    "platform": pl.String, "metric": pl.String, "change_log": pl.Float64, "low_log": pl.Float64, "high_log": pl.Float64,
    "creators": pl.Int64,
}  # fmt: skip


def platform_tide(tables: Tables, start: dt.datetime, end: dt.datetime) -> pl.DataFrame:
    """One row per platform with enough creators: platform, metric (views, else likes), change_log, low_log, high_log,
    creators."""
    found: dict[str, tuple[object, ...]] = {}
    for metric in ("views", "likes"):
        posts = mature(latest_posts(tables, metric), fitted_growth(tables, metric, None))
        plain = posts.filter(~pl.col("sponsored") & ~pl.col("censored") & pl.col("published_at").is_not_null())
        inside = plain.filter(pl.col("published_at").is_between(start, end, closed="left"))
        before = plain.filter(
            pl.col("published_at").is_between(start - dt.timedelta(days=BEFORE_DAYS), start, closed="left")
        )
        usual = before.group_by("creator_id", "format").agg(pl.col("y").mean().alias("usual"))
        change = (
            inside.join(usual, on=["creator_id", "format"])
            .group_by("platform", "creator_id")
            .agg((pl.col("y") - pl.col("usual")).mean().alias("change"))
            .sort("platform", "creator_id")
        )
        for (platform,), part in change.group_by("platform", maintain_order=True):
            if part.height >= LEAST_CREATORS and str(platform) not in found:
                found[str(platform)] = (str(platform), metric, *_mean(part["change"].to_numpy()), part.height)
    return pl.DataFrame(list(found.values()), schema=SCHEMA, orient="row").sort("platform")


def _mean(values: np.ndarray) -> tuple[float, float, float]:
    middle = float(np.median(values))
    cut = np.clip(values, middle - _CUT, middle + _CUT)
    mean, error = float(cut.mean()), float(cut.std(ddof=1) / np.sqrt(cut.size))
    half = float(student.ppf(0.95, cut.size - 1)) * error
    return mean, mean - half, mean + half
