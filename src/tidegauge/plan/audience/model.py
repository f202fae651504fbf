"""The audience model: who could be reached by which creator, in arrays; and defaults to build it from what is known.

Persons differ in the platforms they use, one interest community, a profile cell (gender x age x city tier) and how
active they are. A person on creator c's platform, in community k, activity g and cell d belongs to c's audience with

    min(1, rate * level[g] * profile[c, d] / mean),    rate = audience[c] * mix[c, k] / people(platform, k),

independently of others given her traits. Overlap between creators follows from these shared traits, and from observed
overlaps where there are any (`hint_*`). Certificates hold for this model, not for the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from tidegauge.errors import TidegaugeError
from tidegauge.plan.solver.problem import Float, Int

#: How uneven people's use is: half of the users make 18 % of the contacts, the top fifth 52 %. An assumption, in line
#: with the 80/20 pattern of repeat behaviour (Ehrenberg 1959, negative binomial); heavier tails mean more overlap.
ACTIVITY_LEVEL = (0.35, 1.0, 2.625)
ACTIVITY_SHARE = (0.5, 0.3, 0.2)


def _ones() -> Float:
    return np.ones(1)


@dataclass(frozen=True)
class AudienceModel:
    """Inputs of `build_panel`, as arrays over C creators, P platforms, K communities, D profile cells.

    - `platform` (C): index of the creator's platform. `audience` (C): unique people she can reach there.
    - `mix_indptr` (C + 1), `mix_community`, `mix_share`: her audience by community, sparse; what is missing to 1 is
      spread over all other communities.
    - `population`: people in the market; `patterns` (Q, bit p set: uses platform p) and `pattern_share` (Q, sums to 1).
    - `community_share` (K), `cell_share` (D): how the population splits; independent of each other and of patterns.
    - `profile` (C, row of `profiles` or -1) and `profiles` (rows, D): her audience by cell, each row summing to 1.
    - `target_cell` (D), `target_community` (K): weight 0..1 of such people in the brief's target; `target_platform`
      (P, bool): the target uses at least one of these.
    - `hint_pair` (H, 2), `hint_shared` (H, people in both audiences), `hint_sample` (H, size of the sample behind it).
    - `key` (C): number that fixes a creator's random draws, so that any partition of creators gets the same persons.
    """

    platform: Int
    audience: Float
    mix_indptr: Int
    mix_community: NDArray[np.int32]
    mix_share: Float
    population: float
    patterns: NDArray[np.uint64]
    pattern_share: Float
    community_share: Float
    cell_share: Float = field(default_factory=_ones)
    profile: Int | None = None
    profiles: Float | None = None
    activity_level: tuple[float, ...] = ACTIVITY_LEVEL
    activity_share: tuple[float, ...] = ACTIVITY_SHARE
    target_cell: Float | None = None
    target_community: Float | None = None
    target_platform: NDArray[np.bool_] | None = None
    hint_pair: NDArray[np.int64] | None = None
    hint_shared: Float | None = None
    hint_sample: Float | None = None
    key: NDArray[np.uint64] | None = None

    @property
    def n_creators(self) -> int:
        return len(self.platform)


def same(one: AudienceModel, other: AudienceModel) -> bool:
    """Whether two models are equal in every figure, so that a panel of the one is a panel of the other."""
    pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in fields(AudienceModel))
    return all(a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs)


def platform_patterns(
    population: float, platform_people: Float, pair_people: Float | None = None
) -> tuple[NDArray[np.uint64], Float]:
    """Which sets of platforms people use, from the people on each platform and, where known, on each pair.

    Parameters: `platform_people` (P, people), `pair_people` (P x P, people on both; NaN where unknown). Returns the
    patterns that somebody has and their shares. Without pairs, platforms are used independently; known pairs are
    matched by iterative proportional fitting, which adds no other dependence (Deming and Stephan 1940).

    >>> patterns, share = platform_patterns(100.0, np.array([50.0, 20.0]))
    >>> [(int(p), round(float(s), 2)) for p, s in zip(patterns, share)]
    [(0, 0.4), (1, 0.4), (2, 0.1), (3, 0.1)]
    """
    people = np.asarray(platform_people, dtype=np.float64)
    n = len(people)
    if not population > 0 or np.any(~np.isfinite(people)) or np.any(people < 0) or np.any(people > population):
        raise TidegaugeError(
            "people on a platform are negative, unknown or more than the population",
            mend="give 0 < people on each platform <= population",
        )
    if n > 20:
        raise TidegaugeError("more than 20 platforms in one panel", mend="merge the smallest platforms")
    patterns = np.arange(1 << n, dtype=np.uint64)
    uses = ((patterns[:, None] >> np.arange(n, dtype=np.uint64)) & np.uint64(1)).astype(bool)
    marginal = people / population
    share = np.prod(np.where(uses, marginal, 1.0 - marginal), axis=1)
    if pair_people is not None:
        pairs = [(a, b) for a in range(n) for b in range(a + 1, n) if np.isfinite(pair_people[a, b])]
        share = _fit(share, uses, marginal, {pair: float(pair_people[pair]) / population for pair in pairs})
    kept = share > 0
    return patterns[kept], share[kept] / share[kept].sum()


def _fit(share: Float, uses: NDArray[np.bool_], marginal: Float, pairs: dict[tuple[int, int], float]) -> Float:
    for _ in range(200):
        before = share.copy()
        for a, wanted in enumerate(marginal):
            share = _rescale(share, uses[:, a], float(wanted))
        for (a, b), wanted in pairs.items():
            least, most = max(0.0, marginal[a] + marginal[b] - 1.0), min(marginal[a], marginal[b])
            share = _rescale(share, uses[:, a] & uses[:, b], float(np.clip(wanted, least, most)))
        if np.abs(share - before).max() < 1e-10:
            break
    return share


def _rescale(share: Float, inside: NDArray[np.bool_], wanted: float) -> Float:
    """Make the cells `inside` sum to `wanted` and the others to the rest; impossible parts stay as they are."""
    now = float(share[inside].sum())
    up = wanted / now if now > 0 else 1.0
    down = (1.0 - wanted) / (1.0 - now) if now < 1.0 else 1.0
    return np.where(inside, share * up, share * down)


def category_mix(category: Int, n_categories: int, *, own: float) -> tuple[Int, NDArray[np.int32], Float, int]:
    """A default community mix where only categories are known: `own` of the audience in the category's public, the
    rest anywhere.

    Parameters: `category` (C, -1 unknown). Returns indptr (C + 1), community, share and the number of communities K.
    A category is one community: to split it by guess would give pairs the same overlap on average, but tell the
    optimiser whose audiences differ, and it would build on that.
    """
    category = np.asarray(category, dtype=np.int64)
    known = category >= 0
    indptr = np.concatenate([[0], np.cumsum(known)]).astype(np.int64)
    return indptr, category[known].astype(np.int32), np.full(int(known.sum()), own), n_categories


def checked(model: AudienceModel) -> AudienceModel:
    """The model with plain dtypes; `TidegaugeError` where it cannot be what is meant."""
    mend = "check the arrays that describe the audiences"
    n = model.n_creators
    audience = np.ascontiguousarray(model.audience, dtype=np.float64)
    if len(audience) != n or len(model.mix_indptr) != n + 1:
        raise TidegaugeError("the audience model's arrays have different lengths", mend=mend)
    if not np.all(np.isfinite(audience)) or np.any(audience < 0):
        raise TidegaugeError("an audience is negative or not a number", mend="leave out creators of unknown audience")
    for name, share in (
        ("pattern", model.pattern_share),
        ("community", model.community_share),
        ("cell", model.cell_share),
    ):
        if np.any(np.asarray(share) < 0) or abs(float(np.sum(share)) - 1.0) > 1e-6:
            raise TidegaugeError(f"{name} shares do not sum to 1", mend=mend)
    if len(model.mix_share) and (np.min(model.mix_share) < 0 or not np.all(np.isfinite(model.mix_share))):
        raise TidegaugeError("a community share is negative or not a number", mend=mend)
    owner = np.repeat(np.arange(n), np.diff(model.mix_indptr))
    if np.any(np.bincount(owner, model.mix_share, n) > 1.0 + 1e-6):
        raise TidegaugeError("the community shares of a creator sum to more than 1", mend=mend)
    if len(model.mix_community) and int(np.max(model.mix_community)) >= len(model.community_share):
        raise TidegaugeError("a creator's community is outside the model", mend=mend)
    if (model.profile is None) != (model.profiles is None):
        raise TidegaugeError("profile and profiles go together", mend=mend)
    return model
