"""What a creator's recent counts say about the coming days: levels at several memories, bursts, silence, growth."""

from __future__ import annotations

import numpy as np

from tidegauge.creators.cumulative import Counter, Float

#: Days of history that a forecast looks at: six weeks, the longest window that practitioners' rules use.
DEPTH_DAYS = 42
WEEKS = DEPTH_DAYS // 7
#: Half-lives (days) of the exponentially weighted levels: a few days, a week, three weeks.
HALF_LIVES_DAYS = (2.0, 6.0, 20.0)
NAMES = (
    "level_2", "log_level_2", "level_6", "log_level_6", "level_20", "log_level_20", "burstiness", "silent_share",
    "day_q25", "day_q50", "day_q75", "day_second", "day_top", "week_mean", "week_spread", "week_low", "week_high",
    "week_median", "week_0", "week_1", "week_2", "day_1", "day_2", "day_3", "log_followers", "log_total",
    "follower_growth",
)  # fmt: skip


def recent_days(counter: Counter, origin: int) -> tuple[Float, np.ndarray]:
    """Daily increments up to the last observation at or before column `origin`, newest first (n × DEPTH_DAYS).

    A count that falls (removed videos, corrections) is an increment of zero. NaN where nothing was known. Also returns
    the columns of those last observations (-1 where none).
    """
    n = len(counter.keys)
    last = counter.seen[:, origin] if counter.days else np.full(n, -1)
    columns = last[:, None] - np.arange(DEPTH_DAYS + 1)[None, :]
    usable = (columns >= 0) & (last[:, None] >= 0)
    level = np.where(usable, np.take_along_axis(counter.count, np.maximum(columns, 0), 1), np.nan)
    return np.maximum(level[:, :-1] - level[:, 1:], 0.0), last


def weekly_views(daily: Float) -> Float:
    """Views of each of the last weeks, newest first (n × WEEKS); NaN for a week that is not wholly known."""
    return np.asarray(daily.reshape(len(daily), WEEKS, 7).sum(axis=2))


def features(views: Counter, followers: Counter, origin: int) -> Float:
    """The covariates of every creator at the end of day `origin` (n × len(NAMES)); rows without history are NaN.

    Levels are log1p of views per week, so that all of them are guesses of the target on its own scale. The length of
    the known history is left out on purpose: it grows from one training day to the next, and a fitted slope on it
    extrapolates (measured: coverage fell from 0.82 to 0.69).
    """
    daily, last = recent_days(views, origin)
    known = ~np.isnan(daily)
    days = known.sum(axis=1)
    safe = np.where(known, daily, 0.0)
    logs = np.log1p(safe)
    age = np.arange(DEPTH_DAYS)
    parts: list[Float] = []
    for half_life in HALF_LIVES_DAYS:
        weight = known * 0.5 ** (age / half_life)
        weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        parts += [np.log1p(7 * (safe * weight).sum(axis=1)), (logs * weight).sum(axis=1)]
    weight = known * 0.5 ** (age / 10.0)
    weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    parts.append(np.sqrt((np.square(logs - parts[3][:, None]) * weight).sum(axis=1)))
    parts.append(((safe == 0) * weight).sum(axis=1))
    ranked = np.sort(np.where(known, np.log1p(7 * safe), np.inf), axis=1)
    for share in (0.25, 0.5, 0.75):
        parts.append(_at(ranked, (days * share).astype(int), days))
    parts += [_at(ranked, days - 2, days), _at(ranked, days - 1, days)]
    parts += _weeks(daily, parts[2])
    for width in (1, 2, 3):
        count = known[:, :width].sum(axis=1)
        parts.append(np.log1p(7 * safe[:, :width].sum(axis=1) / np.maximum(count, 1)))
    parts += _size(views, followers, origin, last)
    table = np.stack(parts, axis=1)
    table[days == 0] = np.nan
    return table


def _at(ranked: Float, index: np.ndarray, days: np.ndarray) -> Float:
    position = np.clip(index, 0, np.maximum(days - 1, 0))
    return np.asarray(np.where(days > 0, np.take_along_axis(ranked, position[:, None], 1)[:, 0], 0.0))


def _weeks(daily: Float, fallback: Float) -> list[Float]:
    """Mean, spread, lowest, highest, median and the last three weekly levels; the smoothed level where unknown."""
    weeks = np.log1p(weekly_views(daily))
    known = ~np.isnan(weeks)
    count = known.sum(axis=1)
    safe = np.where(known, weeks, 0.0)
    mean = np.where(count > 0, safe.sum(axis=1) / np.maximum(count, 1), fallback)
    spread = np.sqrt(np.where(known, np.square(weeks - mean[:, None]), 0.0).sum(axis=1) / np.maximum(count, 1))
    low = np.where(count > 0, np.where(known, weeks, np.inf).min(axis=1), fallback)
    high = np.where(count > 0, np.where(known, weeks, -np.inf).max(axis=1), fallback)
    ranked = np.sort(np.where(known, weeks, np.inf), axis=1)
    upper, lower = _at(ranked, count // 2, count), _at(ranked, (count - 1) // 2, count)
    median = np.where(count > 0, (upper + lower) / 2, fallback)
    filled = [np.where(known[:, k], weeks[:, k], mean) for k in range(3)]
    return [mean, spread, low, high, median, *filled]


def _size(views: Counter, followers: Counter, origin: int, last: np.ndarray) -> list[Float]:
    total = np.log1p(np.nan_to_num(views.count[np.arange(len(last)), np.maximum(last, 0)]))
    count = followers_at(followers, views, origin)
    past = followers_at(followers, views, origin - 14)
    known = ~np.isnan(count)
    growth = np.where(known & ~np.isnan(past), count / np.maximum(past, 1.0) - 1.0, 0.0)
    middle = np.nanmedian(np.log1p(count)) if known.any() else 0.0
    return [np.where(known, np.log1p(count), middle), total, np.clip(growth, -0.2, 0.5)]


def followers_at(followers: Counter, views: Counter, origin: int) -> Float:
    """The latest known follower count at the end of the views grid's day `origin` (n); NaN where unknown."""
    column = views.first_day + origin - followers.first_day
    if followers.days == 0 or column < 0:
        return np.full(len(followers.keys), np.nan)
    seen = followers.seen[:, min(column, followers.days - 1)]
    row = np.arange(len(seen))
    return np.asarray(np.where(seen >= 0, followers.count[row, np.maximum(seen, 0)], np.nan))
