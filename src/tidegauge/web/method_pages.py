"""Measures and methods: every figure's rows, its formula and what it cannot tell."""

from __future__ import annotations

from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from tidegauge.errors import MeasureError
from tidegauge.manual import method_page, method_pages
from tidegauge.measure.registry import find, measures
from tidegauge.report import findings
from tidegauge.report.words import column_word
from tidegauge.web.blocks import table_view
from tidegauge.web.creator_pages import attached
from tidegauge.web.figures import Answer, measured, result_of
from tidegauge.web.pages import NotFoundError, language_of, render
from tidegauge.web.site import Site


def measures_page(site: Site, request: Request) -> Response:
    """Every measure with its question."""
    known = [(name, column_word(name), m.explanation.question) for name, m in measures().items()]
    return render(site, request, "measures.html", view="tide", known=known, methods=method_pages())


def measure_page(site: Site, request: Request) -> Response:
    """One measure: its finding, chart and rows, split as asked."""
    name, by, found = _asked(site, request)
    return render(site, request, "measure.html", view="tide", **_shown(site, request, name, by, found))


def measure_part(site: Site, request: Request) -> Response:
    """The same without the page around it."""
    name, by, found = _asked(site, request)
    return render(site, request, "measure_part.html", view="tide", **_shown(site, request, name, by, found))


def measure_rows(site: Site, request: Request) -> Response:
    """The rows as a file: csv or xlsx."""
    form = request.path_params["form"]
    name, _, found = _asked(site, request)
    if form not in ("csv", "xlsx") or not found.ready:
        raise NotFoundError(f"rows.{form}", mend="wait until the measure is computed, then load it as csv or xlsx")
    return attached(result_of(found).rows, name, form)


def method(site: Site, request: Request) -> Response:
    """A method page as it ships with the package."""
    name = request.path_params["name"]
    try:
        text = method_page(name)
    except MeasureError as e:
        raise NotFoundError(e.message, mend=e.mend) from None
    return render(site, request, "method.html", view="", name=name, body=_rendered(text))


@cache
def _rendered(text: str) -> Markup:
    # HTML in the text stays text.
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def _asked(site: Site, request: Request) -> tuple[str, tuple[str, ...], Answer]:
    name = request.path_params["name"]
    try:
        known = find(name)
    except MeasureError as e:
        raise NotFoundError(e.message, mend=e.mend) from None
    asked = [c for value in request.query_params.getlist("by") for c in value.split(",")]
    by = tuple(dict.fromkeys(c for c in asked if c in known.by)) or known.default_by
    again = request.query_params.get("again") == "1"
    return name, by, measured(site, site.snapshot(), name, by, again=again)


def _shown(site: Site, request: Request, name: str, by: tuple[str, ...], found: Answer) -> dict[str, Any]:
    lang, known = language_of(site, request), find(name)
    shown: dict[str, Any] = {
        "name": name, "title": column_word(name), "question": known.explanation.question, "possible": known.by,
        "by": by,        "job": found.job, "error": found.error, "ready": found.ready, "snapshot": site.snapshot(),
    }  # fmt: skip
    if found.ready:
        result = result_of(found)
        shown |= {
            "message": findings.sentence(result), "chart": Markup(found.drawing(lang)),
            "table": table_view(findings.table(result), lang), "notes": findings.method(result),
            "page": name if name in method_pages() else "",
        }  # fmt: skip
    return shown
