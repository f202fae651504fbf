"""How platforms differ by category: level, growth, engagement, saves, shares, price per cell; thin cells shrink."""

from __future__ import annotations

import datetime as dt
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from tidegauge.errors import MeasureError
from tidegauge.measure import charts
from tidegauge.measure.pooling import cell_variances, pool
from tidegauge.measure.postrows import ACCOUNT_CELLS, POST_CELLS, account_cells, in_cells, post_rows
from tidegauge.measure.registry import measure
from tidegauge.measure.rows import record, table
from tidegauge.measure.segments import UNKNOWN, epoch_s, whole
from tidegauge.result import Explanation, Result, Text
from tidegauge.workspace.tables import Tables

Floats = npt.NDArray[np.float64]

_LEVEL = 0.9
_DAY_S, _MONTH_DAYS = 86_400.0, 30.0
#: Growth over less than a week is rounding (platforms show three digits).
_LEAST_DAYS = 7.0
#: Standard deviations per median absolute deviation (normal), and how many of them are too far.
_PER_MAD, _FAR = 1.4826, 4.0
_RATES = {"save_rate": "saves", "share_rate": "shares", "engagement_rate": "interactions"}
_UNITS = {
    "views_per_post": "views",
    "interactions_per_post": "interactions",
    "follower_growth": "per 30 days",
    "price": "currency",
} | dict.fromkeys(_RATES, "ratio of views")

EXPLANATION = Explanation(
    question=Text(
        zh="各平台在各类目的水平、增长、互动、收藏、转发与价格有何不同？",
        en="How do platforms differ by category in level, growth, engagement, saves, shares and price?",
    ),
    formula="per creator and cell: mean log(1 + views), log((saves + 1)/(views + 1/R)), 30 · log(F1/F0)/days, mean log "
    "price; cell mean y_c ~ N(θ_c, s_c²), θ_c ~ N(platform's mean, τ²); shown: exp of the posterior mean",
    assumptions=Text(
        zh="同一单元内达人可交换，对数尺度近似正态；单元围绕平台均值波动。",
        en="Creators within a cell are exchangeable and near normal on the log scale; cells scatter around their "
        "platform's mean.",
    ),
    limits=Text(
        zh="是典型达人的水平（几何均值），不是总量；样本外的达人不在内；收缩会拉近极端单元。",
        en="It is the typical creator's level (a geometric mean), not a total; creators outside the sample are not in "
        "it; shrinkage draws extreme cells in.",
    ),
    reference="Morris (1983) Parametric empirical Bayes inference; Gelman et al., Bayesian Data Analysis, 5.4; "
    "Smyth (2004) Linear models and empirical Bayes methods; Tobin (1958) for floors",
)


@measure(
    "profile",
    explanation=EXPLANATION,
    by=(*ACCOUNT_CELLS, *POST_CELLS),
    default_by=("platform", "category"),
    options={"seed": "of the draws (1)", "least": "creators that a cell needs to be shown (1)"},
)
def profile(
    tables: Tables,
    *,
    by: tuple[str, ...],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    seed: object = 1,
    least: object = 1,
) -> Result:
    """Level, growth, engagement, save rate, share rate and price per cell; see docs/methods/profile.md.

    `n` counts creators. A quantity for which there are no data is left out.
    """
    number = whole("seed", seed, 0, 2**31)
    rng = np.random.default_rng(number)
    fewest = whole("least", least, 1, 10_000)
    parts = [_from_posts(tables, by, start, end)]
    if not set(by) & set(POST_CELLS):
        parts.append(_growth(tables, by, start, end))
    if "duration" not in by:
        parts.append(_prices(tables, by, start, end))
    creators = pl.concat([p for p in parts if not p.is_empty()] or [parts[0]], how="diagonal_relaxed")
    if creators.is_empty():
        raise MeasureError(
            "there is nothing to profile",
            mend="ingest posts with counts (post_snapshots), followers over a week (creator_snapshots) or offers",
        )
    records: list[dict[str, Any]] = []
    owns: list[float] = []
    for quantity in [q for q in _UNITS if q in set(creators.get_column("quantity"))]:
        rows, own = _cells(creators.filter(pl.col("quantity") == quantity), by, quantity, fewest, rng)
        for r in rows:
            r["unit"] = tables.settings.currency if quantity == "price" else _UNITS[quantity]
        records += rows
        owns += own
    if not records:
        raise MeasureError(
            "one creator in each of a few cells says nothing of how creators differ",
            mend="ingest more creators, or ask for less --by",
        )
    found = table(records, (*by, "quantity"))
    shown = found.filter(pl.col("quantity") == found.item(0, "quantity")).with_columns(
        pl.concat_str([pl.col(c) for c in by], separator=" · ").alias("segment")
    )
    title = Text(zh="典型水平（90% 区间）", en="Typical level (90 % interval)")
    lang = tables.settings.language
    pooled = float(np.mean(np.array(owns) < 0.5)) if owns else 0.0
    notes = (
        Text(
            zh=f"{pooled:.0%} 的数字一半以上来自同平台其他单元（样本少）。",
            en=f"{pooled:.0%} of the figures owe more to the platform's other cells than to their own few creators.",
        ),
    )
    return Result(
        "profile",
        by,
        found,
        tables.provenance(seed=number),
        EXPLANATION,
        level=_LEVEL,
        notes=notes,
        chart=charts.dots(shown, segment="segment", title=title, lang=lang),
    )


