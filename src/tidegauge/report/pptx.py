"""The deck: a title slide with the headline figures, then one finding per slide, native charts where PowerPoint has
them, and notes with method and source. Fonts are named for Latin and for Chinese, so that Chinese renders.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_LEGEND_POSITION, XL_TICK_MARK
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Emu, Inches, Pt

from tidegauge.report import cells
from tidegauge.report.blocks import (
    BarChart,
    Block,
    Column,
    Facts,
    Head,
    LineChart,
    Paragraphs,
    Picture,
    Section,
    Table,
)
from tidegauge.report.charts import SERIES, png
from tidegauge.report.figures import clean, known, unbroken
from tidegauge.report.words import WORDS, word
from tidegauge.vocab import Lang

#: Latin and East Asian faces that PowerPoint has on Windows and replaces well elsewhere.
LATIN, CHINESE = "Arial", "Microsoft YaHei"
_INK, _MUTED, _ACCENT = (RGBColor.from_string(c) for c in ("1B2A34", "52626E", "0B6A8D"))
_PAPER, _GRID = (RGBColor.from_string(c) for c in ("F2F6F8", "DBE2E6"))
_WIDTH, _HEIGHT = Inches(13.333), Inches(7.5)
_LEFT, _TOP = Inches(0.6), Inches(1.75)
_BODY_WIDTH, _BODY_HEIGHT = Inches(12.13), Inches(5.1)
_TITLE_ONLY = 5
_AXIS: dict[Lang, str] = {"zh": '[>=100000]0\\.0,"万";#,##0', "en": '[>=1000000]0.0,,"M";[>=1000]#,##0,"k";#,##0'}
#: What fits on a slide.
_MOST_LINES, _MOST_COLUMNS = 9, 8
#: The plot's height in a drawing that fills the slide's body together with its legend and axes, in pixels.
_DRAWN_HEIGHT, _CAPTION = 205, Inches(0.35)
#: A cell's text in characters per inch at its size; a Chinese character takes two.
_CHARACTERS_PER_INCH, _ROW = 11.5, Inches(0.34)


def write_deck(sections: Sequence[Section], head: Head, path: Path, *, lang: Lang) -> None:
    """Write the deck. Every slide has a title (its finding) and notes; a long table shows its first rows."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = _WIDTH, _HEIGHT
    properties = deck.core_properties
    properties.title, properties.author = clean(head.title[lang])[:250], "Tidegauge"
    first = next((b for s in sections for b in s.blocks if isinstance(b, Facts)), None)
    _title_slide(deck, head, first, sections, lang)
    for section in sections:
        if any(b is not first for b in section.blocks):
            _slide(deck, section, first, head, lang)
    deck.save(str(path))


def _new_slide(deck: Any, title: str, *, size: int, top: Emu, height: Emu) -> Any:
    slide = deck.slides.add_slide(deck.slide_layouts[_TITLE_ONLY])
    box = slide.shapes.title
    box.left, box.top, box.width, box.height = _LEFT, top, _BODY_WIDTH, height
    frame = box.text_frame
    frame.word_wrap = True
    frame.vertical_anchor = MSO_ANCHOR.TOP
    frame.margin_left = frame.margin_right = 0
    _write(frame.paragraphs[0], title, size=size, bold=True, colour=_INK)
    return slide


def _write(
    paragraph: Any, text: str, *, size: float, bold: bool = False, colour: Any = _INK, align: Any = PP_ALIGN.LEFT
) -> None:
    run = paragraph.add_run()
    run.text = unbroken(clean(text))
    paragraph.alignment = align
    run.font.size, run.font.bold = Pt(size), bold
    run.font.color.rgb = colour
    _faces(run.font._element)


def _faces(properties: Any) -> None:
    """Name the Latin and the East Asian face; python-pptx itself names only the Latin one."""
    for tag, face in (("a:latin", LATIN), ("a:ea", CHINESE)):
        for old in properties.findall(qn(tag)):
            properties.remove(old)
        element = properties.makeelement(qn(tag), {"typeface": face})
        properties.append(element)


