"""A measured table and a method's explanation in a notebook."""

from __future__ import annotations

from tidegauge.display import Shown, displays
from tidegauge.report import findings
from tidegauge.report.blocks import BarChart, LineChart, Picture
from tidegauge.report.charts import altair_chart
from tidegauge.report.displays import markup
from tidegauge.report.pivot import tables
from tidegauge.report.words import column_word, word
from tidegauge.result import Explanation, Result
from tidegauge.vocab import Lang


@displays(Result)
def result(r: Result) -> Shown:
    """Finding, chart, first rows with intervals, source; the method behind a fold."""
    language = r.provenance.language
    block = findings.chart(r)
    drawn = block if isinstance(block, LineChart | BarChart | Picture) else None
    rows = tables(r)[0]  # of many dates and quantities the newest, side by side

    def part(lang: Lang) -> str:
        return (
            markup.head(column_word(r.measure)[lang], findings.sentence(r)[lang])
            + markup.drawing(drawn, lang)
            + markup.table(rows, lang)
            + markup.source(r.provenance, r.level, lang)
            + markup.method(findings.method(r), lang)
        )

    text = f"{findings.sentence(r)[language]}\n{r.rows}"
    return Shown(
        markup.cell(language, markup.both(part)),
        text,
        None if drawn is None else lambda: altair_chart(drawn, language),
    )


@displays(Explanation)
def explanation(x: Explanation) -> Shown:
    """Question, formula, assumptions, limits, reference."""

    def part(lang: Lang) -> str:
        lines = (
            (word("formula", lang), f"<code>{markup.e(x.formula)}</code>"),
            (word("assumptions", lang), markup.e(x.assumptions[lang])),
            (word("limits", lang), markup.e(x.limits[lang])),
            (word("reference", lang), markup.e(x.reference)),
        )
        body = "".join(f"<p><small>{markup.e(k)}</small><br>{v}</p>" for k, v in lines)
        return f'<p class="message">{markup.e(x.question[lang])}</p>{body}'

    return Shown(markup.cell("zh", markup.both(part)), x.render("zh"))
