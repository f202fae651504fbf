"""The figures of displacement from creator amounts: shares, changes, parts of growth, ranks, concentration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import norm, rankdata

from tidegauge.measure import concentration, shares
from tidegauge.measure.bootstrap import REPLICATES, Array, Units, percentile, units, weights
from tidegauge.measure.rows import record
from tidegauge.vocab import Tier

Codes = npt.NDArray[np.int64]
Record = dict[str, Any]
#: The rows that speak of all segments together carry ALL in their segment columns; small segments become OTHER.
ALL, OTHER = "all", "other"
_CONCENTRATION_REPLICATES = 399
#: Gini and top share of a segment need a few creators to mean anything.
_CREATORS_FROM = 10


@dataclass(frozen=True)
class Cells:
    """Amounts in long form with codes for words: `segment` counts the rows of `names`, `kind` those of the mix."""

    creator: Codes
    segment: Codes
    kind: Codes
    period: Codes
    amount: Array
    names: list[dict[str, str]]
    creators: int
    kinds: int
    labels: tuple[str, ...]
    unit: str


@dataclass(frozen=True)
class _Sample:
    cells: Cells
    units: Units
    weights: Array

    def sums(self, chosen: npt.NDArray[np.bool_], column: Codes, columns: int) -> tuple[Array, Array]:
        """Sums over creators per column, and their resampled values (replicates first)."""
        c = self.cells
        of_units = self.units.sums(c.creator[chosen], column[chosen], c.amount[chosen], columns)
        return of_units.sum(axis=0), self.weights @ of_units


def cells(
    frame: pl.DataFrame, by: tuple[str, ...], mix: str, *, keep: int, labels: tuple[str, ...], unit: str
) -> Cells:
    """Code a frame of creator_id, `by`, `mix`, period, amount; small segments and kinds (past `keep`) are pooled."""
    pooled = _pooled(_pooled(frame, by, keep), (mix,), keep)
    names = pooled.select(by).unique().sort(by)
    kinds = pooled.select(mix).unique().sort(mix)
    creators = pooled.select("creator_id").unique().sort("creator_id")
    coded = (
        pooled.join(names.with_row_index("_segment"), on=list(by))
        .join(kinds.with_row_index("_kind"), on=mix)
        .join(creators.with_row_index("_creator"), on="creator_id")
        .sort("_creator", "period", "_segment", "_kind")
    )
    codes = {c: coded.get_column(c).to_numpy().astype(np.int64) for c in ("_creator", "_segment", "_kind", "period")}
    return Cells(
        codes["_creator"],
        codes["_segment"],
        codes["_kind"],
        codes["period"],
        coded.get_column("amount").to_numpy().astype(np.float64),
        names.to_dicts(),
        creators.height,
        kinds.height,
        labels,
        unit,
    )


def _pooled(frame: pl.DataFrame, columns: tuple[str, ...], keep: int) -> pl.DataFrame:
    sizes = frame.group_by(columns).agg(_size=pl.col("amount").sum())
    kept = sizes.sort(["_size", *columns], descending=[True, *[False] * len(columns)]).head(keep)
    if kept.height == sizes.height:
        return frame
    marked = frame.join(kept.select(columns).with_columns(_kept=pl.lit(True)), on=list(columns), how="left")
    small = pl.col("_kept").is_null()
    return marked.with_columns(pl.when(small).then(pl.lit(OTHER)).otherwise(pl.col(c)).alias(c) for c in columns)


def figures(
    c: Cells, first: int, last: int, rng: np.random.Generator, level: float, *, replicates: int = REPLICATES
) -> Iterator[Record]:
    """All rows of the measure, as records; `first` and `last` are the periods whose difference is taken."""
    drawn = units(c.creators, rng, size=_sizes(c))
    sample = _Sample(c, drawn, weights(drawn, rng, replicates))
    ends = {}
    for p in np.unique(c.period).tolist():
        here = c.period == p
        x, draws = sample.sums(here, c.segment, len(c.names))
        n = _members(c, here)
        if p in (first, last):
            ends[p] = (x, draws, n)
        yield from _each(c, c.labels[p], "share", shares.shares(x), percentile(shares.shares(draws), level), n, "ratio")
        yield from _each(c, c.labels[p], "amount", x, percentile(draws, level), n, c.unit)
    x, draws, n = ends[last]
    interval = percentile(shares.ranks(draws), level)
    yield from _each(c, c.labels[last], "rank", shares.ranks(x), interval, n, "rank")
    for p in sorted(ends):
        yield from _concentrations(c, p, ends[p], rng, level)
    if first != last:
        yield from _changes(sample, first, last, ends, rng, level)
        yield _mobility(c, first, last, level)


def _sizes(c: Cells) -> Array:
    """Each creator's largest amount in a period; 0 in a tier with an upper bound, where no tail can be."""
    open_ended = np.array([name.get("tier", Tier.MEGA) == Tier.MEGA for name in c.names])
    size = np.zeros(c.creators)
    for p in np.unique(c.period):
        here = (c.period == p) & open_ended[c.segment]
        size = np.maximum(size, np.bincount(c.creator[here], weights=c.amount[here], minlength=c.creators))
    return size


def _members(c: Cells, here: npt.NDArray[np.bool_]) -> Codes:
    pairs = np.unique(c.creator[here] * len(c.names) + c.segment[here])
    return np.bincount(pairs % len(c.names), minlength=len(c.names)).astype(np.int64)


