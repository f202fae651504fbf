"""What every measurement returns: a table with value, interval, sample size, unit, and where it came from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from tidegauge.display import Displayed
from tidegauge.errors import MeasureError
from tidegauge.vocab import Lang

if TYPE_CHECKING:
    import altair as alt

#: The columns that every result has, after its segment columns.
VALUE_COLUMNS = ("value", "low", "high", "n", "unit")


class Assumed(str):
    """What was assumed, told in English (which JSON keeps); `zh` is the same in Chinese, where it was told so.

    >>> Assumed("half and half", "各占一半"), Assumed("half and half", "各占一半").zh
    ('half and half', '各占一半')
    """

    zh: str

    def __new__(cls, en: str, zh: str = "") -> Assumed:
        made = super().__new__(cls, en)
        made.zh = zh or en
        return made


@dataclass(frozen=True)
class Provenance:
    """Which data and which computation a figure rests on.

    `snapshot` is the lake's snapshot id, `ingests` the ids of the ingests present in it, `seed` that of the bootstrap
    or sampler (None where nothing was drawn), `assumed` a list of what was assumed rather than read, with its source
    (texts; those that are `Assumed` also know their Chinese).
    """

    engine: str
    snapshot: int | None
    ingests: tuple[str, ...]
    seed: int | None = None
    computed_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    assumed: tuple[str, ...] = ()
    #: The workspace's language, in which a notebook opens the result; no part of where figures come from.
    language: Lang = field(default="zh", compare=False, repr=False)

    def assumptions(self) -> tuple[Text, ...]:
        """What was assumed, in both languages."""
        return tuple(Text(a.zh if isinstance(a, Assumed) else a, str(a)) for a in self.assumed)

    def as_dict(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "snapshot": self.snapshot,
            "ingests": list(self.ingests),
            "seed": self.seed,
            "computed_at": self.computed_at.isoformat(timespec="seconds"),
            "assumed": [str(a) for a in self.assumed],
            "assumed_zh": [t.zh for t in self.assumptions()],
        }


@dataclass(frozen=True)
class Text:
    """One text in both languages."""

    zh: str
    en: str

    def __getitem__(self, lang: Lang) -> str:
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Explanation(Displayed):
    """What a method answers and what it cannot tell; every field in zh and en, the reference as it is cited."""

    question: Text
    formula: str
    assumptions: Text
    limits: Text
    reference: str

    def render(self, lang: Lang) -> str:
        heads = ("公式", "假设", "局限", "文献") if lang == "zh" else ("Formula", "Assumptions", "Limits", "Reference")
        parts = (self.formula, self.assumptions[lang], self.limits[lang], self.reference)
        return "\n".join([self.question[lang], *(f"{h}: {p}" for h, p in zip(heads, parts, strict=True))])


@dataclass(frozen=True)
class Result(Displayed):
    """A measured table.

    `rows` holds the segment columns (`by`, then `quantity` where one measure yields several figures), then
    value (float), low, high (float, bounds of the `level` interval), n (int, sample size), unit (text).
    """

    measure: str
    by: tuple[str, ...]
    rows: pl.DataFrame
    provenance: Provenance
    explanation: Explanation
    level: float = 0.9
    notes: tuple[Text, ...] = ()
    chart: alt.TopLevelMixin | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        missing = [c for c in VALUE_COLUMNS if c not in self.rows.columns]
        if missing:
            raise MeasureError(f"measure '{self.measure}' built a table without {', '.join(missing)}")

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(c for c in self.rows.columns if c not in VALUE_COLUMNS)

    def explain(self, lang: Lang = "en") -> str:
        """What this answers, the formula, what it assumes, what it cannot tell."""
        return self.explanation.render(lang)

    def plot(self) -> alt.TopLevelMixin:
        """The measure's own chart (Altair), else one of its rows; with intervals."""
        drawn: alt.TopLevelMixin = self.chart if self.chart is not None else Displayed.plot(self)
        return drawn

    def as_dict(self) -> dict[str, Any]:
        """The stable `--json` shape. NaN and infinity become null: JSON has neither."""
        finite = self.rows.with_columns(
            pl.when(pl.col(c).is_finite()).then(pl.col(c)) for c in ("value", "low", "high")
        )
        return {
            "measure": self.measure,
            "by": list(self.by),
            "level": self.level,
            "rows": finite.to_dicts(),
            "provenance": self.provenance.as_dict(),
            "notes": [{"zh": t.zh, "en": t.en} for t in self.notes],
        }
