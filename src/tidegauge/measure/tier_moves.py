"""Where creators stand and how they move between tiers: the rows behind the tiers measure, from snapshots to arrays."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import ibis
import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.measure import markov
from tidegauge.measure.amounts import last_counts
from tidegauge.measure.bootstrap import Array
from tidegauge.measure.segments import UNKNOWN, Grid, accounts, epoch_ms
from tidegauge.vocab import Tier
from tidegauge.workspace.tables import Tables

TIERS = tuple(t.value for t in Tier)
#: What a tier's change of followers is made of, in the order in which it is shown.
PARTS = ("stayers", "from_below", "from_above", "to_above", "to_below", "entry", "exit")
#: Gaps are put together in steps of 5 % where there are more distinct ones than this.
_MOST_GAPS = 40
Codes = npt.NDArray[np.int64]


def growth_parts(
    tier_before: Codes, tier_after: Codes, followers_before: Array, followers_after: Array
) -> tuple[Codes, Codes, Codes, Array]:
    """What each creator adds to the change of each tier's followers, in long form.

    Parameters
    ----------
    tier_before, tier_after : (n,) tier codes from the lowest up; -1 where the creator was not there.
    followers_before, followers_after : (n,) followers; ignored where not there.

    Returns
    -------
    creator, tier, part (codes, the part as its place in `PARTS`), followers added (negative for what leaves). The
    parts of a tier add up exactly to its followers after less its followers before.
    """
    n = np.arange(tier_before.size)
    there_before, there_after = tier_before >= 0, tier_after >= 0
    both, stay = there_before & there_after, tier_before == tier_after
    up, down = both & (tier_after > tier_before), both & (tier_after < tier_before)
    cases = (
        ("stayers", both & stay, tier_before, followers_after - followers_before),
        ("from_below", up, tier_after, followers_after),
        ("from_above", down, tier_after, followers_after),
        ("to_above", up, tier_before, -followers_before),
        ("to_below", down, tier_before, -followers_before),
        ("entry", there_after & ~there_before, tier_after, followers_after),
        ("exit", there_before & ~there_after, tier_before, -followers_before),
    )
    creator = np.concatenate([n[mask] for _, mask, _, _ in cases])
    tier = np.concatenate([t[mask] for _, mask, t, _ in cases])
    part = np.concatenate([np.full(int(mask.sum()), PARTS.index(name)) for name, mask, _, _ in cases])
    added = np.concatenate([a[mask] for _, mask, _, a in cases])
    return creator, tier, part, added


def pairs(tables: Tables, steps: Grid, by: tuple[str, ...], end: dt.datetime | None) -> pl.DataFrame:
    """Successive tiers of each creator: creator_id, `by`, before, after, gap_days, times.

    One reading per creator and step of `steps`, the last; so daily readings that flicker about a threshold do not pass
    for moves. Gaps are the true days between readings, whatever the step.
    """
    last = last_counts(tables, steps, "followers", end)
    seen = last.filter(last.period >= 0).select(
        "creator_id", "period", after=last["count"], at_s=(epoch_ms(tables, last.read_at) / 1_000).floor().cast("int64")
    )
    order = ibis.window(group_by="creator_id", order_by="period")
    moved = seen.mutate(before=seen.after.lag(1).over(order), before_s=seen.at_s.lag(1).over(order))
    moved = moved.filter(moved.before.notnull())
    moved = moved.mutate(gap_days=((moved.at_s - moved.before_s + 43_200) / 86_400).floor().cast("int64"))
    moved = moved.filter(moved.gap_days >= 1).left_join(accounts(tables, ("platform",)), "creator_id")
    platform = moved.platform.fill_null(UNKNOWN)
    coded = moved.select(
        "creator_id",
        "gap_days",
        before=tables.tier(platform, moved.before),
        after=tables.tier(platform, moved.after),
    )
    # The segments follow from the creator: joined after the rows have become few, not carried through the grouping.
    counted = coded.group_by("creator_id", "before", "after", "gap_days").agg(times=coded.count())
    known = counted.left_join(accounts(tables, by), "creator_id")
    frame: pl.DataFrame = tables.frame(
        known.select(
            "creator_id", "before", "after", "gap_days", "times", **{c: known[c].fill_null(UNKNOWN) for c in by}
        )
    )
    return frame.sort("creator_id", *by, "gap_days", "before", "after")


@dataclass(frozen=True)
class Panel:
    """One segment's pairs of states: counts (G, K, K) at gaps `days` (G,), and each creator's own pairs."""

    counts: Array
    days: Array
    creator: Codes
    cell: Codes
    times: Array

    def scores(self, chain: markov.Chain) -> Array:
        """(creators, R) derivative of each creator's log likelihood by the log rates."""
        slopes = chain.log_slopes.reshape(-1, chain.log_rates.size)
        out = np.zeros((int(self.creator.max()) + 1, chain.log_rates.size))
        np.add.at(out, self.creator, self.times[:, None] * slopes[self.cell])
        return out


def panel(frame: pl.DataFrame, states: tuple[str, ...]) -> Panel:
    """Code the pairs of one segment; many distinct gaps are put together, each group at its mean."""
    code = {t: i for i, t in enumerate(states)}
    k = len(states)
    frame = frame.filter(pl.col("before").is_in(states) & pl.col("after").is_in(states))
    gap = frame.get_column("gap_days").to_numpy().astype(np.float64)
    times = frame.get_column("times").to_numpy().astype(np.float64)
    group = gap if np.unique(gap).size <= _MOST_GAPS else np.round(np.log(gap) / np.log(1.05))
    _, g = np.unique(group, return_inverse=True)
    days = np.bincount(g, weights=gap * times) / np.bincount(g, weights=times)
    before, after = (
        frame.get_column(c).replace_strict(code, return_dtype=pl.Int64).to_numpy() for c in ("before", "after")
    )
    cell = (g * k + before) * k + after
    counts = np.bincount(cell, weights=times, minlength=days.size * k * k).astype(np.float64).reshape(-1, k, k)
    _, creator = np.unique(frame.get_column("creator_id").to_numpy(), return_inverse=True)
    return Panel(counts, days, creator.astype(np.int64), cell.astype(np.int64), times)
