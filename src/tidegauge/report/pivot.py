"""Many rows of one measure on one screen: the latest of each quantity, quantities side by side.

A measure of several quantities at several dates gives hundreds of rows. A terminal shows what is true now, one line per
segment; the files hold every row.
"""

from __future__ import annotations

import polars as pl

from tidegauge.report.blocks import Column, Table
from tidegauge.report.findings import TIME_COLUMNS, table
from tidegauge.report.words import column_word, reads
from tidegauge.result import Result, Text

#: Fewer rows than this are shown as they are.
_LONG, _MOST_SIDE_BY_SIDE = 40, 4
_BOUNDS = ("value", "low", "high")


def tables(result: Result) -> tuple[Table, ...]:
    """The result as one table where it is short, else one table per group of quantities that share their lines.

    Examples
    --------
    Shares and amounts at the last date stand side by side; changes between two dates are a table of their own.
    """
    rows = result.rows
    if rows.height <= _LONG or "quantity" not in rows.columns:
        return (table(result),)
    time = next((c for c in TIME_COLUMNS if c in result.segments), "")
    newest = rows if not time else _newest(rows, time)
    keys = [c for c in result.segments if c != "quantity"]
    return tuple(t for group in _groups(newest, time, keys) for t in _side_by_side(newest, group, keys))


def _newest(rows: pl.DataFrame, time: str) -> pl.DataFrame:
    """Of each quantity the rows of its last date."""
    text = pl.col(time).cast(pl.String)
    return rows.filter((text == text.max().over("quantity")) | pl.col(time).is_null())


def _groups(rows: pl.DataFrame, time: str, keys: list[str]) -> list[list[str]]:
    """Quantities that speak of the same lines: the same dates and the same filled segments."""
    filled = [pl.col(c).is_not_null().any().cast(pl.String) for c in keys]
    when = [pl.col(time).cast(pl.String).max().fill_null("")] if time else []
    alike = rows.group_by("quantity", maintain_order=True).agg(_alike=pl.concat_str([*when, *filled], separator="|"))
    return alike.group_by("_alike", maintain_order=True).agg("quantity").get_column("quantity").to_list()


def _side_by_side(rows: pl.DataFrame, quantities: list[str], keys: list[str]) -> list[Table]:
    out = []
    for first in range(0, len(quantities), _MOST_SIDE_BY_SIDE):
        chosen = quantities[first : first + _MOST_SIDE_BY_SIDE]
        own = rows.filter(pl.col("quantity").is_in(chosen))
        lines = [c for c in keys if own.get_column(c).is_not_null().any()]
        wide = own.select(lines).unique(maintain_order=True)
        columns = [Column(c, column_word(c), "word") for c in lines if wide.get_column(c).n_unique() > 1]
        common = [str(wide.get_column(c)[0]) for c in lines if wide.get_column(c).n_unique() == 1]
        for i, quantity in enumerate(chosen):
            one = own.filter(pl.col("quantity") == quantity).select(
                *lines, *(pl.col(c).alias(f"{c}_{i}") for c in (*_BOUNDS, "unit"))
            )
            wide = wide.join(one, on=lines, how="left", nulls_equal=True, maintain_order="left")
            told = column_word(quantity)
            columns.append(
                Column(f"value_{i}", told, "by_unit", low=f"low_{i}", high=f"high_{i}", unit_key=f"unit_{i}")
            )
        # A line of nothing but certain zeros (nobody moved there) says what its absence says.
        speaks = pl.any_horizontal(
            pl.col(f"{c}_{i}").fill_null(0.0) != 0.0 for i in range(len(chosen)) for c in _BOUNDS
        )
        words = [column_word(q) for q in chosen]
        title = Text(
            " · ".join(["、".join(w.zh for w in words), *(reads(c, "zh") for c in common)]),
            " · ".join([", ".join(w.en for w in words), *(reads(c, "en") for c in common)]),
        )
        out.append(Table(chosen[0], title, wide.filter(speaks), tuple(columns), Text("没有行。", "No rows.")))
    return out
