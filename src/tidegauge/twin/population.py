"""The people: communities, which platforms they use, who follows whom; exact overlap and deduplicated reach.

A person belongs to one community and uses a set of platforms; a few in each community are enthusiasts, who follow far
more creators than the others and count as a community of their own (even numbers; the others: odd numbers). Given both,
persons join the audiences of creators independently. So the expected audience of any set of creators is a sum over
cells (community × set of platforms):

    reach(S) = Σ_cell persons_cell · (1 − Π_{j ∈ S, platform_j ∈ cell} (1 − π_{j, community}))

which `true_reach` computes. Commenters are a small sample of such persons ("core audience"): each creator has an
explicit set of core persons, drawn with the same community mix, so overlaps measured on commenters are built alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.twin.world import CATEGORIES, PLATFORM_NAMES, PLATFORMS, World

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Persons who use at least one of the platforms (deduplicated MAU of five platforms, QuestMobile, 2025-10).
PERSONS = 1.149e9
PROFILE_BUCKETS: dict[str, tuple[str, ...]] = {
    "gender": ("female", "male"),
    "age": ("<18", "18-24", "25-30", "31-40", "41-50", "51+"),
    "city_tier": ("tier_1", "new_tier_1", "tier_2", "tier_3", "tier_4", "tier_5"),
}


@dataclass(frozen=True)
class Population:
    """`cells` (communities × 2^platforms) counts persons; `profiles[dimension]` (communities × buckets) are shares.

    `core_community`, `core_pattern`, `core_activity` describe the commenting persons, one entry each.
    """

    cells: Floats
    profiles: dict[str, Floats]
    core_community: Ints
    core_pattern: Ints
    core_activity: Floats

    @property
    def communities(self) -> int:
        return int(self.cells.shape[0])

    def on_platform(self) -> Floats:
        """Persons per community and platform, shape (communities, platforms)."""
        return self.cells @ _uses().T

    def frame(self) -> pl.DataFrame:
        """One row per cell: community, category, platforms used (comma-separated), persons."""
        k, m = self.cells.shape
        names = [",".join(p for j, p in enumerate(PLATFORM_NAMES) if pattern >> j & 1) for pattern in range(m)]
        per = k // len(CATEGORIES)  # halves included
        return pl.DataFrame(
            {
                "community": np.repeat(np.arange(k), m),
                "category": [CATEGORIES[c // per][1] for c in range(k) for _ in range(m)],
                "platforms": names * k,
                "persons": self.cells.ravel(),
            }
        ).filter(pl.col("persons") > 0)


def _uses() -> Floats:
    """Matrix (platforms × patterns) of 0 and 1: does the pattern hold the platform."""
    patterns = np.arange(1 << len(PLATFORMS))
    return np.array([(patterns >> j) & 1 for j in range(len(PLATFORMS))], dtype=np.float64)


def people(rng: np.random.Generator, world: World, creators: int) -> Population:
    """Draw communities, their sizes, platform use and profiles, and the commenting persons."""
    per, k = world.communities_per_category, world.communities_per_category * len(CATEGORIES)
    size = rng.gamma(2.0, size=k)
    size = PERSONS * size / size.sum()
    # Heavy users (40 % of persons) are on most platforms: "39.8 % use three or more of five" (QuestMobile, 2025-10).
    mean = np.array([s.mau / PERSONS for s in PLATFORMS])
    tilt = np.exp(rng.normal(0.0, 0.25, size=(k, len(PLATFORMS))))
    for j, spec in enumerate(PLATFORMS):
        for c, (name, _) in enumerate(CATEGORIES):
            if name in spec.favours:
                tilt[c * per : (c + 1) * per, j] *= 1.5
    use = mean * tilt
    use *= mean / (size @ use / size.sum())
    use = np.clip(use, 0.005, 0.9)
    heavy = np.minimum(0.97, 1.45 * use)
    light = np.clip((use - 0.4 * heavy) / 0.6, 0.001, 0.97)
    has = _uses()
    cells = np.zeros((k, has.shape[1]))
    for weight, chance in ((0.4, heavy), (0.6, light)):
        logs = np.log(chance) @ has + np.log1p(-chance) @ (1.0 - has)
        cells += weight * size[:, None] * np.exp(logs)
    # Enthusiasts and the others of a community stand side by side as two rows.
    halves = np.array([world.enthusiasts, 1.0 - world.enthusiasts])
    cells = (cells[:, None, :] * halves[None, :, None]).reshape(2 * k, -1)
    profiles = {d: rng.dirichlet(np.full(len(b), 4.0), size=k).repeat(2, axis=0) for d, b in PROFILE_BUCKETS.items()}

    count = world.commenters or max(20_000, 8 * creators)
    flat = cells.copy()
    flat[:, 0] = 0.0  # nobody without a platform can comment
    cdf = np.cumsum(flat.ravel())
    cell = np.searchsorted(cdf, rng.random(count) * cdf[-1], side="right")
    shape = world.activity_shape
    activity = rng.gamma(shape, 1.0 / shape, size=count) if np.isfinite(shape) else np.ones(count)
    return Population(cells, profiles, cell // has.shape[1], cell % has.shape[1], activity + 1e-6)


def community_mix(
    rng: np.random.Generator, world: World, population: Population, platform: Ints, category: Ints
) -> Floats:
    """Share of each creator's audience by community, shape (creators, communities), rows add to one.

    `own_category_share` comes from the category's own communities (uneven, Dirichlet), the rest from all communities by
    their size on the platform.
    """
    per = world.communities_per_category
    users = population.on_platform()
    background = users.reshape(users.shape[0] // 2, 2, -1).sum(axis=1)
    background = background / background.sum(axis=0)
    mix = (1.0 - world.own_category_share) * background.T[platform]
    own = rng.dirichlet(np.full(per, 0.8), size=platform.size)
    columns = category[:, None] * per + np.arange(per)
    np.add.at(mix, (np.arange(platform.size)[:, None], columns), world.own_category_share * own)
    halves = np.array([world.enthusiast_audience, 1.0 - world.enthusiast_audience])
    return np.asarray((mix[:, :, None] * halves).reshape(platform.size, -1))


def membership(population: Population, platform: Ints, audience: Floats, mix: Floats) -> Floats:
    """Chance π of being in a creator's audience, by community: 1 − exp(−audience·mix / persons on the platform)."""
    persons = population.on_platform().T[platform]
    return np.asarray(-np.expm1(-audience[:, None] * mix / np.maximum(persons, 1.0)))


