"""Cited figures that ship with the package: prices, tier shares, audiences, growth; each with its source.

`facts.csv` holds them as they were read, with a low and a high value where the source gives a range. Confidence says
how far they can be trusted: primary (the publisher's own figure), secondary (reported elsewhere), blog.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import polars as pl

#: The version of the shipped figures: part of an ingest's fingerprint, so that a workspace can be brought up to date.
READER = "reference"


@cache
def facts() -> pl.DataFrame:
    """The cited figures: topic, platform, segment, metric, value_low, value_high, unit, period, source_*, confidence.

    `value_high` equals `value_low` where the source gives one figure; it is null where it gives a floor ("over 9
    million").
    """
    with files(__package__).joinpath("facts.csv").open("rb") as f:
        raw = pl.read_csv(f.read(), infer_schema=False)
    return raw.with_columns(pl.col("value_low", "value_high").cast(pl.Float64, strict=False))


def market_rows() -> pl.DataFrame:
    """The figures as rows of the `market` table; a range becomes two rows whose metric ends in `:low` and `:high`.

    A floor keeps only its `:low` row. Rows without a number (a direction, a date) stay in `facts()` alone.
    """
    known = facts().filter(pl.col("value_low").is_not_null())
    metric = pl.col("topic") + "/" + pl.col("metric")
    single = pl.col("value_low") == pl.col("value_high")
    parts = [
        known.filter(single).with_columns(metric.alias("metric"), pl.col("value_low").alias("value")),
        known.filter(single.not_().fill_null(True)).with_columns(
            (metric + ":low").alias("metric"), pl.col("value_low").alias("value")
        ),
        known.filter(single.not_()).with_columns(
            (metric + ":high").alias("metric"), pl.col("value_high").alias("value")
        ),
    ]
    columns = ["platform", "segment", "metric", "period", "value", "unit", "source_title", "source_url", "confidence"]
    return pl.concat([p.select(columns) for p in parts]).with_columns(pl.col("period").fill_null(""))


@cache
def role_evidence() -> pl.DataFrame:
    """What each piece of evidence says for each role: evidence, level, KOL … KOB (chances), weight, basis.

    `weight` tells how many observed creators (posts, for shares of posts) the shipped chances count as beside those
    that a workspace holds; `basis` says what is cited and what is assumed.
    """
    numbers = ("KOL", "KOC", "KOS", "KOE", "KOB", "weight")
    return _table("role_evidence.csv").with_columns(pl.col(*numbers).cast(pl.Float64))


@cache
def stage_fit() -> pl.DataFrame:
    """For which stage a role suits: role, platform, industry ("all" where not told apart), the four stages' shares,
    weight (placements that the row counts as), source_title, source_url, confidence."""
    numbers = ("discover", "consider", "purchase", "advocate", "weight")
    return _table("stage_fit.csv").with_columns(pl.col(*numbers).cast(pl.Float64))


@cache
def words(use: str) -> dict[str, tuple[str, ...]]:
    """The package's own word lists by group, in Chinese and English: "name", "post", "emotion" or "industry"."""
    rows = _table("words.csv").filter(pl.col("use") == use)
    grouped = rows.group_by("group", maintain_order=True).agg("word")
    return {g: tuple(w) for g, w in grouped.select("group", "word").iter_rows()}


@cache
def word_pattern(use: str, group: str) -> str:
    """A regular expression (of RE2, Rust and Java alike) for lower-case text that finds any word of a group.

    English words are found as whole words; Chinese has no word breaks.

    >>> word_pattern("industry", "auto")
    '汽车|车评|\\\\bauto\\\\b|\\\\bcars\\\\b'
    """
    return "|".join(rf"\b{re.escape(w)}\b" if w.isascii() else w for w in words(use)[group])


def _table(name: str) -> pl.DataFrame:
    with files(__package__).joinpath(name).open("rb") as f:
        return pl.read_csv(f.read(), infer_schema=False)