def _box(slide: Any, left: Any, top: Any, width: Any, height: Any) -> Any:
    frame = slide.shapes.add_textbox(left, top, width, height).text_frame
    frame.word_wrap = True
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    return frame


def _notes(slide: Any, lines: Sequence[str]) -> None:
    frame = slide.notes_slide.notes_text_frame
    frame.text = "\n".join(clean(line) for line in lines if line)


def _title_slide(deck: Any, head: Head, facts: Facts | None, sections: Sequence[Section], lang: Lang) -> None:
    slide = _new_slide(deck, head.title[lang], size=34, top=Inches(1.25), height=Inches(1.2))
    _write(
        _box(slide, _LEFT, Inches(0.8), _BODY_WIDTH, Inches(0.35)).paragraphs[0],
        head.kicker[lang],
        size=13,
        colour=_ACCENT,
    )
    _write(
        _box(slide, _LEFT, Inches(2.5), _BODY_WIDTH, Inches(0.4)).paragraphs[0], head.meta[lang], size=13, colour=_MUTED
    )
    lead = next((s for s in sections if any(isinstance(b, Facts) for b in s.blocks)), None)
    if lead is not None:
        message = _box(slide, _LEFT, Inches(3.1), _BODY_WIDTH, Inches(0.9))
        _write(message.paragraphs[0], lead.message[lang], size=20, colour=_INK)
    if facts is not None:
        _cards(slide, facts, Inches(4.15), lang)
    _notes(slide, [*((lead.message[lang], *(n[lang] for n in lead.notes)) if lead else ()), head.meta[lang]])


def _cards(slide: Any, facts: Facts, top: Any, lang: Lang) -> None:
    """Headline figures side by side; label, figure and detail stand in boxes of their own, so that figures align."""
    told = facts.facts[:5]
    gap = Inches(0.18)
    width = Emu(int((_BODY_WIDTH - gap * (len(told) - 1)) / max(len(told), 1)))
    for i, fact in enumerate(told):
        left = Emu(_LEFT + i * (width + gap))
        # A text box and no shape: shapes bring the theme's shadow along.
        card = slide.shapes.add_textbox(left, top, width, Inches(2.6))
        card.fill.solid()
        card.fill.fore_color.rgb = _PAPER
        inner, inside = Emu(left + Inches(0.15)), Emu(width - Inches(0.3))
        parts = (
            (fact.label, 0.12, 0.5, 12, _MUTED),
            (fact.figure, 0.62, 0.6, 26, _ACCENT),
            (fact.detail, 1.3, 1.3, 11, _MUTED),
        )
        for text, down, height, size, colour in parts:
            frame = _box(slide, inner, Emu(top + Inches(down)), inside, Inches(height))
            _write(frame.paragraphs[0], text[lang], size=size, bold=colour is _ACCENT, colour=colour)


def _slide(deck: Any, section: Section, first: Facts | None, head: Head, lang: Lang) -> None:
    slide = _new_slide(deck, section.message[lang], size=24, top=Inches(0.75), height=Inches(0.95))
    kicker = _box(slide, _LEFT, Inches(0.42), _BODY_WIDTH, Inches(0.3))
    _write(kicker.paragraphs[0], section.title[lang], size=12, colour=_ACCENT)
    shown = _chosen([b for b in section.blocks if b is not first])
    if len(shown) == 2:
        half = Emu(int((_BODY_WIDTH - Inches(0.4)) / 2))
        _place(slide, shown[0], _LEFT, half, lang)
        _place(slide, shown[1], Emu(_LEFT + half + Inches(0.4)), half, lang)
    elif shown:
        _place(slide, shown[0], _LEFT, _BODY_WIDTH, lang)
    footer = _box(slide, _LEFT, Inches(7.05), _BODY_WIDTH, Inches(0.3))
    _write(footer.paragraphs[0], f"{head.title[lang]} · {head.meta[lang]}"[:160], size=9, colour=_MUTED)
    notes = [section.message[lang], *(n[lang] for n in section.notes)]
    _notes(slide, [*notes, f"{word('slide_source', lang)}: {head.kicker[lang]} · {head.meta[lang]}"])


