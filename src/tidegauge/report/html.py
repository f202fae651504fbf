"""One HTML file that opens anywhere offline: both languages, light and dark, printable, without a single request.

Every text from data passes `_e`; scripts and styles are the package's own and named by hash in the page's
Content-Security-Policy, so that nothing else could run even if a name slipped through.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Sequence
from html import escape
from importlib import resources

from tidegauge.report import cells
from tidegauge.report.blocks import BarChart, Block, Column, Facts, Head, LineChart, Paragraphs, Picture, Section, Table
from tidegauge.report.charts import svg
from tidegauge.report.figures import clean, known, unbroken
from tidegauge.report.words import LANGUAGES, WORDS
from tidegauge.result import Text
from tidegauge.vocab import Lang

#: From so many rows on a table can be filtered where it has choices, and in any case.
_FILTER_FROM, _FILTER_ALWAYS = 8, 20
#: Up to so many rows a table stands in full, without a window to scroll in.
_SHORT = 15
#: A table of so few columns is not drawn out over the whole page.
_SLIM = 3
#: More choices than these are no choice.
_MOST_CHOICES = 30
#: Widths in which charts are drawn, in pixels of the drawing.
_ALONE, _BESIDE = 960, 300
_TAGS: dict[Lang, str] = {"zh": "zh-Hans", "en": "en"}


def page(sections: Sequence[Section], head: Head, *, lang: Lang) -> str:
    """The whole page; `lang` is the language it opens in, the other is one click away."""
    css, script = _asset("page.css"), _asset("tip.js") + _asset("page.js")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(css)}'; script-src 'sha256-{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    title = {k: _e(f"{head.title[k]} · {WORDS['product'][k]}") for k in LANGUAGES}
    links = "".join(f'<li><a href="#{_e(s.name)}">{_bi(s.title)}</a></li>' for s in sections)
    body = "".join(_section(s) for s in sections)
    return f"""<!doctype html>
