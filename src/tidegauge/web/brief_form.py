"""The brief as a form: what the form knows becomes fields, all else stays as TOML; nothing is lost.

The form writes the same TOML that a file would hold, so its errors name the lines that `tidegauge plan` would name.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from tidegauge.errors import BriefError
from tidegauge.report.figures import clean

#: Rows of rules that the form offers, and what a rule may bound.
RULE_ROWS = 8
DIMENSIONS = ("platform", "tier", "role", "format", "stage", "category", "mcn")
BOUNDS = ("share_min", "share_max", "spend_min", "spend_max", "count_min", "count_max")
#: Field of the form → its place in the brief and how its text is read.
FIELDS: dict[str, tuple[tuple[str, ...], str]] = {
    "brand": (("brand",), "text"),
    "campaign": (("campaign",), "text"),
    "brief_category": (("category",), "text"),
    "brief_currency": (("currency",), "text"),
    "budget": (("budget",), "amount"),
    "goal": (("goal", "kind"), "text"),
    "frequency": (("goal", "frequency"), "amount"),
    "flight_start": (("flight", "start"), "day"),
    "flight_end": (("flight", "end"), "day"),
    "posts_per_day": (("flight", "posts_per_day"), "amount"),
    "gender": (("audience", "gender"), "weights"),
    "age": (("audience", "age"), "weights"),
    "city_tier": (("audience", "city_tier"), "weights"),
    "platforms_word": (("candidates", "platforms"), "many"),
    "tiers_word": (("candidates", "tiers"), "many"),
    "categories_word": (("candidates", "categories"), "list"),
    "min_followers": (("candidates", "min_followers"), "amount"),
    "active_within_days": (("candidates", "active_within_days"), "amount"),
    "max_creators": (("limits", "max_creators"), "amount"),
    "min_creators": (("limits", "min_creators"), "amount"),
    "max_share_per_creator": (("limits", "max_share_per_creator"), "amount"),
    "must_include": (("must_include",), "lines"),
    "must_exclude": (("must_exclude",), "lines"),
    "brand_share": (("brand_sales", "brand_share"), "amount"),
    "tolerance": (("brand_sales", "tolerance"), "amount"),
    "allow_assumed": (("prices", "allow_assumed"), "flag"),
    "rate_card_discount": (("prices", "rate_card_discount"), "amount"),
}
_LIST = re.compile(r"[,，、\n]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def document_of(form: FormData) -> dict[str, Any]:
    """The brief's document from the posted fields. Raises BriefError where the further settings are not TOML."""
    document: dict[str, Any] = {}
    for name, (path, kind) in FIELDS.items():
        value = _read(form, name, kind)
        if value not in (None, "", [], {}):
            _put(document, path, value)
    if "goal" in document and document["goal"].get("kind") != "frequency":
        document["goal"].pop("frequency", None)
    if "brand_sales" in document and "brand_share" not in document["brand_sales"]:
        del document["brand_sales"]
    rules = [rule for i in range(RULE_ROWS) if (rule := _rule(form, i))]
    try:
        rest = tomllib.loads(str(form.get("rest") or "").replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as e:
        raise BriefError(f"further settings: {e}", mend="write TOML, such as: [limits] and max_per_mcn = 3") from None
    _merge(document, rest)
    if rules:
        document["rule"] = [*rules, *document.get("rule", [])]
    return document


def fields_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the form shows for a document: a text per field, chosen words, rows of rules, and the rest as TOML."""
    rest = json.loads(json.dumps(document, default=_plain))
    shown: dict[str, Any] = {}
    for name, (path, kind) in FIELDS.items():
        value = _take(rest, path)
        shown[name] = _shown(value, kind)
    if shown["goal"] == "":
        shown["goal"] = "reach"
    rows: list[dict[str, str]] = []
    others: list[Any] = []
    for rule in rest.pop("rule", []):
        row = _row(rule)
        if row is not None and len(rows) < RULE_ROWS:
            rows.append(row)
        else:
            others.append(rule)
    if others:
        rest["rule"] = others
    blank = {"dimension": "platform", "words": "", "bound": "share_min", "value": ""}
    shown["rules"] = [*rows, *([blank] * min(2, RULE_ROWS - len(rows)))]
    shown["rest"] = toml_text({k: v for k, v in rest.items() if v not in ({}, [])})
    return shown


def toml_text(document: Mapping[str, Any]) -> str:
    """The document as TOML: values first, then tables, then arrays of tables.

    >>> print(toml_text({"budget": "30万", "goal": {"kind": "reach"}, "rule": [{"tier": ["mid"], "count_max": 2}]}))
    budget = "30万"
    <BLANKLINE>
    [goal]
    kind = "reach"
    <BLANKLINE>
    [[rule]]
    tier = ["mid"]
    count_max = 2
    """
    values = {k: v for k, v in document.items() if not isinstance(v, Mapping) and not _tables(v)}
    blocks = [_lines(values)] if values else []
    blocks += [f"[{_key(k)}]\n{_lines(v)}".rstrip() for k, v in document.items() if isinstance(v, Mapping)]
    for k, v in document.items():
        if _tables(v):
            blocks += [f"[[{_key(k)}]]\n{_lines(item)}".rstrip() for item in v]
    return "\n\n".join(b for b in blocks if b)


def _tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _lines(values: Mapping[str, Any]) -> str:
    return "\n".join(f"{_key(k)} = {_value(v)}" for k, v in values.items())


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(k))} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return json.dumps(clean(value), ensure_ascii=False)


def _read(form: FormData, name: str, kind: str) -> Any:
    if kind == "many":
        return [str(v) for v in form.getlist(name) if str(v)]
    raw = form.get(name)
    text = str(raw).strip() if raw is not None else ""
    if kind == "flag":
        return True if text else None
    if kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if kind == "list":
        return [w.strip() for w in _LIST.split(text) if w.strip()]
    if kind == "weights":
        return _weights(text)
    return _amount(text) if kind == "amount" else text


def _amount(text: str) -> object:
    """A plain number as one; "30万" and "40%" as they are, since the brief reads them itself."""
    plain = text.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        return text
    return float(plain) if "." in plain else int(plain)


def _weights(text: str) -> object:
    words = [w.strip() for w in _LIST.split(text) if w.strip()]
    if not any("=" in w for w in words):
        return words
    pairs = (w.partition("=") for w in words)
    return {k.strip(): _amount(v.strip()) if v.strip() else 1 for k, _, v in pairs}


def _rule(form: FormData, i: int) -> dict[str, Any] | None:
    words = [w.strip() for w in _LIST.split(str(form.get(f"rule_words_{i}") or "")) if w.strip()]
    value = str(form.get(f"rule_value_{i}") or "").strip()
    dimension, bound = str(form.get(f"rule_dimension_{i}") or ""), str(form.get(f"rule_bound_{i}") or "")
    if not words and not value:
        return None
    if dimension not in DIMENSIONS or bound not in BOUNDS:
        return None
    return {dimension: words} | ({bound: _amount(value)} if value else {})


def _row(rule: Mapping[str, Any]) -> dict[str, str] | None:
    """The form's row for a rule of one dimension and one bound; None for any other."""
    dimensions, bounds = [k for k in rule if k in DIMENSIONS], [k for k in rule if k in BOUNDS]
    if len(dimensions) != 1 or len(bounds) != 1 or len(rule) != 2:
        return None
    words = rule[dimensions[0]]
    joined = ", ".join(map(str, words)) if isinstance(words, list) else str(words)
    return {"dimension": dimensions[0], "words": joined, "bound": bounds[0], "value": str(rule[bounds[0]])}


def _put(document: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for key in path[:-1]:
        document = document.setdefault(key, {})
    document[path[-1]] = value


def _take(document: dict[str, Any], path: tuple[str, ...]) -> Any:
    """Remove a key and give its value; the last table that becomes empty goes with it."""
    *tables, last = path
    inner: Any = document
    for key in tables:
        inner = inner.get(key) if isinstance(inner, dict) else None
    value = inner.pop(last, None) if isinstance(inner, dict) else None
    if tables and inner == {}:
        document.pop(tables[0], None)
    return value


def _shown(value: Any, kind: str) -> Any:
    if kind == "many":
        return [str(v) for v in value] if isinstance(value, list) else [str(value)] if value else []
    if kind == "flag":
        return bool(value)
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items())
    if isinstance(value, list):
        return ("\n" if kind == "lines" else ", ").join(map(str, value))
    return str(value)


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)
