"""The deck: a finding per slide, notes with method and source, native charts with the plan's numbers, Chinese faces."""

from __future__ import annotations

import pytest
from pptx import Presentation
from pptx.oxml.ns import qn


@pytest.fixture(scope="module")
def deck(written):
    return Presentation(written["pptx"])


@pytest.mark.parametrize("which", ["written", "written_empty", "written_workspace"])
def test_every_slide_has_a_title_and_notes(which, request):
    slides = Presentation(request.getfixturevalue(which)["pptx"]).slides
    assert len(slides) >= 4
    for slide in slides:
        assert slide.shapes.title.text.strip()
        assert len(slide.notes_slide.notes_text_frame.text.strip()) > 20


def test_titles_are_findings(deck):
    titles = [s.shapes.title.text for s in deck.slides]
    assert titles[0] == "玉容 <Yurong>：秋季修护精华上市"
    assert any(t.startswith("60\u00a0位达人中") for t in titles)
    assert "3 条约束全部遵守。" in titles
    assert len(titles) == len(set(titles)) == 9


def test_the_first_slide_shows_the_five_figures(deck):
    texts = [s.text_frame.text for s in deck.slides[0].shapes if s.has_text_frame]
    for figure in ("134\u00a0万", "43.6\u00a0万元", "2.1\u00a0%", "326\u00a0元", "60\u00a0位"):
        assert figure in texts


def charts(deck):
    return [shape.chart for slide in deck.slides for shape in slide.shapes if shape.has_chart]


def test_the_curve_is_a_native_chart_with_the_plans_numbers(deck, plan):
    curve = charts(deck)[0]
    reach, bound = curve.plots[0].series
    assert list(reach.values) == pytest.approx(plan.curve.get_column("reach").to_list())
    assert list(bound.values) == pytest.approx(plan.curve.get_column("upper_bound").to_list())


def test_the_split_is_a_native_chart(deck, plan):
    split = charts(deck)[1]
    shares = sorted(plan.split.filter(dimension="platform").get_column("cost_share"), reverse=True)
    assert list(split.plots[0].series[0].values) == pytest.approx(shares)
    assert set(split.plots[0].categories) == {"抖音", "小红书", "哔哩哔哩", "微博", "视频号"}


def test_charts_with_intervals_come_as_pictures_with_a_description(deck):
    pictures = [shape for slide in deck.slides for shape in slide.shapes if shape.shape_type == 13]
    assert [p._element.nvPicPr.cNvPr.get("descr") for p in pictures] == ["假设重算"]


def test_every_text_names_a_latin_and_a_chinese_face(deck):
    runs = 0
    for slide in deck.slides:
        for run in slide._element.iter(qn("a:r")):
            faces = run.find(qn("a:rPr"))
            assert faces.find(qn("a:latin")).get("typeface") == "Arial"
            assert faces.find(qn("a:ea")).get("typeface") == "Microsoft YaHei"
            runs += 1
    assert runs > 150


def test_nothing_leaves_the_slide(deck):
    for slide in deck.slides:
        for shape in slide.shapes:
            assert shape.left >= 0
            assert shape.left + shape.width <= deck.slide_width + 1
            assert shape.top + shape.height <= deck.slide_height


def test_long_names_are_cut_and_rows_beyond_the_slide_are_counted(deck):
    texts = [s.text_frame.text for s in deck.slides[1].shapes if s.has_text_frame]
    assert "另有 48 行，见工作簿" in texts
    table = next(s.table for s in deck.slides[1].shapes if s.has_table)
    assert len(table.rows) == 13
    assert max(len(table.cell(r, 0).text) for r in range(13)) <= 22


def test_the_first_slide_tells_the_message_itself(deck):
    texts = [s.text_frame.text for s in deck.slides[0].shapes if s.has_text_frame]
    assert any("离最优名单最多差" in t and "60\u00a0位达人" in t for t in texts)


def test_no_name_brings_control_or_direction_characters(deck, hostile):
    told = "".join(t.text or "" for slide in deck.slides for t in slide._element.iter(qn("a:t")))
    assert "<script>" in "".join(hostile)  # a name that would hurt elsewhere is plain text on a slide
    assert not set(told) & set("\u202e\u202d\u2066\u200b\x00\x1b")


def test_bullets_are_the_paragraphs_own(deck):
    bullets = [p for slide in deck.slides for p in slide._element.iter(qn("a:buChar"))]
    assert len(bullets) > 3
    texts = [t.text or "" for slide in deck.slides for t in slide._element.iter(qn("a:t"))]
    assert not [t for t in texts if t.startswith("•")]


@pytest.mark.parametrize("which", ["written", "written_workspace"])
def test_a_tables_cell_keeps_to_one_line(which, request):
    cells = 0
    for slide in Presentation(request.getfixturevalue(which)["pptx"]).slides:
        for table in (s.table for s in slide.shapes if s.has_table):
            for column in range(len(table.columns)):
                inches = table.columns[column].width / 914_400 - 0.14
                for row in range(len(table.rows)):
                    text = table.cell(row, column).text
                    wide = sum(2 if ord(ch) > 0x2E7F else 1 for ch in text)
                    # At 11 points a Chinese character is 0.153 inches wide, a Latin one half of it.
                    assert wide * 0.0765 <= inches + 0.16, text
                    cells += 1
    assert cells > 50


def test_short_words_and_figures_are_never_cut(deck):
    table = next(s.table for s in deck.slides[1].shapes if s.has_table)
    head = [table.cell(0, c).text for c in range(len(table.columns))]
    for name in ("平台", "形式", "预计播放", "新增触达"):
        column = head.index(name)
        assert not [r for r in range(len(table.rows)) if "…" in table.cell(r, column).text], name
