"""Sections of advice, costs, income and resonance: one sentence each in both languages, figures with intervals."""

from __future__ import annotations

import polars as pl
import pytest

from tidegauge.creators import Advice, CreatorPage, Resonance, RoleFit
from tidegauge.report.blocks import Table
from tidegauge.report.registry import build
from tidegauge.result import Provenance, Text

TOLD = Provenance("duckdb", 3, ("a",))
NONE = pl.DataFrame()


def built(kind: str, subject: object) -> dict[str, object]:
    sections = {s.name: s for s in build({kind: subject})}
    for s in sections.values():
        assert s.message.zh
        assert s.message.en
        assert s.title.en
        for block in s.blocks:
            if isinstance(block, Table):
                assert {c.key for c in block.columns if c.depth == 1} <= set(block.frame.columns)
    return sections


@pytest.fixture
def page() -> CreatorPage:
    costs = pl.DataFrame(
        {"format": ["short_video"], "terms": [""], "price": [1000.4], "price_basis": ["offer"], "currency": ["CNY"],
         **{f"{c}{b}": [v] for c, v in (("cpm", 50.0), ("cpe", 1.25), ("cpv", 0.05)) for b in ("", "_low", "_high")}}
    )  # fmt: skip
    income = pl.DataFrame(
        {"value": [50_000.0], "low": [10_000.0], "high": [90_000.0], "currency": ["CNY"], "basis": ["offers"],
         "jobs_year": [7.5], "price_job": [6_000.0], "n": [31]}
    )  # fmt: skip
    summary = {"name": "猫猫", "platform": "bilibili", "discount": {"value": 0.13, "low": 0.05, "high": 0.2}}
    return CreatorPage("bilibili:1", summary, NONE, NONE, NONE, pl.DataFrame(schema={"percentile": pl.Float64}), TOLD,
                       costs=costs, income=income)  # fmt: skip


def test_costs_and_income_of_a_page(page):
    sections = built("creator", page)
    assert "50" in sections["creator-costs"].message.en
    assert "5 万元 [1, 9]" in sections["creator-income"].message.zh
    assert any("13" in f.figure.en for b in sections["creator-income"].blocks for f in b.facts)


def test_advice_reads_its_lines_and_skips_what_is_empty():
    standing = pl.DataFrame(
        {"metric": ["views_next"], "value": [709_721.33], "low": [1.0], "high": [2e6], "percentile": [40.0],
         "percentile_low": [20.0], "percentile_high": [70.0], "n": [34]}
    )  # fmt: skip
    gains = pl.DataFrame(
        {"kind": ["format"], "name": ["long_video"], "outcome": ["views_per_post"], "value": [0.2], "low": [0.1],
         "high": [0.3], "p": [0.001], "p_holm": [0.002], "n": [40], "controls": [60], "days": [28.0]}
    )  # fmt: skip
    lines = (Text("一", "one"), Text("二", "two"))
    made = Advice("bilibili:1", {}, ("platform",), standing, gains, NONE, lines, TOLD)
    sections = built("advice", made)
    assert list(sections) == ["advice", "advice-standing", "advice-gains"]
    assert sections["advice"].message.en == "one"
    assert sections["advice-gains"].message.en.startswith("1 of 1")
    shown = sections["advice-standing"].blocks[0].frame
    assert shown["value"][0] == 710_000  # three digits
    assert shown["percentile"][0] == pytest.approx(0.4)


def test_resonance_with_and_without_anything_to_tell():
    works = pl.DataFrame(
        {"work": ["w"], "title": ["看海"], "value": [1.0], "low": [0.4], "high": [1.6], "chance": [0.99], "above": [2],
         "n": [2], "platforms": [["bilibili", "weibo"]], "how": ["title"]}
    )  # fmt: skip
    emotions = pl.DataFrame(
        {"feature": ["emotional", "joy"], "platform": ["all", "weibo"], "value": [0.16, 0.1], "low": [0.1, -0.1],
         "high": [0.2, 0.3], "p": [0.001, 0.4], "p_holm": [0.002, 0.4], "n": [30, 20], "posts": [90, 90],
         "clusters": [20, 20]}
    )  # fmt: skip
    shared = {"value": 0.3, "low": 0.2, "high": 0.4, "n": 50}
    sections = built("resonance", Resonance(works, works.clear(), emotions, shared, TOLD))
    assert list(sections) == ["resonance", "resonance-emotion"]
    assert "+16%" in sections["resonance-emotion"].message.en
    bare = Resonance(works.clear(), works.clear(), emotions.clear(), shared | {"n": 0}, TOLD)
    assert "assumed" in built("resonance", bare)["resonance"].message.en


def test_advice_resonance_and_role_fit_show_themselves_in_a_notebook():
    lines = (Text("一", "one"), Text("二 <b>", "two <b>"))
    advice = Advice(
        "bilibili:1", {"name": "猫猫", "platform": "bilibili"}, ("platform",), NONE, NONE, NONE, lines, TOLD
    )
    cell = {"role": "KOC", "platform": "weibo", "industry": "auto", "n": 0, "basis": "cited", "source": "x"}
    stages = [cell | {"stage": s, "value": 0.25, "low": 0.1, "high": 0.4} for s in
              ("discover", "consider", "purchase", "advocate")]  # fmt: skip
    works = pl.DataFrame(
        {"work": ["w"], "title": ["一条"], "value": [1.0], "low": [0.4], "high": [1.6], "chance": [0.99], "above": [2],
         "n": [2], "platforms": [["bilibili", "weibo"]], "how": ["work_id"]}
    )  # fmt: skip
    shared = {"value": 0.3, "low": 0.1, "high": 0.5, "n": 40}
    things = {
        "猫猫": advice,
        "0 of 1 cells": RoleFit(pl.DataFrame(stages), TOLD),
        "30": Resonance(works, NONE, NONE, shared, TOLD),
    }
    for told, thing in things.items():
        bundle = thing._repr_mimebundle_()
        assert told in bundle["text/plain"] + bundle["text/html"]
        assert 'lang="zh"' in bundle["text/html"]
        assert "two <b>" not in bundle["text/html"]
