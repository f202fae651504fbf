"""Scenarios: a brief with some of its keys changed, checked like any brief."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import Brief, read_brief
from tidegauge.plan.briefs.errors import name_errors

OPTION = "--set"


def scenario(brief: Brief, changes: str) -> Brief:
    """The brief with keys changed: `"budget=400000; limits.max_creators=20"`.

    Parameters: `changes` holds `key=value` pairs apart by `;`. A key is a path with dots, places in lists are numbers
    (`rule.0.share_min`); a value is TOML, and where it is none, a text (so that `budget=40万` needs no quotes).
    Returns a checked brief. Raises BriefError that names the key and its mend.
    """
    document = brief.model_dump(mode="python", exclude_unset=True)
    for pair in filter(None, (p.strip() for p in changes.split(";"))):
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise BriefError(
                f"'{pair}' is no change", mend="write key=value, as in budget=400000; limits.max_creators=20",
                where=OPTION,
            )  # fmt: skip
        _put(document, key.strip().split("."), _value(value.strip()))
    try:
        changed = Brief.model_validate(document)
    except ValidationError as e:
        raise name_errors(e, Brief, {}, f"{OPTION} {changes}") from None
    changed._source, changed._lines, changed._folder = brief._source, brief._lines, brief._folder
    return changed


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(document: dict[str, Any], path: list[str], value: Any) -> None:
    """Set a value at a path of keys and list places; tables on the way that the brief leaves out are made."""
    at: Any = document
    for n, part in enumerate(path):
        last = n == len(path) - 1
        if isinstance(at, list):
            if not part.isdigit() or int(part) >= len(at):
                raise BriefError(
                    f"{'.'.join(path)}: the list has {len(at)} entries",
                    mend="number them from 0, as in rule.0.share_min",
                    where=OPTION,
                )
            place: Any = int(part)
        elif isinstance(at, dict):
            place = part
        else:
            raise BriefError(
                f"{'.'.join(path)}: {'.'.join(path[:n])} holds a single value", mend="shorten the key", where=OPTION
            )
        if last:
            at[place] = value
        else:
            at = at.setdefault(place, {}) if isinstance(at, dict) else at[place]


def briefs_and_scenarios(briefs: Sequence[str | Path | Brief], scenarios: Sequence[str]) -> dict[str, Brief]:
    """Briefs by name (the file's, the campaign's, else a number), each followed by its scenarios, named by the change.

    A file or name that comes twice gets a number.
    """
    found: dict[str, Brief] = {}
    for n, given in enumerate(briefs):
        brief = given if isinstance(given, Brief) else read_brief(given)
        name = (brief.campaign or f"brief {n + 1}") if isinstance(given, Brief) else Path(given).stem
        name = (
            f"{name} {n + 1}" if name in found or name in ("key", "bucket") else name
        )  # columns of tables beside them
        found[name] = brief
        for changes in scenarios:
            found[f"{name} [{changes}]"] = scenario(brief, changes)
    return found


def differences(briefs: dict[str, Brief]) -> list[dict[str, Any]]:
    """The keys in which briefs differ: `key`, and the value in each by name (None where it is left out)."""
    flat = {name: dict(_leaves(brief.as_dict())) for name, brief in briefs.items()}
    keys = sorted({key for leaves in flat.values() for key in leaves})
    found = []
    for key in keys:
        values = [flat[name].get(key) for name in briefs]
        if any(value != values[0] for value in values):
            found.append({"key": key, **dict(zip(briefs, values, strict=True))})
    return found


def _leaves(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Every value of nested tables with its path; lists of tables by place, plain lists whole."""
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
        parts = [(str(n), v) for n, v in enumerate(value)]
    else:
        return [(prefix, value)]
    return [leaf for key, part in parts for leaf in _leaves(part, f"{prefix}.{key}" if prefix else str(key))]