def _cells(
    creators: pl.DataFrame, by: tuple[str, ...], quantity: str, fewest: int, rng: np.random.Generator
) -> tuple[list[dict[str, Any]], list[float]]:
    """Pool the creators' values (on the log scale) of one quantity into cells.

    Values beyond four robust standard deviations of their platform's count as four: one account that was renamed, or
    grew from 1 follower to 50, would else make all creators look so different that every cell shrinks to one figure.
    """
    value = pl.col("value")
    places = [pl.col("platform")] if "platform" in by else [pl.lit(0)]
    middle = value.median().over(places)
    spread = _PER_MAD * (value - middle).abs().median().over(places)
    bounded = pl.when(spread > 0).then(value.clip(middle - _FAR * spread, middle + _FAR * spread)).otherwise(value)
    cells = (
        creators.drop_nulls("value")
        .with_columns(value=bounded)
        .group_by(by)
        .agg(y=value.mean(), spread2=value.var(), n=pl.len())
        .filter(pl.col("n") >= fewest)
        .sort(by)
    )
    if cells.is_empty():
        return [], []
    n = cells.get_column("n").to_numpy().astype(np.float64)
    s2, df = cell_variances(cells.get_column("spread2").fill_null(0.0).to_numpy(), n)
    if n.max() == 1.0 and cells.height < 4:
        s2 = np.full(n.size, np.nan)  # one creator in each of a few cells: nothing says how much creators differ
    found = pool(cells.get_column("y").to_numpy(), np.nan_to_num(s2, nan=1e-12), df, _groups(cells, by), rng, _LEVEL)
    shape = np.expm1 if quantity in ("views_per_post", "interactions_per_post", "follower_growth") else np.exp
    rows = []
    for i, words in enumerate(cells.select(by).to_dicts()):
        bounds = (float(shape(found.low[i])), float(shape(found.high[i])))
        if not np.isfinite(s2[i]):
            continue
        rows.append(record(words, float(shape(found.mean[i])), bounds, n[i], "", quantity=quantity))
    return rows, found.own.tolist()


