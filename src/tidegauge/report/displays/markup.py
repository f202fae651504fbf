"""The small HTML of a notebook's cell: takes the notebook's own colours, light or dark; no script, no request, no id.

Both languages are there: the workspace's own is open, a box at the corner turns to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tidegauge.report import cells
from tidegauge.report.blocks import BarChart, Fact, LineChart, Picture, Table
from tidegauge.report.charts import svg
from tidegauge.report.figures import clean, percent, unbroken
from tidegauge.report.words import LANGUAGES, WORDS, word
from tidegauge.result import Provenance, Text
from tidegauge.vocab import Lang

_NAMES: dict[Lang, str] = {"zh": "中文", "en": "English"}
#: Rows of a table in a cell; the object's frame has them all.
ROWS = 10
_WIDTH = 640
# Series' colours reach 3:1 on white and on the usual dark greys (#111 to #1e1e1e); all else is the notebook's ink.
_STYLE = """
.tidegauge { --ink: currentColor; --muted: currentColor; --grid: rgba(127,127,127,.3); --line: rgba(127,127,127,.35);
  --c1: #2a8fb5; --c2: #c97a1e; --c3: #6a9a45; --c4: #9a74c2; --c5: #cc5a72; --c6: #6a86d6; --c7: #93903a;
  --c8: #2f9e92; font-size: 13px; line-height: 1.5; max-width: 62rem; color: inherit; }
.tidegauge > label { float: right; font-size: 12px; opacity: .75; cursor: pointer; }
.tidegauge .other, .tidegauge:has(> label input:checked) .first { display: none; }
.tidegauge:has(> label input:checked) .other { display: block; }
.tidegauge h4 { margin: 0 0 .2em; font-size: 13px; font-weight: 600; opacity: .75; }
.tidegauge p { margin: .2em 0 .6em; }
.tidegauge p.message { font-size: 15px; font-weight: 600; }
.tidegauge .facts { display: flex; flex-wrap: wrap; gap: .3em 1.6em; margin: .4em 0 .8em; }
.tidegauge .facts div { min-width: 8em; max-width: 15em; }
.tidegauge .facts b { display: block; font-size: 17px; }
.tidegauge small { opacity: .75; font-size: 12px; }
.tidegauge table { border-collapse: collapse; margin: .3em 0; font-size: 12.5px; }
.tidegauge th, .tidegauge td { text-align: left; padding: .2em .7em .2em 0; border: 0;
  border-bottom: 1px solid var(--line); background: transparent; vertical-align: top; }
.tidegauge .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tidegauge svg { width: 100%; max-width: 640px; height: auto; display: block; font-family: inherit; }
.tidegauge code { white-space: pre-wrap; }
"""


def e(text: object) -> str:
    """A text for HTML: escaped, without control and direction characters."""
    return escape(unbroken(clean(text)), quote=True)


def cell(language: Lang, parts: dict[Lang, str]) -> str:
    """The whole output: style, the language in which it opens, the other behind a box."""
    other: Lang = "en" if language == "zh" else "zh"
    return (
        f'<div class="tidegauge"><style>{_STYLE}</style><label><input type="checkbox"> {_NAMES[other]}</label>'
        f'<div class="first" lang="{language}">{parts[language]}</div>'
        f'<div class="other" lang="{other}">{parts[other]}</div></div>'
    )


def both(make: object) -> dict[Lang, str]:
    """`make(lang)` in both languages."""
    return {lang: make(lang) for lang in LANGUAGES}  # type: ignore[operator]


def head(title: str, message: str) -> str:
    return f'<h4>{e(title)}</h4><p class="message">{e(message)}</p>'


def facts(told: Sequence[Fact], lang: Lang) -> str:
    items = "".join(
        f"<div><small>{e(f.label[lang])}</small><b>{e(f.figure[lang])}</b><small>{e(f.detail[lang])}</small></div>"
        for f in told
    )
    return f'<div class="facts">{items}</div>' if items else ""


def table(block: Table, lang: Lang, *, most: int = ROWS) -> str:
    """The first rows of a table, each figure with its interval, and how many more there are."""
    if block.frame.is_empty():
        return f"<p><small>{e(block.empty[lang])}</small></p>"
    columns = block.shown(1)
    kind = {c.key: ' class="n"' if c.numeric else "" for c in columns}
    heads = "".join(f"<th{kind[c.key]}>{e(cells.heading(c, block.currency, lang))}</th>" for c in columns)
    lines = []
    for row in block.frame.head(most).to_dicts():
        told = []
        for c in columns:
            badge = f" <small>[{e(c.mark_word[lang])}]</small>" if cells.marked(c, row) else ""
            told.append(f"<td{kind[c.key]}><bdi>{e(cells.cell(c, row, lang))}</bdi>{badge}</td>")
        lines.append(f"<tr>{''.join(told)}</tr>")
    shown = min(most, block.frame.height)
    rest = word("shown_of", lang).format(n=f"{shown:,}", all=f"{block.frame.height:,}")
    foot = f"<p><small>{e(rest)}</small></p>" if shown < block.frame.height else ""
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>{foot}"


def drawing(chart: LineChart | BarChart | Picture | None, lang: Lang) -> str:
    return "" if chart is None else svg(chart, lang, width=_WIDTH)


def source(p: Provenance, level: float | None, lang: Lang) -> str:
    """One line: the interval's level, the snapshot, the ingests, the engine, what was assumed."""
    parts = [
        f"{percent(level, 0)} {word('level', lang)}" if level is not None else "",
        f"{word('snapshot', lang)} {'–' if p.snapshot is None else p.snapshot}",
        f"{word('ingests', lang)} {len(p.ingests)}",
        f"{word('engine', lang)} {p.engine}",
    ]
    assumed = "".join(f"<li>{e(a[lang])}</li>" for a in p.assumptions())
    more = f"<details><summary>{e(WORDS['assumed'][lang])}</summary><ul>{assumed}</ul></details>" if assumed else ""
    return f"<p><small>{e(' · '.join(x for x in parts if x))}</small></p>{more}"


def method(notes: Sequence[Text], lang: Lang) -> str:
    items = "".join(f"<li>{e(n[lang])}</li>" for n in notes)
    return f"<details><summary>{e(word('method', lang))}</summary><ul>{items}</ul></details>" if items else ""
