"""A stream's name taken apart: platform/tier/role/format[/stage], and the groups through which thin streams borrow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidegauge.vocab import Format, Role, Stage, Tier, platform

_TIERS, _ROLES = {t.value for t in Tier}, {r.value.lower(): r.value for r in Role}
_FORMATS, _STAGES = {f.value for f in Format}, {s.value for s in Stage}


@dataclass(frozen=True)
class Levels:
    """The parts of a stream's name; empty text where it does not say. A channel's own name is its platform."""

    platform: str
    tier: str = ""
    role: str = ""
    format: str = ""
    stage: str = ""


def levels(stream: str) -> Levels:
    """
    >>> levels("douyin/mid/KOL/short_video").tier, levels("tv").platform, levels("xhs/KOC").role
    ('mid', 'tv', 'KOC')
    """
    parts = [p.strip() for p in stream.split("/")]
    known = platform(parts[0]) if parts[0] else None
    found = {"platform": known.value if known else parts[0].lower(), "tier": "", "role": "", "format": "", "stage": ""}
    for part in parts[1:]:
        key = part.lower()
        for kind, words in (("tier", _TIERS), ("format", _FORMATS), ("stage", _STAGES)):
            if key in words and not found[kind]:
                found[kind] = key
        if key in _ROLES and not found["role"]:
            found["role"] = _ROLES[key]
    return Levels(**found)


@dataclass(frozen=True)
class Grouping:
    """One level of nesting: `index[stream]` is the stream's group, `names[group]` what it is called."""

    kind: str
    names: tuple[str, ...]
    index: npt.NDArray[np.int64]


def groupings(streams: tuple[str, ...], kinds: tuple[str, ...]) -> tuple[Grouping, ...]:
    """The levels that can carry information for these streams, coarse to fine.

    `kinds` are fields of `Levels`, joined with "+" for nested ones ("platform+tier"). A level in which all streams are
    alike says nothing beside the common mean, one in which each stands alone nothing beside the stream's own effect,
    and one that cuts like an earlier level nothing new: they are left out.
    """
    parsed = [levels(s) for s in streams]
    found: list[Grouping] = []
    seen: set[tuple[int, ...]] = set()
    for kind in kinds:
        keys = ["/".join(getattr(p, k) for k in kind.split("+")) for p in parsed]
        names = tuple(dict.fromkeys(keys))
        index = tuple(names.index(k) for k in keys)
        if 1 < len(names) < len(streams) and index not in seen:
            seen.add(index)
            found.append(Grouping(kind, names, np.array(index, dtype=np.int64)))
    return tuple(found)
