"""Panels of virtual persons drawn from an audience model: deterministic by seed, independent between seeds.

Persons are drawn independently from the target population; each stands for the same number of people. A creator whose
audience would be only a few persons is spread over more of them with a membership below 1 (`share`), which is unbiased
and keeps a small creator from looking large by luck. Calibration sets each creator's total exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidegauge.errors import TidegaugeError
from tidegauge.plan.audience.model import AudienceModel, checked
from tidegauge.plan.audience.overlaps import Hints, hints_of, mean_level, platform_people
from tidegauge.plan.audience.panel_kernels import draw_audiences
from tidegauge.plan.solver.problem import Float, Int, Panel

#: A creator's audience is drawn over at least about this many persons, so that its total is known within a quarter.
LEAST_PERSONS = 30


@dataclass(frozen=True)
class Persons:
    """The panel's persons, ordered by community and activity: traits, and how many people each stands for."""

    pattern: NDArray[np.uint64]
    community: NDArray[np.int32]
    level: NDArray[np.int32]
    cell: NDArray[np.int32]
    people_each: float


def draw_persons(model: AudienceModel, n_persons: int, seed: int) -> Persons:
    """`n_persons` independent draws from the brief's target population (people on no platform cannot be reached)."""
    rng = np.random.default_rng([seed, 1])
    pattern_weight = np.asarray(model.pattern_share) * _in_target(model)
    community_weight = np.asarray(model.community_share) * _given(model.target_community, len(model.community_share))
    cell_weight = np.asarray(model.cell_share) * _given(model.target_cell, len(model.cell_share))
    target = float(pattern_weight.sum() * community_weight.sum() * cell_weight.sum())
    if n_persons < 1 or not target > 0:
        raise TidegaugeError("the target audience is empty", mend="widen the target, or check the platform figures")
    community = _draw(rng, community_weight, n_persons)
    level = _draw(rng, np.asarray(model.activity_share), n_persons)
    order = np.argsort(community.astype(np.int64) * len(model.activity_share) + level, kind="stable")
    return Persons(
        pattern=np.asarray(model.patterns, dtype=np.uint64)[_draw(rng, pattern_weight, n_persons)],
        community=community[order],
        level=level[order],
        cell=_draw(rng, cell_weight, n_persons),
        people_each=model.population * target / n_persons,
    )


def build_panel(
    model: AudienceModel,
    n_persons: int,
    *,
    seed: int,
    calibrate: bool = True,
    least_persons: int = LEAST_PERSONS,
    creators: Int | None = None,
    directory: Path | None = None,
) -> Panel:
    """A panel of `n_persons` virtual persons of the target and whom of them each creator can reach.

    Parameters: `calibrate` makes each creator's total exactly her expected audience inside the target (for planning);
    without it persons stay independent (for bounds on the population). `creators` draws only these columns, equal to
    those of the whole panel where there are no hints. `directory` keeps the big array in a file, mapped into memory.
    """
    model = checked(model)
    persons = draw_persons(model, n_persons, seed)
    columns = np.arange(model.n_creators) if creators is None else np.asarray(creators, dtype=np.int64)
    people = platform_people(model)
    expected = expected_audience(model)
    with np.errstate(divide="ignore"):
        boost = np.clip(least_persons * persons.people_each / np.maximum(expected, 1e-300), 1.0, _largest_boost(model))
    hints = hints_of(model) if creators is None else Hints.none(model.n_creators)
    likely = float(np.sum(expected[columns] / persons.people_each * boost[columns]))
    room = int(likely * 1.02 + 12.0 * np.sqrt(likely) + 1000)
    segments, wide = _lists(model, persons)
    while True:
        out = _room(room, directory)
        indptr = np.zeros(len(columns) + 1, dtype=np.int64)
        if draw_audiences(
            columns,
            np.asarray(model.platform, dtype=np.int64),
            np.asarray(model.audience, dtype=np.float64) - hints.people,
            np.asarray(model.mix_indptr, dtype=np.int64),
            np.asarray(model.mix_community, dtype=np.int32),
            np.asarray(model.mix_share, dtype=np.float64),
            people,
            np.asarray(model.community_share, dtype=np.float64),
            np.asarray(model.activity_level, dtype=np.float64) / mean_level(model),
            np.asarray(model.activity_share, dtype=np.float64),
            _profile_of(model),
            _relative_profiles(model),
            np.asarray(model.cell_share, dtype=np.float64),
            _keys(model),
            np.uint64(np.random.SeedSequence([seed, 2]).generate_state(1, np.uint64)[0]),
            boost,
            *segments,
            *wide,
            persons.community,
            persons.cell,
            persons.pattern,
            hints.ptr,
            hints.anchor,
            np.minimum(1.0, hints.part * boost[hints.owner] / boost[hints.anchor]),
            indptr,
            out,
        ):
            break
        room *= 2
    share = 1.0 / boost[columns]
    if calibrate:
        drawn = np.diff(indptr) * persons.people_each
        share = np.divide(expected[columns], drawn, out=np.ones(len(columns)), where=drawn > 0)
    weight = np.full(n_persons, persons.people_each)
    return Panel(indptr=indptr, persons=out[: indptr[-1]], weight=weight, share=share)


