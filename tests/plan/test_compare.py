"""Briefs and scenarios side by side."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import BriefError, InfeasibleError, TidegaugeError
from tidegauge.plan.audience.model import same
from tidegauge.plan.briefs.brief import parse_brief
from tidegauge.plan.briefs.scenario import briefs_and_scenarios, differences, scenario
from tidegauge.plan.compare import compare_plans
from tidegauge.plan.run import Panels

BRIEF = """
budget = 60000
brand = "沐研"
panel_persons = 8_000
[limits]
max_creators = 10
[[rule]]
platform = "B站"
share_min = "20%"
"""


@pytest.fixture(scope="module")
def compared(tables):
    base = parse_brief(BRIEF)
    briefs = {
        "as it is": base,
        "richer": scenario(base, "budget=120000; limits.max_creators=20"),
        "impossible": scenario(base, "rule.0.share_min=0.99; rule.0.count_max=0"),
    }
    return compare_plans(tables, briefs)


def test_a_scenario_changes_the_keys_named_and_nothing_else():
    base = parse_brief(BRIEF)
    other = scenario(base, "budget=40万; rule.0.share_min=0.3; audience.gender=['女']")
    assert (other.budget, other.rule[0].share_min, other.audience.gender) == (400_000, 0.3, {"female": 1.0})
    assert other.limits == base.limits
    assert (base.budget, base.rule[0].share_min) == (60_000, 0.2)
    assert {row["key"] for row in differences({"a": base, "b": other})} == {
        "budget", "rule.0.share_min", "audience.gender.female",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("budget", "no change"),
        ("budgget=1", "budget"),
        ("rule.3.share_min=0.1", "1 entries"),
        ("budget.max=3", "single value"),
        ("budget=-4", "budget"),
    ],
)
def test_a_change_that_makes_no_brief_names_its_key(changes, message):
    with pytest.raises(BriefError, match=message):
        scenario(parse_brief(BRIEF), changes)


def test_names_are_the_files_with_the_change(tmp_path):
    (tmp_path / "autumn.toml").write_text(BRIEF, encoding="utf-8")
    found = briefs_and_scenarios([tmp_path / "autumn.toml", tmp_path / "autumn.toml"], ["budget=1000"])
    assert list(found) == ["autumn", "autumn [budget=1000]", "autumn 2", "autumn 2 [budget=1000]"]
    assert found["autumn [budget=1000]"].budget == 1000


def test_each_row_is_the_plan_of_its_brief(compared):
    assert list(compared.plans) == ["as it is", "richer"]
    for row in compared.table.iter_rows(named=True):
        plan = compared.plans[row["name"]]
        assert row["reach"] == plan.reach.value
        assert row["low"] <= row["reach"] <= row["high"]
        assert row["reach"] <= row["upper_bound"] * (1 + 1e-9)
        assert row["picks"] == plan.picks.height
        assert row["cost_per_1000"] == pytest.approx(plan.cost / plan.reach.value * 1000)
    poor, rich = compared.table["reach"]
    assert rich > poor


def test_shared_and_own_picks_add_up_to_the_rosters(compared):
    pair = compared.pairs.row(0, named=True)
    first, second = compared.plans["as it is"], compared.plans["richer"]
    assert pair["shared"] + pair["only_first"] == first.picks.height
    assert pair["shared"] + pair["only_second"] == second.picks.height
    both = set(first.picks["creator_id"]) & set(second.picks["creator_id"])
    assert pair["shared"] <= len(both)
    assert pair["reach_change"] == pytest.approx(second.reach.value - first.reach.value)
    assert pair["proven"] == (second.reach.value > first.upper_bound)
    assert compared.picks.filter(pl.col("plans") == 2).height == pair["shared"]
    share = compared.mix.filter(dimension="platform").group_by("name").agg(pl.col("cost_share").sum())["cost_share"]
    assert share.to_numpy() == pytest.approx(np.ones(2))


def test_a_brief_that_nobody_can_keep_is_told_and_stops_no_other(compared, tables):
    assert list(compared.refused) == ["impossible"]
    assert "count" in compared.refused["impossible"]
    bad = scenario(parse_brief(BRIEF), "rule.0.share_min=0.99; rule.0.count_max=0")
    with pytest.raises(InfeasibleError):
        compare_plans(tables, {"a": bad, "b": bad})
    with pytest.raises(TidegaugeError, match="cannot be compared"):
        compare_plans(tables, {"a": bad})


def test_other_targets_are_not_compared_by_reach(tables):
    base = parse_brief(BRIEF)
    found = compare_plans(tables, {"all": base, "women": scenario(base, "audience.gender=['女']")})
    assert found.pairs["reach_change"].to_list() == [None]
    assert "do not compare" in found.notes[0].en


def test_it_prints_as_json_and_as_a_report_in_both_languages(compared, tmp_path):
    from tidegauge.report.looks import show_comparison

    document, _ = show_comparison(compared, tmp_path, "zh")
    assert json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))["table"] == document["table"]
    json.dumps(document, allow_nan=False)
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "as it is" in page
    assert "共同入选" in page
    assert "Shared picks" in page


def test_a_panel_is_drawn_once_for_the_same_people(tables):
    from tidegauge.plan.run import _read

    panels, base = Panels(), parse_brief(BRIEF)
    first = _read(tables, base, 1, lambda *_: None, panels)
    again = _read(tables, scenario(base, "limits.max_creators=5"), 1, lambda *_: None, panels)
    assert again.drawn is first.drawn
    assert same(first.people.model, again.people.model)
    fewer = _read(tables, scenario(base, "candidates.platforms=['B站']"), 1, lambda *_: None, panels)
    assert fewer.drawn is not first.drawn
    assert not same(first.people.model, fewer.people.model)
