"""The page: one file, no request, nothing from data runs, both languages, every number of the plan."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest

from tidegauge.report.figures import clean, unbroken

VOID = {"meta", "br", "input", "rect", "line", "path", "img", "link", "circle"}


class Page(HTMLParser):
    """Collects tags, texts of scripts and styles, cells, and the words in each language."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.words: dict[str, list[str]] = {"zh": [], "en": []}
        self.text: list[str] = []
        self.cells: list[dict[str, str]] = []
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        known = {k: v or "" for k, v in attrs}
        self.tags.append((tag, known))
        if tag == "td":
            self.cells.append(known | {"text": ""})
        if tag in ("span", "div") and known.get("class") in ("zh", "en"):
            self.words[known["class"]].append("")
        if tag not in VOID:
            self.stack.append((tag, known))

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self.stack and self.stack[-1][0] in self.raw:
            self.raw[self.stack[-1][0]].append(data)
            return
        self.text.append(data)
        if any(t == "td" for t, _ in self.stack):
            self.cells[-1]["text"] += data
        for _, known in reversed(self.stack):
            if known.get("class") in self.words and self.words[known["class"]]:
                self.words[known["class"]][-1] += data
                break


@pytest.fixture(scope="module")
def source(written) -> str:
    return Path(written["html"]).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parsed(source) -> Page:
    return Page(source)


def test_it_asks_for_nothing_outside_itself(parsed, source):
    for tag, known in parsed.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form"), tag
        for name in ("src", "srcset", "data", "action", "poster", "xlink:href"):
            assert name not in known, (tag, known)
        if "href" in known:
            assert known["href"].startswith("#"), known
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", "".join(parsed.raw["style"]))
    assert len(source) < 1_000_000


def test_only_our_script_and_style_can_run(parsed):
    policy = next(k["content"] for t, k in parsed.tags if t == "meta" and "http-equiv" in k)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        assert [t for t, _ in parsed.tags].count(kind) == 1
        digest = hashlib.sha256("".join(parsed.raw[kind]).encode()).digest()
        assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy
    # Under this policy neither would work, and both would come from data.
    assert not [k for _, k in parsed.tags if "style" in k or any(a.startswith("on") for a in k)]


def test_hostile_names_stand_in_their_cells_as_text(parsed, plan):
    shown = [c["text"] for c in parsed.cells if c.get("class") == "first"]
    for name in plan.picks.get_column("name"):
        assert any(unbroken(clean(name)) in text for text in shown), name


def test_every_figure_of_the_roster_is_there_unrounded(parsed, plan):
    told = {c["data-v"] for c in parsed.cells if "data-v" in c}
    for column in ("price", "views", "reach_alone", "reach_added", "cpm"):
        missing = [v for v in plan.picks.get_column(column) if f"{v:.12g}" not in told]
        assert not missing, (column, missing)
    for frame, columns in ((plan.curve, plan.curve.columns), (plan.near_misses, ["price", "reach_added"])):
        for column in columns:
            assert all(f"{v:.12g}" in told for v in frame.get_column(column))


def test_both_languages_are_in_the_one_file(parsed, source):
    assert '<html lang="zh-Hans" data-lang="zh"' in source
    assert len(parsed.words["zh"]) == len(parsed.words["en"]) > 200
    assert all(w.strip() for w in parsed.words["zh"] + parsed.words["en"])
    joined = {k: " ".join(v) for k, v in parsed.words.items()}
    for zh, en in (("达人名单", "Roster"), ("离最优名单最多差", "From the best roster, at most"), ("抖音", "Douyin")):
        assert zh in joined["zh"]
        assert en in joined["en"]


def test_the_headline_tells_reach_cost_gap_price_and_number(parsed):
    text = unbroken("".join(parsed.text))
    for figure in ("134 万", "43.6 万元", "2.1 %", "326 元", "60 位", "CNY 436k"):
        assert unbroken(figure) in text, figure


def test_assumed_prices_carry_a_badge(parsed, plan):
    marked = [c for c in parsed.cells if "assumed" in c["text"]]
    assumed = plan.picks.get_column("price_assumed").sum()
    # Once in the roster, once in the list of assumed prices.
    assert len(marked) == 2 * assumed


def test_charts_follow_the_page_and_tell_their_figures(source):
    drawings = re.findall(r"<svg version.*?</svg>", source, flags=re.S)
    assert len(drawings) >= 14
    assert all("var(--" in d for d in drawings)
    assert not re.search(r"#0b6a8d|font-family=", "".join(drawings), flags=re.I)
    assert 'aria-label="440,000 · 触达人数: 134 万"' in source
    names = re.findall(r'<clipPath id="(\w+)"', source)
    assert len(names) == len(set(names))


def test_a_plan_with_nothing_in_it_still_makes_a_page(written_empty):
    page = Page(Path(written_empty["html"]).read_text(encoding="utf-8"))
    text = " ".join(page.text)
    assert "The roster is empty" in text
    assert not re.search(r"\b(nan|inf|None|null)\b", text)
    assert not [c for c in page.cells if c.get("data-v") in ("nan", "inf")]


def test_a_workspace_report_tells_measures_plan_and_data(written_workspace):
    page = Page(Path(written_workspace["html"]).read_text(encoding="utf-8"))
    sections = [k["id"] for t, k in page.tags if t == "section"]
    assert sections[0] == "overview"
    assert {"measure-displacement", "measure-tiers", "roster", "ledger"} <= set(sections)
    assert "<b>no id</b>" in " ".join(page.text)
    assert any("21.3" in c["text"] or "%" in c["text"] for c in page.cells)


def channel(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(colour: str) -> float:
    r, g, b = (channel(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_meet_wcag_aa(theme):
    """WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for what a chart is read by (1.4.11)."""
    css = resources.files("tidegauge.report").joinpath("assets", "page.css").read_text(encoding="utf-8")
    light, dark = css.partition("@media (prefers-color-scheme: dark)")[::2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", light if theme == "light" else dark.partition("* {")[0]))
    texts = [("ink", "page"), ("ink", "surface"), ("muted", "page"), ("muted", "surface"), ("accent", "page")]
    texts += [
        ("ink", "bar"),
        ("muted", "accent-soft"),
        ("care", "care-soft"),
        ("good", "surface"),
        ("surface", "accent"),
    ]
    for a, b in texts:
        assert contrast(found[a], found[b]) >= 4.5, (theme, a, b, contrast(found[a], found[b]))
    for i in range(1, 9):
        assert contrast(found[f"c{i}"], found["surface"]) >= 3, (theme, i)
