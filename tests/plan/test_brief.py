"""A brief: every error is told with its line and its mend; words may be Chinese or English."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import Brief, flight_days, parse_brief, read_brief
from tidegauge.plan.briefs.toml_lines import key_lines
from tidegauge.plan.briefs.values import money, share

EXAMPLE = Path(__file__).parents[2] / "examples" / "brief.toml"


def error_of(text: str) -> BriefError:
    with pytest.raises(BriefError) as caught:
        parse_brief(text, source="brief.toml")
    return caught.value


def test_words_and_amounts_in_chinese_or_english_give_the_same_brief():
    zh = parse_brief(
        'budget = "30万"\n[candidates]\nplatforms = ["小红书", "B站"]\ntiers = "腰部"\n'
        '[audience]\ngender = ["女"]\nage = ["18~24岁"]\n[[rule]]\nformat = "图文"\nstage = "种草"\nshare_max = "40%"\n'
    )
    en = parse_brief(
        'budget = 300000\n[candidates]\nplatforms = ["xhs", "Bilibili"]\ntiers = ["mid"]\n'
        '[audience]\ngender = {female = 1.0}\nage = ["18-24"]\n[[rule]]\nformat = ["image_text"]\nstage = "consider"\n'
        "share_max = 0.4\n"
    )
    assert zh.as_dict() == en.as_dict()
    assert zh.rule[0].chosen() == {"format": ["image_text"], "stage": ["consider"]}


@pytest.mark.parametrize(
    ("text", "line", "message", "mend"),
    [
        ("brand = 'x'\n", None, "budget: is missing", "add budget"),
        ("budget = 1\n\nbugdet = 2\n", 3, "no such key", "'budget'"),
        ("budget = -5\n", 1, "not negative", "300000"),
        ("budget = true\n", 1, "no amount", "300000"),
        ("budget = 0\n", 1, "greater than 0", "above 0"),
        ("budget = 1\nmax_creators = 3\n", 2, "no such key", "belongs in [limits]"),
        ("budget = 1\n[goal]\nkind = 'reech'\n", 3, "'reach'", "one of"),
        ("budget = 1\n[goal]\nfrequency = 1\n", 3, "greater than or equal to 2", "2"),
        ("budget = 1\n[flight]\nstart = 2026-09-09\nend = 2026-09-01\n", 4, "before it starts", "swap"),
        ("budget = 1\n[flight]\nstart = 'soon'\nend = 2026-09-01\n", 3, "no day", "2026-09-01"),
        ("budget = 1\n[audience]\nage = ['18-24',\n  'young']\n", 4, "no age bucket", "18-24"),
        ("budget = 1\n[[rule]]\ntier = 'mid'\n", 2, "sets no bound", "spend_min"),
        ("budget = 1\n[[rule]]\nplatform = ['抖音',\n 'redbok']\nshare_max = 1\n", 4, "no platform", "platforms:"),
        ("budget = 1\n[[rule]]\nshare_max = 40\n", 3, "outside 0 to 1", "40 % is written 0.4"),
        ("budget = 1\n[[rule]]\ncount_min = 5\ncount_max = 2\n", 3, "above count_max", "swap"),
        ("budget = 1\n[[rule]]\ncount_min = 1\n[[rule]]\ncount_min = 'x'\n", 5, "rule.2.count_min", "whole number"),
        ("budget = 1\n[limits]\nmin_creators = 9\nmax_creators = 3\n", 3, "above max_creators", "swap"),
        ("budget = 1\n[candidates]\nmin_price = 9\nmax_price = 3\n", 3, "above max_price", "swap"),
        ("budget = 1\nmust_include = ['a']\nmust_exclude = ['a']\n", 3, "both included and excluded", "remove"),
        ("budget = 1\n[risk]\nmeasure = 'probability'\n", 3, "needs the goal", "target"),
        ("budget = 1\ncurrency = 'yuan'\n", 2, "pattern", "CNY"),
        ("budget = 1\n[competitors]\nwithin_days = 90\n", 2, "brands: is missing", "brands"),
        ("budget = 1\n[prices]\ndiscounts = {抖音 = 0.1}\n", 3, "not valid TOML", "key = value"),
        ("budget = 1\nbrand = “a”\n", 2, "not valid TOML", "write the plain '\"'"),
        ("budget = 1\nbudget = 2\n", 2, "not valid TOML", "stands twice"),
    ],
)
def test_an_error_names_its_line_and_its_mend(text, line, message, mend):
    error = error_of(text)
    assert message in error.message
    assert mend in error.mend
    assert error.where == ("brief.toml" if line is None else f"brief.toml, line {line}")


def test_several_errors_are_told_at_once_in_the_order_of_the_file():
    error = error_of("budget = 'much'\n[goal]\nkind = 'x'\n[limits]\nmax_creators = 'many'\n[[rule]]\nshare_min = 9\n")
    lines = error.message.splitlines()
    assert lines[0] == "4 errors"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["line 1", "line 3", "line 5", "line 7"]
    assert error.where == "brief.toml, line 1"


def test_a_file_as_chinese_windows_saves_it_is_read(tmp_path):
    for name, encoding in (("bom.toml", "utf-8-sig"), ("gb.toml", "gb18030")):
        (tmp_path / name).write_bytes('brand = "沐研"\r\nbudget = "30万"\r\n'.encode(encoding))
        brief = read_brief(tmp_path / name)
        assert (brief.brand, brief.budget) == ("沐研", 300_000)


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_a_file_that_is_none_says_so(tmp_path, name):
    with pytest.raises(BriefError, match="TOML file"):
        read_brief(tmp_path / name)


def test_the_flight_leaves_out_days_without_posts():
    brief = parse_brief("budget = 1\n[flight]\nstart = 2026-10-01\nend = '2026年10月4日'\nno_posts_on = [2026-10-02]\n")
    assert [d.day for d in flight_days(brief)] == [1, 3, 4]
    assert flight_days(Brief(budget=1)) == []


def test_the_example_is_a_valid_brief_that_uses_every_table():
    brief = read_brief(EXAMPLE)
    assert brief.budget == 300_000
    assert brief.flight is not None
    assert dt.timedelta(days=13) < brief.flight.end - brief.flight.start
    assert brief.as_dict()["currency" if brief.currency != "CNY" else "budget"] == 300_000


def test_the_method_page_names_every_key():
    page = (Path(__file__).parents[2] / "docs" / "methods" / "brief.md").read_text(encoding="utf-8")
    for table, field in Brief.model_fields.items():
        assert f"`{table}`" in page or f"[{table}]" in page, f"docs/methods/brief.md does not name {table}"
        inner = [
            a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if hasattr(a, "model_fields")
        ]
        for key in inner[0].model_fields if inner else ():
            assert f"`{key}`" in page, f"docs/methods/brief.md does not name {table}.{key}"


@given(st.integers(0, 10**9), st.sampled_from(["", "元", " CNY"]))
def test_an_amount_is_the_same_as_number_or_text(amount, unit):
    assert money(f"{amount:,}{unit}") == money(amount) == amount


@given(st.floats(0, 1))
def test_a_share_is_the_same_as_number_or_per_cent(value):
    assert share(f"{value * 100!r}%") == pytest.approx(share(value), abs=1e-12)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "'#x'", '"""q\nz"""', "[1,\n 2]", "{k=1}"])),
        unique_by=lambda t: t[0],
        max_size=3,
    ),
    st.integers(0, 3),
)
def test_lines_of_keys_are_where_the_text_has_them(pairs, blanks):
    text, at = "\n" * blanks, {}
    for i, (key, value) in enumerate(pairs):
        text += f"# {key} = 9\n[[t]]\n"
        at["t", i, key] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    found = key_lines(text)
    assert {k: v for k, v in found.items() if k in at} == at