def _each(
    c: Cells, period: str, quantity: str, value: Array, interval: tuple[Array, Array], n: Codes, unit: str
) -> Iterator[Record]:
    for s, name in enumerate(c.names):
        bounds = (interval[0][s], interval[1][s])
        yield record(name, value[s], bounds, n[s], unit, period=period, quantity=quantity)


def _changes(
    sample: _Sample,
    first: int,
    last: int,
    ends: dict[int, tuple[Array, Array, Codes]],
    rng: np.random.Generator,
    level: float,
) -> Iterator[Record]:
    c = sample.cells
    name = f"{c.labels[first]}/{c.labels[last]}"
    (x0, d0, n0), (x1, d1, n1) = ends[first], ends[last]
    n = np.maximum(n0, n1)
    change, moved = shares.shares(x1) - shares.shares(x0), shares.shares(d1) - shares.shares(d0)
    yield from _each(c, name, "share_change", change, percentile(moved, level), n, "ratio")
    yield from _each(c, name, "change", x1 - x0, percentile(d1 - d0, level), n, c.unit)
    cell = c.segment * c.kinds + c.kind
    shape = (len(c.names), c.kinds)
    points, draws = _ends_by_kind(sample, (first, last), cell, shape)
    parts, part_draws = shares.shift_share(*points), list(shares.shift_share(*draws))
    starts = [d0, d0, d0]
    # The mix part sets kinds' growth rates against each other: sizes cancel, and new sizes for the tail only widen it.
    plain = units(c.creators, rng)
    _, redrawn = _ends_by_kind(_Sample(c, plain, weights(plain, rng, len(d0))), (first, last), cell, shape)
    part_draws[1], starts[1] = shares.shift_share(*redrawn)[1], redrawn[0].sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        yield from _each(c, name, "growth", x1 / x0 - 1.0, percentile(d1 / d0 - 1.0, level), n, "ratio")
        for word, part, drawn, start in zip(("market", "mix", "own"), parts, part_draws, starts, strict=True):
            yield from _each(c, name, f"growth.{word}", part / x0, percentile(drawn / start, level), n, "ratio")
    known = np.isfinite(moved).all(axis=1)
    first_shares = shares.shares(x0)
    index, low, high = shares.displacement(first_shares, change, moved[known], rng, level)
    whole = everyone(c)
    yield record(whole, index, (low, high), c.creators, "ratio", period=name, quantity="displacement_index")
    raw = 0.5 * float(np.abs(change).sum())
    yield record(whole, raw, (low, high), c.creators, "ratio", period=name, quantity="displacement_index_raw")


def _ends_by_kind(
    sample: _Sample, ends: tuple[int, int], cell: Codes, shape: tuple[int, int]
) -> tuple[list[Array], list[Array]]:
    """Amounts of every segment and kind at both ends, and their resampled values (replicates first)."""
    pairs = [sample.sums(sample.cells.period == p, cell, shape[0] * shape[1]) for p in ends]
    return [x.reshape(shape) for x, _ in pairs], [d.reshape(-1, *shape) for _, d in pairs]


def _mobility(c: Cells, first: int, last: int, level: float) -> Record:
    """1 - Spearman's rank correlation of the creators' amounts at both ends: 0 nobody moved, 1 ranks forgotten."""
    before, after = (
        np.bincount(c.creator[c.period == p], weights=c.amount[c.period == p], minlength=c.creators)
        for p in (first, last)
    )
    both = (before > 0) & (after > 0)
    n = int(both.sum())
    rho, interval = float("nan"), (float("nan"), float("nan"))
    if n >= _CREATORS_FROM and np.ptp(before[both]) > 0 and np.ptp(after[both]) > 0:
        rho = float(np.corrcoef(rankdata(before[both]), rankdata(after[both]))[0, 1])
        # Fisher's z with the standard error of Bonett & Wright (2000), Psychometrika 65.
        z, spread = np.arctanh(np.clip(rho, -0.999999, 0.999999)), np.sqrt((1.0 + rho**2 / 2.0) / (n - 3.0))
        reach = norm.ppf(0.5 + level / 2.0) * spread
        interval = (1.0 - float(np.tanh(z + reach)), 1.0 - float(np.tanh(z - reach)))
    name = f"{c.labels[first]}/{c.labels[last]}"
    return record(everyone(c), 1.0 - rho, interval, n, "ratio", period=name, quantity="rank_mobility")


def everyone(c: Cells) -> dict[str, str]:
    """The segment words of rows that speak of all segments together."""
    return dict.fromkeys(c.names[0], ALL)


def _concentrations(
    c: Cells, p: int, end: tuple[Array, Array, Codes], rng: np.random.Generator, level: float
) -> Iterator[Record]:
    x, draws, n = end
    here = c.period == p
    whole = everyone(c)
    where = {"period": c.labels[p]}
    low, high = (float(b) for b in percentile(shares.herfindahl(shares.shares(draws)), level))
    hhi = float(shares.herfindahl(shares.shares(x)))
    yield record(whole, hhi, (low, high), n.sum(), "ratio", quantity="hhi", **where)
    groups = [(whole, here), *((name, here & (c.segment == s)) for s, name in enumerate(c.names))]
    for name, chosen in groups[: 1 if len(c.names) == 1 else None]:
        amount = np.bincount(c.creator[chosen], weights=c.amount[chosen]).astype(np.float64)
        amount = amount[amount > 0]
        if amount.size < _CREATORS_FROM:
            continue
        for quantity, value, low, high in concentration.gini_and_top(amount, rng, _CONCENTRATION_REPLICATES, level):
            yield record(name, value, (low, high), amount.size, "ratio", quantity=quantity, **where)
