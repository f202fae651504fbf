"""The measurements: one section per result, each with its finding, chart, rows and method."""

from __future__ import annotations

from collections.abc import Iterator

from tidegauge.report import findings
from tidegauge.report.blocks import Section
from tidegauge.report.content import WorkspaceReport
from tidegauge.report.registry import section
from tidegauge.report.words import column_word
from tidegauge.result import Text


@section("measures", order=93, title=Text("度量", "Measurements"), needs="workspace")
def measures(content: WorkspaceReport) -> Iterator[Section]:
    for name, result in content.results.items():
        chart = findings.chart(result)
        question = result.explanation.question
        yield Section(
            findings.sentence(result),
            (*((chart,) if chart is not None else ()), findings.table(result)),
            (question, *findings.method(result)),
            name=f"measure-{name}",
            title=column_word(name),
        )
