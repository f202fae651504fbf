"""How creators read on the terminal, in JSON and in files."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegauge.errors import UsageError
from tidegauge.vocab import Lang

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType

    from tidegauge.creators import Advice, CreatorPage
    from tidegauge.report.registry import Needs

FORMATS = ("table", "json", "csv", "parquet")


def json_safe(value: Any) -> Any:
    """The value with NaN and infinity as null, at any depth: JSON has neither."""
    if isinstance(value, dict):
        return {k: json_safe(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [json_safe(row) for row in frame.to_dicts()]


def write_rows(frame: pl.DataFrame, out: Path, lang: Lang = "zh") -> None:
    """Write a ranking to .xlsx (dressed, with filters), .csv (with BOM), .json or .parquet; texts stay texts."""
    from tidegauge.report.blocks import Head
    from tidegauge.report.registry import build
    from tidegauge.report.sections.ranking import flat
    from tidegauge.report.tables import write_csv
    from tidegauge.report.words import WORDS
    from tidegauge.report.xlsx import write_workbook
    from tidegauge.result import Text

    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".csv":
        write_csv(flat(frame), out)
    elif out.suffix == ".parquet":
        frame.write_parquet(out)
    elif out.suffix == ".json":
        document = {"rows": json_rows(frame)}
        out.write_text(json.dumps(document, ensure_ascii=False, default=str, allow_nan=False), encoding="utf-8")
    elif out.suffix == ".xlsx":
        head = Head(WORDS["product"], Text("达人排行", "Creators ranked"), Text("", ""))
        write_workbook(build({"ranking": frame}), head, out, lang=lang)
    else:
        raise UsageError(f"'{out.name}' is no known kind of file", mend="name it .xlsx, .csv, .json or .parquet")


def print_rows(frame: pl.DataFrame, form: str) -> None:
    """A ranking on standard output for another program: csv (intervals as three columns) or json."""
    from tidegauge.report.sections.ranking import flat
    from tidegauge.report.tables import write_csv

    if form == "csv":
        write_csv(flat(frame), sys.stdout.buffer)
    elif form == "json":
        sys.stdout.write(json.dumps({"rows": json_rows(frame)}, ensure_ascii=False, default=str) + "\n")
    elif form == "parquet":
        raise UsageError("parquet needs a file", mend="name it with -o creators.parquet")
    else:
        raise UsageError(f"there is no format '{form}'", mend="formats: " + ", ".join(FORMATS))


def creators_view(frame: pl.DataFrame, lang: Lang) -> RenderableType:
    """The ranking as a terminal table."""
    from tidegauge.report.terminal import render_look

    return render_look("ranking", frame, lang, most=frame.height)


def creator_view(page: CreatorPage, lang: Lang) -> RenderableType:
    """One creator's page: what comes next, what it is worth, where it stands."""
    from rich.console import Group
    from rich.text import Text as Line

    from tidegauge.report.sections.creator import creator_title
    from tidegauge.report.terminal import render_look

    return Group(Line(creator_title(page)[lang], style="bold cyan"), render_look("creator", page, lang))


def advice_view(advice: Advice, lang: Lang) -> RenderableType:
    """A creator's advice: what to know in words, then the figures behind it."""
    return look_view("advice", advice, lang, 30)


def look_view(kind: Needs, subject: object, lang: Lang, most: int) -> RenderableType:
    """What the sections of this kind of subject tell, with at most so many rows a table."""
    from tidegauge.report.terminal import render_look

    return render_look(kind, subject, lang, most=most)


def write_creator(page: CreatorPage | Advice, out: Path, lang: Lang) -> None:
    """One creator's page, or its advice, as .html (offline, both languages), .xlsx or .pptx."""
    from tidegauge.creators import Advice
    from tidegauge.report.blocks import Head
    from tidegauge.report.html import made_at
    from tidegauge.report.html import page as html_page
    from tidegauge.report.pptx import write_deck
    from tidegauge.report.registry import build
    from tidegauge.report.sections.creator import creator_title
    from tidegauge.report.words import WORDS
    from tidegauge.report.xlsx import write_workbook
    from tidegauge.result import Text

    p, at = page.provenance, made_at(page.provenance.computed_at)
    meta = Text(
        f"{page.creator_id} · 数据快照 {p.snapshot} · 生成于 {at}",
        f"{page.creator_id} · snapshot {p.snapshot} · made {at}",
    )
    kind: Needs = "advice" if isinstance(page, Advice) else "creator"
    what = Text("建议", "advice") if kind == "advice" else Text("达人", "creator")
    kicker = Text(f"{WORDS['product'].zh} · {what.zh}", f"{WORDS['product'].en} · {what.en}")
    head, sections = Head(kicker, creator_title(page), meta), build({kind: page})
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".html":
        out.write_text(html_page(sections, head, lang=lang), encoding="utf-8")
    elif out.suffix == ".xlsx":
        write_workbook(sections, head, out, lang=lang)
    elif out.suffix == ".pptx":
        write_deck(sections, head, out, lang=lang)
    else:
        raise UsageError(f"'{out.name}' is no known kind of file", mend="name it .html, .xlsx or .pptx")
