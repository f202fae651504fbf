"""The commands about creators: the ranking, and one creator's page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegauge.cli_options import AtOption, JsonOption, LangOption, SeedOption, WorkspaceOption
from tidegauge.console import emit, existing, language
from tidegauge.creator_views import (
    creator_view,
    creators_view,
    json_rows,
    json_safe,
    print_rows,
    write_creator,
    write_rows,
)


def creators(
    workspace: WorkspaceOption,
    platform: Annotated[str | None, typer.Option(help="Only this platform.")] = None,
    tier: Annotated[str | None, typer.Option(help="nano, micro, mid, macro or mega")] = None,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    role: Annotated[str | None, typer.Option(help="KOL, KOC, KOS, KOE or KOB")] = None,
    price_max: Annotated[float | None, typer.Option("--price-max", help="Cheapest offer at most this.")] = None,
    sort: Annotated[str, typer.Option(help="views_next, price, price_fair, over, dependence, quality…")] = "views_next",
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 50,
    form: Annotated[str, typer.Option("--format", help="table, json or csv on the terminal")] = "table",
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write .xlsx, .csv, .json or .parquet.")] = None,
    seed: SeedOption = 0,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rank and filter creators: forecast, fair price, dependence, quality. 达人排行与筛选

    Example: tidegauge creators -w ws --platform bilibili --tier mid --sort over --limit 20
    """
    ws = existing(workspace, at)
    rows = ws.creators(
        platform=platform,
        tier=tier,
        category=category,
        role=role,
        price_max=price_max,
        sort=sort,
        limit=limit,
        seed=seed,
    )
    if out is not None:
        write_rows(rows, out, language(lang, ws))
    elif form != "table" and not as_json:
        print_rows(rows, form)
        return
    emit({"rows": json_rows(rows)}, as_json, lambda: creators_view(rows, language(lang, ws)))


def creator(
    creator_id: Annotated[str, typer.Argument(help="platform:native_id, as `creators` shows it.")],
    workspace: WorkspaceOption,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write the page as .html, .xlsx or .pptx.")] = None,
    seed: SeedOption = 0,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """One creator's page: next post by format, fair price, half-life, where it stands. 达人详情

    Example: tidegauge creator bilibili:12345 -w ws -o page.html
    """
    ws = existing(workspace, at)
    page = ws.creator(creator_id, seed=seed)
    if out is not None:
        write_creator(page, out, language(lang, ws))
    emit(json_safe(page.as_dict()), as_json, lambda: creator_view(page, language(lang, ws)))