def true_reach(population: Population, platform: Ints, chance: Floats, chosen: Sequence[int]) -> float:
    """Expected persons in at least one of the chosen creators' audiences (people counted once), all platforms.

    `platform` (creators,) holds platform numbers, `chance` (creators, communities) comes from `membership`.
    """
    has = _uses()
    log_miss = np.zeros_like(population.cells)
    for j in dict.fromkeys(int(c) for c in chosen):
        log_miss += np.log1p(-np.minimum(chance[j], 1.0 - 1e-12))[:, None] * has[platform[j]][None, :]
    return float(np.sum(population.cells * -np.expm1(log_miss)))


def true_overlap(population: Population, platform: Ints, chance: Floats, a: int, b: int) -> float:
    """Expected persons who are in both creators' audiences."""
    has = _uses()
    both = population.cells @ (has[platform[a]] * has[platform[b]])
    if a == b:
        return float(np.sum(both * chance[a]))
    return float(np.sum(both * chance[a] * chance[b]))


@dataclass(frozen=True)
class Cores:
    """Core audiences as lists: creator j's persons are `person[start[j]:start[j + 1]]`."""

    start: Ints
    person: Ints

    def of(self, creator: int) -> Ints:
        return self.person[self.start[creator] : self.start[creator + 1]]


def core_draws(population: Population, platform: Ints, audience: Floats) -> Ints:
    """Draws for each core: 0.3 · √audience, at least 15, at most a third of the platform's commenting persons."""
    users = (population.core_pattern[:, None] >> np.arange(len(PLATFORMS)) & 1).sum(axis=0)
    drawn = np.maximum(np.rint(0.3 * np.sqrt(audience)), 15.0)
    return np.asarray(np.minimum(drawn, np.maximum(1, users[platform] // 3)), dtype=np.int64)


def cores(rng: np.random.Generator, population: Population, platform: Ints, audience: Floats, mix: Floats) -> Cores:
    """Explicit sets of commenting persons per creator, from `core_draws` draws each.

    Persons are drawn from the community lists of the platform without regard to activity; repeats are dropped, so a
    person of community c is in the core with chance 1 − exp(−draws · mix_c / persons_c), as in `membership`.
    """
    n = platform.size
    size = core_draws(population, platform, audience)
    lists: list[Ints] = []
    starts = np.zeros((len(PLATFORMS), population.communities + 1), dtype=np.int64)
    for p in range(len(PLATFORMS)):
        users = np.flatnonzero(population.core_pattern >> p & 1)
        users = users[np.argsort(population.core_community[users], kind="stable")]
        lists.append(users.astype(np.int64))
        available = np.bincount(population.core_community[users], minlength=population.communities)
        starts[p, 1:] = np.cumsum(available)
    owner = np.repeat(np.arange(n), size)
    cdf = np.cumsum(mix, axis=1)
    cdf /= cdf[:, -1:]
    community = _rowwise_searchsorted(cdf, owner, rng.random(owner.size))
    low, high = starts[platform[owner], community], starts[platform[owner], community + 1]
    pick = low + np.floor(rng.random(owner.size) * (high - low)).astype(np.int64)
    person = np.full(owner.size, -1, dtype=np.int64)
    for p, users in enumerate(lists):
        mine = (platform[owner] == p) & (high > low)
        person[mine] = users[pick[mine]]
    pairs = np.unique(np.stack([owner[person >= 0], person[person >= 0]], axis=1), axis=0)
    start = np.zeros(n + 1, dtype=np.int64)
    start[1:] = np.cumsum(np.bincount(pairs[:, 0], minlength=n))
    return Cores(start, np.ascontiguousarray(pairs[:, 1]))


def _rowwise_searchsorted(cdf: Floats, row: Ints, u: Floats) -> Ints:
    """For each draw the first column whose cumulative share exceeds it: one search over row number + share."""
    flat = (cdf + np.arange(cdf.shape[0])[:, None]).ravel()
    found = np.searchsorted(flat, row + u, side="right") - row * cdf.shape[1]
    return np.asarray(np.clip(found, 0, cdf.shape[1] - 1), dtype=np.int64)
