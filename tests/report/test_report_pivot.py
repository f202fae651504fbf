"""Many rows on one screen: the newest of each quantity, side by side, without a figure lost or invented."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from tidegauge.report.pivot import tables


def long(result, dates: int):
    """The result with a second quantity and `dates` dates; the share rises by a thousandth a date."""
    frames = []
    for d in range(dates):
        for quantity, times in (("share", 1.0), ("amount", 1_000.0)):
            moved = [((pl.col(c) + d / 1_000) * times).alias(c) for c in ("value", "low", "high")]
            frames.append(
                result.rows.with_columns(*moved, quantity=pl.lit(quantity), period=pl.lit(f"2026-01-{d + 1:02d}"))
            )
    segments = tuple(c for c in result.segments if c not in ("period", "quantity"))
    return replace(result, rows=pl.concat(frames), by=(*segments, "period", "quantity"))


def one_segment(make_result):
    result = make_result(1)
    keys = [c for c in result.segments if c not in ("period", "quantity")]
    return replace(result, rows=result.rows.unique(keys, keep="first", maintain_order=True))


def test_a_short_result_stays_one_table(make_result):
    result = make_result(1)
    (only,) = tables(result)
    assert only.frame.height == result.rows.height


def test_quantities_stand_side_by_side_at_their_last_date(make_result):
    result = long(one_segment(make_result), dates=30)
    (only,) = tables(result)
    last = result.rows.filter(pl.col("period") == "2026-01-30")
    shares = last.filter(pl.col("quantity") == "share")
    assert only.frame.height == shares.height
    assert only.frame.get_column("value_0").equals(shares.get_column("value"), null_equal=True)
    assert only.frame.get_column("high_1").equals(shares.get_column("high") * 1_000.0, null_equal=True)
    assert "2026-01-30" in only.title.zh


def test_certain_zeros_are_left_out_and_uncertain_ones_stay(make_result):
    result = long(one_segment(make_result), dates=30)
    first = result.rows.row(0, named=True)
    segment = next(c for c in result.segments if c not in ("period", "quantity"))
    mine = pl.col(segment) == first[segment]
    zero = {c: pl.when(mine).then(0.0).otherwise(pl.col(c)).alias(c) for c in ("value", "low", "high")}
    gone = replace(result, rows=result.rows.with_columns(zero.values()))
    unsure = replace(result, rows=result.rows.with_columns(zero["value"], zero["low"]))
    assert tables(gone)[0].frame.height == tables(result)[0].frame.height - 1
    assert tables(unsure)[0].frame.height == tables(result)[0].frame.height
