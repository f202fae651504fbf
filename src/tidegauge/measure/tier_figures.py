"""The figures of one segment's tiers: levels, growth and its parts, moves, forecast; as records with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import beta

from tidegauge.measure import markov
from tidegauge.measure.bootstrap import (
    REPLICATES,
    Array,
    percentile,
    resampled_sums,
    tail_factors,
    times_drawn,
    units,
)
from tidegauge.measure.rows import record
from tidegauge.measure.tier_moves import PARTS, TIERS, Codes, Panel, growth_parts, panel
from tidegauge.vocab import TierThresholds, thresholds

Record = dict[str, Any]
#: Rates are shown per 30 days, so that months of different length compare.
RATE_DAYS = 30.0
#: The naive count takes pairs of readings whose gap is this close to the horizon.
_NAIVE_SLACK = 0.2


@dataclass(frozen=True)
class Segment:
    """One segment: its words, the tiers that exist in it from the lowest up with the lower `bounds` (K - 1,) of all but
    the lowest, levels (creators × dates) and moves.

    `tier` (P, n) holds tier codes at each date, -1 where a creator is not there; `followers` (P, n).
    """

    words: dict[str, str]
    states: tuple[str, ...]
    bounds: Array
    tier: Codes
    followers: Array
    moves: Panel | None
    naive: pl.DataFrame


def segment_of(
    words: dict[str, str], level: pl.DataFrame, moved: pl.DataFrame, overrides: dict[str, TierThresholds]
) -> Segment:
    """Cut one segment out of the frames of `amounts.levels` and `tier_moves.pairs`."""
    chosen = [pl.col(c) == w for c, w in words.items()]
    here, its_moves = level.filter(*chosen), moved.filter(*chosen)
    states = _states(here.get_column("platform").unique().to_list(), overrides)
    code = {t: i for i, t in enumerate(states)}
    dates = int(level.get_column("period").max()) + 1  # type: ignore[arg-type]
    creators = here.select("creator_id").unique().sort("creator_id").with_row_index("_creator")
    coded = here.join(creators, on="creator_id")
    place = (coded.get_column("period").to_numpy(), coded.get_column("_creator").to_numpy())
    tier = np.full((dates, creators.height), -1, dtype=np.int64)
    tier[place] = coded.get_column("tier").replace_strict(code, return_dtype=pl.Int64).to_numpy()
    followers = np.zeros((dates, creators.height))
    followers[place] = coded.get_column("count").to_numpy()
    moves = None if its_moves.is_empty() else panel(its_moves, states)
    usual = here.get_column("platform").mode().sort()[0]
    lower = {t.value: float(low) for t, low in thresholds(usual, overrides).bounds()}
    bounds = np.array([lower[t] for t in states[1:]])
    return Segment(words, states, bounds, tier, followers, moves, its_moves)


def _states(platforms: list[str], overrides: dict[str, TierThresholds]) -> tuple[str, ...]:
    """The tiers that can hold anyone: where two thresholds are equal, the lower tier is empty by definition."""
    possible: set[str] = set()
    for p in platforms:
        bounds = thresholds(p, overrides).bounds()
        for (tier, low), nxt in zip(bounds, (*bounds[1:], None), strict=True):
            if nxt is None or nxt[1] > low:
                possible.add(tier.value)
    return tuple(t for t in TIERS if t in possible)


def jeffreys(hits: Array, n: Array, level: float) -> tuple[Array, Array]:
    """Jeffreys interval of a proportion, closed at 0 and 1 (Brown, Cai & DasGupta 2001)."""
    tail = (1.0 - level) / 2.0
    low = np.where(hits > 0, beta.ppf(tail, hits + 0.5, n - hits + 0.5), 0.0)
    high = np.where(hits < n, beta.ppf(1.0 - tail, hits + 0.5, n - hits + 0.5), 1.0)
    return low, high


def level_rows(
    s: Segment, labels: tuple[str, ...], rng: np.random.Generator, level: float, *, replicates: int = REPLICATES
) -> Iterator[Record]:
    """Accounts, their share, followers and their share, per tier and date."""
    k = len(s.states)
    for p, at in enumerate(labels):
        there = s.tier[p] >= 0
        if not there.any():
            continue
        tier, followers = s.tier[p][there], s.followers[p][there]
        n = np.bincount(tier, minlength=k).astype(np.float64)
        total = n.sum()
        low, high = jeffreys(n, np.full(k, total), level)
        x = np.bincount(tier, weights=followers, minlength=k)
        drawn = _follower_draws(tier, followers, s.bounds, rng, replicates)
        f_low, f_high = percentile(drawn, level)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = x / x.sum()
            s_low, s_high = percentile(drawn / drawn.sum(axis=1, keepdims=True), level)
        for i, t in enumerate(s.states):
            where = {"tier": t, "at": at}
            count_interval = (low[i] * total, high[i] * total)
            yield record(s.words, n[i], count_interval, n[i], "accounts", quantity="accounts", **where)
            yield record(s.words, n[i] / total, (low[i], high[i]), n[i], "ratio", quantity="account_share", **where)
            yield record(s.words, x[i], (f_low[i], f_high[i]), n[i], "followers", quantity="followers", **where)
            yield record(s.words, share[i], (s_low[i], s_high[i]), n[i], "ratio", quantity="follower_share", **where)


def _follower_draws(tier: Codes, followers: Array, bounds: Array, rng: np.random.Generator, replicates: int) -> Array:
    """(replicates, K) followers per tier when creators are drawn again; a creator of the tail that is drawn with a new
    size counts in the tier of that size, so that a top tier of a handful, or of none, is not taken at its word."""
    k = bounds.size + 1
    of = units(tier.size, rng, size=followers)
    times = times_drawn(of, rng, replicates)
    drawn = times[:, of.tail :] @ of.sums(np.arange(tier.size), tier, followers, k)[of.tail :]
    for copy in range(1, int(times[:, : of.tail].max(initial=0.0)) + 1):
        sizes = of.falling[: of.tail] * tail_factors(of.falling, rng, times.shape[0])
        sizes = sizes * (times[:, : of.tail] >= copy)
        code = np.searchsorted(bounds, sizes, side="right")
        for t in range(k):
            drawn[:, t] += np.where(code == t, sizes, 0.0).sum(axis=1)
    return drawn


def _open_ended(tier: Codes, followers: Array, k: int) -> Array:
    """Sizes for the tail of the bootstrap: only the top tier has no upper bound."""
    return np.where(tier == k - 1, followers, 0.0)


def growth_rows(
    s: Segment, labels: tuple[str, ...], rng: np.random.Generator, level: float, *, replicates: int = REPLICATES
) -> Iterator[Record]:
    """A tier's growth from the first to the last date, its parts, and what share of its accounts vanished."""
    if len(labels) < 2 or not (s.tier[0] >= 0).any() or not (s.tier[-1] >= 0).any():
        return
    k, parts = len(s.states), len(PARTS)
    before, after = s.tier[0], s.tier[-1]
    creator, tier, part, added = growth_parts(before, after, s.followers[0], s.followers[-1])
    n_creators = before.size
    columns = np.zeros((n_creators, k * parts + k))
    np.add.at(columns, (creator, tier * parts + part), added)
    there = before >= 0
    columns[np.flatnonzero(there), k * parts + before[there]] = s.followers[0][there]
    size = np.maximum(_open_ended(before, s.followers[0], k), _open_ended(after, s.followers[-1], k))
    drawn = resampled_sums(columns, rng, replicates, size=size)
    x = columns.sum(axis=0)
    change, change_drawn = x[: k * parts].reshape(k, parts), drawn[:, : k * parts].reshape(-1, k, parts)
    base, base_drawn = x[k * parts :], drawn[:, k * parts :]
    counted = np.zeros((k, parts))
    np.add.at(counted, (tier, part), 1.0)
    at = f"{labels[0]}/{labels[-1]}"
    names = ("", *(f".{p}" for p in PARTS))
    pieces = np.concatenate([change.sum(axis=1, keepdims=True), change], axis=1)
    pieces_drawn = np.concatenate([change_drawn.sum(axis=2, keepdims=True), change_drawn], axis=2)
    counted = np.concatenate([counted.sum(axis=1, keepdims=True), counted], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio, ratio_drawn = pieces / base[:, None], pieces_drawn / base_drawn[:, :, None]
    low, high = percentile(pieces_drawn, level)
    r_low, r_high = percentile(ratio_drawn, level)
    for i, t in enumerate(s.states):
        where = {"tier": t, "at": at}
        for j, name in enumerate(names):
            n = counted[i, j]
            bounds = (low[i, j], high[i, j])
            yield record(s.words, pieces[i, j], bounds, n, "followers", quantity=f"change{name}", **where)
            bounds = (r_low[i, j], r_high[i, j])
            yield record(s.words, ratio[i, j], bounds, n, "ratio", quantity=f"growth{name}", **where)
    yield from _exits(s, at, level)


def _exits(s: Segment, at: str, level: float) -> Iterator[Record]:
    k = len(s.states)
    before = s.tier[0]
    n = np.bincount(before[before >= 0], minlength=k).astype(np.float64)
    gone = np.bincount(before[(before >= 0) & (s.tier[-1] < 0)], minlength=k).astype(np.float64)
    low, high = jeffreys(gone, n, level)
    for i, t in enumerate(s.states):
        if n[i] > 0:
            share = gone[i] / n[i]
            yield record(s.words, share, (low[i], high[i]), n[i], "ratio", quantity="exit_share", tier=t, at=at)


@dataclass(frozen=True)
class Rates:
    """Log rates of a segment's chain, (R,), with draws from their distribution, (replicates, R)."""

    value: Array
    draws: Array


def fitted(s: Segment, moves: Panel, rng: np.random.Generator) -> Rates:
    """The chain of a segment, with creators as the independent units."""
    chain = markov.fit(moves.counts, moves.days)
    return Rates(chain.log_rates, markov.draws(chain, moves.scores(chain), rng, REPLICATES))


def move_rows(s: Segment, moves: Panel, rates: Rates, horizon_days: float, level: float) -> Iterator[Record]:
    """Rates to neighbouring tiers, probabilities over the horizon, and the naive discrete count beside them."""
    k = len(s.states)
    low, high = percentile(np.exp(rates.draws) * RATE_DAYS, level)
    seen = moves.counts.sum(axis=0)
    for j in range(2 * (k - 1)):
        source, target = (j, j + 1) if j < k - 1 else (j - k + 2, j - k + 1)
        rate = float(np.exp(rates.value[j])) * RATE_DAYS
        ends = {"tier": s.states[source], "to": s.states[target]}
        yield record(s.words, rate, (low[j], high[j]), seen[source, target], "per 30 days", quantity="rate", **ends)
    p = markov.transitions(rates.value, k, horizon_days)
    low, high = percentile(markov.transitions(rates.draws, k, horizon_days), level)
    for i, t in enumerate(s.states):
        for j, to in enumerate(s.states):
            bounds, n = (low[i, j], high[i, j]), seen[i].sum()
            yield record(s.words, p[i, j], bounds, n, "probability", quantity="migration", tier=t, to=to)
    yield from _naive(s, horizon_days, level)


def _naive(s: Segment, horizon_days: float, level: float) -> Iterator[Record]:
    """Counted shares among pairs of readings about one horizon apart; one pair per creator and reading."""
    k = len(s.states)
    close = (pl.col("gap_days") - horizon_days).abs() <= _NAIVE_SLACK * horizon_days
    counts = np.zeros((k, k))
    code = {t: i for i, t in enumerate(s.states)}
    for before, after, times in s.naive.filter(close).select("before", "after", "times").iter_rows():
        counts[code[before], code[after]] += times
    for i, t in enumerate(s.states):
        n = counts[i].sum()
        if n == 0:
            continue
        low, high = jeffreys(counts[i], np.full(k, n), level)
        for j, to in enumerate(s.states):
            share, bounds = counts[i, j] / n, (low[j], high[j])
            yield record(s.words, share, bounds, n, "probability", quantity="migration_naive", tier=t, to=to)


def forecast_rows(
    s: Segment, rates: Rates, horizon_days: float, at: str, rng: np.random.Generator, level: float
) -> Iterator[Record]:
    """The share of the present creators in each tier `horizon_days` on; the interval holds both kinds of doubt, about
    the rates and about which creators will move."""
    k = len(s.states)
    now = s.tier[-1][s.tier[-1] >= 0]
    if now.size == 0:
        return
    counts = np.bincount(now, minlength=k)
    p = markov.transitions(rates.draws, k, horizon_days)
    drawn = sum(rng.multinomial(int(counts[i]), p[:, i]) for i in range(k)) / now.size
    value = counts @ markov.transitions(rates.value, k, horizon_days) / now.size
    low, high = percentile(np.asarray(drawn, dtype=np.float64), level)
    for j, t in enumerate(s.states):
        bounds = (low[j], high[j])
        yield record(s.words, value[j], bounds, now.size, "ratio", quantity="forecast", tier=t, at=at)
