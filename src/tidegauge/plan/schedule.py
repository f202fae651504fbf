"""A calendar: on which day of the flight each pick is posted.

Days are weighed by the category's own rhythm (how its creators spread their posts over the week) and filled evenly: a
day takes the next post when it is furthest behind its share. No day gets more posts than the limit, and a creator's
posts for the brand fall at least one of its usual gaps after its last post where the flight allows.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import Brief, flight_days

#: Days planned for where the brief names no flight.
DEFAULT_FLIGHT_DAYS = 28
#: A category's week counts as if this many posts had been spread evenly on top, so that few posts say little.
EVEN_POSTS = 70.0


def schedule(picks: pl.DataFrame, rhythm: pl.DataFrame, brief: Brief, now: dt.datetime) -> pl.Series:
    """The day of each pick, in the order of `picks`.

    `picks`: category, last_post_at, posts_per_week, views (larger first: they get the best days of the early flight).
    `rhythm`: category, weekday (0 is Monday), posts. Raises BriefError where the flight has too few places.
    """
    days = flight_days(brief) or default_days(now)
    limit = brief.flight.posts_per_day if brief.flight else None
    if limit is not None and limit * len(days) < picks.height:
        raise BriefError(
            f"{picks.height} picks do not fit into {len(days)} days with {limit} posts a day",
            mend=f"lengthen the flight, raise posts_per_day to {-(-picks.height // max(len(days), 1))}, "
            f"or set max_creators = {limit * len(days)}",
            where=brief.where("flight", "posts_per_day"),
        )
    weekday = np.array([d.weekday() for d in days])
    week = _weeks(rhythm)
    filled, share = np.zeros(len(days)), np.zeros(len(days))
    posted: list[dt.date | None] = [None] * picks.height
    order = np.argsort(-picks.get_column("views").fill_null(0.0).to_numpy(), kind="stable")
    categories = picks.get_column("category").to_list()
    for i in order:
        pull = week.get(categories[i] or "", week[""])[weekday]
        share += pull / pull.sum()
        room = np.ones(len(days), bool) if limit is None else filled < limit
        rested = _rested(picks.row(int(i), named=True), days)
        open_days = room & rested if (room & rested).any() else room
        behind = np.where(open_days, share - filled, -np.inf)
        best = int(np.argmax(behind))
        filled[best] += 1
        posted[int(i)] = days[best]
    return pl.Series("publish_on", posted, dtype=pl.Date)


def default_days(now: dt.datetime) -> list[dt.date]:
    """Where the brief names no flight: four weeks from the day after the newest observation."""
    return [now.date() + dt.timedelta(days=1 + i) for i in range(DEFAULT_FLIGHT_DAYS)]


def _weeks(rhythm: pl.DataFrame) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Category → share of posts per weekday (7 values), smoothed; the key '' is all categories together."""
    found = {"": np.full(7, EVEN_POSTS / 7)}
    for category, weekday, posts in rhythm.select("category", "weekday", "posts").iter_rows():
        found[""][weekday] += posts
        if category:
            found.setdefault(category, np.full(7, EVEN_POSTS / 7))[weekday] += posts
    return {name: counts / counts.sum() for name, counts in found.items()}


def _rested(pick: dict[str, object], days: list[dt.date]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Days that lie at least the creator's usual gap after its last post (at most a fortnight)."""
    last, pace = pick.get("last_post_at"), pick.get("posts_per_week")
    if not isinstance(last, dt.datetime):
        return np.ones(len(days), bool)
    gap = min(14.0, 7 / pace) if isinstance(pace, int | float) and pace > 0 else 7.0
    first = last.date() + dt.timedelta(days=round(gap))
    return np.array([d >= first for d in days])
