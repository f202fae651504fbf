"""A plan in a notebook: message, five figures, budget curve with the bound, roster, rules."""

from __future__ import annotations

from tidegauge.display import Shown, displays
from tidegauge.plan.result import Plan
from tidegauge.report.blocks import LineChart, Section, Table
from tidegauge.report.charts import altair_chart
from tidegauge.report.content import plan_title
from tidegauge.report.displays import markup
from tidegauge.report.sections.constraints import constraints
from tidegauge.report.sections.curve import curve
from tidegauge.report.sections.headline import headline, headline_facts
from tidegauge.report.sections.roster import roster
from tidegauge.vocab import Lang


def _line(section: Section | None) -> LineChart | None:
    return next((b for b in section.blocks if isinstance(b, LineChart)), None) if section is not None else None


@displays(Plan)
def plan(p: Plan) -> Shown:
    language = p.provenance.language
    budgets = _line(curve(p))
    people = next(b for b in roster(p).blocks if isinstance(b, Table))

    def part(lang: Lang) -> str:
        return (
            markup.head(plan_title(p)[lang], headline(p).message[lang])
            + markup.facts(headline_facts(p), lang)
            + markup.drawing(budgets, lang)
            + markup.table(people, lang)
            + f"<p>{markup.e(constraints(p).message[lang])}</p>"
            + markup.source(p.provenance, p.level, lang)
            + markup.method(p.notes, lang)
        )

    return Shown(
        markup.cell(language, markup.both(part)),
        headline(p).message[language],
        None if budgets is None else lambda: altair_chart(budgets, language),
    )
