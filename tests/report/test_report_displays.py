"""Objects in a notebook: escaped, in both languages, without script or request; every kind draws itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html.parser import HTMLParser

import altair as alt
import polars as pl
import pytest

from tidegauge.creators import Advice, CreatorPage, Resonance, RoleFit
from tidegauge.display import Displayed, displays, shown
from tidegauge.errors import UsageError
from tidegauge.plan.compare import Comparison
from tidegauge.plan.lookback.case_score import CaseScore
from tidegauge.plan.lookback.verify import Verification
from tidegauge.plan.result import Plan
from tidegauge.plan.split.result import BudgetSplit
from tidegauge.report.registry import build
from tidegauge.response.reading import Response
from tidegauge.result import Provenance, Result


class Seen(HTMLParser):
    """Tags, their attributes and the open ones left over."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("br", "input", "path", "rect", "line", "use", "stop"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and tag == self.open[-1]:
            self.open.pop()


def a_page(name: str = "猫猫", **summary: object) -> CreatorPage:
    triple = {"value": 10_000.0, "low": 4_000.0, "high": 25_000.0}
    known = {
        "creator_id": "bilibili:1", "name": name, "platform": "bilibili", "tier": "mid", "category": "科技",
        "role": None, "followers": 60_000.0, "views_next": triple, "post_next": triple, "format": "mid_video",
        "currency": "CNY",
        "price_fair": {"value": 5_000.0, "low": 2_000.0, "high": 9_000.0}, "price": 9_000.0, "over": 0.8,
        "dependence": {"value": 0.4, "low": 0.2, "high": 0.6}, "quality": {"value": 0.9, "low": None, "high": None},
    }  # fmt: skip
    formats = pl.DataFrame(
        {"format": ["mid_video", "live"], "value": [10_000.0, 300.0], "low": [4_000.0, 100.0],
         "high": [25_000.0, 900.0], "basis": ["posts", "posts"], "n": [9, 2]}
    )  # fmt: skip
    prices = pl.DataFrame(
        {"format": ["mid_video"], "terms": [""], "fair": [5_000.4], "fair_low": [2_000.0], "fair_high": [9_000.0],
         "price": [9_000.0], "over": [0.8], "over_low": [0.0], "over_high": [3.5], "cpm": [500.0], "cpm_low": [200.0],
         "cpm_high": [900.0], "assumed": [None]}
    )  # fmt: skip
    lives = pl.DataFrame({"half_life_days": [3.1], "half_life_low": [1.8], "half_life_high": [4.9]})
    peers = pl.DataFrame(
        {
            "metric": ["views_next"],
            "value": [10_000.0],
            "low": [4_000.0],
            "high": [25_000.0],
            "percentile": [92.0],
            "n": [50],
        }
    )
    return CreatorPage(
        "bilibili:1", known | summary, formats, prices, lives, peers, Provenance("duckdb", 7, ("a",), language="en")
    )


@pytest.fixture(params=["result", "plan", "page", "explanation", "empty"])
def thing(request, make_result, make_plan, empty_plan):
    return {
        "result": lambda: make_result(4),
        "plan": lambda: make_plan(30),
        "page": a_page,
        "explanation": lambda: make_result(1).explanation,
        "empty": lambda: empty_plan,
    }[request.param]()


def test_it_is_well_formed_bilingual_and_asks_for_nothing(thing):
    html = thing._repr_html_()
    seen = Seen(html)
    assert seen.open == []
    assert not {"script", "iframe", "img", "link", "object"} & set(seen.tags)
    assert not [k for k, _ in seen.attributes if k.startswith("on") or k in ("src", "srcset", "style", "action")]
    assert not [v for k, v in seen.attributes if k.endswith("href") and not str(v).startswith("#")]
    assert "@import" not in html
    assert "url(" not in html.replace("url(#", "")
    assert 'lang="zh"' in html
    assert 'lang="en"' in html


def test_the_bundle_holds_html_and_text(thing):
    bundle = thing._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"].strip()
    assert "<" not in bundle["text/plain"].splitlines()[0]


def test_the_workspaces_language_opens_first(make_result):
    made = make_result(4)
    assert '<div class="first" lang="zh">' in made._repr_html_()
    english = replace(made, provenance=replace(made.provenance, language="en"))
    assert '<div class="first" lang="en">' in english._repr_html_()
    assert "is highest" in english._repr_mimebundle_()["text/plain"]


def test_names_from_data_stay_text(hostile, make_plan):
    for name in hostile:
        html = a_page(name)._repr_html_()
        assert "<script>alert" not in html
        assert not set(html) & set("\u202e\u202d\u2066\u200b\x00\x1b")
    assert "<script>" not in make_plan(30)._repr_html_()


def test_every_kind_draws_its_chart(make_result, make_plan):
    for thing in (make_result(4), make_plan(30), a_page()):
        assert isinstance(thing.plot(), alt.TopLevelMixin)
    with pytest.raises(UsageError, match="no chart"):
        make_result(1).explanation.plot()


@pytest.mark.parametrize(
    "kind",
    [Verification, CaseScore, BudgetSplit, Comparison, Response, CreatorPage, Plan, Result, Advice, Resonance, RoleFit],
)
def test_whatever_a_command_tells_can_show_itself(kind):
    assert issubclass(kind, Displayed)
    with pytest.raises(AttributeError):  # an object without fields: its display was found, and misses what it shows
        object.__new__(kind)._repr_html_()


def test_a_measures_own_chart_comes_first(make_result):
    own = alt.Chart(pl.DataFrame({"a": [1]})).mark_point()
    assert replace(make_result(4), chart=own).plot() is own


def test_a_creators_page_tells_figures_with_intervals_in_both_languages():
    told = {s.name: s.message for s in build({"creator": a_page()})}
    assert told["creator"].en == (
        "猫猫 is expected to bring 10k [4,000, 25k] views in the next 7 days, 10k [4,000, 25k] of the next post "
        "(80 % intervals)."
    )
    assert "未来 7 天预计播放 1 万 [0.4, 2.5]" in told["creator"].zh
    assert "fair at CNY 5,000 [2,000, 9,000], 90 % interval; the offer is +80%" in told["creator-prices"].en
    assert told["creator-peers"].en == "Views in the next 7 days are higher than those of 92 % of 50 peers."


def test_a_creator_without_data_says_so():
    bare = replace(
        a_page(), formats=a_page().formats.clear(), prices=a_page().prices.clear(), peers=a_page().peers.clear(),
        half_life=a_page().half_life.clear(),
        summary={"creator_id": "x:1", "name": None, "platform": "bilibili", "views_next": None, "price": None},
    )  # fmt: skip
    (only,) = build({"creator": bare})
    assert only.message.en == "bilibili:1: Too little data to tell."
    assert bare._repr_html_()


def test_a_kind_of_a_newcomer_registers_itself():
    @dataclass(frozen=True)
    class Wave(Displayed):
        height_m: float

    with pytest.raises(UsageError, match="nothing shows a Wave"):
        shown(Wave(1.0))

    @displays(Wave)
    def wave(w: Wave):
        return shown(a_page(str(w.height_m)))

    assert "1.5" in Wave(1.5)._repr_html_()
