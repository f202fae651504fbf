"""Overlap of audiences: what shared traits alone give, and observed overlaps turned into extra common persons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegauge.plan.audience.model import AudienceModel
from tidegauge.plan.solver.problem import Float, Int


@dataclass(frozen=True)
class Hints:
    """Observed overlaps as the draw uses them: `owner` takes part `part` of `anchor`'s persons on her platform.

    Sorted by owner with start positions `ptr`; `people` (creators) is how much of each audience comes this way.
    """

    ptr: Int
    owner: Int
    anchor: Int
    part: Float
    people: Float

    @staticmethod
    def none(n_creators: int) -> Hints:
        nobody = np.empty(0, dtype=np.int64)
        return Hints(np.zeros(n_creators + 1, dtype=np.int64), nobody, nobody, np.empty(0), np.zeros(n_creators))


def hints_of(model: AudienceModel) -> Hints:
    """Observed overlaps, shrunk by n / (n + 1), as far as they exceed what the community structure gives already."""
    if model.hint_pair is None or model.hint_shared is None or model.hint_sample is None:
        return Hints.none(model.n_creators)
    pair = np.sort(np.asarray(model.hint_pair, dtype=np.int64), axis=1)
    good = (pair[:, 0] != pair[:, 1]) & np.isfinite(model.hint_shared) & (np.asarray(model.hint_sample) > 0)
    pair, shared, sample = pair[good], np.asarray(model.hint_shared)[good], np.asarray(model.hint_sample)[good]
    people = platform_people(model)
    audience = np.minimum(np.asarray(model.audience, dtype=np.float64), people[model.platform])
    both = _both_platforms(model)[model.platform[pair[:, 0]], model.platform[pair[:, 1]]]
    usable = audience[pair[:, 0]] * both / np.maximum(people[model.platform[pair[:, 0]]], 1e-300)
    extra = sample / (sample + 1.0) * np.maximum(0.0, shared - expected_overlap(model, pair))
    extra = np.minimum(extra, np.minimum(usable, audience[pair[:, 1]]))
    total = np.bincount(pair[:, 1], extra, model.n_creators)
    extra *= np.minimum(1.0, 0.9 * audience / np.maximum(total, 1e-300))[pair[:, 1]]  # not more than the audience
    order = np.lexsort((pair[:, 0], pair[:, 1]))
    keep = order[extra[order] > 0]
    owner = np.ascontiguousarray(pair[keep, 1])
    return Hints(
        ptr=np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=model.n_creators))]).astype(np.int64),
        owner=owner,
        anchor=np.ascontiguousarray(pair[keep, 0]),
        part=extra[keep] / usable[keep],
        people=np.bincount(owner, extra[keep], model.n_creators).astype(np.float64),
    )


def _both_platforms(model: AudienceModel) -> Float:
    """People on both of two platforms (P x P)."""
    n = len(platform_people(model))
    uses = ((np.asarray(model.patterns, np.uint64)[:, None] >> np.arange(n, dtype=np.uint64)) & np.uint64(1)).astype(
        float
    )
    both: Float = (uses * np.asarray(model.pattern_share)[:, None]).T @ uses * model.population
    return both


def expected_overlap(model: AudienceModel, pair: NDArray[np.int64]) -> Float:
    """People whom the community structure alone puts into both audiences of each pair (float64, pairs)."""
    people = platform_people(model)
    both = _both_platforms(model)
    level = np.asarray(model.activity_level) / mean_level(model)
    spread = float((level**2) @ np.asarray(model.activity_share))
    shares = np.asarray(model.community_share)
    out = np.zeros(len(pair))
    for n, (a, b) in enumerate(pair):
        crowd = np.ones((2, len(shares)))
        for side, c in enumerate((a, b)):
            own = slice(model.mix_indptr[c], model.mix_indptr[c + 1])
            k, mix = model.mix_community[own], model.mix_share[own]
            rest = max(0.0, 1.0 - float(mix.sum())) / max(1.0 - float(shares[k].sum()), 1e-12)
            crowd[side] = rest
            crowd[side, k] = mix / np.maximum(shares[k], 1e-12)
        pa, pb = model.platform[a], model.platform[b]
        together = float((crowd[0] * crowd[1]) @ shares) * spread
        density = model.audience[a] / max(people[pa], 1e-12) * model.audience[b] / max(people[pb], 1e-12)
        out[n] = min(together * density * both[pa, pb], model.audience[a], model.audience[b])
    return out


def platform_people(model: AudienceModel) -> Float:
    n = max(int(np.max(model.platform, initial=0)) + 1, int(np.asarray(model.patterns).max(initial=0)).bit_length())
    bits = np.arange(n, dtype=np.uint64)
    uses = ((np.asarray(model.patterns, np.uint64)[:, None] >> bits) & np.uint64(1)).astype(np.float64)
    people: Float = np.asarray(model.pattern_share) @ uses * model.population
    return people


def mean_level(model: AudienceModel) -> float:
    return float(np.asarray(model.activity_level) @ np.asarray(model.activity_share))
