"""A validation error of a brief as people need it: line, key, what is wrong, the mend; all of them at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.toml_lines import KeyPath, line_of
from tidegauge.plan.briefs.values import nearest

_MENDS = {
    "int": "write a whole number",
    "float": "write a number",
    "bool": "write true or false",
    "string": "write a text in quotes",
    "list": "write a list in [ ]",
    "dict": "write a table: key = value",
    "model": "write a table: key = value",
    "date": "write a day as 2026-09-01",
}
_FULL_WIDTH = {"“": '"', "”": '"', "，": ",", "＝": "=", "【": "[", "】": "]", "：": "=", "‘": "'", "’": "'"}


def name_errors(error: ValidationError, root: type[BaseModel], lines: dict[KeyPath, int], source: str) -> BriefError:
    """One BriefError that tells every problem in the order of the file."""
    told = sorted(
        (_problem(e, root, lines) for e in error.errors()), key=lambda p: (p[0] is None, p[0] or 0, p[1], p[2])
    )
    if len(told) == 1:
        line, key, message, mend = told[0]
        return BriefError(f"{key}: {message}" if key else message, mend=mend, where=_where(source, line))
    text = [f"{len(told)} errors"]
    for line, key, message, mend in told:
        place = f"line {line}: " if line else ""
        text.append(f"  {place}{key}: {message}" + (f" ({mend})" if mend else ""))
    first = next((line for line, *_ in told if line), None)
    return BriefError("\n".join(text), mend="mend these lines and try again", where=_where(source, first))


def syntax_error(error: Exception, text: str, source: str) -> BriefError:
    """A text that is no TOML at all: the line, and the mend for the usual slips."""
    m = re.search(r"at line (\d+)", str(error))
    line = int(m[1]) if m else (text.count("\n") + 1)
    shown = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    bare = re.sub(r'"[^"\n]*"|#.*', "", shown)
    wide = [c for c in bare if c in _FULL_WIDTH]
    if wide:
        mend = f"the line uses the full-width '{wide[0]}'; write the plain '{_FULL_WIDTH[wide[0]]}'"
    elif "overwrite" in str(error) or "twice" in str(error):
        mend = "the key or table stands twice; keep one, or write [[rule]] for several rules"
    else:
        mend = 'write key = value, texts in "quotes", lists in [ ]'
    return BriefError(f"not valid TOML: {error}; the line reads: {shown[:80]}", mend=mend, where=_where(source, line))


def _where(source: str, line: int | None) -> str:
    return source if line is None else f"{source}, line {line}"


def _problem(error: Any, root: type[BaseModel], lines: dict[KeyPath, int]) -> tuple[int | None, str, str, str]:
    """Line, key, message and mend of one pydantic error."""
    path: KeyPath = tuple(p for p in error["loc"] if p != "[key]")
    kind, context = error["type"], error.get("ctx", {})
    if kind == "brief":
        path = (*path, context["key"]) if context["key"] else path
        return line_of(lines, path), _dotted(path), context["message"], context["mend"]
    if kind == "extra_forbidden":
        return line_of(lines, path), _dotted(path), "there is no such key", _known_key(root, path)
    if kind == "missing":
        return line_of(lines, path[:-1]), _dotted(path), "is missing", f"add {path[-1]} = …"
    message = error["msg"][:1].lower() + error["msg"][1:]
    return line_of(lines, path), _dotted(path), f"{message}, not {error['input']!r:.60}", _mend(kind, context)


def _mend(kind: str, context: dict[str, Any]) -> str:
    if kind == "literal_error":
        return f"write one of {context['expected']}"
    if kind == "string_pattern_mismatch":
        return "write an ISO currency code such as CNY"
    if kind.startswith(("greater_than", "less_than")):
        bound = next(iter(context.values()))
        return f"write a number {'above' if kind.startswith('greater') else 'below'} {bound}" + (
            " or equal to it" if kind.endswith("equal") else ""
        )
    return next((mend for start, mend in _MENDS.items() if kind.startswith(start)), "correct that key or remove it")


def _known_key(root: type[BaseModel], path: KeyPath) -> str:
    """The nearest key that may stand here, or the table where a key of this name belongs."""
    model = _model_at(root, path[:-1])
    wanted = str(path[-1])
    homes = [table for table, m in _tables(root) if wanted in m.model_fields and m is not model]
    if homes:
        return f"'{wanted}' belongs in {' or '.join(homes)}"
    own = sorted(model.model_fields) if model is not None else []
    close = nearest(wanted, own)
    return (f"did you mean '{close}'? " if close else "") + "possible: " + ", ".join(own)


def _tables(root: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    yield "the top of the file, above the first [table]", root
    for name, field in root.model_fields.items():
        model = _model_in(field.annotation)
        if model is not None:
            yield (f"[[{name}]]" if "list" in str(field.annotation) else f"[{name}]"), model


def _model_at(root: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    model: type[BaseModel] | None = root
    for part in path:
        if isinstance(part, str) and model is not None:
            field = model.model_fields.get(part)
            model = _model_in(field.annotation) if field else None
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model_in, get_args(annotation)) if m is not None), None)


def _dotted(path: KeyPath) -> str:
    return ".".join(f"{p + 1}" if isinstance(p, int) else p for p in path)
