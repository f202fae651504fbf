"""The register of report sections: one file in `sections/` per finding; discovered by importing the folder's files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from tidegauge.discovery import import_files
from tidegauge.report.blocks import Section
from tidegauge.result import Text

Needs = Literal[
    "plan", "workspace", "verification", "case", "budget_split", "creator", "ranking", "response", "comparison",
    "advice", "resonance", "role_fit",
]  # fmt: skip
#: A builder gives one section, several, or None where it has nothing to say.
Builder = Callable[[Any], "Section | Iterable[Section] | None"]
Make = TypeVar("Make", bound=Builder)


@dataclass(frozen=True)
class Registered:
    """A section's builder with its place; `needs` says what it is called with (a Plan, a WorkspaceReport, …)."""

    name: str
    order: int
    title: Text
    needs: Needs
    build: Builder


_SECTIONS: dict[str, Registered] = {}


def section(name: str, *, order: int, title: Text, needs: Needs) -> Callable[[Make], Make]:
    """Register `function(plan)` or `function(workspace_report)` as a section; `order` sorts the report."""

    def register(build: Make) -> Make:
        _SECTIONS[name] = Registered(name, order, title, needs, build)
        return build

    return register


def registered(package: str = "tidegauge.report.sections") -> tuple[Registered, ...]:
    """All sections in their order."""
    import_files(package)
    return tuple(sorted(_SECTIONS.values(), key=lambda r: (r.order, r.name)))


def build(content: dict[Needs, Any], package: str = "tidegauge.report.sections") -> tuple[Section, ...]:
    """The sections of a report.

    `content` maps what is at hand ("plan", "workspace") to the object itself, or to a tuple of several of its kind.
    """
    built: list[Section] = []
    for entry in registered(package):
        held = content.get(entry.needs)
        for n, subject in enumerate(held if isinstance(held, tuple) else () if held is None else (held,)):
            first = entry.name if n == 0 else f"{entry.name}-of-{n + 1}"
            made = entry.build(subject)
            for i, s in enumerate(() if made is None else (made,) if isinstance(made, Section) else made):
                name = s.name or (first if i == 0 else f"{first}-{i + 1}")
                built.append(replace(s, name=name, title=s.title if s.title.en else entry.title))
    return tuple(built)
