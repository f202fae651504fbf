"""The terminal: intervals beside figures in both languages; names from data are text, never markup or escapes."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from tidegauge.report.terminal import render_plan, render_result, render_status


def shown(renderable) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def test_a_result_shows_intervals_in_its_unit(make_result):
    text = shown(render_result(make_result(1), "zh"))
    assert "抖音" in text
    assert "36.9 % [33.2, 40.5]" in text
    assert "份额" in text
    assert "nan" not in text


def test_a_plan_shows_figures_roster_rules_and_files(plan):
    text = shown(render_plan(replace(plan, files={"html": "out/[red]plan.html"}), "en"))
    assert "1.34M" in text
    assert "All 3 rules are kept." in text
    assert "CNY 1,000 more would bring up to about 2,310 more people." in text
    assert "out/[red]plan.html" in text
    assert "<script>alert('x')</script>" in text
    assert "35 more rows in the workbook" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "1,000 [assumed]" in text


def test_an_empty_plan_shows_dashes(empty_plan):
    text = shown(render_plan(empty_plan, "zh"))
    assert "名单是空的" in text
    assert "nan" not in text


def test_the_status_counts_in_full(make_workspace_report):
    text = shown(render_status(make_workspace_report().status, "en"))
    assert "402,110" in text
    assert "<b>no id</b>" in text
    assert "Snapshot 42" in text
    assert shown(render_status({"tables": {}, "rejects": {}, "ingests": []}, "zh"))
