"""How audiences gather, read from who comments where: heavy users, and how far a category keeps its own public.

Two creators of one platform with m and n commenters out of N people who ever comment share m n / N of them if people
choose at random. The affinity is how many times more they really share. Between creators of different categories it is
the work of heavy users, within a category also of common interest; both are means over very many pairs, so that a few
hundred common commenters are enough where single pairs tell nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import brentq

from tidegauge.plan.audience.model import ACTIVITY_LEVEL, ACTIVITY_SHARE
from tidegauge.plan.solver.problem import Float, Int

#: Part of an audience that belongs to the creator's category, where comments say nothing. An assumption.
OWN_SHARE = 0.65
#: How far a category's supply misjudges its public (log scale). Overlap goes with one over the public's size, whose
#: mean is larger than one over the mean size by exp(sd^2): publics are taken as that much smaller. An assumption.
PUBLIC_LOG_SD = 0.7
#: More of an audience than this is never taken to be of the category.
LARGEST_OWN = 0.9
#: Common commenters that weigh as much as what is assumed without any.
PRIOR_COMMON = 100.0
#: Commenters in common with a category that tell a creator's own.
LEAST_VOTES = 3
#: The activity levels can spread no further than if the top group did nearly everything.
LARGEST_SPREAD = 0.9 / ACTIVITY_SHARE[-1]


@dataclass(frozen=True)
class Affinity:
    """Pooled over platforms: affinity of pairs within a category and between categories, common commenters behind."""

    same: float
    different: float
    common_same: int
    common_different: int


@dataclass(frozen=True)
class Gathering:
    """`own`: part of an audience in its creator's category; `level`: activity of the population's groups (mean 1)."""

    own: float
    level: tuple[float, ...]
    measured: bool


def affinity_of(seen: pl.DataFrame) -> Affinity | None:
    """Affinity of the creators' commenters; None where too few have commenters in common.

    Parameters: `seen`: creator (c), platform, category (null: unknown), audience_key; one row per creator and key. The
    number of people who ever comment on a platform is Chao's lower bound (1984), so that affinities are lower bounds.
    """
    places = ("platform", "audience_key")
    per_key = seen.group_by(places).agg(pl.len().cast(pl.Float64).alias("n"))
    people = per_key.group_by("platform").agg(
        (pl.len() + (pl.col("n") == 1).sum() ** 2 / (2.0 * (pl.col("n") == 2).sum().clip(lower_bound=1))).alias(
            "people"
        ),
        (pl.col("n") * (pl.col("n") - 1)).sum().alias("common"),
    )
    named = seen.filter(pl.col("category").is_not_null() & (pl.col("category") != ""))
    per_category = named.group_by(*places, "category").agg(pl.len().cast(pl.Float64).alias("n"))
    within = per_category.group_by("platform").agg((pl.col("n") * (pl.col("n") - 1)).sum().alias("common_same"))
    sizes = seen.group_by("platform", "c").agg(pl.len().cast(pl.Float64).alias("m"), pl.col("category").first())
    pairs = sizes.group_by("platform").agg((pl.col("m").sum() ** 2 - (pl.col("m") ** 2).sum()).alias("pairs"))
    inside = (
        sizes.filter(pl.col("category").is_not_null() & (pl.col("category") != ""))
        .group_by("platform", "category")
        .agg((pl.col("m").sum() ** 2 - (pl.col("m") ** 2).sum()).alias("pairs_same"))
        .group_by("platform")
        .agg(pl.col("pairs_same").sum())
    )
    table = (
        people.join(pairs, on="platform")
        .join(within, on="platform", how="left")
        .join(inside, on="platform", how="left")
        .fill_null(0.0)
        .with_columns(
            (pl.col("pairs_same") / pl.col("people")).alias("chance_same"),
            ((pl.col("pairs") - pl.col("pairs_same")) / pl.col("people")).alias("chance_different"),
        )
    )
    sums = table.select(pl.col("common", "common_same", "chance_same", "chance_different").sum()).row(0, named=True)
    different = sums["common"] - sums["common_same"]
    if sums["chance_same"] <= 0 or sums["chance_different"] <= 0 or different <= 0:
        return None
    return Affinity(
        same=sums["common_same"] / sums["chance_same"],
        different=different / sums["chance_different"],
        common_same=int(sums["common_same"] / 2),
        common_different=int(different / 2),
    )


def publics(supply: Float) -> Float:
    """How the population splits over the categories' publics and, last, people of no particular interest.

    Parameters: `supply` (categories): creators of each. As many people follow a category as it has creators, on the
    square-root scale, since creators crowd into fashionable categories faster than people do.

    >>> [round(float(v), 3) for v in publics(np.array([1.0, 4.0]))]
    [0.204, 0.408, 0.387]
    """
    weight = np.sqrt(np.asarray(supply, dtype=np.float64))
    inside = np.exp(-(PUBLIC_LOG_SD**2)) * weight / weight.sum()
    split: Float = np.append(inside, 1.0 - inside.sum())
    return split


def gathering_of(found: Affinity | None, category_share: Float) -> Gathering:
    """The audience model's structure from the affinities, drawn to what is assumed where few commenters speak.

    Parameters: `category_share`: the part of the population in each category's public. With a share `own` of each
    audience in its category and the rest everywhere, affinity is s (1 - own^2) between categories and s (1 - own^2 +
    own^2 / share) within one, s being the second moment of activity. Affinities are lower bounds (a small commenting
    public is soon used up, heavy users stand for people who were never seen), so that comments only ever raise both.
    """
    assumed = float(np.array(ACTIVITY_LEVEL) ** 2 @ np.array(ACTIVITY_SHARE))
    if found is None:
        return Gathering(OWN_SHARE, ACTIVITY_LEVEL, False)
    times = float(category_share.sum()) / float(category_share @ category_share)  # one over a typical public's share
    ratio = max(found.same / found.different, 1.0)
    fitted = np.sqrt((ratio - 1.0) / (ratio - 1.0 + times))
    trust = found.common_same / (found.common_same + PRIOR_COMMON)
    own = float(np.clip(trust * max(fitted, OWN_SHARE) + (1.0 - trust) * OWN_SHARE, OWN_SHARE, LARGEST_OWN))
    trust = found.common_different / (found.common_different + PRIOR_COMMON)
    measured = found.different / (1.0 - own**2)
    spread = float(np.clip(trust * max(measured, assumed) + (1.0 - trust) * assumed, assumed, LARGEST_SPREAD))
    return Gathering(own, levels_of(spread), True)


def levels_of(spread: float) -> tuple[float, ...]:
    """Activity levels with mean 1 and this second moment: the assumed ones raised to a power.

    >>> [round(v, 2) for v in levels_of(1.0)]
    [1.0, 1.0, 1.0]
    """
    base, share = np.array(ACTIVITY_LEVEL), np.array(ACTIVITY_SHARE)

    def levels(power: float) -> Float:
        raised = base**power
        scaled: Float = raised / (share @ raised)
        return scaled

    if spread <= 1.0 + 1e-9:
        return tuple(float(v) for v in levels(0.0))
    power = brentq(lambda t: float(share @ levels(t) ** 2) - spread, 0.0, 20.0)
    return tuple(float(v) for v in levels(power))


def likely_categories(seen: pl.DataFrame, category: Int, categories: list[str]) -> Int:
    """Categories of creators that have none, from what else their commenters comment on; -1 where too few tell.

    Parameters: `seen` as in `affinity_of`; `category` (creators, -1 unknown), an index into `categories`. A creator
    takes the category with the most common commenters beside what its size would bring, from `LEAST_VOTES` on.
    """
    found = category.copy()
    silent = pl.Series("c", np.flatnonzero(category < 0), dtype=pl.Int64)
    named = seen.filter(pl.col("category").is_in(categories)).select("platform", "audience_key", "category")
    votes = (
        seen.filter(pl.col("c").is_in(silent.implode()))
        .select("c", "platform", "audience_key")
        .join(named, on=["platform", "audience_key"])
        .group_by("c", "category")
        .agg(pl.len().alias("votes"))
        .filter(pl.col("votes") >= LEAST_VOTES)
    )
    size = named.group_by("category").agg(pl.len().alias("size"))
    best = votes.join(size, on="category").sort(
        pl.col("votes") / pl.col("size").sqrt(), pl.col("category"), descending=[True, False]
    )
    at = {name: i for i, name in enumerate(categories)}
    for c, name in best.unique("c", keep="first", maintain_order=True).select("c", "category").iter_rows():
        found[c] = at[name]
    return found


def drawn_categories(category: Int, keys: NDArray[np.uint64], category_share: Float) -> Int:
    """Creators of unknown category spread over the categories by the publics' sizes, fixed by their keys.

    Left without a public of their own they would seem to share it with nobody, and the planner would prefer them.
    """
    edges = np.cumsum(category_share) / float(category_share.sum())
    place = (keys >> np.uint64(11)).astype(np.float64) / 2.0**53
    drawn = np.minimum(np.searchsorted(edges, place, side="right"), len(edges) - 1)
    spread: Int = np.where(category >= 0, category, drawn)
    return spread