def _chosen(blocks: Sequence[Block]) -> list[Block]:
    """The one or two blocks that fit a slide: figures alone, words beside a picture or table, two pictures, or a table.

    A table that comes first in its section is what the message is about (the roster) and gets the whole width.
    """
    facts = [b for b in blocks if isinstance(b, Facts)]
    lines = [b for b in blocks if isinstance(b, Paragraphs) and b.lines]
    drawn = [b for b in blocks if isinstance(b, LineChart | BarChart | Picture)]
    tables = [b for b in blocks if isinstance(b, Table)]
    if facts:
        return [facts[0]]
    if lines:
        return [lines[0], *drawn[:1]] if drawn else [lines[0], *tables[:1]]
    if tables and blocks[0] is tables[0]:
        return [tables[0]]
    return [*drawn[:2]] if drawn else [*tables[:1]]


def _place(slide: Any, block: Block, left: Any, width: Any, lang: Lang) -> None:
    match block:
        case Paragraphs():
            frame = _box(slide, left, _TOP, width, _BODY_HEIGHT)
            for i, line in enumerate(block.lines[:_MOST_LINES]):
                paragraph = frame.paragraphs[0] if i == 0 else frame.add_paragraph()
                badge = f"[{block.badge[lang]}] " if block.badge else ""
                _write(paragraph, badge + _cut(line[lang], 150), size=16)
                _bulleted(paragraph)
                paragraph.space_after = Pt(8)
            rest = len(block.lines) - _MOST_LINES
            if rest > 0:
                more = WORDS["more_lines"][lang].format(n=f"{rest:,}")
                _write(frame.add_paragraph(), more, size=12, colour=_MUTED)
        case Facts():
            _cards(slide, block, _TOP, lang)
        case Table():
            _table(slide, block, left, width, lang)
        case LineChart() | BarChart() if _native(block):
            _native_chart(slide, block, left, width, lang)
        case LineChart() | BarChart() | Picture():
            _picture(slide, block, left, width, lang)


def _bulleted(paragraph: Any) -> None:
    """A bullet of the paragraph's own; as a character of the text it would be drawn in two faces and never hang."""
    properties = paragraph._p.get_or_add_pPr()
    properties.set("marL", str(Inches(0.25)))
    properties.set("indent", str(-Inches(0.25)))
    face = properties.makeelement(qn("a:buFont"), {"typeface": LATIN})
    bullet = properties.makeelement(qn("a:buChar"), {"char": "•"})
    properties.extend([face, bullet])


