"""Half-life and evergreen: how fast a post collects its views, and how much of them comes after the first week."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.growth import Growth, Multipliers
from tidegauge.errors import MeasureError
from tidegauge.workspace.tables import Tables

_LEVELS = ("platform", "format", "creator", "post")
_WEEK_DAYS = 7.0
_Z90 = 1.6449
#: A post departs from its platform's shape of growth by at least so much (log), however alike all of them look.
_LEAST_DEPARTURE = 0.2


def half_life(
    tables: Tables, *, by: str = "format", metric: str = "views", as_of: dt.datetime | None = None
) -> pl.DataFrame:
    """Time to half of the 30-day count, and the share of it that comes after day 7, with 90 % intervals.

    Parameters: `by` is "platform", "format" (within platform), "creator" or "post"; `metric` as in `post_snapshots`.

    Returns one row per group: the key columns, half_life_days, half_life_low, half_life_high, evergreen_share (of the
    30-day count, after day 7), evergreen_low, evergreen_high, n (posts seen at least twice), assumed (true where
    nothing was seen twice and the shipped curve stands in).

    What is estimated: a multiplier of the platform's growth curve, shrunk by empirical Bayes to the level above
    (`creators.growth`). Intervals hold two parts: how well the multiplier is known, and how far the shape of such a
    group's growth departs from the curve (early against late growth over all groups of that level). Raises
    MeasureError for another `by` or metric.
    """
    if by not in _LEVELS:
        raise MeasureError(f"half-life cannot be split by {by}", mend="possible: " + ", ".join(_LEVELS))
    growth = fitted_growth(tables, metric, as_of)
    return summarise(growth, by)


def summarise(growth: Growth, by: str) -> pl.DataFrame:
    """`half_life`'s table from a fitted growth."""
    keys = {
        "platform": ["platform"],
        "format": ["platform", "format"],
        "creator": ["creator_id", "platform"],
        "post": ["post_id", "creator_id", "platform", "format"],
    }[by]
    if by == "post":
        frame = growth.posts.with_columns(pl.lit(1).alias("n"))
    elif by == "creator":
        above = growth.posts.group_by("creator_id", "platform").agg(pl.col("cell_k").mean().alias("above"))
        frame = growth.creators.join(above, on=["creator_id", "platform"], maintain_order="left", how="left")
    else:
        sums = growth.cells.group_by(keys, maintain_order=True).agg(
            pl.col("n").sum(),
            (pl.col("k") * pl.col("n")).sum().alias("weighted"),
            (pl.col("shape") / pl.col("rate").pow(2) * pl.col("n").cast(pl.Float64).pow(2)).sum().alias("variance"),
        )
        mean = pl.col("weighted") / pl.col("n")
        variance = pl.col("variance") / pl.col("n").cast(pl.Float64).pow(2)
        frame = sums.with_columns((mean.pow(2) / variance).alias("shape"), (mean / variance).alias("rate"), above=1.0)
    posterior = Multipliers(frame.get_column("shape").to_numpy(), frame.get_column("rate").to_numpy())
    middle = frame.get_column("above").to_numpy() * posterior.quantile(0.5)
    platform = frame.get_column("platform")
    week = growth.remaining(platform, np.full(len(platform), _WEEK_DAYS))
    half_sd, late_sd = _departures(growth, by, posterior, middle * week)
    low, high = middle * np.exp(-_Z90 * half_sd), middle * np.exp(_Z90 * half_sd)
    late_low, late_high = middle * np.exp(-_Z90 * late_sd), middle * np.exp(_Z90 * late_sd)

    def at_half(share: float, k: np.ndarray) -> np.ndarray:
        out = np.zeros(len(k))
        for name in platform.unique().to_list():
            mine = (platform == name).to_numpy()
            out[mine] = growth.curve_of(name).age_at_share(share, k[mine])
        return out

    return frame.select(*keys, pl.col("n").cast(pl.Int64)).with_columns(
        pl.Series("half_life_days", at_half(0.5, middle)),
        pl.Series("half_life_low", at_half(0.5, low)),
        pl.Series("half_life_high", at_half(0.5, high)),
        pl.Series("evergreen_share", 1 - np.exp(-middle * week)),
        pl.Series("evergreen_low", 1 - np.exp(-late_low * week)),
        pl.Series("evergreen_high", 1 - np.exp(-late_high * week)),
        pl.lit(growth.assumed).alias("assumed"),
    )


def _departures(growth: Growth, by: str, posterior: Multipliers, late: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviation of log k that matters for the half-life and for the late share (two vectors).

    Both hold how well k is known. A group's shape departs from the curve by its measured spread. A single post's k is
    told by all of its growth, so that its half-life takes half of the departure of late from early growth, and its
    late share the chance in as little growth as comes late (`late`, the expected log growth after day 7).
    """
    known = 1.0 / posterior.shape
    if by != "post":
        sd = np.sqrt(known + growth.shape_sd[by] ** 2)
        return sd, sd
    half = np.sqrt(known + max(0.5 * growth.shape_sd[by], _LEAST_DEPARTURE) ** 2)
    return half, np.sqrt(known + np.minimum(growth.curve.dispersion / np.maximum(late, 1e-3), 4.0))
