"""The commands about creators: the ranking, one creator's page and advice, income, resonance, roles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegauge.cli_options import AtOption, JsonOption, LangOption, SeedOption, WorkspaceOption
from tidegauge.console import emit, existing, language, write_result
from tidegauge.creator_views import (
    advice_view,
    creator_view,
    creators_view,
    json_rows,
    json_safe,
    look_view,
    print_rows,
    write_creator,
    write_rows,
)


def creators(
    workspace: WorkspaceOption,
    platform: Annotated[str | None, typer.Option(help="Only this platform.")] = None,
    tier: Annotated[str | None, typer.Option(help="nano, micro, mid, macro or mega")] = None,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    role: Annotated[str | None, typer.Option(help="KOL, KOC, KOS, KOE or KOB: declared or likeliest")] = None,
    price_max: Annotated[float | None, typer.Option("--price-max", help="Cheapest offer at most this.")] = None,
    sort: Annotated[str, typer.Option(help="views_next, price, over, cpm, cpe, income, quality…")] = "views_next",
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
    advise: Annotated[bool, typer.Option("--advise", help="Advice for this creator instead of its page.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write the page as .html, .xlsx or .pptx.")] = None,
    seed: SeedOption = 0,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """One creator's page: next post, fair price, costs, income, role, audience, where it stands. 达人详情

    Examples: tidegauge creator bilibili:12345 -w ws -o page.html · tidegauge creator bilibili:12345 -w ws --advise
    """
    ws = existing(workspace, at)
    if advise:
        advice = ws.advise(creator_id, seed=seed)
        if out is not None:
            write_creator(advice, out, language(lang, ws))
        emit(json_safe(advice.as_dict()), as_json, lambda: advice_view(advice, language(lang, ws)))
        return
    page = ws.creator(creator_id, seed=seed)
    if out is not None:
        write_creator(page, out, language(lang, ws))
    emit(json_safe(page.as_dict()), as_json, lambda: creator_view(page, language(lang, ws)))


def income(
    workspace: WorkspaceOption,
    by: Annotated[str, typer.Option("--by", help="platform, tier, category, with commas; empty for all")] = "platform",
    form: Annotated[str, typer.Option("--format", help="table, json, csv or parquet")] = "table",
    out: Annotated[Path | None, typer.Option("-o", "--out", help="File for csv or parquet.")] = None,
    seed: SeedOption = 0,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """How a year's income from brands is spread over creators: median, bands, Lorenz, Gini. 达人收入分布

    Example: tidegauge income -w ws --by platform,tier
    """
    ws = existing(workspace, at)
    write_result(ws.income(by=by, seed=seed), "json" if as_json else form, out, language(lang, ws))


def resonance(
    workspace: WorkspaceOption,
    limit: Annotated[int, typer.Option(help="Works and topics at most.", min=1)] = 20,
    seed: SeedOption = 0,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Works and topics that win on several platforms; do emotional titles explain it? 跨平台共鸣

    Example: tidegauge resonance -w ws --limit 30 --json
    """
    ws = existing(workspace, at)
    found = ws.resonance(limit=limit, seed=seed)
    emit(json_safe(found.as_dict()), as_json, lambda: look_view("resonance", found, language(lang, ws), limit))


def roles(
    workspace: WorkspaceOption,
    role: Annotated[str | None, typer.Option(help="KOL, KOC, KOS, KOE or KOB")] = None,
    platform: Annotated[str | None, typer.Option(help="Only this platform.")] = None,
    industry: Annotated[str | None, typer.Option(help="auto, beauty, fashion, tech or other")] = None,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """For which stage of the funnel a role serves, per platform and industry, with sources. 角色与阶段

    Example: tidegauge roles -w ws --role KOE --industry auto
    """
    ws = existing(workspace, at)
    wanted = {"role": role, "platform": platform, "industry": industry}
    rows = ws.role_fit().rows.filter(**{k: v for k, v in wanted.items() if v is not None})
    emit({"rows": json_rows(rows)}, as_json, lambda: look_view("role_fit", rows, language(lang, ws), rows.height))
