"""Artificial ecosystems whose truth is known, and whether intervals hold it; benchmarks/coverage.py prints the table.

Each world is a population of creators (heavy-tailed followers on several platforms, growth that differs by size) of
which a tenth is observed; the truth is that of the population. Moves between tiers come from a known generator, seen at
irregular times. The estimators are those that the measures call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from tidegauge.measure import concentration, markov, movement, pareto, tier_figures, tier_moves

LEVEL = 0.9
POPULATION, OBSERVED = 20_000, 2_000
PLATFORMS = 5
STATES = ("nano", "micro", "mid", "macro", "mega")
BOUNDS = np.array([1e4, 5e4, 5e5, 1e6])
#: Rates per day, upward then downward: a creator climbs more often than it falls, faster from the middle.
LOG_RATES = np.log(np.array([0.0015, 0.0012, 0.0008, 0.001, 0.0008, 0.0006, 0.0007, 0.0012]))
#: quantity, truth, low, high
Claim = tuple[str, float, float, float]


def followers(rng: np.random.Generator, n: int) -> tuple[np.ndarray, float]:
    """Lognormal body, Pareto tail above its 90 % point; the tail's exponent differs from world to world."""
    exponent = float(rng.uniform(1.15, 1.9))
    body = np.exp(rng.normal(8.5, 1.2, n))
    start = float(np.exp(8.5 + 1.2816 * 1.2))
    tail = rng.random(n) < 0.1
    body = np.where(body > start, start * rng.random(n), body)
    return np.where(tail, start * rng.random(n) ** (-1.0 / exponent), body), exponent


