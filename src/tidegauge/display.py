"""How results show themselves in a notebook. Jupyter, marimo and others ask an object for its `_repr_html_`.

A result knows nothing of HTML: the room `report/` registers how each kind is shown, as it registers sections.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tidegauge.discovery import import_files
from tidegauge.errors import UsageError


@dataclass(frozen=True)
class Shown:
    """An object as HTML (both languages, no script, no request) and as text; `chart` draws it with Altair."""

    html: str
    text: str
    chart: Callable[[], Any] | None = None


Display = Callable[[Any], Shown]
Made = TypeVar("Made", bound=Display)
_DISPLAYS: dict[type, Display] = {}


def displays(kind: type) -> Callable[[Made], Made]:
    """Register `function(object) -> Shown` for a kind of object."""

    def register(display: Made) -> Made:
        _DISPLAYS[kind] = display
        return display

    return register


def shown(thing: object, package: str = "tidegauge.report.displays") -> Shown:
    """How this object is shown. Raises UsageError for a kind that nobody registered."""
    import_files(package)
    display = next((_DISPLAYS[k] for k in type(thing).__mro__ if k in _DISPLAYS), None)
    if display is None:
        raise UsageError(f"nothing shows a {type(thing).__name__}", mend="print it, or look at its fields")
    return display(thing)


class Displayed:
    """What a result inherits to show itself; a class, since notebooks look for methods."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return shown(self).html

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude  # notebooks may ask for some forms only; they take what they know of a bundle
        told = shown(self)
        return {"text/html": told.html, "text/plain": told.text}

    def plot(self) -> Any:
        """The object's chart (Altair), with intervals. Raises UsageError where there is nothing to draw."""
        told = shown(self)
        drawn = told.chart() if told.chart is not None else None
        if drawn is None:
            raise UsageError("there is no chart for these rows", mend="look at the rows themselves")
        return drawn
