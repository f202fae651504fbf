"""Tide: the four trends at a glance. Each part is there at once or tells how far its computing is."""

from __future__ import annotations

from typing import Any

import polars as pl
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from tidegauge.report import findings
from tidegauge.report.blocks import BarChart, Column, Fact
from tidegauge.report.charts import svg
from tidegauge.report.figures import compact, percent
from tidegauge.report.words import reads
from tidegauge.result import Text
from tidegauge.vocab import Lang
from tidegauge.web.estimates import estimated
from tidegauge.web.figures import CHART_WIDTH, measured, result_of
from tidegauge.web.first_run import start_context
from tidegauge.web.pages import NotFoundError, language_of, render
from tidegauge.web.site import Site
from tidegauge.web.words import said, text

#: The trends and the method page that tells how each is made.
TRENDS = {
    "displacement": "displacement",
    "convergence": "convergence",
    "rationality": "creator_worth",
    "renewal": "renewal",
}
#: What an empty workspace lacks; without any of these the first-run page explains itself.
_BASIC = ("creators", "topics", "spend", "posts")


def page(site: Site, request: Request) -> Response:
    """The first view; a workspace without data shows how to begin."""
    snapshot = site.snapshot()
    held = counts(site, snapshot)
    if not any(held[t] for t in _BASIC):
        return render(site, request, "start.html", view="start", snapshot=snapshot, **start_context(site, empty=True))
    lang = language_of(site, request)
    trends = {name: trend(site, snapshot, name, lang) for name in TRENDS}
    facts = [
        Fact(text("creators"), _count(held["creators"])),
        Fact(text("posts_n"), _count(held["posts"])),
        Fact(text("offers_n"), _count(held["offers"])),
        Fact(text("ingests_n"), _count(held["ingests"])),
    ]
    return render(site, request, "tide.html", view="tide", snapshot=snapshot, trends=trends, facts=facts)


def trend_part(site: Site, request: Request) -> Response:
    """One trend by itself, for the page's script."""
    name = request.path_params["trend"]
    if name not in TRENDS:
        raise NotFoundError(name)
    snapshot = site.snapshot()
    again = request.query_params.get("again") == "1"
    found = trend(site, snapshot, name, language_of(site, request), again=again)
    return render(site, request, "trend.html", view="tide", snapshot=snapshot, trend=found)


def trend(site: Site, snapshot: int, name: str, lang: Lang, *, again: bool = False) -> dict[str, Any]:
    """What a trend's card shows: its sentence and chart, or its job, or what is missing."""
    card: dict[str, Any] = {"name": name, "method": TRENDS[name], "part": f"/tide/{name}", "rows": f"/measures/{name}"}
    if name == "rationality":
        return card | _rationality(site, snapshot, lang, again=again)
    found = measured(site, snapshot, name, finer=True, again=again)
    card |= {"job": found.job, "error": found.error, "ready": found.ready}
    if found.ready:
        result = result_of(found)
        card |= {"message": findings.sentence(result)[lang], "chart": Markup(found.drawing(lang)),
                 "made": found.about["provenance"] if found.about else None}  # fmt: skip
    return card


def _rationality(site: Site, snapshot: int, lang: Lang, *, again: bool) -> dict[str, Any]:
    found = estimated(site, snapshot, again=again)
    card: dict[str, Any] = {"job": found.job, "error": found.error, "ready": found.ready, "rows": "/creators?sort=over"}
    if not found.ready or found.about is None:
        return card
    rows = pl.read_parquet(found.place / "rationality.parquet")
    whole = rows.filter(platform="all")
    if whole.is_empty():
        return card | {"message": said("rational_none", lang), "chart": "", "made": found.about["provenance"]}
    r = whole.row(0, named=True)
    told = {k: percent(r[k], 0) for k in ("value", "low", "high")} | {"n": compact(r["n"], lang)}
    words = {p: text("all") if p == "all" else Text(reads(p, "zh"), reads(p, "en")) for p in rows["platform"]}
    named = rows.with_columns(
        pl.Series("zh", [words[p].zh for p in rows["platform"]]),
        pl.Series("en", [words[p].en for p in rows["platform"]]),
    )
    value = Column("value", text("explained"), "share", low="low", high="high")
    category = Column("zh", text("platform"), key_en="en")
    block = BarChart("rationality", text("explained"), named, category, (value,), style="dot")
    drawn = site.kept(("rational", snapshot, lang), lambda: svg(block, lang, width=CHART_WIDTH))
    return card | {
        "message": said("rational_said", lang, **told), "chart": Markup(drawn), "made": found.about["provenance"],
    }  # fmt: skip


def counts(site: Site, snapshot: int) -> dict[str, int]:
    """Rows of every table, as of a snapshot."""

    def count() -> dict[str, int]:
        tables = ("creators", "posts", "offers", "ingests", "topics", "spend", "outcomes", "placements", "rejects")
        parts = ", ".join(f"(SELECT count(*) FROM lake.{t}) AS {t}" for t in tables)
        return {k: int(v) for k, v in site.rows(snapshot, f"SELECT {parts}")[0].items()}

    return site.kept(("counts", snapshot), count)


def _count(n: int) -> Text:
    return Text(compact(n, "zh"), compact(n, "en"))
