"""Whatever has sections of its own (a creator's page) in a notebook: the same sections, small."""

from __future__ import annotations

from collections.abc import Sequence

from tidegauge.creators import Advice, CreatorPage, Resonance, RoleFit
from tidegauge.display import Shown, displays
from tidegauge.plan.compare import Comparison
from tidegauge.plan.lookback.case_score import CaseScore
from tidegauge.plan.lookback.verify import Verification
from tidegauge.plan.split.result import BudgetSplit
from tidegauge.report.blocks import BarChart, Block, Facts, LineChart, Paragraphs, Picture, Section, Table
from tidegauge.report.charts import altair_chart
from tidegauge.report.displays import markup
from tidegauge.report.registry import Needs, build
from tidegauge.report.sections.creator import creator_title
from tidegauge.response.reading import Response
from tidegauge.result import Provenance
from tidegauge.vocab import Lang


def _block(block: Block, lang: Lang) -> str:
    match block:
        case Facts():
            return markup.facts(block.facts, lang)
        case Table():
            return markup.table(block, lang)
        case Paragraphs():
            return "<ul>" + "".join(f"<li>{markup.e(t[lang])}</li>" for t in block.lines) + "</ul>"
        case _:
            return markup.drawing(block, lang)


def look(sections: Sequence[Section], provenance: Provenance, title: str = "") -> Shown:
    """Sections as one cell: every message with its blocks, the notes behind a fold, the source at the foot."""
    language = provenance.language
    drawn = [b for s in sections for b in s.blocks if isinstance(b, LineChart | BarChart | Picture)]

    def part(lang: Lang) -> str:
        told = "".join(
            markup.head(s.title[lang], s.message[lang]) + "".join(_block(b, lang) for b in s.blocks) for s in sections
        )
        notes = [n for s in sections for n in s.notes]
        return told + markup.source(provenance, None, lang) + markup.method(notes, lang)

    text = "\n".join([title, *(s.message[language] for s in sections)]).strip()
    chart = (lambda: altair_chart(drawn[0], language)) if drawn else None
    return Shown(markup.cell(language, markup.both(part)), text, chart)


def _register(kind: Needs, of: type) -> None:
    displays(of)(lambda thing: look(build({kind: thing}), thing.provenance))


_register("verification", Verification)
_register("case", CaseScore)
_register("budget_split", BudgetSplit)
_register("comparison", Comparison)
_register("response", Response)
_register("resonance", Resonance)


@displays(Advice)
def advice(told: Advice) -> Shown:
    return look(build({"advice": told}), told.provenance, creator_title(told)[told.provenance.language])


@displays(RoleFit)
def role_fit(found: RoleFit) -> Shown:
    return look(build({"role_fit": found.rows}), found.provenance)


@displays(CreatorPage)
def creator_page(page: CreatorPage) -> Shown:
    return look(build({"creator": page}), page.provenance, creator_title(page)[page.provenance.language])