<html lang="{_TAGS[lang]}" data-lang="{lang}" data-title-zh="{title["zh"]}" data-title-en="{title["en"]}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Tidegauge">
<title>{title[lang]}</title>
<style>{css}</style>
</head>
<body>
<a class="skip" href="#content">{_bi(WORDS["skip"])}</a>
<header class="top"><div class="wrap">
<div><p class="kicker">{_bi(head.kicker)}</p><h1>{_bi(head.title)}</h1><p class="meta">{_bi(head.meta)}</p></div>
<div class="controls" role="group" {_both_attributes(WORDS["language"], lang)}>
<button type="button" data-set-lang="zh" aria-pressed="{str(lang == "zh").lower()}" lang="zh-Hans">中文</button>
<button type="button" data-set-lang="en" aria-pressed="{str(lang == "en").lower()}" lang="en">English</button>
<button type="button" data-print>{_bi(WORDS["print"])}</button></div>
</div></header>
<nav class="toc" {_both_attributes(WORDS["contents"], lang)}><div class="wrap"><ul>{links}</ul></div></nav>
<main id="content" class="wrap">{body}</main>
<footer><div class="wrap">{_bi(WORDS["product"])} · {_bi(WORDS["kept_file"])}</div></footer>
<script>{script}</script>
</body>
</html>
"""


def made_at(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _asset(name: str) -> str:
    return resources.files("tidegauge.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _e(text: object) -> str:
    return escape(unbroken(clean(text)), quote=True)


def _bi(text: Text) -> str:
    """Both languages; the stylesheet shows one. Equal texts stand once."""
    if text.zh == text.en:
        return _e(text.zh)
    return f'<span class="zh" lang="zh-Hans">{_e(text.zh)}</span><span class="en" lang="en">{_e(text.en)}</span>'


def _both_attributes(text: Text, lang: Lang, attribute: str = "aria-label") -> str:
    return f'{attribute}="{_e(text[lang])}" data-zh="{_e(text.zh)}" data-en="{_e(text.en)}"'


def _section(s: Section) -> str:
    parts: list[str] = []
    drawn: list[LineChart | BarChart | Picture] = []
    for block in (*s.blocks, None):
        if isinstance(block, LineChart | BarChart | Picture):
            drawn.append(block)
            continue
        if drawn:
            parts.append(_figures(drawn))
            drawn = []
        if block is not None:
            parts.append(_block(block))
    notes = "".join(f"<li>{_bi(n)}</li>" for n in s.notes)
    method = (
        f'<details class="method"><summary>{_bi(WORDS["method"])}</summary><ul>{notes}</ul></details>' if notes else ""
    )
    name = _e(s.name)
    return (
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{_bi(s.title)}</h2>'
        f'<p class="message">{_bi(s.message)}</p>{"".join(parts)}{method}</section>'
    )


def _block(block: Block) -> str:
    match block:
        case Facts():
            items = "".join(
                f'<div class="fact {f.tone}"><dt>{_bi(f.label)}</dt><dd class="figure">{_bi(f.figure)}</dd>'
                f'<dd class="detail">{_bi(f.detail)}</dd></div>'
                for f in block.facts
            )
            return f'<dl class="facts">{items}</dl>'
        case Paragraphs():
            badge = f'<span class="badge">{_bi(block.badge)}</span> ' if block.badge else ""
            lines = "".join(f"<li>{badge}{_bi(t)}</li>" for t in block.lines)
            return f'<div class="card"><ul class="lines">{lines}</ul></div>'
        case Table():
            return _table(block)
        case _:
            return _figures([block])


def _figures(charts: Sequence[LineChart | BarChart | Picture]) -> str:
    """Charts in a row: one alone is drawn wide, several small ones narrow, so that type keeps its size."""
    alone = len(charts) == 1
    drawn = "".join(_figure(c, _ALONE if alone else _BESIDE) for c in charts)
    return f'<div class="charts{" alone" if alone else ""}">{drawn}</div>' if drawn else ""


def _figure(chart: LineChart | BarChart | Picture, width: int) -> str:
    pictures = {k: svg(chart, k, width=width) for k in LANGUAGES}
    if not pictures["zh"]:
        return ""
    both = "".join(f'<div class="draw {k}" lang="{_TAGS[k]}">{v}</div>' for k, v in pictures.items())
    return f'<figure class="card"><figcaption>{_bi(chart.title)}</figcaption>{both}</figure>'


def _table(table: Table) -> str:
    if table.frame.is_empty():
        return f'<div class="card"><h3>{_bi(table.title)}</h3><p class="empty">{_bi(table.empty)}</p></div>'
    columns = table.shown(2)
    shown = table.frame.head(table.page_rows)
    tops = {c.key: _top(table, c) for c in columns if c.bar}
    head = "".join(_head_cell(table, c) for c in columns)
    rows = shown.to_dicts()
    body = "".join("<tr>" + "".join(_cell(c, r, tops, i) for i, c in enumerate(columns)) + "</tr>" for r in rows)
    rest = table.frame.height - shown.height
    told = WORDS["more_rows"]
    more = Text(told.zh.format(n=f"{rest:,}"), told.en.format(n=f"{rest:,}"))
    choosable = shown.height >= _FILTER_FROM and any(c.facet for c in columns)
    tools = _tools(table, columns) if choosable or shown.height >= _FILTER_ALWAYS else ""
    short = ("" if shown.height > _SHORT else " short") + (" slim" if len(columns) <= _SLIM else "")
    return (
        f'<div class="card"><h3>{_bi(table.title)}</h3>{tools}'
        f'<div class="scroll{short}" tabindex="0" role="region" aria-label="{_e(table.title.en)}">'
        f"<table data-live><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{_foot(table, columns)}</table></div>"
        f"{f'<p class=more>{_bi(more)}</p>' if rest else ''}</div>"
    )


def _head_cell(table: Table, column: Column) -> str:
    title = Text(cells.heading(column, table.currency, "zh"), cells.heading(column, table.currency, "en"))
    return f'<th scope="col" class="{"n" if column.numeric else "t"}"><button type="button">{_bi(title)}</button></th>'


def _top(table: Table, column: Column) -> float:
    values = [v for x in table.frame.get_column(column.key).to_list() if (v := known(x)) is not None]
    return max((abs(v) for v in values), default=0.0)


def _cell(column: Column, row: dict[str, object], tops: dict[str, float], place: int) -> str:
    text, key = cells.bilingual(column, row), cells.sort_key(column, row)
    shown = _with_small(text) if column.numeric else _bi(text)
    if column.kind == "flag" and isinstance(key, float):
        shown = f'<span class="{"yes" if key else "not"}">{"✓" if key else "✗"} {shown}</span>'
    elif not column.numeric and column.kind != "word":
        # Names in right-to-left scripts must not turn the row around.
        shown = f"<bdi>{shown}</bdi>"
    if place == 0 and not column.numeric:
        shown = f'<span class="clip">{shown}</span>'
    if cells.marked(column, row):
        shown += f' <span class="badge">{_bi(column.mark_word)}</span>'
    if column.under and row.get(column.under) is not None:
        shown += f'<span class="under"><bdi>{_e(row[column.under])}</bdi></span>'
    value = f' data-v="{_e(key if isinstance(key, str) else f"{key:.12g}")}"'
    if tops.get(column.key) and isinstance(key, float):
        width = 100 * abs(key) / tops[column.key]
        bar = f'<svg aria-hidden="true" focusable="false"><rect width="{width:.1f}%" height="100%" rx="2"/></svg>'
        return f'<td class="n barred"{value}>{bar}<span class="v">{shown}</span></td>'
    if column.numeric:
        return f'<td class="n"{value}>{shown}</td>'
    plain = {"text": "t", "word": "k"}.get(column.kind, "w")
    kind = "first" if place == 0 else "wide" if column.wide else plain
    return f'<td class="{kind}"{value}>{shown}</td>'


def _with_small(text: Text) -> str:
    """A figure with its interval in small type under it."""
    if " [" not in text.zh:
        return _bi(text)
    value = Text(*(t.partition(" [")[0] for t in (text.zh, text.en)))
    bounds = Text(*("[" + t.partition(" [")[2] for t in (text.zh, text.en)))
    return f"{_bi(value)} <small>{_bi(bounds)}</small>"


def _foot(table: Table, columns: tuple[Column, ...]) -> str:
    if not any(c.total for c in columns):
        return ""
    cells_html = []
    for i, c in enumerate(columns):
        if c.total:
            total = sum(v for x in table.frame.get_column(c.key).to_list() if (v := known(x)) is not None)
            cells_html.append(f'<td class="n" data-sum>{_e(f"{total:,.2f}".rstrip("0").rstrip("."))}</td>')
        else:
            cells_html.append(f"<td>{_bi(WORDS['total'])}</td>" if i == 0 else "<td></td>")
    return f"<tfoot><tr>{''.join(cells_html)}</tr></tfoot>"


def _tools(table: Table, columns: tuple[Column, ...]) -> str:
    """A search box, a choice per facet, and how many rows are shown; only a browser with scripts shows them."""
    choices = "".join(_choice(table, c, i) for i, c in enumerate(columns) if c.facet)
    form = WORDS["shown_of"]
    return (
        f'<div class="facets"><input type="search" {_both_attributes(WORDS["filter_hint"], "zh", "placeholder")} '
        f'aria-label="{_e(WORDS["filter_hint"].zh)}">{choices}'
        f'<output data-form-zh="{_e(form.zh)}" data-form-en="{_e(form.en)}"></output></div>'
    )


def _choice(table: Table, column: Column, place: int) -> str:
    rows = {str(r[column.key]): r for r in table.frame.to_dicts() if r.get(column.key) is not None}
    if not 1 < len(rows) <= _MOST_CHOICES:
        return ""
    offered = [("", WORDS["all"]), *((v, cells.bilingual(column, rows[v])) for v in sorted(rows))]
    options = "".join(
        f'<option value="{_e(v)}" data-zh="{_e(t.zh)}" data-en="{_e(t.en)}">{_e(t.zh)}</option>' for v, t in offered
    )
    return f'<label>{_bi(column.title)} <select data-column="{place}">{options}</select></label>'
