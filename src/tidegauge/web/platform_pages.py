"""Platforms and opportunity: each platform's profile, and the white space between demand and supply."""

from __future__ import annotations

from typing import Any

import polars as pl
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from tidegauge.report import findings
from tidegauge.report.figures import in_unit, known
from tidegauge.report.words import column_word, reads
from tidegauge.result import Result
from tidegauge.vocab import Lang
from tidegauge.web.blocks import table_view
from tidegauge.web.figures import Answer, measured, result_of
from tidegauge.web.pages import language_of, render
from tidegauge.web.site import Site

#: Splits of the opportunity map that a person can choose: rows by columns.
SPLITS = (("platform", "category"), ("platform", "format"), ("platform", "tier"))
_MOST_COLUMNS, _MOST_LISTED, _STEPS = 12, 12, 5


def page(site: Site, request: Request) -> Response:
    """Both parts; each computes by itself."""
    snapshot, lang = site.snapshot(), language_of(site, request)
    return render(
        site, request, "platforms.html", view="platforms", snapshot=snapshot,
        profile=_profile(site, request, snapshot, lang), chance=_opportunity(site, request, snapshot, lang),
    )  # fmt: skip


def profile_part(site: Site, request: Request) -> Response:
    snapshot = site.snapshot()
    found = _profile(site, request, snapshot, language_of(site, request))
    return render(site, request, "profile.html", view="platforms", snapshot=snapshot, profile=found)


def opportunity_part(site: Site, request: Request) -> Response:
    snapshot = site.snapshot()
    found = _opportunity(site, request, snapshot, language_of(site, request))
    return render(site, request, "opportunity.html", view="platforms", snapshot=snapshot, chance=found)


def _state(found: Answer, part: str) -> dict[str, Any]:
    return {"job": found.job, "error": found.error, "ready": found.ready, "part": part}


def _profile(site: Site, request: Request, snapshot: int, lang: Lang) -> dict[str, Any]:
    deep = request.query_params.get("profile") == "category"
    by = ("platform", "category") if deep else ("platform",)
    found = measured(site, snapshot, "profile", by, again=request.query_params.get("again") == "1")
    shown = _state(found, f"/platforms/profile?profile={'category' if deep else 'platform'}") | {"deep": deep}
    if found.ready:
        result = result_of(found)
        grid = figures_grid(result, by, lang)
        shown |= {"message": findings.sentence(result), "grid": grid, "by": ",".join(by),
                  "table": table_view(findings.table(result), lang) if deep else None}  # fmt: skip
    return shown


def figures_grid(result: Result, by: tuple[str, ...], lang: Lang) -> dict[str, Any]:
    """Segments as rows and quantities as columns, each cell with its interval: a measure read like a fact sheet."""
    rows = result.rows.filter(pl.col("value").is_finite())
    if rows.is_empty() or "quantity" not in rows.columns:
        return {"heads": [], "rows": []}
    quantities = [q for q in rows.get_column("quantity").unique(maintain_order=True).to_list() if "." not in q][:8]
    plain = rows.filter(pl.col("quantity").is_in(quantities))
    told: dict[tuple[Any, ...], dict[str, str]] = {}
    for r in plain.iter_rows(named=True):
        segment = tuple(r[c] for c in by)
        told.setdefault(segment, {}).setdefault(
            r["quantity"], in_unit(r["value"], r["low"], r["high"], str(r["unit"] or ""), lang)
        )
    return {
        "heads": [column_word(q) for q in quantities],
        "rows": [
            (" · ".join(reads(str(s), lang) for s in segment if s is not None), [cells.get(q, "–") for q in quantities])
            for segment, cells in list(told.items())[:60]
        ],
    }


def _opportunity(site: Site, request: Request, snapshot: int, lang: Lang) -> dict[str, Any]:
    asked = request.query_params.get("map", "category")
    by = next((s for s in SPLITS if s[1] == asked), SPLITS[0])
    found = measured(site, snapshot, "opportunity", by, again=request.query_params.get("again") == "1")
    shown = _state(found, f"/platforms/opportunity?map={by[1]}") | {"by": by, "splits": SPLITS}
    if found.ready:
        result = result_of(found)
        scores = result.rows.filter((pl.col("quantity") == "score") & pl.col("value").is_finite())
        ranks = {tuple(r[c] for c in by): r for r in result.rows.filter(pl.col("quantity") == "rank").to_dicts()}
        shown |= {"grid": white_space(scores, by, lang), "chart": Markup(found.drawing(lang)),
                  "top": _top(scores, ranks, by, lang), "notes": result.notes}  # fmt: skip
    return shown


def white_space(scores: pl.DataFrame, by: tuple[str, str], lang: Lang) -> dict[str, Any]:
    """The score of every cell as a map: rows are platforms, columns the other segment, colour in five steps.

    `step` is between -5 (crowded) and 5 (white space), 0 in the middle; a cell whose interval holds 0 is `unsure`.
    """
    if scores.is_empty():
        return {"columns": [], "rows": []}
    size = scores.group_by(by[1]).agg(pl.col("n").sum()).sort("n", by[1], descending=[True, False])
    columns = [c for c in size.get_column(by[1]).to_list() if c is not None][:_MOST_COLUMNS]
    most = max(float(scores.get_column("value").abs().max() or 0.0), 1e-9)  # type: ignore[arg-type]
    cells = {(r[by[0]], r[by[1]]): r for r in scores.to_dicts()}
    rows = []
    for platform in scores.get_column(by[0]).unique(maintain_order=True).to_list():
        line: list[dict[str, Any] | None] = []
        for column in columns:
            r = cells.get((platform, column))
            if r is None:
                line.append(None)
                continue
            low, high = known(r["low"]), known(r["high"])
            sure = low is not None and high is not None and (low > 0 or high < 0)
            line.append(
                {"step": round(_STEPS * r["value"] / most), "value": f"{r['value']:+.2f}", "sure": sure, "n": r["n"],
                 "bounds": f"[{low:+.2f}, {high:+.2f}]" if low is not None and high is not None else "",
                 "platform": platform, "column": column}
            )  # fmt: skip
        rows.append((platform, line))
    return {"columns": columns, "rows": rows}


def _top(
    scores: pl.DataFrame, ranks: dict[tuple[Any, ...], dict[str, Any]], by: tuple[str, str], lang: Lang
) -> list[dict[str, Any]]:
    best = scores.sort("value", *by, descending=[True, False, False]).head(_MOST_LISTED)
    found = []
    for r in best.iter_rows(named=True):
        rank = ranks.get(tuple(r[c] for c in by))
        span = f"{rank['low']:.0f} – {rank['high']:.0f}" if rank and known(rank["low"]) and known(rank["high"]) else ""
        found.append(r | {"rank": span, "words": " · ".join(reads(str(r[c]), lang) for c in by)})
    return found
