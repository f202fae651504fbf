"""The score of each cell as of an instant: parts of demand, supply and price, pooled, put on one scale and averaged."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure.pooling import DRAWS, cell_variances, pool
from tidegauge.measure.postrows import in_cells
from tidegauge.measure.windows import VIEWS, Part, demand, log_mean, log_ratio, passing, supply, windows
from tidegauge.workspace.tables import Tables

Floats = npt.NDArray[np.float64]

LEVEL = 0.9
#: This part of a typical creator is added to both windows, so that a cell that was empty before has a finite growth.
_ADDED = 0.1
#: What a part of the score speaks for (+1) or against (−1), and whether its level is compared within a platform only.
_PARTS = {
    "demand_growth": (1.0, False),
    "demand_per_post": (1.0, True),
    "demand_per_creator": (1.0, True),
    "saves_per_post": (1.0, True),
    "supply_growth": (-1.0, False),
    "price_per_view": (-1.0, True),
}


@dataclass(frozen=True)
class Cells:
    """k cells in order of their score: `words`, `score` with `draws` (DRAWS, k); `parts` by name: the pooled figure,
    (4, k) mean, low, high and creators, NaN where unknown; `signals` of demand in use."""

    words: pl.DataFrame
    score: Floats
    draws: Floats
    parts: dict[str, Floats]
    signals: tuple[str, ...]


def scored_cells(
    tables: Tables, by: tuple[str, ...], at: dt.datetime, days: int, fewest: int, rng: np.random.Generator
) -> Cells:
    """Score the cells of `by` as of `at`, from two windows of `days` days; cells of fewer than `fewest` creators are
    left out. Raises MeasureError where fewer than two remain."""
    grid = windows(at, days)
    wanted = demand(tables, by, at, days)
    offered = supply(tables, by, grid)
    rows = wanted if offered is None else wanted.join(offered, on=["creator_id", *by], how="full", coalesce=True)
    rows = rows.join(_prices(tables, by, at), on=["creator_id", *by], how="left").sort("creator_id", *by)
    enough = (
        rows.drop_nulls("signal").group_by(by).agg(n=pl.col("creator_id").n_unique(), signal=pl.col("signal").first())
    )
    words = enough.filter(pl.col("n") >= fewest).sort(by)
    if words.height < 2:
        raise MeasureError(
            f"fewer than two cells have {fewest} creators in both windows", mend="lower `least`, or ask for less --by"
        )
    rows = rows.join(words.select(*by).with_row_index("cell"), on=list(by))
    parts = _parts(rows, words.height, offered is not None)
    passing_by_cell = _passing(rows, words)
    group = _platforms(words, by)
    score, draws, weight = np.zeros(words.height), np.zeros((DRAWS, words.height)), np.zeros(words.height)
    pooled: dict[str, Floats] = {}
    signal = words.get_column("signal").to_numpy()
    # Growth of views and of followers are not of one size: cells are pooled and compared with those of their signal.
    for name, part in parts.items():
        sign, within = _PARTS[name]
        pooled[name] = np.full((4, words.height), np.nan)
        for one in np.unique(signal):
            known = np.flatnonzero(np.isfinite(part.y) & (part.n > 0) & (signal == one))
            if known.size < 2:
                continue
            s2, df = cell_variances(part.spread2[known], part.n[known])
            if name == "demand_growth":
                s2 = s2 + np.maximum(passing_by_cell[known] - s2.mean(), 0.0)
            found = pool(part.y[known], s2, df, group[known], rng, LEVEL)
            pooled[name][:, known] = found.mean, found.low, found.high, part.n[known]
            centre, scale = z_place(part.y[known], group[known], apart=within)
            score[known] += sign * (found.mean - centre) / scale
            draws[:, known] += sign * (found.draws - centre) / scale
            weight[known] += np.isfinite(scale)
    weight = np.maximum(weight, 1.0)
    order = np.argsort(-score / weight, kind="stable")
    arranged = {name: four[:, order] for name, four in pooled.items()}
    signals = tuple(words.get_column("signal").unique().sort().to_list())
    return Cells(words[order.tolist()], (score / weight)[order], (draws / weight)[:, order], arranged, signals)


def _parts(rows: pl.DataFrame, k: int, with_posts: bool) -> dict[str, Part]:
    cell = rows.get_column("cell").to_numpy().astype(np.int64)
    d0, d1 = (rows.get_column(c).fill_null(0.0).to_numpy() for c in ("d0", "d1"))
    parts = {"demand_growth": log_ratio(cell, k, d1, d0, typical_amount(cell, k, d0, d1))}
    none = np.zeros(k)
    if not with_posts:  # supply is then how many creators share the demand
        parts["demand_per_creator"] = log_ratio(cell, k, d1, rows.get_column("d1").is_not_null().to_numpy() * 1.0, none)
        return parts
    s0, s1 = (rows.get_column(c).fill_null(0.0).to_numpy() for c in ("s0", "s1"))
    viewed = (rows.get_column("signal") == VIEWS).fill_null(False).to_numpy()
    parts["supply_growth"] = log_ratio(cell, k, s1, s0, np.ones(k))
    parts["demand_per_post"] = log_ratio(cell, k, d1 * viewed, s1 * viewed, none)
    saves = rows.get_column("saves")
    if saves.null_count() < rows.height:
        known = saves.is_not_null().to_numpy()
        parts["saves_per_post"] = log_ratio(cell, k, saves.fill_null(0.0).to_numpy(), s1 * known, none)
    price = rows.get_column("log_price")
    if price.null_count() < rows.height:
        usable = viewed & (d1 > 0) & (s1 > 0)
        per_post = np.log(np.where(usable, d1, 1.0) / np.where(usable, s1, 1.0))
        cost = price.cast(pl.Float64).to_numpy() - per_post
        parts["price_per_view"] = log_mean(cell, k, np.where(usable, cost, np.nan))
    return parts


def _passing(rows: pl.DataFrame, words: pl.DataFrame) -> Floats:
    """Per cell the variance of demand growth that only passes, by signal: views come and go, followers hardly do."""
    out = np.zeros(words.height)
    for (signal,), mine in rows.drop_nulls("signal").group_by("signal", maintain_order=True):
        places, cell = np.unique(mine.get_column("cell").to_numpy(), return_inverse=True)
        halves = [mine.get_column(f"h{i}").to_numpy() for i in range(4)]
        variance = passing(cell, places.size, halves, typical_amount(cell, places.size, *halves))
        out[np.flatnonzero((words.get_column("signal") == signal).to_numpy())] = variance
    return out


def typical_amount(cell: npt.NDArray[np.int64], k: int, *amounts: Floats) -> Floats:
    """Per cell a small part of the median of what is above nothing, which is what one typical creator has."""
    tall = pl.DataFrame({"cell": np.tile(cell, len(amounts)), "x": np.concatenate(amounts)})
    medians = tall.filter(pl.col("x") > 0).group_by("cell").agg(pl.col("x").median())
    out = np.ones(k)
    out[medians.get_column("cell").to_numpy()] = _ADDED * medians.get_column("x").to_numpy()
    return out


def _platforms(words: pl.DataFrame, by: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Towards whose mean cells shrink: their platform's, where each has three cells or more."""
    if "platform" not in by:
        return np.zeros(words.height, np.int64)
    sizes = words.group_by("platform").len().get_column("len").to_numpy()
    if sizes.min() < 3:
        return np.zeros(words.height, np.int64)
    return words.get_column("platform").rank("dense").cast(pl.Int64).to_numpy() - 1


def z_place(y: Floats, group: npt.NDArray[np.int64], *, apart: bool) -> tuple[Floats, Floats]:
    """What a z is taken from and divided by: mean and standard deviation of all cells, or of each platform's.

    Where cells do not differ the divisor is infinite, so that they get a z of 0.
    """
    label = group if apart else np.zeros_like(group)
    centre, scale = np.empty(y.size), np.empty(y.size)
    for g in np.unique(label):
        mine = label == g
        centre[mine] = y[mine].mean()
        spread = y[mine].std()
        scale[mine] = spread if spread > 1e-12 else np.inf
    return centre, scale


def _prices(tables: Tables, by: tuple[str, ...], at: dt.datetime) -> pl.DataFrame:
    """Mean log price per creator and cell, of the offers in the workspace's currency that had begun by then."""
    offers = tables["offers"]
    begun = offers.filter(
        (offers.currency == tables.settings.currency) & (offers.price > 0) & (offers.valid_from <= at.date())
    )
    rows = in_cells(tables, begun.select("creator_id", "format", z=begun.price.ln()), by, at)
    found: pl.DataFrame = tables.frame(rows.group_by(["creator_id", *by]).agg(log_price=rows.z.mean()))
    return found
