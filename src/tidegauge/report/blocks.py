"""What a section is made of. Renderers (HTML, XLSX, PPTX) know these dataclasses and nothing about plans or measures.

A frame travels once, with raw numbers; columns say how they read in each language, so that one set of numbers gives
the page, the workbook and the deck in zh and in en.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from tidegauge.result import Text

if TYPE_CHECKING:
    import altair as alt

#: How a cell reads: free text, a word of the vocabulary, money, whole counts, a plain number, a share in [0, 1] shown
#: in per cent, an ISO day, yes or no, or a value in the unit that the column `unit_key` names.
Kind = Literal["text", "word", "money", "count", "number", "share", "date", "flag", "by_unit"]

#: Where a column shows: 1 everywhere, 2 on the page and in the workbook, 3 only in the workbook.
Depth = Literal[1, 2, 3]

NO_TEXT = Text("", "")
ASSUMED = Text("假设", "assumed")
THIS_PLAN = Text("本方案", "this plan")


@dataclass(frozen=True)
class Column:
    """One column of a table or one line of a chart.

    `key` names the frame's column; `key_en` another column that holds the English text. `low` and `high` name the
    columns of the interval's bounds. `mark` names a bool column: where true the cell carries the badge `mark_word`
    (an assumed price). `total` sums the column at the foot, `bar` draws a bar behind it, `facet` offers a choice of
    its values above the table.
    """

    key: str
    title: Text
    kind: Kind = "text"
    key_en: str = ""
    low: str = ""
    high: str = ""
    unit_key: str = ""
    mark: str = ""
    mark_word: Text = ASSUMED
    under: str = ""
    depth: Depth = 1
    total: bool = False
    bar: bool = False
    facet: bool = False
    wide: bool = False

    @property
    def numeric(self) -> bool:
        return self.kind in ("money", "count", "number", "share", "by_unit")


@dataclass(frozen=True)
class Table:
    """Rows with columns. `currency` is that of its money columns; `empty` is told where there are no rows."""

    name: str
    title: Text
    frame: pl.DataFrame
    columns: tuple[Column, ...]
    empty: Text
    currency: str = ""
    #: Rows of the deck's slide; a slide holds no hundred rows.
    deck_rows: int = 10
    #: Rows of the page; the workbook has them all.
    page_rows: int = 2_000

    def shown(self, depth: Depth) -> tuple[Column, ...]:
        """The columns of this depth that the frame really has."""
        return tuple(c for c in self.columns if c.depth <= depth and c.key in self.frame.columns)


@dataclass(frozen=True)
class LineChart:
    """Lines over a numeric or dated x; each line may have a band. `here` marks one x (the plan's own budget)."""

    name: str
    title: Text
    frame: pl.DataFrame
    x: Column
    lines: tuple[Column, ...]
    currency: str = ""
    here: float | None = None
    here_word: Text = THIS_PLAN
    y_title: Text = NO_TEXT
    #: Whether both axes hold zero: what lies close together needs a window of its own.
    from_zero: bool = True


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars (or dots with intervals) per category; several values stand side by side."""

    name: str
    title: Text
    frame: pl.DataFrame
    category: Column
    values: tuple[Column, ...]
    currency: str = ""
    style: Literal["bar", "dot"] = "bar"


@dataclass(frozen=True)
class Picture:
    """A ready Altair chart, shown as it is (one that fits neither lines nor bars); `chart_en` where words are in it."""

    name: str
    title: Text
    chart: alt.TopLevelMixin
    chart_en: alt.TopLevelMixin | None = None


@dataclass(frozen=True)
class Fact:
    """A headline figure: what it is, the figure, one line of detail. `tone` good, care or plain; `exact` unrounded."""

    label: Text
    figure: Text
    detail: Text = NO_TEXT
    tone: Literal["plain", "good", "care"] = "plain"
    exact: float | None = None


@dataclass(frozen=True)
class Facts:
    name: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Paragraphs:
    """Lines of text; each may carry a badge (`assumed`, `warning`) before it."""

    name: str
    lines: tuple[Text, ...]
    badge: Text | None = None


Block = Table | LineChart | BarChart | Picture | Facts | Paragraphs


@dataclass(frozen=True)
class Section:
    """One finding: a message in one sentence, the blocks that show it, and notes on method and source.

    The register fills in `name` and `title` unless the section names its own (one function may yield several).
    """

    message: Text
    blocks: tuple[Block, ...] = ()
    notes: tuple[Text, ...] = ()
    name: str = ""
    title: Text = NO_TEXT


@dataclass(frozen=True)
class Head:
    """What stands above the sections: the kind of report, its title, one line of facts about it."""

    kicker: Text
    title: Text
    meta: Text
