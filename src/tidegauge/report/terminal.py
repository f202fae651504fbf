"""Results, plans and the workspace's state in the terminal: rich tables, intervals beside every figure.

Texts from data go in as `rich.text.Text`, never as markup, and without control characters.
"""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text as Line

from tidegauge.plan.result import Plan
from tidegauge.report import cells
from tidegauge.report.blocks import Column, Facts, Paragraphs, Section, Table
from tidegauge.report.content import WorkspaceReport, plan_title, short
from tidegauge.report.figures import clean, compact, percent
from tidegauge.report.findings import sentence
from tidegauge.report.pivot import tables
from tidegauge.report.registry import Needs, build
from tidegauge.report.sections.constraints import constraints
from tidegauge.report.sections.headline import headline, headline_facts
from tidegauge.report.sections.ledger import ledger
from tidegauge.report.sections.roster import roster
from tidegauge.report.sections.sensitivity import shadow_sentences
from tidegauge.report.words import word
from tidegauge.result import Result
from tidegauge.vocab import Lang

#: Rows that a terminal shows; the files have them all.
_MOST_ROWS, _MOST_PICKS, _MOST_CHARACTERS = 200, 25, 60


def render_result(result: Result, lang: Lang) -> RenderableType:
    """A measured table: its finding, figures with intervals ("12.3 万 [10.1, 14.8]"), notes and provenance.

    Of many rows the newest are shown, quantities side by side.
    """
    p = result.provenance
    snapshot = "–" if p.snapshot is None else str(p.snapshot)
    foot = (
        f"{word('level', lang)} {percent(result.level, 0)} · {word('engine', lang)} {clean(p.engine)} · "
        f"{word('snapshot', lang)} {snapshot} · {word('ingests', lang)} {len(p.ingests)}"
    )
    shown = tables(result)
    lines: list[RenderableType] = [Line(sentence(result)[lang], style="bold")]
    lines += [_grid(t, lang, depth=2, most=_MOST_ROWS) for t in shown]
    if len(shown) > 1 or shown[0].frame.height < result.rows.height:
        lines.append(Line(word("newest_only", lang).format(n=compact(result.rows.height, lang)), style="dim"))
    lines += [Line(f"· {clean(n[lang])}", style="dim") for n in result.notes]
    return Group(*lines, Line(foot, style="dim"))


def render_plan(plan: Plan, lang: Lang) -> RenderableType:
    """A plan: its five figures, the roster, the rules with their actual values, shadow prices in words, the files."""
    parts: list[RenderableType] = [
        Line(plan_title(plan)[lang], style="bold cyan"),
        Line(headline(plan).message[lang], style="bold"),
        _facts(Facts("headlines", headline_facts(plan)), lang),
        _grid(_only_table(roster(plan)), lang, depth=1, most=_MOST_PICKS),
    ]
    rules = constraints(plan)
    parts.append(Line(rules.message[lang], style="bold"))
    parts += [_grid(t, lang, depth=1, most=_MOST_ROWS) for t in rules.blocks if isinstance(t, Table)]
    parts += [Line(s[lang]) for s in shadow_sentences(plan)]
    parts += [Line(f"· {clean(n[lang])}", style="dim") for n in plan.notes]
    parts += [
        Line(f"[{word('assumed', lang)}] {clean(a[lang])}", style="yellow") for a in plan.provenance.assumptions()
    ]
    parts += [Line(f"{kind}: {path}", style="cyan") for kind, path in plan.files.items()]
    return Group(*parts)


def render_look(
    kind: Needs, subject: Any, lang: Lang, files: dict[str, str] | None = None, *, most: int = _MOST_PICKS
) -> RenderableType:
    """What the sections registered for this kind of subject tell: message, figures, tables, notes."""
    parts: list[RenderableType] = []
    for s in build({kind: subject}):
        parts.append(Line(f"{s.title[lang]} · {s.message[lang]}", style="bold"))
        for b in s.blocks:
            if isinstance(b, Facts):
                parts.append(_facts(b, lang))
            elif isinstance(b, Table):
                parts.append(_grid(b, lang, depth=1, most=most))
            elif isinstance(b, Paragraphs):
                parts += [Line(f"· {clean(t[lang])}", style="dim") for t in b.lines]
    return Group(*parts, *(Line(f"{k}: {path}", style="cyan") for k, path in (files or {}).items()))


def render_status(status: dict[str, Any], lang: Lang) -> RenderableType:
    """What a workspace holds: rows per table, rejects by reason, every file read. `status` is `Status.as_dict()`."""
    section: Section = ledger(WorkspaceReport({}, status))
    head = f"{word('workspace', lang)} · {word('snapshot', lang)} {clean(status.get('snapshot', '–'))}"
    extra = [clean(status[k]) for k in ("currency", "timezone") if status.get(k)]
    grids = [_grid(t, lang, depth=2, most=_MOST_ROWS) for t in section.blocks if isinstance(t, Table)]
    return Group(Line(" · ".join([head, *extra]), style="bold"), Line(section.message[lang]), *grids)


def _only_table(section: Section) -> Table:
    return next(b for b in section.blocks if isinstance(b, Table))


def _facts(facts: Facts, lang: Lang) -> Grid:
    grid = Grid(show_header=False, box=box.SIMPLE)
    grid.add_column(style="dim")
    grid.add_column(style="bold cyan", justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for f in facts.facts:
        grid.add_row(Line(f.label[lang]), Line(f.figure[lang]), Line(f.detail[lang], style="dim"))
    return grid


def _grid(t: Table, lang: Lang, *, depth: Any, most: int) -> RenderableType:
    if t.frame.is_empty():
        return Line(t.empty[lang], style="dim")
    columns = t.shown(depth)
    grid = Grid(box=box.SIMPLE_HEAD, title=Line(t.title[lang]), title_justify="left", header_style="bold")
    for c in columns:
        heading = Line(cells.heading(c, t.currency, lang))
        # In a narrow terminal figures break before their interval; held together, they would push the names out.
        grid.add_column(heading, justify="right" if c.numeric else "left", overflow="fold")
    for row in t.frame.head(most).to_dicts():
        grid.add_row(*(_told(c, row, lang) for c in columns))
    rest = t.frame.height - most
    if rest > 0:
        return Group(grid, Line(word("more_rows", lang).format(n=compact(rest, lang)), style="dim"))
    return grid


def _told(column: Column, row: dict[str, Any], lang: Lang) -> Line:
    line = Line(short(cells.cell(column, row, lang), _MOST_CHARACTERS))
    if cells.marked(column, row):
        line.append(f" [{column.mark_word[lang]}]", style="yellow")
    if column.under and row.get(column.under) not in (None, row.get(column.key)):
        # The id is what `tidegauge creator` asks for.
        line.append(f"\n{short(row[column.under], _MOST_CHARACTERS)}", style="dim")
    return line
