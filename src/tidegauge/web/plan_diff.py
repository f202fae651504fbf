"""Two plans side by side: what changed in the brief, and what that did to reach, cost, bound and roster."""

from __future__ import annotations

from typing import Any

from tidegauge.report.figures import bound_percent, compact, interval, known, money, percent
from tidegauge.web.words import said


def difference(before: dict[str, Any], after: dict[str, Any], lang: Any) -> dict[str, Any]:
    """What the page shows of two plans (`Plan.as_dict()` each): figures, roster and brief, in one language."""
    old = {p["creator_id"]: p for p in before["picks"]}
    new = {p["creator_id"]: p for p in after["picks"]}
    stay = [i for i in new if i in old]
    changed = [
        {"was": old[i], "now": new[i]}
        for i in stay
        if (old[i]["format"], old[i].get("terms"), old[i]["price"])
        != (new[i]["format"], new[i].get("terms"), new[i]["price"])
    ]
    return {
        "figures": _figures(before, after, lang),
        "stay": len(stay),
        "new": [new[i] for i in new if i not in old],
        "gone": [old[i] for i in old if i not in new],
        "changed": changed,
        "split": _split(before, after),
        "brief": brief_changes(before.get("brief", {}), after.get("brief", {})),
    }


def _figures(before: dict[str, Any], after: dict[str, Any], lang: Any) -> list[tuple[str, str, str, str]]:
    c = after["currency"]
    reach = [interval(p["reach"]["value"], p["reach"]["low"], p["reach"]["high"], lang) for p in (before, after)]
    rows = [
        (said("reach", lang), reach[0], reach[1], _signed(after["reach"]["value"] - before["reach"]["value"], lang))
    ]
    for key in ("budget", "cost"):
        told = [money(p[key], c, lang) for p in (before, after)]
        rows.append((said(key, lang), told[0], told[1], _signed(after[key] - before[key], lang)))
    gaps = [bound_percent(p["gap"]) for p in (before, after)]
    rows.append((said("gap", lang), gaps[0], gaps[1], _points(after["gap"] - before["gap"])))
    sizes = [len(p["picks"]) for p in (before, after)]
    rows.append((said("picks", lang), str(sizes[0]), str(sizes[1]), f"{sizes[1] - sizes[0]:+d}"))
    return rows


def _signed(x: float, lang: Any) -> str:
    sign = "+" if x > 0 else "−" if x < 0 else "±"
    return f"{sign}{compact(abs(x), lang)}"


def _points(x: float) -> str:
    shown = f"{100 * x:+.1f} %"
    return "±0.0 %" if shown in ("+0.0 %", "-0.0 %") else shown.replace("-", "−")


def _split(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Shares of the cost by platform and tier that moved by at least half a per cent."""
    sides = [
        {(r["dimension"], r["bucket"]): known(r["cost_share"]) or 0.0 for r in p["split"]} for p in (before, after)
    ]
    found = []
    for key in sorted(set(sides[0]) | set(sides[1])):
        was, now = (s.get(key, 0.0) for s in sides)
        if key[0] in ("platform", "tier", "role") and abs(now - was) >= 0.005:
            found.append({"dimension": key[0], "bucket": key[1], "was": percent(was), "now": percent(now),
                          "move": _points(now - was)})  # fmt: skip
    return found


def brief_changes(before: Any, after: Any, path: str = "") -> list[tuple[str, str, str]]:
    """Keys whose values differ: place, before, after; lists are compared whole.

    >>> brief_changes({"budget": 1, "goal": {"kind": "reach"}}, {"budget": 2, "goal": {"kind": "reach"}})
    [('budget', '1', '2')]
    """
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key in dict.fromkeys([*before, *after]):
            found += brief_changes(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        return found
    if before == after:
        return []
    return [(path, _told(before), _told(after))]


def _told(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return "; ".join(_told(v) for v in value) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{k} = {_told(v)}" for k, v in value.items())
    return str(value)
