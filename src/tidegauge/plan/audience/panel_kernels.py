"""Kernels that draw each creator's audience among the panel's persons, in time linear in the result."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tidegauge.plan.solver.kernels import kernel
from tidegauge.plan.solver.problem import Float, Int

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@kernel
def next_uniform(stream: NDArray[np.uint64]) -> float:
    """The next number of a splitmix64 stream (Steele, Lea and Flood 2014) in (0, 1)."""
    stream[0] += GOLDEN
    z = stream[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (float(z >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@kernel
def solve_rate(rate: float, level: Float, level_share: Float, profile: Float, cell_share: Float) -> float:
    """The factor r with mean(min(1, r * level * profile)) = rate, for rate < 1: people cannot belong more than once."""
    if rate <= 0.0:
        return 0.0
    r = rate
    for _ in range(60):
        mean, open_mean = 0.0, 0.0
        for g in range(len(level)):
            for d in range(len(profile)):
                weight = level_share[g] * cell_share[d]
                one = level[g] * profile[d]
                if r * one >= 1.0:
                    mean += weight
                else:
                    mean += weight * r * one
                    open_mean += weight * one
        if open_mean <= 0.0 or abs(mean - rate) <= 1e-9 * rate:
            break
        r += (rate - mean) / open_mean
    return r


@kernel
def draw_audiences(
    creators: Int,
    platform: Int,
    audience: Float,
    mix_indptr: Int,
    mix_community: NDArray[np.int32],
    mix_share: Float,
    people: Float,
    community_share: Float,
    level: Float,
    level_share: Float,
    profile: Int,
    profiles: Float,
    cell_share: Float,
    keys: NDArray[np.uint64],
    seed: np.uint64,
    boost: Float,
    segment: Int,
    listed: NDArray[np.int32],
    wide_segment: Int,
    wide_listed: NDArray[np.int32],
    community: NDArray[np.int32],
    cell: NDArray[np.int32],
    pattern: NDArray[np.uint64],
    anchor_ptr: Int,
    anchor: Int,
    anchor_chance: Float,
    indptr: Int,
    out: NDArray[np.int32],
) -> bool:
    """Draw the persons of every creator into `out` at `indptr`; False when `out` is too short.

    `segment[p, k, g]` starts the persons of platform p, community k, activity g in `listed`; `wide_segment[p, g]` those
    of all communities in `wide_listed`. `anchor` are earlier creators whose persons follow c too with `anchor_chance`;
    `audience` is without those. Skips between picks are geometric, so the work is the number of picks.
    `boost[c]` >= 1 multiplies a small creator's chances (her membership is divided by it).
    """
    n_levels = len(level)
    n_comm = len(community_share)
    stream = np.empty(1, dtype=np.uint64)
    flat_profile = np.ones(len(cell_share))
    at = 0
    for n in range(len(creators)):
        c = creators[n]
        p = platform[c]
        indptr[n] = at
        stream[0] = seed ^ (keys[c] * np.uint64(0xD1342543DE82EF95) + GOLDEN)
        next_uniform(stream)
        row = flat_profile if profile[c] < 0 else profiles[profile[c]]
        top = 1.0
        if profile[c] >= 0:
            top = row.max()
        size = min(audience[c], people[p])
        spill, covered = size, 0.0
        for m in range(mix_indptr[c], mix_indptr[c + 1]):
            k = mix_community[m]
            room = people[p] * community_share[k]
            wanted = min(size * mix_share[m], room)
            spill -= wanted
            covered += community_share[k]
            if room <= 0.0 or wanted <= 0.0:
                continue
            rate = solve_rate(wanted / room, level, level_share, row, cell_share) if wanted < room else np.inf
            for g in range(n_levels):
                start = segment[(p * n_comm + k) * n_levels + g]
                stop = segment[(p * n_comm + k) * n_levels + g + 1]
                at = pick(listed, start, stop, rate * level[g], boost[c], row, top, cell, stream, out, at)
                if at < 0:
                    return False
        room = people[p] * max(0.0, 1.0 - covered)
        spill = min(max(0.0, spill), room)
        if room > 0.0 and spill > 0.0:
            rate = solve_rate(spill / room, level, level_share, row, cell_share) if spill < room else np.inf
            for g in range(n_levels):
                start, stop = wide_segment[p * n_levels + g], wide_segment[p * n_levels + g + 1]
                first = at
                at = pick(wide_listed, start, stop, rate * level[g], boost[c], row, top, cell, stream, out, at)
                if at < 0:
                    return False
                # The wide list holds her own communities too, which have had their turn.
                at = leave_out(out, first, at, community, mix_community[mix_indptr[c] : mix_indptr[c + 1]])
        for t in range(anchor_ptr[c], anchor_ptr[c + 1]):
            a = anchor[t]
            at = pick_shared(out, indptr[a], indptr[a + 1], pattern, np.uint64(p), anchor_chance[t], stream, at)
            if at < 0:
                return False
        at = order(out, indptr[n], at)
    indptr[len(creators)] = at
    return True


@kernel
def pick(
    listed: NDArray[np.int32],
    start: int,
    stop: int,
    rate: float,
    boost: float,
    row: Float,
    top: float,
    cell: NDArray[np.int32],
    stream: NDArray[np.uint64],
    out: NDArray[np.int32],
    at: int,
) -> int:
    """Append picks of `listed[start:stop]`, each with chance boost * min(1, rate * profile); -1 when `out` is full."""
    chance = min(1.0, boost * min(1.0, rate * top))
    if chance <= 0.0 or stop <= start:
        return at
    miss = math.log1p(-chance) if chance < 1.0 else -np.inf
    e = start
    while True:
        if chance < 1.0:
            skip = math.log(next_uniform(stream)) / miss
            if skip >= stop - e:
                break
            e += int(skip)
        if e >= stop:
            break
        i = listed[e]
        mine = min(1.0, boost * min(1.0, rate * row[cell[i]]))
        if mine >= chance or next_uniform(stream) * chance < mine:
            if at >= len(out):
                return -1
            out[at] = i
            at += 1
        e += 1
    return at


@kernel
def leave_out(
    out: NDArray[np.int32], start: int, stop: int, community: NDArray[np.int32], unwanted: NDArray[np.int32]
) -> int:
    """Drop the persons of some communities from `out[start:stop]`; returns the new end."""
    kept = start
    for e in range(start, stop):
        keep = True
        for k in unwanted:
            keep = keep and community[out[e]] != k
        if keep:
            out[kept] = out[e]
            kept += 1
    return kept


@kernel
def pick_shared(
    out: NDArray[np.int32],
    start: int,
    stop: int,
    pattern: NDArray[np.uint64],
    platform: np.uint64,
    chance: float,
    stream: NDArray[np.uint64],
    at: int,
) -> int:
    """Append another creator's persons `out[start:stop]` who use the platform, each with this chance; -1 when full."""
    bit = np.uint64(1) << platform
    for e in range(start, stop):
        if pattern[out[e]] & bit and next_uniform(stream) < chance:
            if at >= len(out):
                return -1
            out[at] = out[e]
            at += 1
    return at


@kernel
def order(out: NDArray[np.int32], start: int, stop: int) -> int:
    """Sort one creator's persons and drop repeats; returns the new end."""
    out[start:stop].sort()
    kept = start
    for e in range(start, stop):
        if kept == start or out[e] != out[kept - 1]:
            out[kept] = out[e]
            kept += 1
    return kept