def population(rng: np.random.Generator) -> tuple[pl.DataFrame, float]:
    """Creators with platform, category, followers at two times (0 where not there)."""
    before, exponent = followers(rng, POPULATION)
    place = rng.choice(PLATFORMS, POPULATION, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    category = rng.choice(4, POPULATION)
    drift = rng.normal(0.05, 0.05, PLATFORMS)[place] + rng.normal(0.0, 0.03, 4)[category]
    drift = drift - 0.02 * np.log10(before / before.mean())
    after = before * np.exp(drift + rng.normal(0.0, 0.25, POPULATION))
    entry, leave = rng.random(POPULATION) < 0.05, rng.random(POPULATION) < 0.04
    before, after = np.where(entry, 0.0, before), np.where(leave & ~entry, 0.0, after)
    frame = pl.DataFrame(
        {
            "creator_id": [f"p{i:05d}" for i in range(POPULATION)],
            "platform": [f"platform{i}" for i in place],
            "category": [f"category{i}" for i in category],
            "before": np.round(before),
            "after": np.round(after),
        }
    )
    return frame, exponent


def long_form(frame: pl.DataFrame) -> pl.DataFrame:
    ends = [
        frame.select("creator_id", "platform", "category", period=pl.lit(p, pl.Int64), amount=pl.col(c))
        for p, c in ((0, "before"), (1, "after"))
    ]
    return pl.concat(ends).filter(pl.col("amount") > 0)


def movement_claims(whole: pl.DataFrame, seen: pl.DataFrame, rng: np.random.Generator) -> Iterator[Claim]:
    """Shares, their change, parts of growth and the displacement index."""
    coded = [
        movement.cells(long_form(f), ("platform",), "category", keep=30, labels=("0", "1"), unit="followers")
        for f in (whole, seen)
    ]
    keys = ("platform", "period", "quantity")
    truth = {tuple(r[k] for k in keys): r["value"] for r in movement.figures(coded[0], 0, 1, rng, LEVEL, replicates=2)}
    raw = truth[("all", "0/1", "displacement_index_raw")]
    wanted = (
        "share",
        "share_change",
        "growth",
        "growth.market",
        "growth.mix",
        "growth.own",
        "displacement_index",
        "hhi",
    )
    for r in movement.figures(coded[1], 0, 1, rng, LEVEL):
        if r["quantity"] in wanted:
            value = raw if r["quantity"] == "displacement_index" else truth[tuple(r[k] for k in keys)]
            yield r["quantity"], value, r["low"], r["high"]


def segment(frame: pl.DataFrame) -> tier_figures.Segment:
    ends = np.stack([frame.get_column(c).to_numpy() for c in ("before", "after")])
    tier = np.where(ends > 0, np.searchsorted(BOUNDS, ends, side="right"), -1)
    return tier_figures.Segment({}, STATES, BOUNDS, tier, ends, None, pl.DataFrame())


def tier_claims(whole: pl.DataFrame, seen: pl.DataFrame, rng: np.random.Generator) -> Iterator[Claim]:
    """Account and follower shares by tier, and what a tier's growth is made of; parts that ten creators show."""

    def rows(frame: pl.DataFrame, replicates: int) -> Iterator[dict]:
        s = segment(frame)
        yield from tier_figures.level_rows(s, ("0", "1"), rng, LEVEL, replicates=replicates)
        yield from tier_figures.growth_rows(s, ("0", "1"), rng, LEVEL, replicates=replicates)

    truth = {(r["quantity"], r["tier"], r["at"]): r["value"] for r in rows(whole, 2)}
    for r in rows(seen, 999):
        kind = r["quantity"]
        if r["n"] >= 10 and (kind.startswith("growth") or kind in ("account_share", "follower_share", "exit_share")):
            yield f"tier {kind}", truth[(kind, r["tier"], r["at"])], r["low"], r["high"]


def concentration_claims(whole: pl.DataFrame, seen: pl.DataFrame, rng: np.random.Generator) -> Iterator[Claim]:
    truth = np.sort(whole.filter(pl.col("after") > 0).get_column("after").to_numpy())
    values = seen.filter(pl.col("after") > 0).get_column("after").to_numpy()
    true = {"gini": float(concentration.gini(truth)), "top1_share": float(concentration.top_share(truth, 0.01))}
    for name, _, low, high in concentration.gini_and_top(values, rng, 399, LEVEL):
        yield name, true[name], low, high


def tail_claims(seen: pl.DataFrame, exponent: float, rng: np.random.Generator) -> Iterator[Claim]:
    values = seen.filter(pl.col("before") > 0).get_column("before").to_numpy()
    low, high = pareto.exponent_interval(values, rng, 299, LEVEL)
    yield "tail_exponent", exponent, low, high


def move_claims(rng: np.random.Generator, creators: int = 3_000) -> Iterator[Claim]:
    """Rates and 30-day probabilities from readings at irregular times, entry at any time, loss from sight."""
    true = LOG_RATES + rng.normal(0.0, 0.3, LOG_RATES.size)
    start = rng.choice(5, creators, p=[0.6, 0.22, 0.13, 0.03, 0.02])
    rows = []
    state, at = start.copy(), rng.uniform(0, 60, creators)
    for _ in range(12):
        gap = np.ceil(rng.gamma(2.0, 5.0, creators))
        nxt = np.empty_like(state)
        for days in np.unique(gap):
            here = gap == days
            p = markov.transitions(true, 5, float(days)).cumsum(axis=1)[state[here]]
            nxt[here] = np.minimum((rng.random((here.sum(), 1)) > p).sum(axis=1), 4)
        at = at + gap
        inside = (at < 150) & (rng.random(creators) < 0.97)
        rows.append((np.flatnonzero(inside), state[inside], nxt[inside], gap[inside]))
        state = nxt
    creator, before, after, gap = (np.concatenate(c) for c in zip(*rows, strict=True))
    frame = pl.DataFrame({"creator_id": creator, "before": before, "after": after, "gap_days": gap.astype(int)})
    frame = frame.with_columns(pl.col("before", "after").replace_strict(dict(enumerate(STATES))))
    counted = frame.group_by("creator_id", "before", "after", "gap_days").agg(times=pl.len())
    counted = counted.sort("creator_id", "gap_days", "before", "after")
    moves = tier_moves.panel(counted, STATES)
    s = tier_figures.Segment({}, STATES, BOUNDS, start[None, :], np.ones((1, creators)), moves, counted)
    rates = tier_figures.fitted(s, moves, rng)
    p = markov.transitions(true, 5, 30.0)
    for r in tier_figures.move_rows(s, moves, rates, 30.0, LEVEL):
        i, j = STATES.index(r["tier"]), STATES.index(r["to"])
        if r["quantity"] == "rate":
            yield "migration rate", np.exp(true[i if j > i else 3 + i]) * 30.0, r["low"], r["high"]
        elif r["quantity"] == "migration" and abs(i - j) <= 1:
            yield "migration probability", p[i, j], r["low"], r["high"]


def world(seed: int) -> Iterator[Claim]:
    """All claims of one artificial ecosystem."""
    rng = np.random.default_rng(seed)
    whole, exponent = population(rng)
    seen = whole[np.sort(rng.choice(POPULATION, OBSERVED, replace=False))]
    yield from movement_claims(whole, seen, rng)
    yield from tier_claims(whole, seen, rng)
    yield from concentration_claims(whole, seen, rng)
    yield from tail_claims(seen, exponent, rng)
    yield from move_claims(rng)


def coverage(worlds: int, seed: int, progress: Callable[[int], None] = lambda done: None) -> list[dict]:
    """Share of claims that hold the truth, by quantity, with its standard error over worlds."""
    held: dict[str, list[list[bool]]] = defaultdict(list)
    for w in range(worlds):
        mine: dict[str, list[bool]] = defaultdict(list)
        for name, truth, low, high in world(seed * 100_003 + w):
            slack = 1e-9 * max(abs(truth), 1e-12)
            mine[name].append(low - slack <= truth <= high + slack)
        for name, hits in mine.items():
            held[name].append(hits)
        progress(w + 1)
    rows = []
    for name, by_world in held.items():
        means = np.array([np.mean(h) for h in by_world])
        claims = sum(len(h) for h in by_world)
        share = sum(sum(h) for h in by_world) / claims
        rows.append(
            {
                "quantity": name,
                "coverage": round(float(share), 4),
                "standard_error": round(float(means.std() / np.sqrt(means.size)), 4),
                "claims": claims,
                "worlds": len(by_world),
                "level": LEVEL,
                "inside_85_95": bool(0.85 <= share <= 0.95),
            }
        )
    return rows
