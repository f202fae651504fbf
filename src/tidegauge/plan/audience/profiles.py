"""Audience profiles as cells: how a creator's or a platform's people split by gender, age and city tier.

Only the dimensions that the brief's target names become cells. A creator's own profile comes first, then its platform's
in the workspace, then cited figures; what no source tells is taken as the mean of what is cited for other platforms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product

import numpy as np
import polars as pl

from tidegauge.plan.briefs.brief import Audience
from tidegauge.plan.briefs.buckets import CITY_TIERS, OLDEST_AGE_YEARS, age_range, normal_bucket, overlap
from tidegauge.plan.solver.problem import Float, Int
from tidegauge.reference import facts
from tidegauge.result import Assumed, Text
from tidegauge.vocab import label
from tidegauge.workspace.tables import Tables

CELL_DIMENSIONS = ("gender", "age", "city_tier")
_WORDS = {"gender": "性别", "age": "年龄", "city_tier": "城市线级"}
#: Cited bucket (as the reference names it) → the normal bucket that it describes.
_CITED = {
    "women": ("gender", "female"),
    "under 30": ("age", "0-29"),
    "51 and older": ("age", f"51-{OLDEST_AGE_YEARS - 1}"),
    "first-tier and new first-tier cities": ("city_tier", "tier_1+new_tier_1"),
    "third-tier cities and below": ("city_tier", "tier_3+tier_4+tier_5"),
}
#: The whole of each dimension in a coarse cut that the cited buckets fit.
_COARSE = {
    "gender": ("female", "male"),
    "age": ("0-29", "30-50", f"51-{OLDEST_AGE_YEARS - 1}"),
    "city_tier": ("tier_1+new_tier_1", "tier_2", "tier_3+tier_4+tier_5"),
}


@dataclass(frozen=True)
class Cells:
    """Profile cells of the named dimensions.

    `target` (D): weight 0..1 of a cell in the brief's target. `population` (D): share of the cell in the market.
    `rows` (R, D): profiles, each summing to 1; `row_of` (C): the row of each creator. `assumed`: what was not read.
    """

    target: Float
    population: Float
    rows: Float
    row_of: Int
    assumed: tuple[str, ...]


def profile_cells(tables: Tables, creators: pl.DataFrame, audience: Audience) -> Cells | None:
    """The cells of the target's dimensions for these creators (creator_id, platform); None where it names none."""
    dimensions = [d for d in CELL_DIMENSIONS if getattr(audience, d)]
    if not dimensions:
        return None
    bins = {d: _bins(d, list(getattr(audience, d))) for d in dimensions}
    target = _product([_target(bins[d], getattr(audience, d), d) for d in dimensions])
    read = _read(tables, dimensions)
    platforms = sorted(set(creators.get_column("platform").to_list()))
    assumed: list[str] = []
    by_platform: dict[str, dict[str, Float]] = {}
    for p in platforms:
        by_platform[p] = {}
        for d in dimensions:
            own = _spread(read.get(("", p, d), {}), bins[d], d)
            if own is None:
                own, source = _cited(p, d, bins[d])
                assumed.append(
                    Assumed(
                        f"audience of {p} by {d}: {source.en}", f"{label(p, 'zh')}受众的{_WORDS[d]}构成：{source.zh}"
                    )
                )
            by_platform[p][d] = own
    rows = [_product([by_platform[p][d] for d in dimensions]) for p in platforms]
    at = {p: i for i, p in enumerate(platforms)}
    row_of = np.array([at[p] for p in creators.get_column("platform").to_list()], dtype=np.int64)
    profiled = {c for c, _, _ in read if c}
    for i, (creator_id, platform) in enumerate(creators.select("creator_id", "platform").iter_rows()):
        if creator_id in profiled:
            own_parts = [_spread(read.get((creator_id, platform, d), {}), bins[d], d) for d in dimensions]
            parts = [
                by_platform[platform][d] if own is None else own for d, own in zip(dimensions, own_parts, strict=True)
            ]
            row_of[i] = len(rows)
            rows.append(_product(parts))
    # The market's own split: the mean of the platforms; persons of other platforms count in the same way.
    population = np.mean([rows[at[p]] for p in platforms], axis=0)
    return Cells(target, population / population.sum(), np.array(rows), row_of, tuple(assumed))


def interest_profiles(tables: Tables) -> pl.DataFrame:
    """What audiences are interested in, where profiles tell: creator_id, bucket (lower case), share."""
    t = tables["audience_profiles"]
    rows: pl.DataFrame = tables.frame(
        t.filter(t.dimension == "interest", t.creator_id != "").select("creator_id", "bucket", "share")
    )
    return rows.with_columns(pl.col("bucket").str.strip_chars().str.to_lowercase()).sort("creator_id", "bucket")


