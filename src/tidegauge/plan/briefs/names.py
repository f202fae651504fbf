"""Creators that a brief names, found in the workspace by id or by name."""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.briefs.values import nearest


@dataclass(frozen=True)
class Booking:
    """A pick that stays: its creator, and format and price where they are fixed."""

    creator_id: str
    format: str | None
    price: float | None
    place: str


@dataclass(frozen=True)
class Named:
    """Creator ids that the brief names. `included` maps an id to the place in the brief that asks for it."""

    included: dict[str, str]
    excluded: frozenset[str]
    booked: tuple[Booking, ...]
    exclusive: tuple[tuple[str, ...], ...]

    @property
    def wanted(self) -> dict[str, str]:
        """Everybody who has to be in the roster → the place in the brief that says so."""
        return self.included | {b.creator_id: b.place for b in self.booked}


def find_named(accounts: pl.DataFrame, brief: Brief) -> Named:
    """Resolve every creator that the brief names. Raises BriefError that tells all names that cannot be found.

    `accounts`: creator_id and name of every creator in the workspace.
    """
    wrong: list[tuple[str, str, str]] = []
    by_name: dict[str, list[str]] = {}
    for creator_id, name in accounts.select("creator_id", "name").iter_rows():
        if name:
            by_name.setdefault(name.strip().lower(), []).append(creator_id)
    ids = set(accounts.get_column("creator_id"))

    def find(text: str, place: str) -> str | None:
        text = text.strip()
        if text in ids:
            return text
        same = by_name.get(text.lower(), [])
        if len(same) == 1:
            return same[0]
        if same:
            wrong.append((place, f"{len(same)} creators are called '{text}'", "name one by id: " + ", ".join(same[:5])))
        else:
            close = nearest(text, sorted(by_name))
            hint = (
                f"did you mean '{close}' ({by_name[close][0]})?" if close else "use an id as `tidegauge creators` shows"
            )
            wrong.append((place, f"there is no creator '{text}' in the workspace", hint))
        return None

    def all_of(key: str, names: list[str]) -> dict[str, str]:
        places = {n: brief.where(key, i) for i, n in enumerate(names)}
        return {c: place for n, place in places.items() if (c := find(n, place)) is not None}

    included = all_of("must_include", brief.must_include)
    excluded = all_of("must_exclude", brief.must_exclude)
    booked = [*_earlier_picks(brief)]
    for i, b in enumerate(brief.booked):
        booked.append(Booking(b.creator, b.format, b.price, brief.where("booked", i)))
    found = [Booking(c, b.format, b.price, b.place) for b in booked if (c := find(b.creator_id, b.place)) is not None]
    exclusive = []
    for i, group in enumerate(brief.exclusive):
        members = [c for j, n in enumerate(group) if (c := find(n, brief.where("exclusive", i, j))) is not None]
        exclusive.append(tuple(dict.fromkeys(members)))
    for creator_id in sorted((set(included) | {b.creator_id for b in found}) & set(excluded)):
        wrong.append((excluded[creator_id], f"{creator_id} is both wanted and excluded", "remove it from one list"))
    _raise(wrong)
    last = {b.creator_id: b for b in found}  # [[booked]] stands after [keep] and wins
    return Named(included, frozenset(excluded), tuple(last[c] for c in sorted(last)), tuple(exclusive))


def _raise(wrong: list[tuple[str, str, str]]) -> None:
    if len(wrong) == 1:
        place, message, mend = wrong[0]
        raise BriefError(message, mend=mend, where=place)
    if wrong:
        lines = "\n".join(f"  {place}: {message} ({mend})" for place, message, mend in wrong)
        raise BriefError(f"{len(wrong)} names cannot be used\n{lines}", mend="mend these lines", where=wrong[0][0])


def _earlier_picks(brief: Brief) -> list[Booking]:
    """The picks of the plan that [keep] names, as it was printed by `tidegauge plan --json`."""
    if brief.keep is None:
        return []
    file, place = brief.beside(brief.keep.plan), brief.where("keep", "plan")
    try:
        picks = json.loads(file.read_text(encoding="utf-8-sig"))["picks"]
        booked = [Booking(p["creator_id"], p["format"], float(p["price"]), place) for p in picks]
        called = {str(p.get("name") or "").lower(): p["creator_id"] for p in picks}
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise BriefError(
            f"{file} is no earlier plan: {e}",
            mend="name the file that `tidegauge plan … --json > plan.json` wrote",
            where=place,
        ) from None
    if not brief.keep.creators:
        return booked
    kept = {called.get(n.lower(), n) for n in brief.keep.creators}
    absent = sorted(kept - {b.creator_id for b in booked})
    if absent:
        where = brief.where("keep", "creators")
        raise BriefError(f"{', '.join(absent)}: not in the earlier plan", mend="name picks of that plan", where=where)
    return [b for b in booked if b.creator_id in kept]