def met(panel: Panel) -> Panel:
    """The same panel without the persons whom no creator can reach: they add to no reach and no bound."""
    seen = np.zeros(panel.n_persons, dtype=np.bool_)
    seen[panel.persons] = True
    place = np.cumsum(seen, dtype=np.int32) - np.int32(1)
    return replace(panel, persons=place[panel.persons], weight=panel.weight[seen])


def expected_audience(model: AudienceModel) -> Float:
    """People of each creator's audience who are in the brief's target (float64, creators)."""
    people = platform_people(model)
    size = np.minimum(np.asarray(model.audience, dtype=np.float64), people[model.platform])
    inside = np.ones(model.n_creators)
    if model.target_community is not None:
        target, shares = np.asarray(model.target_community), np.asarray(model.community_share)
        owner = np.repeat(np.arange(model.n_creators), np.diff(model.mix_indptr))
        own = np.bincount(owner, model.mix_share, model.n_creators)
        own_target = np.bincount(owner, model.mix_share * target[model.mix_community], model.n_creators)
        covered = np.bincount(owner, shares[model.mix_community], model.n_creators)
        covered_target = np.bincount(owner, (shares * target)[model.mix_community], model.n_creators)
        rest = np.divide(
            float(shares @ target) - covered_target,
            1 - covered,
            out=np.zeros(model.n_creators),
            where=covered < 1 - 1e-12,
        )
        inside *= own_target + np.maximum(0.0, 1.0 - own) * rest
    if model.target_cell is not None:
        target = np.asarray(model.target_cell)
        by_row = np.append(_relative_profiles(model) @ (target * model.cell_share), target @ model.cell_share)
        inside *= by_row[_profile_of(model)]
    if model.target_platform is not None:
        bits = np.arange(len(people), dtype=np.uint64)
        uses = ((np.asarray(model.patterns, np.uint64)[:, None] >> bits) & np.uint64(1)).astype(np.float64)
        weight = np.asarray(model.pattern_share)
        part = ((weight * _in_target(model)) @ uses) / np.maximum(weight @ uses, 1e-300)
        inside *= part[model.platform]
    result: Float = size * inside
    return result


def _in_target(model: AudienceModel) -> Float:
    """1 for the patterns of people in the target: on one of its platforms, or on any where it names none."""
    patterns = np.asarray(model.patterns, dtype=np.uint64)
    wanted = np.ones(64, bool) if model.target_platform is None else np.asarray(model.target_platform)
    mask = np.uint64(sum(1 << int(p) for p in np.flatnonzero(wanted)))
    return np.where(patterns & mask, 1.0, 0.0)


