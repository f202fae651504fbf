"""When a source was looked at: its observation grid, estimated from the times of its own first sightings.

A collector that stood still for a night sees nothing new at three o'clock; what it then finds at nine is not "first
seen at nine". Such hours are told apart from quiet ones by how many new entries the hour of the day lets expect.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: A silence this improbable (Poisson, given the hour of the day and the month) is a gap and no quiet hour.
_ALPHA = 1e-3
#: A silence shorter than this many usual spacings is never a gap.
_LEAST_SPACINGS = 2.5
_HOUR_S = 3_600


@dataclass(frozen=True)
class Grid:
    """One source's looks: `at_s` (m,) sorted epoch seconds, `gap` (m,) whether the silence before each is a gap,
    `spacing_s` the usual time between two looks."""

    at_s: Ints
    gap: npt.NDArray[np.bool_]
    spacing_s: float

    def previous(self, at_s: Ints) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """The look before each first sighting, and whether that look tells anything.

        A sighting after a gap, or in the very first look, gives False: what was found may have been there for long.
        After a quiet spell the look before it is given as it is; who was first may then remain undecided.
        """
        place = np.searchsorted(self.at_s, at_s, side="left")  # at_s[place] is the sighting's own look, or the next
        place = np.clip(place, 0, self.at_s.size - 1)
        before = self.at_s[np.maximum(place - 1, 0)]
        known = (place > 0) & ~self.gap[place]
        return np.minimum(before, at_s).astype(np.float64), known

    def watched(self, low_s: Floats, high_s: Floats) -> Floats:
        """The share of each span [low, high] in which the source was watched; outside the first and last look, not."""
        closed = np.concatenate(([0.0], np.cumsum(np.where(self.gap[1:], np.diff(self.at_s), 0.0))))
        first, last = float(self.at_s[0]), float(self.at_s[-1])

        def unwatched(t: Floats) -> Floats:
            inside = np.interp(t, self.at_s, closed)
            return inside + np.minimum(t - first, 0.0) + np.maximum(t - last, 0.0)

        length = np.maximum(high_s - low_s, 1.0)
        share: Floats = 1.0 - (unwatched(high_s) - unwatched(low_s)) / length
        return share


def grids(looks: pl.DataFrame, zone: ZoneInfo) -> dict[str, Grid]:
    """The grid of each platform.

    Parameters
    ----------
    looks : platform, first_s, last_s, rows: short buckets of time that hold an observation, with the first and last
        epoch second of it and how many entries were new.
    zone : the local time in which the hour of the day counts.
    """
    found = {}
    for (name,), rows in looks.sort("platform", "first_s").group_by("platform", maintain_order=True):
        found[str(name)] = _grid(rows, zone)
    return found


def _grid(rows: pl.DataFrame, zone: ZoneInfo) -> Grid:
    at = rows.get_column("last_s").to_numpy().astype(np.int64)
    silence = np.diff(rows.get_column("first_s").to_numpy().astype(np.int64), prepend=at[:1])
    spacing = float(np.median(silence[1:])) if at.size > 1 else float(_HOUR_S)
    expected = _expected_new(rows, zone, spacing)
    gap = (silence > _LEAST_SPACINGS * spacing) & (expected > -np.log(_ALPHA))
    gap[0] = True
    return Grid(at, gap, max(spacing, 1.0))


def _expected_new(rows: pl.DataFrame, zone: ZoneInfo, spacing_s: float) -> Floats:
    """How many new entries looks during the silence before each look would have found, by month and local hour.

    What a look finds came up in the spacing before it, so it counts to the hour half a spacing earlier; and the last
    spacing of a silence is no silence, for its look did find what there was.
    """
    local = (
        ((pl.col("last_s") - spacing_s / 2.0).cast(pl.Int64) * 1_000_000)
        .cast(pl.Datetime("us", "UTC"))
        .dt.convert_time_zone(str(zone))
    )
    timed = rows.with_columns(local.alias("local")).with_columns(
        hour=pl.col("local").dt.hour(), month=pl.col("local").dt.truncate("1mo"), day=pl.col("local").dt.date()
    )
    all_days = max(timed.get_column("day").n_unique(), 1)
    usual = timed.group_by("hour").agg(rate=pl.col("rows").sum() / all_days)
    days = timed.group_by("month").agg(days=pl.col("day").n_unique())
    hourly = timed.group_by("month", "hour").agg(total=pl.col("rows").sum()).join(days, on="month")
    first = int(rows.get_column("first_s").to_numpy()[0] - spacing_s) // _HOUR_S - 1
    last = int(rows.get_column("last_s").to_numpy()[-1]) // _HOUR_S + 1
    clock = pl.DataFrame({"h": np.arange(first, last + 1, dtype=np.int64)}).with_columns(
        local=(pl.col("h") * _HOUR_S * 1_000_000).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(str(zone))
    )
    rated = (
        clock.with_columns(hour=pl.col("local").dt.hour(), month=pl.col("local").dt.truncate("1mo"))
        .join(hourly, on=["month", "hour"], how="left", maintain_order="left")
        .join(usual, on="hour", how="left", maintain_order="left")
        .select(rate=(pl.col("total") / pl.col("days")).fill_null(pl.col("rate")).fill_null(0.0))
    )
    rate = rated.get_column("rate").to_numpy()
    total = np.concatenate(([0.0], np.cumsum(rate)))[: rate.size]
    edges = clock.get_column("h").to_numpy() * float(_HOUR_S)
    end = np.interp(rows.get_column("first_s").to_numpy() - spacing_s, edges, total)
    start = np.interp(np.roll(rows.get_column("last_s").to_numpy(), 1), edges, total)
    expected: Floats = end - start
    expected[0] = 0.0
    return expected
