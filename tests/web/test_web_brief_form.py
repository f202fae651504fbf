"""The form writes the brief that a file would hold, loses nothing, and names wrong lines."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from tidegauge.demo import examples
from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import parse_brief
from tidegauge.web.brief_form import BOUNDS, DIMENSIONS, FIELDS, RULE_ROWS, document_of, fields_of, toml_text
from tidegauge.web.plan_store import checked_brief

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)


def posted(fields: dict) -> FormData:
    """What a browser sends for the fields that a page shows."""
    sent = []
    for name, (_, kind) in FIELDS.items():
        value = fields[name]
        if kind == "many":
            sent += [(name, v) for v in value]
        elif kind == "flag":
            sent += [(name, "1")] if value else []
        else:
            sent.append((name, value))
    for i, row in enumerate(fields["rules"]):
        sent += [(f"rule_{k}_{i}", v) for k, v in row.items()]
    return FormData([*sent, ("rest", fields["rest"])])


def test_the_example_comes_through_the_form_as_the_same_brief():
    text = (examples() / "brief.toml").read_text(encoding="utf-8")
    again = toml_text(document_of(posted(fields_of(tomllib.loads(text)))))
    assert parse_brief(again).as_dict() == parse_brief(text).as_dict()


def test_what_the_form_does_not_know_stays_in_the_rest():
    document = tomllib.loads(
        """
        budget = 1000
        exclusive = [["a", "b"]]
        [flight]
        start = 2026-01-01
        end = 2026-02-01
        no_posts_on = [2026-01-02]
        [[rule]]
        platform = ["抖音"]
        tier = ["腰部"]
        share_min = 0.2
        share_max = 0.4
        name = "two dimensions"
        [[booked]]
        creator = "x"
        price = 10.5
        """
    )
    fields = fields_of(document)
    assert fields["flight_start"] == "2026-01-01"
    assert "two dimensions" in fields["rest"]
    back = parse_brief(toml_text(document_of(posted(fields)))).as_dict()
    assert back == parse_brief(toml_text(document)).as_dict()


@given(
    st.fixed_dictionaries(
        {"budget": st.integers(1, 10**9)},
        optional={
            "brand": WORDS,
            "campaign": WORDS,
            "must_include": st.lists(WORDS, min_size=1, max_size=4, unique=True),
            "goal": st.fixed_dictionaries({"kind": st.just("frequency"), "frequency": st.integers(2, 10)}),
            "limits": st.fixed_dictionaries({"max_creators": st.integers(1, 500)}),
            "candidates": st.fixed_dictionaries({"min_followers": st.integers(0, 10**7)}),
        },
    )
)
def test_any_brief_survives_the_form(document):
    again = document_of(posted(fields_of(document)))
    assert tomllib.loads(toml_text(again)) == again
    shown = parse_brief(toml_text(again)).as_dict()
    assert shown == parse_brief(toml_text(document)).as_dict()


@given(
    st.dictionaries(
        WORDS,
        st.recursive(st.integers() | st.booleans() | WORDS, lambda c: st.lists(c, max_size=3), max_leaves=6),
        max_size=5,
    )
)
def test_toml_text_is_read_back_as_it_was(document):
    assert tomllib.loads(toml_text(document)) == document


def test_an_error_names_the_line_of_the_brief_that_the_page_shows(client, site):
    answer = client.post("/plans/new?lang=en", data={"csrf": site.csrf, "do": "run", "budget": "-5", "goal": "reach"})
    assert answer.status_code == 422
    assert "line 1" in answer.text
    assert "budget = -5" in answer.text
    assert not site.jobs.recent()


def test_settings_that_are_no_toml_come_back_as_typed(client, site):
    data = {"csrf": site.csrf, "do": "run", "budget": "30万", "brand": "沐研", "rest": "[limits\nx = <b>"}
    answer = client.post("/plans/new?lang=en", data=data)
    assert answer.status_code == 422
    assert "x = &lt;b&gt;" in answer.text
    assert 'value="沐研"' in answer.text


@pytest.mark.parametrize(
    "plan", ["../../../etc/passwd", "/etc/passwd", "x/plan.json", "20260101-000000-abcd/plan.json", "plan.json"]
)
def test_keep_reads_no_file_but_plans_of_this_workspace(site, plan):
    with pytest.raises(BriefError, match="of this workspace") as caught:
        checked_brief(site, f'budget = 10\n[keep]\nplan = "{plan}"\n')
    assert caught.value.where == "brief, line 3"


def test_a_brief_file_is_loaded_into_the_form_and_a_wrong_one_told(client, site):
    text = 'budget = "12万"\nbrand = "海屿"\n[[rule]]\ntier = "腰部"\nshare_min = "20%"\n'.encode("gb18030")
    data = {"csrf": site.csrf, "do": "load"}
    answer = client.post("/plans/new", data=data, files={"file": ("b.toml", text)})
    assert answer.status_code == 200
    assert 'value="12万"' in answer.text
    assert 'value="海屿"' in answer.text
    assert 'value="20%"' in answer.text
    for bad in (b"", b"budget = ", b"\xff\xfe\x00\x81", b"x" * 300_000):
        assert client.post("/plans/new", data=data, files={"file": ("b.toml", bad)}).status_code == 422


def test_every_dimension_and_bound_of_a_rule_is_offered():
    assert len(DIMENSIONS) == 7
    assert len(BOUNDS) == 6
    assert RULE_ROWS >= 5
