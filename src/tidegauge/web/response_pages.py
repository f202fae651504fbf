"""Response: what placements did, now and through the brand; the split of a budget by how far one looks ahead."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from tidegauge.api import Workspace
from tidegauge.plan.briefs.brief import parse_brief
from tidegauge.response.history_tables import BRAND_METRICS
from tidegauge.response.posterior import load_posterior
from tidegauge.response.reading import read_response
from tidegauge.response.run import posterior_path
from tidegauge.web.brief_form import toml_text
from tidegauge.web.figures import Answer, Say, answer, at_hand
from tidegauge.web.looks import look_of, write_look
from tidegauge.web.pages import FormError, language_of, number, part_asked, render, see
from tidegauge.web.site import Site

#: How far ahead the slider looks, in weeks; the first is what the report speaks of.
HORIZONS = (52, 4, 8, 13, 26, 104, 156)
_DEFAULT_WEEKS = 13


def page(site: Site, request: Request) -> Response:
    """Brands with spend and outcomes; for the chosen one its response, or the button that fits it."""
    snapshot, lang = site.snapshot(), language_of(site, request)
    known = series(site, snapshot)
    asked = (request.query_params.get("brand", ""), request.query_params.get("metric", ""))
    chosen = next((s for s in known if (s["brand"], s["metric"]) == asked), None)
    if chosen is None and "brand" not in request.query_params:
        # What was fitted shows itself; sales come first of the rest.
        chosen = next((s for s in known if s["fitted"]), known[0] if len({s["brand"] for s in known}) == 1 else None)
    found = _response(site, snapshot, chosen) if chosen else None
    template = "response_part.html" if part_asked(request) else "response.html"
    return render(
        site, request, template, view="response", snapshot=snapshot, known=known, chosen=chosen, found=found,
        body=Markup(look_of(found, lang)) if found else "", split=_split(site, snapshot, chosen, request),
    )  # fmt: skip


def start_fit(site: Site, _request: Request, form: FormData) -> Response:
    """Fit a brand's response in the desk's process; the outcome stays in the workspace."""
    snapshot = site.snapshot()
    asked = (str(form.get("brand", "")), str(form.get("metric", "")))
    chosen = next((s for s in series(site, snapshot) if (s["brand"], s["metric"]) == asked), None)
    if chosen is None:
        raise FormError("this workspace has no such brand and outcome", mend="choose one of the list")
    # A fit that is at hand makes room for the new one.
    shutil.rmtree(at_hand(site, snapshot, "response", asked).place, ignore_errors=True)
    answer(site, snapshot, "response", asked, _fit, *asked, lane="desk", again=True)
    return see(chosen["page"])


def split_part(site: Site, request: Request) -> Response:
    """The split by itself, for the page's script."""
    snapshot = site.snapshot()
    asked = (request.query_params.get("brand", ""), request.query_params.get("metric", ""))
    chosen = next((s for s in series(site, snapshot) if (s["brand"], s["metric"]) == asked), None)
    split = _split(site, snapshot, chosen, request)
    return render(site, request, "split.html", view="response", snapshot=snapshot, split=split, chosen=chosen)


def series(site: Site, snapshot: int) -> list[dict[str, Any]]:
    """Brands with spend and an outcome: brand, metric, periods, streams, page (its address), fitted (a fit is kept).

    Series that show the brand are no outcomes: they enter the model of one.
    """
    rows = site.rows(
        snapshot,
        "SELECT o.brand, o.metric, count(DISTINCT o.period_start) AS periods, "
        "(SELECT count(DISTINCT stream) FROM lake.spend s WHERE s.brand = o.brand) AS streams FROM lake.outcomes o "
        "WHERE o.metric NOT LIKE 'control:%' AND NOT list_contains(?, o.metric) "
        "AND o.brand IN (SELECT brand FROM lake.spend) "
        "GROUP BY 1, 2 ORDER BY o.metric = 'sales' DESC, periods DESC, 1, 2 LIMIT 100",
        [list(BRAND_METRICS)],
    )
    return [
        r
        | {
            "page": f"/response?{urlencode({'brand': r['brand'], 'metric': r['metric']})}",
            "fitted": posterior_path(site.path, r["brand"], r["metric"]).exists(),
        }
        for r in rows
    ]


def _response(site: Site, snapshot: int, chosen: dict[str, Any]) -> Answer | None:
    """The outcome at hand, the job that fits it, or (from a kept posterior) the job that reads it; None without any."""
    asked = (chosen["brand"], chosen["metric"])
    found = at_hand(site, snapshot, "response", asked)
    if found.about is not None or (found.job is not None and found.job.state != "done"):
        return found
    if posterior_path(site.path, *asked).exists():
        return answer(site, snapshot, "response", asked, _read, *asked)
    return None


def _split(site: Site, snapshot: int, chosen: dict[str, Any] | None, request: Request) -> dict[str, Any] | None:
    if chosen is None or not posterior_path(site.path, chosen["brand"], chosen["metric"]).exists():
        return None
    q = request.query_params
    budget, margin, weeks = number(q.get("budget")), number(q.get("margin")), number(q.get("weeks"))
    shown: dict[str, Any] = {
        "budget": q.get("budget", "")[:20], "margin": q.get("margin", "1")[:10], "weeks": q.get("weeks", "13")[:4],
        "found": None,
    }  # fmt: skip
    if not budget or budget <= 0:
        return shown
    document = {
        "budget": budget, "brand": chosen["brand"], "currency": site.settings.currency,
        "split": {"metric": chosen["metric"], "margin": margin or 1.0, "flight_weeks": int(weeks or _DEFAULT_WEEKS),
                  "horizon_weeks": list(HORIZONS)},
    }  # fmt: skip
    found = answer(site, snapshot, "split", document, _divide, toml_text(document), again=q.get("again") == "1")
    # The part asks for itself: it names what the page may have chosen by itself.
    asked = dict(q) | {"brand": chosen["brand"], "metric": chosen["metric"]}
    shown |= {"found": found, "part": f"/response/split?{urlencode(asked)}"}
    if found.ready and found.about:
        by = found.about["by_horizon"]
        shown["panels"] = [h | {"streams": _at(by, h["horizon_weeks"])} for h in found.about["horizons"]]
        shown["main"] = next(i for i, h in enumerate(shown["panels"]) if h["horizon_weeks"] == HORIZONS[0])
        shown |= {"body": Markup(look_of(found, language_of(site, request))), "currency": found.about["currency"]}
    return shown


def _at(rows: list[dict[str, Any]], weeks: int) -> list[dict[str, Any]]:
    return sorted((r for r in rows if r["horizon_weeks"] == weeks), key=lambda r: (-r["money"], r["stream"]))


def _fit(say: Say, workspace: str, snapshot: int, place: str, brand: str, metric: str) -> dict[str, Any]:
    ws = Workspace(Path(workspace), snapshot)
    write_look(Path(place), "response", lambda: ws.respond(brand=brand, metric=metric, progress=say))
    return {}


def _read(say: Say, workspace: str, _snapshot: int, place: str, brand: str, metric: str) -> dict[str, Any]:
    say(0.2, "response 效果")
    kept = posterior_path(Path(workspace), brand, metric)
    write_look(Path(place), "response", lambda: read_response(load_posterior(kept), seed=1))
    return {}


def _divide(say: Say, workspace: str, snapshot: int, place: str, brief: str) -> dict[str, Any]:
    ws = Workspace(Path(workspace), snapshot)
    write_look(Path(place), "budget_split", lambda: ws.split(parse_brief(brief), progress=say))
    return {}