def _bins(dimension: str, targets: list[str]) -> list[str]:
    """The smallest cut of a dimension in which every target bucket is a union of bins."""
    if dimension == "gender":
        return ["female", "male"]
    if dimension == "city_tier":
        return list(CITY_TIERS)
    edges = {0, 18, 30, 51, OLDEST_AGE_YEARS}
    for t in targets:
        years = age_range(t)
        edges |= set(years) if years else set()
    return [f"{low}-{high - 1}" for low, high in pairwise(sorted(edges))]


def _target(bins: list[str], weights: dict[str, float], dimension: str) -> Float:
    return np.array([min(1.0, sum(w * overlap(dimension, b, t) for t, w in weights.items())) for b in bins])


def _product(parts: list[Float]) -> Float:
    return np.array([float(np.prod(c)) for c in product(*parts)])


def _read(tables: Tables, dimensions: list[str]) -> dict[tuple[str, str, str], dict[str, float]]:
    """(creator_id or '', platform, dimension) → normal bucket → share."""
    t = tables["audience_profiles"]
    rows: pl.DataFrame = tables.frame(t.filter(t.dimension.isin(dimensions), t.share.notnull()))
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for r in rows.sort("creator_id", "platform", "dimension", "bucket").iter_rows(named=True):
        bucket = normal_bucket(r["dimension"], r["bucket"])
        if bucket is not None:
            shares = found.setdefault((r["creator_id"], r["platform"], r["dimension"]), {})
            shares[bucket] = shares.get(bucket, 0.0) + r["share"]
    return found


def _spread(shares: dict[str, float], bins: list[str], dimension: str) -> Float | None:
    """Shares of any buckets, spread over the bins; what they leave open goes to the bins that they do not touch.

    Returns None where nothing is known. The result sums to 1.
    """
    if not shares or sum(shares.values()) <= 0:
        return None
    into = np.array([[overlap(dimension, bucket, b) for b in bins] for bucket in shares])
    mass = np.array(list(shares.values())) @ into
    known = float(mass.sum())
    if known <= 0:
        return None
    if known < 0.98:
        untouched = (into.sum(axis=0) == 0).astype(np.float64) * _width(bins, dimension)
        if untouched.sum() > 0:
            mass = mass + (1 - known) * untouched / untouched.sum()
    return np.asarray(mass / mass.sum(), dtype=np.float64)


def _width(bins: list[str], dimension: str) -> Float:
    if dimension != "age":
        return np.ones(len(bins))
    return np.array([high - low for low, high in (age_range(b) or (0, 1) for b in bins)], dtype=np.float64)


@cache
def _cited_shares() -> dict[str, dict[tuple[str, str], float]]:
    """Dimension → (platform, normal bucket) → the newest cited share of users."""
    rows = facts().filter((pl.col("metric") == "share of users") & pl.col("segment").is_in(list(_CITED)))
    found: dict[str, dict[tuple[str, str], float]] = {d: {} for d in CELL_DIMENSIONS}
    for r in rows.sort("period").to_dicts():
        dimension, bucket = _CITED[r["segment"]]
        found[dimension][r["platform"], bucket] = float(r["value_low"])
    return found


def _cited(platform: str, dimension: str, bins: list[str]) -> tuple[Float, Text]:
    """A platform's split by cited figures, borrowed from other platforms where it has none, and how it was come by."""
    cited = _cited_shares()[dimension]
    shares, own = {}, False
    for bucket in _COARSE[dimension]:
        if (platform, bucket) in cited:
            shares[bucket], own = cited[platform, bucket], True
        elif others := [v for (_, b), v in cited.items() if b == bucket]:
            shares[bucket] = float(np.mean(others)) if dimension != "gender" else 0.5
    if dimension == "gender" and not own:
        shares = {"female": 0.5, "male": 0.5}
    rest = max(0.0, 1 - sum(shares.values()))
    for bucket in _COARSE[dimension]:
        shares.setdefault(bucket, rest)
    spread = _spread(shares, bins, dimension)
    assert spread is not None
    even = dimension == "gender" and not own
    if even:
        return spread, Text("男女各半", "half and half")
    if own:
        return spread, Text("引用 QuestMobile", "cited (QuestMobile)")
    return spread, Text("其他平台的平均（QuestMobile）", "mean of other platforms (QuestMobile)")