def _given(target: Float | None, n: int) -> Float:
    return np.ones(n) if target is None else np.asarray(target, dtype=np.float64)


def _draw(rng: np.random.Generator, weight: Float, n: int) -> NDArray[np.int32]:
    """Independent draws of an index with these weights."""
    edges = np.cumsum(weight) / float(np.sum(weight))
    picks = np.searchsorted(edges, rng.random(n), side="right")
    return np.minimum(picks, len(weight) - 1).astype(np.int32)


def _profile_of(model: AudienceModel) -> Int:
    if model.profile is None:
        return np.full(model.n_creators, -1, dtype=np.int64)
    return np.asarray(model.profile, dtype=np.int64)


def _relative_profiles(model: AudienceModel) -> Float:
    """Profiles relative to the population's cells: 1 where the audience is as the population."""
    cells = np.asarray(model.cell_share, dtype=np.float64)
    if model.profiles is None:
        return np.ones((1, len(cells)))
    rows = np.asarray(model.profiles, dtype=np.float64)
    rows = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-300)
    return np.ascontiguousarray(np.divide(rows, cells, out=np.zeros_like(rows), where=cells > 0))


def _keys(model: AudienceModel) -> NDArray[np.uint64]:
    if model.key is None:
        return np.arange(model.n_creators, dtype=np.uint64)
    return np.asarray(model.key, dtype=np.uint64)


def _largest_boost(model: AudienceModel) -> Float:
    """The largest factor that keeps all chances of a creator below 1, also in her densest community."""
    people = platform_people(model)[model.platform]
    size = np.asarray(model.audience, dtype=np.float64)
    shares = np.asarray(model.community_share)
    owner = np.repeat(np.arange(model.n_creators), np.diff(model.mix_indptr))
    crowd = np.zeros(model.n_creators)
    np.maximum.at(crowd, owner, np.asarray(model.mix_share) / np.maximum(shares[model.mix_community], 1e-12))
    crowd = np.maximum(crowd, 1.0)
    level = max(model.activity_level) / mean_level(model)
    top = np.append(_relative_profiles(model).max(axis=1), 1.0)[_profile_of(model)]
    chance = size / np.maximum(people, 1e-12) * crowd * level * np.maximum(top, 1.0)
    largest: Float = np.maximum(1.0, 0.9 / np.maximum(chance, 1e-300))
    return largest


def _lists(
    model: AudienceModel, persons: Persons
) -> tuple[tuple[Int, NDArray[np.int32]], tuple[Int, NDArray[np.int32]]]:
    """Persons by platform, community and activity, and by platform and activity, each with its start positions."""
    n_platforms, n_comm, n_levels = len(platform_people(model)), len(model.community_share), len(model.activity_level)
    group = persons.community.astype(np.int64) * n_levels + persons.level
    narrow, wide = [], []
    narrow_count, wide_count = [], []
    for p in range(n_platforms):
        on = np.flatnonzero((persons.pattern >> np.uint64(p)) & np.uint64(1)).astype(np.int32)
        narrow.append(on)  # persons are ordered by community and activity already
        narrow_count.append(np.bincount(group[on], minlength=n_comm * n_levels))
        wide.append(on[np.argsort(persons.level[on], kind="stable")])
        wide_count.append(np.bincount(persons.level[on], minlength=n_levels))
    return (
        (np.concatenate([[0], np.cumsum(np.concatenate(narrow_count))]).astype(np.int64), np.concatenate(narrow)),
        (np.concatenate([[0], np.cumsum(np.concatenate(wide_count))]).astype(np.int64), np.concatenate(wide)),
    )


def _room(size: int, directory: Path | None) -> NDArray[np.int32]:
    if directory is None:
        return np.empty(size, dtype=np.int32)
    directory.mkdir(parents=True, exist_ok=True)
    return np.asarray(np.memmap(directory / "persons.int32", dtype=np.int32, mode="w+", shape=(max(size, 1),)))
