"""Why each pick is in the roster, and why each near miss is not; in Chinese and English."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegauge.plan.briefs.names import Named
from tidegauge.plan.offers.constraints import Limit
from tidegauge.plan.offers.filters import Kept
from tidegauge.plan.solver.problem import Certificate, Int, Problem
from tidegauge.plan.solver.roster import candidate_gains, marginals, overlap
from tidegauge.vocab import label

#: Near misses told: those closest to the roster, and the most promising of those that a filter removed.
NEAR_MISSES, FILTERED_MISSES = 20, 8
#: An added reach below this part of the reach alone is told as overlap.
MOSTLY_OVERLAP = 0.6

PICK_COLUMNS = (
    "creator_id", "name", "platform", "tier", "category", "format", "role", "stage", "terms", "price", "price_low",
    "price_high", "price_assumed", "price_source", "views", "views_low", "views_high", "views_assumed", "views_basis",
    "reach_alone", "reach_added", "overlap_with", "overlap_share", "publish_on", "cpm", "booked", "reason_zh",
    "reason_en",
)  # fmt: skip
MISS_SCHEMA: dict[str, type[pl.DataType]] = {
    "creator_id": pl.String, "name": pl.String, "platform": pl.String, "tier": pl.String, "format": pl.String,
    "price": pl.Float64, "reach_added": pl.Float64, "reason_zh": pl.String, "reason_en": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """What the goal counts, for sentences."""

    zh: str
    en: str


UNITS = {
    "reach": Unit("人", "people"),
    "frequency": Unit("人", "people"),
    "engagements": Unit("次互动", "engagements"),
    "response": Unit("元回报", "of expected return"),
}


def pick_rows(items: pl.DataFrame, problem: Problem, taken: Int, named: Named, unit: Unit) -> pl.DataFrame:
    """The picks with reach alone and added, the largest overlap, and the reason, dearest contribution first.

    Every column of `PICK_COLUMNS` but `publish_on`, which the calendar adds.
    """
    each, shared = marginals(problem, taken), overlap(problem, taken)
    rows = items[taken]
    ids = rows.get_column("creator_id").to_list()
    partner = [ids[k] if k >= 0 else None for k in shared.partner]
    picks = rows.with_columns(
        pl.Series("reach_alone", each.alone),
        pl.Series("reach_added", each.added),
        pl.Series("overlap_with", partner, dtype=pl.String),
        pl.Series("overlap_share", shared.share),
        (pl.col("price") / pl.col("views") * 1000).alias("cpm"),
        pl.col("creator_id").is_in([b.creator_id for b in named.booked]).alias("booked"),
    )
    called = dict(rows.select("creator_id", pl.coalesce("name", "creator_id")).iter_rows())
    reasons = [_why(row, named, unit, called) for row in picks.iter_rows(named=True)]
    return picks.with_columns(
        pl.Series("reason_zh", [zh for zh, _ in reasons], dtype=pl.String),
        pl.Series("reason_en", [en for _, en in reasons], dtype=pl.String),
    ).sort("reach_added", "creator_id", descending=[True, False])


def _why(row: dict[str, object], named: Named, unit: Unit, called: dict[str, str]) -> tuple[str, str]:
    """The reason in zh and en; `called`: what people call each pick."""
    alone, added, price = _number(row["reach_alone"]), _number(row["reach_added"]), _number(row["price"])
    zh, en = [], []
    creator = str(row["creator_id"])
    if creator in named.included:
        zh.append("简报指定必选")
        en.append("asked for by name")
    if row["booked"]:
        zh.append("已预订，保留")
        en.append("booked, kept")
    zh.append(f"新增 {added:,.0f} {unit.zh}（单独 {alone:,.0f}）")
    en.append(f"adds {added:,.0f} {unit.en} ({alone:,.0f} alone)")
    if added > 0 and price > 0:
        per = f"{price / added * 1000:,.0f}"
        zh.append(f"每新增千{unit.zh} {per}")
        en.append(f"{per} per 1,000 added")
    share = _number(row["overlap_share"])
    if row["overlap_with"] and share >= 0.02:
        other = called[str(row["overlap_with"])]
        zh.append(f"与 {other} 重叠最多（{share:.0%}）")
        en.append(f"overlaps most with {other} ({share:.0%})")
    stage, role = str(row["stage"]), str(row["role"])
    zh.append(f"{role}，承担{label(stage, 'zh')}")
    en.append(f"{role} for {label(stage, 'en').lower()}")
    if row["price_assumed"]:
        zh.append("价格为推定")
        en.append("price assumed")
    if row["views_assumed"]:
        zh.append("播放量为推定")
        en.append("views assumed")
    return "；".join(zh) + "。", "; ".join(en) + "."


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def near_misses(
    items: pl.DataFrame,
    problem: Problem,
    taken: Int,
    limits: tuple[Limit, ...],
    certificate: Certificate,
    kept: Kept,
    unit: Unit,
) -> pl.DataFrame:
    """Who came closest to the roster and why not; then the most promising of those whom a filter removed.

    Closeness is added reach over what an item would use up at the bound's multipliers (budget and rows).
    """
    gains = candidate_gains(problem, taken)
    toll = certificate.budget_price * problem.price
    for row in problem.rows:
        toll = toll + certificate.row_prices.get(row.label, 0.0) * row.coefficient
    floor = max(float(np.median(gains[gains > 0])) if (gains > 0).any() else 1.0, 1e-9)
    closeness = gains / np.maximum(toll, 1e-3 * floor)
    outside = ~np.isin(problem.creator, problem.creator[taken])
    if problem.allowed is not None:
        outside &= problem.allowed
    order = np.flatnonzero(outside & (gains > 0))
    order = order[np.lexsort((order, -closeness[order]))]
    _, first = np.unique(problem.creator[order], return_index=True)
    nearest = order[np.sort(first)][:NEAR_MISSES]
    spent = float(problem.price[taken].sum())
    alone = marginals(problem, nearest)
    rows = []
    for n, j in enumerate(nearest):
        case = _Miss(int(j), float(gains[j]), float(toll[j]), float(alone.alone[n]), spent)
        zh, en = _why_not(case, problem, taken, limits, certificate, unit)
        base = items.row(int(j), named=True)
        rows.append({**{c: base[c] for c in MISS_SCHEMA if c in base}, "reach_added": float(gains[j]),
                     "reason_zh": zh, "reason_en": en})  # fmt: skip
    found = pl.DataFrame(rows, schema=MISS_SCHEMA)
    removed = kept.left_out.filter(pl.col("views").cast(pl.Float64) > 0, pl.col("price").cast(pl.Float64) > 0)
    worth = removed.sort(pl.col("views").cast(pl.Float64) / pl.col("price").cast(pl.Float64), descending=True)
    filtered = worth.head(FILTERED_MISSES).with_columns(
        pl.lit(None, pl.Float64).alias("reach_added"),
        (pl.lit("被筛选条件排除：") + pl.col("reason_zh") + "。").alias("reason_zh"),
        (pl.lit("removed by a filter: ") + pl.col("reason_en") + ".").alias("reason_en"),
    )
    return pl.concat([found, filtered.select(pl.col(c).cast(t) for c, t in MISS_SCHEMA.items())])


@dataclass(frozen=True)
class _Miss:
    """An item outside the roster: what it would add, what its money and places are worth, its reach alone."""

    item: int
    gain: float
    toll: float
    alone: float
    spent: float


def _why_not(
    miss: _Miss, problem: Problem, taken: Int, limits: tuple[Limit, ...], certificate: Certificate, unit: Unit
) -> tuple[str, str]:
    """Overlap where that is the cause; else what its money and places bring elsewhere; else what stands in the way."""
    gain, price = miss.gain, float(problem.price[miss.item])
    zh = f"会新增 {gain:,.0f} {unit.zh}，但"
    en = f"would add {gain:,.0f} {unit.en}, but "
    if miss.alone > 0 and gain < MOSTLY_OVERLAP * miss.alone:
        return (
            f"{zh}其受众的 {1 - gain / miss.alone:.0%} 已被名单触达。",
            f"{en}{1 - gain / miss.alone:.0%} of its audience is reached by the roster already.",
        )
    priced = [
        limit for limit in limits
        if certificate.row_prices.get(limit.label, 0.0) > 0 and miss.item in limit.items
    ]  # fmt: skip
    if miss.toll > gain:
        zh_names = "".join(f"、“{limit.text.zh}”的名额" for limit in priced)
        en_names = "".join(f" and its place under '{limit.text.en}'" for limit in priced)
        return (
            f"{zh}它占用的预算 {price:,.0f}{zh_names}用在别处值 {miss.toll:,.0f}。",
            f"{en}the {price:,.0f} it costs{en_names} bring {miss.toll:,.0f} elsewhere.",
        )
    with_it = np.append(taken, miss.item)
    for limit in limits:
        if limit.actual(with_it) > limit.actual(taken) and not limit.kept(with_it) and limit.kept(taken):
            return f"{zh}会突破“{limit.text.zh}”。", f"{en}would break '{limit.text.en}'."
    left = problem.budget - miss.spent
    if price > left:
        return f"{zh}需 {price:,.0f}，预算只剩 {left:,.0f}。", f"{en}costs {price:,.0f} with {left:,.0f} left."
    return f"{zh}再选它会让名单整体变差。", f"{en}taking it would make the roster as a whole worse."
