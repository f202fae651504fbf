"""Demand and supply of a cell in successive windows, creator by creator: the rows under opportunity."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure.amounts import Amounts, Asked, amounts
from tidegauge.measure.segments import UNKNOWN, Grid
from tidegauge.workspace.tables import Tables

Floats = npt.NDArray[np.float64]

VIEWS, FOLLOWERS = "views", "followers"
#: A creator read from this part of the first window on still counts as read over the whole of it.
_BEGUN = 0.15


@dataclass(frozen=True)
class Part:
    """A figure of k cells on the log scale: `y` (NaN: unknown), variance `spread2` between creators, creators `n`."""

    y: Floats
    spread2: Floats
    n: Floats


def windows(at: dt.datetime, days: int, *, after: int = 0, halves: bool = False) -> Grid:
    """The two windows of `days` before an instant, and `after` more from it on; or the halves of these."""
    step = dt.timedelta(days=days) / (2 if halves else 1)
    first, last = (-4, 2 * after) if halves else (-2, after)
    edges = tuple(at + k * step for k in range(first, last + 1))
    return Grid("window", edges, tuple(f"w{k}" for k in range(len(edges) - 1)))


def demand(tables: Tables, by: tuple[str, ...], at: dt.datetime, days: int, *, after: int = 0) -> pl.DataFrame:
    """What each creator's audience gave in each window: creator_id, by, d0, d1, …, their halves h0, h1, …, signal.

    Views gained where a platform's are known over all windows, else followers at the windows' ends. Only creators who
    were read from the first window to the last count: one who is collected from now on would look like growth. A tier
    is the one at the end of the first half, for a later one would be chosen by growth.
    """
    grid = windows(at, days, after=after, halves=True)
    count = grid.length // 2
    frames: list[pl.DataFrame] = []
    done: set[str] = set()
    late, begun = _late(tables, grid)
    for signal in (VIEWS, FOLLOWERS):
        found = None if signal == FOLLOWERS and "format" in by else _amounts(tables, signal, by, grid)
        if found is None or not (all(found.complete[1:]) and (found.complete[0] or begun)):
            continue
        frame = found.frame.join(late, on="creator_id", how="anti")
        if "platform" in by:
            frame = frame.filter(~pl.col("platform").is_in(list(done)))
        elif done:
            continue
        seen = frame.group_by("creator_id").agg((pl.col("period") // 2).n_unique())
        always = seen.filter(pl.col("period") == count).select("creator_id")
        wide = _wide(frame.join(always, on="creator_id"), by, "h", grid.length)
        early, later = ([pl.col(f"h{2 * w + k}") for w in range(count)] for k in (0, 1))
        if signal == VIEWS:
            both = [a + b for a, b in zip(early, later, strict=True)]
        else:  # a level: the last one known
            both = [pl.when(b > 0).then(b).otherwise(a) for a, b in zip(early, later, strict=True)]
        wide = wide.with_columns(*(d.alias(f"d{w}") for w, d in enumerate(both)), signal=pl.lit(signal))
        if not wide.is_empty():
            frames.append(wide)
            done |= set(wide.get_column("platform").unique()) if "platform" in by else {"all"}
    if not frames:
        raise MeasureError(
            f"no views or followers are known over all {count} windows of {days} days from {grid.edges[0]:%Y-%m-%d} on",
            mend="ingest counts over a longer time (post_snapshots, creator_snapshots), or choose a smaller horizon_d",
        )
    known = pl.concat(frames)
    return known.filter(pl.all_horizontal(pl.col(c) != UNKNOWN for c in by)).sort("creator_id", *by)


def _late(tables: Tables, grid: Grid) -> tuple[pl.DataFrame, bool]:
    """Creators of a tracked panel read for the first time after the first window had begun; whether others were before.

    Where most creators were first read later than that, the accounts were not tracked (one crawl at the end): then the
    times of the posts say when they were active, and nobody is late.
    """
    snapshots = tables["creator_snapshots"]
    first = snapshots.group_by("creator_id").agg(first_at=snapshots.observed_at.min())
    start = grid.edges[0] + 2 * _BEGUN * (grid.edges[1] - grid.edges[0])
    since: pl.DataFrame = tables.frame(first).with_columns(
        late=pl.col("first_at").cast(pl.Datetime("us", "UTC")) > start
    )
    if since.is_empty() or since.get_column("late").mean() > 0.5:  # type: ignore[operator]
        return since.head(0).select("creator_id"), False
    return since.filter("late").select("creator_id"), True


def supply(tables: Tables, by: tuple[str, ...], grid: Grid) -> pl.DataFrame | None:
    """Posts of each creator in both windows, and saves gained in the second: creator_id, by, s0, s1, saves."""
    posts = _amounts(tables, "posts", by, grid)
    if posts is None:
        return None
    wide = _wide(posts.frame, by, "s", grid.length)
    saves = _amounts(tables, "saves", by, grid)
    if saves is None:
        return wide.with_columns(saves=pl.lit(None, pl.Float64))
    gained = _wide(saves.frame, by, "x", grid.length).select("creator_id", *by, saves="x1")
    return wide.join(gained, on=["creator_id", *by], how="left")


def _amounts(tables: Tables, quantity: str, by: tuple[str, ...], grid: Grid) -> Amounts | None:
    try:
        return amounts(tables, quantity, Asked(by, "auto", None, grid.edges[-1], stale_days=14, grid=grid))
    except MeasureError:
        return None  # the tables for it are empty: there are other signals


def _wide(frame: pl.DataFrame, by: tuple[str, ...], name: str, length: int) -> pl.DataFrame:
    if "tier" in by:
        frame = frame.sort("creator_id", "period").with_columns(pl.col("tier").first().over("creator_id"))
    amounts_of = [pl.col("amount").filter(pl.col("period") == w).sum().alias(f"{name}{w}") for w in range(length)]
    return frame.group_by("creator_id", *by).agg(amounts_of).sort("creator_id", *by)


def log_ratio(cell: npt.NDArray[np.int64], k: int, part: Floats, base: Floats, added: Floats) -> Part:
    """log((Σ part + added) / (Σ base + added)) per cell, linearised over creators.

    Parameters
    ----------
    cell : (n,) cell of each creator's row; part, base : (n,) amounts; added : (k,) a typical creator's amount, which
        keeps cells of few creators from running to infinity (0 for ratios of unlike things).
    """
    a, b = np.bincount(cell, part, k) + added, np.bincount(cell, base, k) + added
    known = (a > 0) & (b > 0)
    safe_a, safe_b = np.where(known, a, 1.0), np.where(known, b, 1.0)
    influence = part / safe_a[cell] - base / safe_b[cell]
    active = ((part > 0) | (base > 0)).astype(np.float64)
    n = np.asarray(np.bincount(cell, active, k), dtype=np.float64)
    mean = np.bincount(cell, influence, k) / np.maximum(n, 1.0)
    squares = np.bincount(cell, active * (influence - mean[cell]) ** 2, k)
    spread2 = n**2 / np.maximum(n - 1.0, 1.0) * squares
    return Part(np.where(known, np.log(safe_a / safe_b), np.nan), np.where(n > 1, spread2, 0.0), n)


def log_mean(cell: npt.NDArray[np.int64], k: int, value: Floats) -> Part:
    """Mean and variance of creators' values per cell; NaN values are left out."""
    known = np.isfinite(value)
    n = np.asarray(np.bincount(cell[known], minlength=k), dtype=np.float64)
    mean = np.bincount(cell[known], value[known], k) / np.maximum(n, 1.0)
    squares = np.bincount(cell[known], (value[known] - mean[cell[known]]) ** 2, k)
    return Part(np.where(n > 0, mean, np.nan), squares / np.maximum(n - 1.0, 1.0), n)


def passing(cell: npt.NDArray[np.int64], k: int, halves: list[Floats], added: Floats) -> float:
    """The variance of a cell's log growth between windows that is only passing: peaks that go as they came.

    A passing shock of variance v in each half window gives neighbouring changes a covariance of −v; pooled over cells,
    less each half's common movement. Between the means of two halves each, growth then has the variance v. Zero where
    changes follow each other (a level such as followers).

    Parameters
    ----------
    cell : (n,) cell of each creator's row. halves : amounts (n,) per half window. added : (k,) as in `log_ratio`.
    """
    level = np.log(np.stack([np.bincount(cell, h, k) + added for h in halves]))
    change = np.diff(level, axis=0)
    change -= change.mean(axis=1, keepdims=True)
    weight = np.bincount(cell, minlength=k).astype(np.float64)
    covariance = float((weight * change[1:] * change[:-1]).sum() / (weight.sum() * max(change.shape[0] - 1, 1)))
    return max(-covariance, 0.0)
