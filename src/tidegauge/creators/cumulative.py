"""Cumulative counters on a daily grid: what was known on which day, and what the count was between two observations.

Counters (views in all, followers) are read at irregular times and are missing on some days. Two different questions
need two different answers: the *truth* of a past window may interpolate between the observations around its ends; a
*forecast* made on a day may use observations up to that day only. `Counter` keeps both apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Counter:
    """One counter of many creators on a grid of days.

    `keys` names the rows (n); `first_day` is the day number (days since 1970-01-01) of column 0. `count` (n × days) is
    the count at the end of each day, linearly interpolated between observations and NaN outside them. `seen` (n × days)
    is the column of the latest observation up to that day, -1 where there is none.
    """

    keys: pl.Series
    first_day: int
    count: Float
    seen: Int

    @property
    def days(self) -> int:
        return int(self.count.shape[1])

    def until(self, column: int) -> Counter:
        """What was known at the end of day `column`: later observations are gone, also from the interpolation."""
        count, seen = self.count[:, : column + 1].copy(), self.seen[:, : column + 1]
        if seen.size:
            count[np.arange(self.days)[: column + 1][None, :] > seen[:, -1:]] = np.nan
        return Counter(self.keys, self.first_day, count, seen)


def views_between(counter: Counter, start: int, end: int, limit_days: float) -> Float:
    """What was added between the ends of two days of the grid (n): a truth to train on and to score against.

    A fall counts as zero: views cannot be taken back. NaN where an end of the window is not pinned down: it must be
    observed itself, or lie between two observations at most `limit_days` apart (`gap_limit`). Channels that vanish and
    come back with another count are such a case.
    """
    if not 0 <= start < end < counter.days:
        return np.full(len(counter.keys), np.nan)
    added = np.maximum(counter.count[:, end] - counter.count[:, start], 0.0)
    return np.asarray(np.where(_pinned(counter, start, limit_days) & _pinned(counter, end, limit_days), added, np.nan))


def gap_limit(counter: Counter) -> float:
    """Twice the usual distance between two observations of one creator, two days at least.

    The usual distance is the median over all creators; a weekly panel is no daily panel with six missing days.
    """
    row, column = np.nonzero(counter.seen == np.arange(counter.days))
    gaps = np.diff(column)[np.diff(row) == 0]
    return max(2.0, 2.0 * float(np.median(gaps))) if gaps.size else 2.0


def _pinned(counter: Counter, column: int, limit_days: float) -> NDArray[np.bool_]:
    # An observation that comes later shows in `seen` of the days after it; looking further than the limit is no use.
    ahead = counter.seen[:, column : column + int(limit_days) + 1] >= column
    wait = np.where(ahead.any(axis=1), ahead.argmax(axis=1), np.inf)
    before = counter.seen[:, column]
    return np.asarray((before >= 0) & (column - before + wait <= limit_days))


def daily_counter(frame: pl.DataFrame, *, key: str, day: str, count: str, keys: pl.Series | None = None) -> Counter:
    """Put long observations on the daily grid.

    Parameters: `frame` with a key, a date and a non-negative count (nulls are skipped; of several observations on one
    day the last row counts, so sort by time first); `keys` fixes the rows and their order (else the sorted keys).
    """
    known = frame.select(
        pl.col(key).alias("key"), pl.col(day).cast(pl.Date).alias("day"), pl.col(count).cast(pl.Float64).alias("count")
    ).filter(pl.col("day").is_not_null() & pl.col("count").is_finite() & (pl.col("count") >= 0))
    rows = (frame.get_column(key).unique().sort() if keys is None else keys).alias("key")
    if known.is_empty():
        return Counter(rows, 0, np.full((len(rows), 0), np.nan), np.full((len(rows), 0), -1, np.int64))
    first, last = (
        int(v)
        for v in known.select(
            pl.col("day").to_physical().min().alias("a"), pl.col("day").to_physical().max().alias("z")
        ).row(0)
    )
    number = pl.DataFrame({"key": rows}).with_row_index("row")
    placed = (
        known.with_columns((pl.col("day").to_physical() - first).alias("column"))
        .unique(["key", "column"], keep="last", maintain_order=True)
        .sort("key", "column")
        .filter(~_misread())
        .join(number, on="key", how="inner")
    )
    observed = np.full((len(rows), last - first + 1), np.nan)
    observed[placed.get_column("row").to_numpy(), placed.get_column("column").to_numpy()] = placed.get_column("count")
    return _interpolated(rows, first, observed)


def _misread() -> pl.Expr:
    """Readings not to be believed, by what was known when they came: nothing after something, and a first fall.

    A count that falls and is back at the next reading was misread; one that stays down is believed from its second
    reading on.
    """
    count = pl.col("count")
    fell = (count < count.shift()).over("key").fill_null(False)
    before = fell.shift().over("key").fill_null(False)
    return (fell & ~before) | ((count == 0) & (count.cum_max().over("key") > 0))


def _interpolated(keys: pl.Series, first_day: int, observed: Float) -> Counter:
    days = observed.shape[1]
    column = np.arange(days)
    has = ~np.isnan(observed)
    before = np.maximum.accumulate(np.where(has, column, -1), axis=1)
    after = np.minimum.accumulate(np.where(has, column, days)[:, ::-1], axis=1)[:, ::-1]
    inside = (before >= 0) & (after < days)
    b, a = np.where(inside, before, 0), np.where(inside, after, 0)
    at_b, at_a = np.take_along_axis(observed, b, 1), np.take_along_axis(observed, a, 1)
    share = (column - b) / np.maximum(a - b, 1)
    count = np.where(inside, at_b + share * (at_a - at_b), np.nan)
    return Counter(keys, first_day, count, before.astype(np.int64))