def _cut(text: str, most: int) -> str:
    text = clean(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _native(chart: LineChart | BarChart) -> bool:
    """PowerPoint draws lines and bars; intervals would be lost in its own charts, so those come as pictures."""
    series = chart.lines if isinstance(chart, LineChart) else chart.values
    return not chart.frame.is_empty() and not any(c.low in chart.frame.columns for c in series if c.low)


def _picture(slide: Any, chart: LineChart | BarChart | Picture, left: Any, width: Any, lang: Lang) -> None:
    wide = int(width / Inches(1) * 62)
    drawn = png(chart, lang, width=wide, height=_DRAWN_HEIGHT, scale=3.0)
    if drawn is None:
        return
    caption = _box(slide, left, _TOP, width, _CAPTION)
    _write(
        caption.paragraphs[0],
        _fitted(clean(_caption(chart, lang)), int(width / Inches(1) * 10)),
        size=13,
        colour=_MUTED,
    )
    picture = slide.shapes.add_picture(io.BytesIO(drawn), left, Emu(_TOP + _CAPTION))
    ratio = min(width / picture.width, (_BODY_HEIGHT - _CAPTION) / picture.height)
    picture.width, picture.height = Emu(int(picture.width * ratio)), Emu(int(picture.height * ratio))
    picture._element.nvPicPr.cNvPr.set("descr", clean(chart.title[lang]))


def _caption(chart: LineChart | BarChart | Picture, lang: Lang) -> str:
    """What the picture shows; its intervals are named, for a slide has no legend of bands."""
    series: tuple[Column, ...] = ()
    if isinstance(chart, LineChart | BarChart):
        series = chart.lines if isinstance(chart, LineChart) else chart.values
    banded = not isinstance(chart, Picture) and any(c.low in chart.frame.columns for c in series if c.low)
    return chart.title[lang] + (word("with_intervals", lang) if banded else "")


def _native_chart(slide: Any, chart: LineChart | BarChart, left: Any, width: Any, lang: Lang) -> None:
    rows = chart.frame.to_dicts()
    x = chart.x if isinstance(chart, LineChart) else chart.category
    series = chart.lines if isinstance(chart, LineChart) else chart.values
    scattered = isinstance(chart, LineChart) and x.numeric
    if scattered:
        data: Any = XyChartData()
        for c in series:
            one = data.add_series(clean(c.title[lang]))
            for row in rows:
                at, value = known(row.get(x.key)), known(row.get(c.key))
                if at is not None and value is not None:
                    one.add_data_point(at, value)
        kind = XL_CHART_TYPE.XY_SCATTER_LINES
    else:
        data = CategoryChartData()
        data.categories = [_cut(cells.cell(x, row, lang), 24) for row in rows]
        for c in series:
            data.add_series(clean(c.title[lang]), [known(row.get(c.key)) for row in rows])
        kind = XL_CHART_TYPE.LINE_MARKERS if isinstance(chart, LineChart) else XL_CHART_TYPE.BAR_CLUSTERED
    made = slide.shapes.add_chart(kind, left, _TOP, width, _BODY_HEIGHT, data).chart
    _dress(made, chart, x, series, lang)


def _dress(made: Any, chart: LineChart | BarChart, x: Column, series: Sequence[Column], lang: Lang) -> None:
    made.font.size, made.font.color.rgb = Pt(12), _MUTED
    _faces(made.font._element)
    made.has_title = True
    made.chart_title.include_in_layout = False
    _write(made.chart_title.text_frame.paragraphs[0], chart.title[lang], size=13, colour=_MUTED)
    made.has_legend = len(series) > 1
    if made.has_legend:
        made.legend.position, made.legend.include_in_layout = XL_LEGEND_POSITION.TOP, False
    _value_axis(made, chart, series, lang)
    axis = made.category_axis
    if isinstance(chart, BarChart):
        axis.reverse_order = True
        axis.format.line.color.rgb = _GRID
        axis.major_tick_mark = XL_TICK_MARK.NONE
        plot = made.plots[0]
        plot.gap_width, plot.overlap, plot.has_data_labels = 60, -5, True
        plot.data_labels.number_format = "0.0%" if series[0].kind == "share" else _AXIS[lang]
        plot.data_labels.number_format_is_linked = False
        plot.data_labels.position = XL_LABEL_POSITION.OUTSIDE_END
    elif x.numeric:
        axis.tick_labels.number_format, axis.tick_labels.number_format_is_linked = _AXIS[lang], False
        axis.has_major_gridlines, axis.minimum_scale = False, 0
        axis.has_title = True
        _write(axis.axis_title.text_frame.paragraphs[0], cells.heading(x, chart.currency, lang), size=11, colour=_MUTED)
    for i, one in enumerate(made.plots[0].series):
        colour = RGBColor.from_string(SERIES[i % len(SERIES)].lstrip("#"))
        if isinstance(chart, BarChart):
            one.format.fill.solid()
            one.format.fill.fore_color.rgb = colour
            continue
        one.smooth = False
        one.format.line.color.rgb, one.format.line.width = colour, Pt(2.25)
        one.marker.format.fill.solid()
        one.marker.format.fill.fore_color.rgb = colour
        one.marker.format.line.color.rgb = colour


def _value_axis(made: Any, chart: LineChart | BarChart, series: Sequence[Column], lang: Lang) -> None:
    axis = made.value_axis
    axis.format.line.fill.background()
    negative = any((known(v) or 0.0) < 0 for c in series for v in chart.frame.get_column(c.key).to_list())
    if not negative:
        axis.minimum_scale = 0
    if isinstance(chart, BarChart):
        # Bars are labelled with their figures; an axis beside them only repeats.
        axis.visible, axis.has_major_gridlines = False, False
        return
    axis.tick_labels.number_format = "0%" if series[0].kind == "share" else _AXIS[lang]
    axis.tick_labels.number_format_is_linked = False
    axis.major_gridlines.format.line.color.rgb = _GRID


def _table(slide: Any, table: Table, left: Any, width: Any, lang: Lang) -> None:
    if table.frame.is_empty():
        _write(_box(slide, left, _TOP, width, Inches(0.5)).paragraphs[0], table.empty[lang], size=16, colour=_MUTED)
        return
    wide = [c for c in table.shown(2) if c.wide]
    columns = tuple(c for c in (*table.shown(1), *wide) if c.key)[:_MOST_COLUMNS]
    columns = tuple(dict.fromkeys(columns))
    rows = table.frame.head(table.deck_rows).to_dicts()
    height = Emu(int(_ROW * (len(rows) + 1)))
    grid = slide.shapes.add_table(len(rows) + 1, len(columns), left, _TOP, width, height).table
    texts = [[cells.heading(c, table.currency, lang) for c in columns]]
    texts += [[_told(c, row, lang) for c in columns] for row in rows]
    whole = width / Inches(1) * _CHARACTERS_PER_INCH
    for i, (share, c) in enumerate(zip(_shares(texts, columns, whole), columns, strict=True)):
        grid.columns[i].width = Emu(int(width * share))
        # One line a cell: a second one would push the table's foot off the slide.
        for line in texts if not c.numeric else ():
            line[i] = _fitted(line[i], whole * share - 2)
        for r, line in enumerate(texts):
            box = grid.cell(r, i)
            box.margin_top = box.margin_bottom = Inches(0.035)
            box.margin_left = box.margin_right = Inches(0.07)
            box.vertical_anchor = MSO_ANCHOR.MIDDLE
            box.fill.solid()
            box.fill.fore_color.rgb = RGBColor.from_string("E3F0F5" if r == 0 else "FFFFFF" if r % 2 else "F7FAFB")
            align = PP_ALIGN.RIGHT if c.numeric else PP_ALIGN.LEFT
            _write(box.text_frame.paragraphs[0], line[i], size=11, bold=r == 0, align=align)
    rest = table.frame.height - len(rows)
    if rest > 0:
        more = WORDS["more_rows"][lang].format(n=f"{rest:,}")
        _write(_box(slide, left, Inches(6.75), width, Inches(0.3)).paragraphs[0], more, size=11, colour=_MUTED)


def _told(column: Column, row: dict[str, Any], lang: Lang) -> str:
    badge = f" [{column.mark_word[lang]}]" if cells.marked(column, row) else ""
    return (clean(cells.cell(column, row, lang)) if column.wide else _cut(cells.cell(column, row, lang), 22)) + badge


def _wide(text: str) -> float:
    """A text's width in Latin characters."""
    return sum(2.1 if ord(ch) > 0x2E7F else 1 for ch in text)


def _fitted(text: str, room: float) -> str:
    """The text as far as there is room for."""
    if _wide(text) <= room:
        return text
    while text and _wide(text) > room - 1:
        text = text[:-1]
    return text + "…"


def _shares(texts: list[list[str]], columns: tuple[Column, ...], room: float) -> list[float]:
    """Widths by the longest text of each column, the long texts sharing what the others leave of `room` characters."""
    # The cell's margins take about two characters.
    sizes = [min(max(_wide(line[i]) for line in texts), 90 if c.wide else 30) + 2.5 for i, c in enumerate(columns)]
    wides = [i for i, c in enumerate(columns) if c.wide]
    spare = room - sum(size for i, size in enumerate(sizes) if i not in wides)
    for i in wides:
        sizes[i] = max(20.0, min(sizes[i], spare / len(wides)))
    return [size / sum(sizes) for size in sizes]
