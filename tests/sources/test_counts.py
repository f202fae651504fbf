"""Every way of writing a count; floors are marked, what cannot be read is named."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.sources.counts import _of_any, parse_counts, parse_numbers


@pytest.mark.parametrize(
    ("written", "value", "censored"),
    [
        ("1234", 1234, False),
        ("1,234", 1234, False),
        ("1，234", 1234, False),
        ("１２３４", 1234, False),
        (" 7 ", 7, False),
        ("12.0", 12, False),
        ("1.2万", 12_000, False),
        ("1.3w", 13_000, False),
        ("1.3W", 13_000, False),
        ("2.5k", 2_500, False),
        ("3M", 3_000_000, False),
        ("1亿", 100_000_000, False),
        ("1.23456万", 12_346, False),
        ("1E5", 100_000, False),
        ("10万+", 100_000, True),
        ("10w+", 100_000, True),
        ("999+", 999, True),
        ("1亿以上", 100_000_000, True),
        ("超过5千", 5_000, True),
        ("9007199254740993", 9_007_199_254_740_993, False),
    ],
)
def test_forms(written, value, censored):
    found = parse_counts(pl.Series([written, None]))
    assert found.value.to_list() == [value, None]
    assert found.censored.to_list() == [censored, False]
    assert not found.unreadable.any()


@pytest.mark.parametrize("written", ["", "-", "--", "NaN", "null", "暂无", "赞", "-1", "/"])
def test_what_is_not_shown_is_absent_and_no_error(written):
    found = parse_counts(pl.Series([written, "5"]))
    assert found.value.to_list() == [None, 5]
    assert not found.unreadable.any()


@pytest.mark.parametrize("written", ["many", "12.5", "1.2.3", "5-8万", "1e400", "99999999999999999999", "万", "12点"])
def test_what_cannot_be_read_is_named_and_never_guessed(written):
    found = parse_counts(pl.Series(["1", written]))
    assert found.value.to_list() == [1, None]
    assert found.unreadable.to_list() == [False, True]


def test_typed_columns():
    assert parse_counts(pl.Series([1, -1, None])).value.to_list() == [1, None, None]
    floats = parse_counts(pl.Series([1.0, float("nan"), float("inf"), 2.5]))
    assert (floats.value.to_list(), floats.unreadable.to_list()) == ([1, None, None, None], [False, False, False, True])
    flags = parse_counts(pl.Series([True, None]))
    assert flags.unreadable.to_list() == [True, False]
    huge = parse_counts(pl.Series([2**63], dtype=pl.UInt64))
    assert huge.unreadable.to_list() == [True]
    assert parse_counts(pl.Series([], dtype=pl.String)).value.len() == 0


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("￥12,000", 12_000),
        ("¥1.2万", 12_000),
        ("1500元", 1500),
        ("$2,500", 2500),
        ("12000元/条", 12_000),
        ("USD 300", 300),
    ],
)
def test_prices(written, value):
    assert parse_numbers(pl.Series([written])).value.to_list() == [value]


def test_a_negotiable_price_is_no_number():
    assert parse_numbers(pl.Series(["面议"])).unreadable.to_list() == [True]


@given(st.lists(st.integers(0, 10**12) | st.none(), min_size=1))
def test_plain_integers_come_back_in_every_column_type(values):
    for column in (pl.Series(values, dtype=pl.Int64), pl.Series([None if v is None else str(v) for v in values])):
        if column.dtype == pl.Null:
            continue
        found = parse_counts(column)
        assert found.value.to_list() == values
        assert not found.censored.any()
        assert not found.unreadable.any()


@given(
    st.integers(1, 99_999),
    st.sampled_from([("万", 10**4), ("w", 10**4), ("亿", 10**8), ("k", 1000), ("m", 10**6)]),
    st.booleans(),
)
def test_tenths_of_a_unit_are_exact(tenths, unit, floor):
    text, factor = unit
    found = parse_counts(pl.Series([f"{tenths // 10}.{tenths % 10}{text}{'+' if floor else ''}"]))
    assert found.value.to_list() == [tenths * factor // 10]
    assert found.censored.to_list() == [floor]


@given(st.lists(st.text(max_size=12), min_size=1))
def test_no_text_makes_it_fail_and_every_text_is_value_absent_or_unreadable(texts):
    found = parse_counts(pl.Series(texts, dtype=pl.String))
    assert len(found.value) == len(found.censored) == len(found.unreadable) == len(texts)
    assert not (found.value.is_not_null() & found.unreadable).any()
    assert not (found.censored & found.value.is_null()).any()


WRITTEN = st.one_of(
    st.none(),
    st.integers(-2, 2**64).map(str),
    st.sampled_from(
        ["", "-", "-1", "+5", " 7 ", "12.0", "12.5", "1.2万", "10万+", "1,234", "赞", "many", "1e400", "1E5"]
    ),
    st.text("0123456789.+-eE万k, ", max_size=6),
)


@given(written=st.lists(WRITTEN, max_size=30))
def test_plain_integers_are_read_alike_whether_at_once_or_closely(written):
    column = pl.Series("liked_count", written, dtype=pl.String)
    fast, close = parse_counts(column), _of_any(column)
    assert fast.value.to_list() == close.value.to_list()
    assert fast.censored.to_list() == close.censored.to_list()
    assert fast.unreadable.to_list() == close.unreadable.to_list()
    assert fast.value.name == close.value.name
