"""From any measured table to a sentence, a chart and a table; from a plan to its shadow prices in words."""

from __future__ import annotations

import pickle
from dataclasses import replace

import altair as alt
import polars as pl
import pytest

from tidegauge.errors import UsageError
from tidegauge.report import findings
from tidegauge.report.blocks import BarChart, LineChart, Paragraphs, Picture
from tidegauge.report.charts import png, save_chart, svg
from tidegauge.report.sections.assumptions import assumptions
from tidegauge.report.sections.constraints import constraints
from tidegauge.report.sections.sensitivity import sensitivity, shadow_sentences
from tidegauge.result import Assumed, Text


def test_the_sentence_names_the_largest_segment_of_the_last_period(make_result):
    result = make_result(4)
    last = result.rows.filter(period="2026-08", quantity="share").sort("value").row(-1, named=True)
    sentence = findings.sentence(result)
    assert sentence.en.startswith("2026-08, Xiaohongshu is highest (share): ")
    assert last["platform"] == "xiaohongshu"
    assert f"{100 * last['value']:.1f} % [{100 * last['low']:.1f}, {100 * last['high']:.1f}]" in sentence.zh


def test_periods_become_lines_with_bands_and_one_period_dots(make_result):
    lines = findings.chart(make_result(4))
    assert isinstance(lines, LineChart)
    assert lines.frame.height == 4
    assert [c.low for c in lines.lines] == [f"low_{i}" for i in range(5)]
    dots = findings.chart(make_result(1))
    assert isinstance(dots, BarChart)
    assert dots.style == "dot"
    assert dots.frame.height == 5


def test_of_many_segments_the_highest_are_drawn_and_the_title_says_so(make_result):
    base = make_result(1)
    rows = pl.DataFrame(
        {"platform": [f"p{i}" for i in range(40)], "value": [float(i) for i in range(40)]}
    ).with_columns(low=pl.col("value") - 1, high=pl.col("value") + 1, n=pl.lit(3), unit=pl.lit("hours"))
    drawn = alt.Chart(rows).mark_point().encode(x="value:Q", y="platform:N")
    with_picture = replace(base, rows=rows, chart=drawn)
    chart = findings.chart(with_picture)
    assert isinstance(chart, BarChart)
    assert chart.frame.get_column("value").to_list() == [float(i) for i in range(39, 24, -1)]
    assert "15" in chart.title.zh
    assert "15" in chart.title.en
    twice = pl.concat([rows.head(3), rows.head(3)])
    assert isinstance(findings.chart(replace(with_picture, rows=twice)), Picture)
    assert findings.chart(replace(with_picture, chart=None)).frame.height == 15


def test_a_segment_without_a_reading_is_not_drawn_as_zero(make_result):
    base = make_result(4)
    gone = (pl.col("platform") == "douyin") & (pl.col("period") == "2026-08")
    rows = base.rows.with_columns(
        *(pl.when(gone).then(0.0).otherwise(pl.col(c)).alias(c) for c in ("value", "low", "high")),
        pl.when(gone).then(0).otherwise(pl.col("n")).alias("n"),
    )
    chart = findings.chart(replace(base, rows=rows))
    assert isinstance(chart, LineChart)
    (line,) = [c.key for c in chart.lines if c.title.zh == "抖音"]
    drawn = chart.frame.sort("period").get_column(line).to_list()
    assert drawn[-1] is None
    assert all(v > 0 for v in drawn[:-1])


def test_no_rows_and_only_missing_values_are_told_as_such(make_result):
    base = make_result(1)
    for rows in (base.rows.clear(), base.rows.with_columns(pl.lit(float("nan")).alias("value"))):
        empty = replace(base, rows=rows)
        assert findings.sentence(empty).en == "No rows: too little data."
        assert findings.chart(empty) is None


def test_shadow_prices_read_as_sentences(plan):
    told = [s.en for s in shadow_sentences(plan)]
    assert told == [
        "CNY 1,000 more would bring up to about 2,310 more people.",
        "Loosening “xiaohongshu: at least 5 creators” by one creator would bring up to about 120 more people.",
        "Loosening “douyin: spend at most 40 %” by CNY 1,000 would bring up to about 800 more people.",
    ]


def test_a_budget_that_does_not_bind_is_said_so(plan):
    idle = replace(plan, shadow_prices={"budget": 0.0}, what_if=None)
    assert sensitivity(idle).message.en == "The budget does not bind: more money would bring nothing."
    assert sensitivity(replace(plan, shadow_prices={}, what_if=None)) is None


def test_a_broken_rule_is_not_hidden(plan):
    broken = replace(plan, constraints=plan.constraints.with_columns(kept=pl.Series([True, None, False])))
    assert constraints(broken).message.en == "2 of 3 rules are not kept!"


def test_svg_and_png_of_every_kind(make_result, tmp_path):
    chart = findings.chart(make_result(4))
    drawn = svg(chart, "zh")
    assert drawn.startswith("<svg")
    assert "小红书" in drawn
    assert "var(--c1)" in drawn
    assert png(chart, "en").startswith(b"\x89PNG")


def test_a_chart_is_saved_by_its_ending(tmp_path):
    chart = alt.Chart(pl.DataFrame({"a": [1, 2]})).mark_bar().encode(x="a:Q")
    save_chart(chart, tmp_path / "new" / "c.svg")
    save_chart(chart, tmp_path / "c.html")
    assert (tmp_path / "new" / "c.svg").read_text(encoding="utf-8").startswith("<svg")
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "<script src=" not in page
    with pytest.raises(UsageError, match="cannot be written"):
        save_chart(chart, tmp_path / "c.bmp")


def test_assumptions_stand_in_each_language(make_plan):
    told = Assumed("audience of weibo by gender: half and half", "微博受众的性别构成：男女各半")
    plan = make_plan(5)
    plan = replace(plan, provenance=replace(plan.provenance, assumed=(told, "unique viewers per view 0.62")))
    (lines,) = [b for b in assumptions(plan).blocks if isinstance(b, Paragraphs)]
    assert lines.lines[0] == Text(told.zh, str(told))
    assert lines.lines[1].zh == "unique viewers per view 0.62"
    document = plan.provenance.as_dict()
    assert document["assumed"][0] == "audience of weibo by gender: half and half"
    assert document["assumed_zh"][0] == told.zh
    assert pickle.loads(pickle.dumps(told)).zh == told.zh
