"""A new section is one file: it shows up in all three formats without another change."""

from __future__ import annotations

import sys
from pathlib import Path

import openpyxl
import pytest
from pptx import Presentation

from tidegauge.report import registry, write_plan
from tidegauge.report.blocks import Section
from tidegauge.report.sections.measures import measures

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")

NEW_FILE = """
from tidegauge.report.blocks import Paragraphs, Section
from tidegauge.report.registry import section
from tidegauge.result import Text


@section("weather", order=15, title=Text("天气", "Weather"), needs="plan")
def weather(plan):
    return Section(Text("明天下雨。", "Rain tomorrow."), (Paragraphs("w", (Text("带伞", "Take an umbrella"),)),))
"""


@pytest.fixture
def fresh_register(monkeypatch):
    """Sections that a test registers are forgotten after it."""
    registry.registered()
    monkeypatch.setattr(registry, "_SECTIONS", dict(registry._SECTIONS))


def test_a_file_added_in_a_package_is_a_section_everywhere(tmp_path, monkeypatch, fresh_register, make_plan):
    package = tmp_path / "my_sections"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "weather.py").write_text(NEW_FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.registered("my_sections")
    files = write_plan(make_plan(3), tmp_path / "out", lang="en")
    assert "Rain tomorrow." in Path(files["html"]).read_text(encoding="utf-8")
    assert openpyxl.load_workbook(files["xlsx"]).sheetnames[1] == "Weather"
    titles = [s.shapes.title.text for s in Presentation(files["pptx"]).slides]
    assert titles[1] == "Rain tomorrow."
    sys.modules.pop("my_sections.weather")


def test_sections_come_in_their_order_and_only_with_what_they_need(plan):
    names = [s.name for s in registry.build({"plan": plan})]
    assert names == [
        "headline", "roster", "curve", "sensitivity", "split", "near-misses", "constraints", "assumptions", "evidence",
    ]  # fmt: skip
    assert registry.build({}) == ()


def test_one_function_may_yield_a_section_per_measure(make_workspace_report):
    found = list(measures(make_workspace_report()))
    assert [s.name for s in found] == ["measure-displacement", "measure-tiers"]
    assert [s.title.zh for s in found] == ["位移", "层级流动"]
    assert all(isinstance(s, Section) and s.notes for s in found)


def test_every_section_speaks_both_languages(plan, make_workspace_report):
    for s in registry.build({"plan": plan, "workspace": make_workspace_report(plan)}):
        for text in (s.title, s.message, *s.notes):
            assert text.zh.strip()
            assert text.en.strip()
