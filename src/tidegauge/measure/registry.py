"""The register of measures: one decorated function per question; discovered by importing the room's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegauge.discovery import import_files
from tidegauge.errors import MeasureError
from tidegauge.result import Explanation, Result


@dataclass(frozen=True)
class Measure:
    """A registered measure: `run(tables, by=…, start=…, end=…, **options)`.

    `by` lists the segment columns it accepts, `default_by` what it uses when none are named, `options` its own
    keyword options with a one-line help each.
    """

    name: str
    run: Callable[..., Result]
    explanation: Explanation
    by: tuple[str, ...]
    default_by: tuple[str, ...]
    options: dict[str, str]


_MEASURES: dict[str, Measure] = {}


def measure(
    name: str,
    *,
    explanation: Explanation,
    by: tuple[str, ...],
    default_by: tuple[str, ...] = (),
    options: dict[str, str] | None = None,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register `function(tables, *, by, start, end, **options) -> Result` under a name."""

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        _MEASURES[name] = Measure(name, function, explanation, by, default_by, options or {})
        return function

    return register


def measures(package: str = "tidegauge.measure") -> dict[str, Measure]:
    """All measures by name, in alphabetical order."""
    import_files(package)
    return dict(sorted(_MEASURES.items()))


def find(name: str) -> Measure:
    known = measures()
    if name not in known:
        raise MeasureError(f"there is no measure '{name}'", mend="measures: " + ", ".join(known))
    return known[name]


def run(name: str, tables: Any, *, by: tuple[str, ...] = (), **options: Any) -> Result:
    """Look up a measure, check its segment columns and options, run it."""
    m = find(name)
    unknown = [c for c in by if c not in m.by]
    if unknown:
        raise MeasureError(f"'{name}' cannot be split by {', '.join(unknown)}", mend="possible: " + ", ".join(m.by))
    own = {k: v for k, v in options.items() if k not in ("start", "end")}
    strange = [k for k in own if k not in m.options]
    if strange:
        possible = ", ".join(m.options) or "none"
        raise MeasureError(f"'{name}' has no option {', '.join(strange)}", mend=f"possible: {possible}")
    return m.run(tables, by=by or m.default_by, **options)
