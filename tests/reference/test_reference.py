"""Every shipped figure is a number with a unit and a source."""

import polars as pl

from tidegauge.reference import facts, market_rows
from tidegauge.schema import check


def test_every_figure_names_its_source_and_confidence():
    rows = facts()
    assert rows.filter(pl.col("source_title").is_null() | pl.col("source_url").is_null()).is_empty()
    assert set(rows["confidence"].unique()) <= {"primary", "secondary", "blog"}


def test_all_market_rows_are_valid_and_none_is_lost_to_an_equal_key():
    rows = market_rows()
    checked = check("market", rows)
    assert checked.rejects.is_empty(), checked.rejects["reason"].to_list()
    assert checked.good.height == rows.height


def test_a_range_becomes_two_rows_a_floor_one():
    rows = market_rows()
    price = rows.filter(pl.col("segment") == "mid (50k-500k) image_text")
    assert dict(zip(price["metric"], price["value"], strict=True)) == {
        "price/price per post:low": 5000.0,
        "price/price per post:high": 30000.0,
    }
    floor = rows.filter((pl.col("metric").str.starts_with("creators/creators")) & (pl.col("period") == "2020"))
    assert floor["metric"].to_list() == ["creators/creators:low"]