def _groups(cells: pl.DataFrame, by: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Towards whose mean a cell shrinks: its platform's where each platform has three cells or more."""
    if "platform" not in by or len(by) < 2:
        return np.zeros(cells.height, np.int64)
    sizes = cells.get_column("platform").value_counts().get_column("count")
    if sizes.min() < 3:  # type: ignore[operator]
        return np.zeros(cells.height, np.int64)
    return cells.get_column("platform").rank("dense").cast(pl.Int64).to_numpy() - 1


def _from_posts(
    tables: Tables, by: tuple[str, ...], start: dt.datetime | None, end: dt.datetime | None
) -> pl.DataFrame:
    """Per creator and cell: value (log scale) of level and rates."""
    rows = in_cells(tables, post_rows(tables, start, end), by, end)
    parts = [rows[c] for c in ("likes", "comments", "shares", "saves")]
    seen = parts[0].notnull() | parts[1].notnull() | parts[2].notnull() | parts[3].notnull()
    total = sum((p.fill_null(0.0) for p in parts[1:]), parts[0].fill_null(0.0))
    rows = rows.mutate(interactions=ibis.ifelse(seen, total, ibis.null("float64")))
    sums: dict[str, ir.Value] = {}
    for c in ("views", "interactions"):
        known, floor = rows[c].notnull(), rows.censored > 0
        z = (rows[c].fill_null(0.0) + 1.0).ln()
        exact, held = (known & ~floor).cast("float64"), (known & floor).cast("float64")
        sums |= {f"{c}_n": exact.sum(), f"{c}_z": (z * exact).sum(), f"{c}_z2": (z * z * exact).sum()}
        sums |= {f"{c}_held": held.sum(), f"{c}_floor": (z * held).sum()}
    for c in _RATES.values():
        both = (rows[c].notnull() & rows.views.notnull() & (rows.views > 0) & (rows.censored == 0)).cast("float64")
        sums |= {f"{c}_of": (rows[c].fill_null(0.0) * both).sum()}
        sums |= {f"{c}_per": (rows.views.fill_null(0.0) * both).sum()}
    frame: pl.DataFrame = tables.frame(rows.group_by(["creator_id", *by]).agg(**sums))
    frame = frame.filter(pl.all_horizontal(pl.col(c) != UNKNOWN for c in by)).sort("creator_id", *by)
    levels = [
        _levels(frame, by, "views", "views_per_post"),
        _levels(frame, by, "interactions", "interactions_per_post"),
    ]
    return pl.concat([*levels, *(_rates(frame, by, q, c) for q, c in _RATES.items())])


def _levels(frame: pl.DataFrame, by: tuple[str, ...], column: str, quantity: str) -> pl.DataFrame:
    """A creator's mean log count; posts of which only a floor is known count with what is to be expected above it.

    The expectation above a floor c is that of a normal on the log scale, mu + sigma phi(a)/(1 − Phi(a)), with mu and
    sigma of the cell found by iteration (the E-step of a Tobit fit).
    """
    n, z, z2, held, floor = (f"{column}_{k}" for k in ("n", "z", "z2", "held", "floor"))
    known = frame.filter(pl.col(n) + pl.col(held) > 0)
    if known.is_empty():
        return _nothing(by)
    cell = known.select(pl.struct(by).rank("dense")).to_series().to_numpy().astype(np.int64) - 1
    k = int(cell.max()) + 1
    count, total, square, kept = (known.get_column(c).to_numpy() for c in (n, z, z2, held))
    mean_floor = known.get_column(floor).to_numpy() / np.maximum(kept, 1.0)
    expected = mean_floor.copy()
    spread = np.zeros_like(expected)
    if kept.sum() > 0:
        for _ in range(30):
            weight = np.maximum(np.bincount(cell, count + kept, k), 1.0)
            mu = np.bincount(cell, total + kept * expected, k) / weight
            second = np.bincount(cell, square + kept * (expected**2 + spread), k) / weight
            sigma = np.sqrt(np.maximum(second - mu**2, 1e-6))[cell]
            a = (mean_floor - mu[cell]) / sigma
            hazard = np.exp(stats.norm.logpdf(a) - stats.norm.logsf(a))
            expected = np.maximum(mu[cell] + sigma * hazard, mean_floor)
            spread = sigma**2 * np.maximum(1.0 + a * hazard - hazard**2, 0.0)
    value = (total + kept * expected) / (count + kept)
    return known.select("creator_id", *by, quantity=pl.lit(quantity), value=pl.Series(value))


def _rates(frame: pl.DataFrame, by: tuple[str, ...], quantity: str, column: str) -> pl.DataFrame:
    """A creator's log rate; one case at the cell's own rate is added, so that none of few is not minus infinity."""
    of, per = f"{column}_of", f"{column}_per"
    known = frame.filter(pl.col(per) > 0).with_columns(
        usual=(pl.col(of).sum().over(by) / pl.col(per).sum().over(by)), any=pl.col(of).sum().over(by) > 0
    )
    rate = ((pl.col(of) + 1.0) / (pl.col(per) + 1.0 / pl.col("usual"))).log()
    return known.filter("any").select("creator_id", *by, quantity=pl.lit(quantity), value=rate)


def _growth(tables: Tables, by: tuple[str, ...], start: dt.datetime | None, end: dt.datetime | None) -> pl.DataFrame:
    snapshots = tables["creator_snapshots"]
    known = snapshots.filter(snapshots.followers.notnull() & (snapshots.followers > 0))
    known = tables.between(known, "observed_at", start, end)
    at = known.observed_at
    ends = known.group_by("creator_id").agg(
        first=known.followers.argmin(at), last=known.followers.argmax(at), first_at=at.min(), last_at=at.max()
    )
    days = (epoch_s(ends.last_at) - epoch_s(ends.first_at)).cast("float64") / _DAY_S
    ends = ends.mutate(days=days).filter(lambda t: t.days >= _LEAST_DAYS)
    value = (ends["last"].cast("float64").ln() - ends["first"].cast("float64").ln()) / ends.days * _MONTH_DAYS
    ends = ends.select("creator_id", value=value)
    joined = ends.inner_join(account_cells(tables, by, end), "creator_id")
    return _known_cells(tables.frame(joined.select("creator_id", *by, "value")), by, "follower_growth")


def _prices(tables: Tables, by: tuple[str, ...], start: dt.datetime | None, end: dt.datetime | None) -> pl.DataFrame:
    """A creator's mean log price, of offers in the workspace's currency that hold in the span."""
    offers = tables["offers"]
    held = offers.filter((offers.currency == tables.settings.currency) & (offers.price > 0))
    if start is not None:
        held = held.filter(held.valid_to.isnull() | (held.valid_to >= ibis.literal(start.date())))
    if end is not None:
        held = held.filter(held.valid_from < ibis.literal(end.date()))
    rows = held.select("creator_id", "format", z=held.price.ln())
    cells = in_cells(tables, rows, by, end)
    groups = list(dict.fromkeys(["creator_id", *by]))
    summed = cells.group_by(groups).agg(value=cells.z.mean())
    return _known_cells(tables.frame(summed), by, "price")


def _known_cells(frame: pl.DataFrame, by: tuple[str, ...], quantity: str) -> pl.DataFrame:
    known = frame.filter(pl.all_horizontal(pl.col(c) != UNKNOWN for c in by)).sort("creator_id", *by)
    return known.select("creator_id", *by, quantity=pl.lit(quantity), value=pl.col("value").cast(pl.Float64))


def _nothing(by: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(("creator_id", *by, "quantity"), pl.String) | {"value": pl.Float64})
