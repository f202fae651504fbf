"""How figures read: in both languages, with intervals, and never as nan."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.report.figures import (
    DASH,
    bound_percent,
    clean,
    compact,
    counted,
    in_unit,
    interval,
    money,
    percent,
    plain,
    unbroken,
)
from tidegauge.result import Text

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
SIGNS = {"万": 1e4, "亿": 1e8, "k": 1e3, "M": 1e6, "B": 1e9}


def read_back(text: str) -> float:
    digits = re.match(r"-?[\d,.]+", text)
    assert digits, text
    sign = text[digits.end() :].strip()
    return float(digits.group().replace(",", "")) * SIGNS.get(sign, 1.0)


@given(st.floats(min_value=-1e13, max_value=1e13), st.sampled_from(["zh", "en"]))
def test_a_compact_figure_reads_back_to_three_digits(value, lang):
    assert read_back(compact(value, lang)) == pytest.approx(value, rel=0.0051, abs=0.51 if abs(value) >= 100 else 6e-7)


@given(ANY_FLOAT, ANY_FLOAT, ANY_FLOAT, st.sampled_from(["zh", "en"]), st.sampled_from(["ratio", "followers", ""]))
def test_no_figure_ever_reads_nan_or_inf(value, low, high, lang, unit):
    texts = [
        compact(value, lang),
        interval(value, low, high, lang),
        in_unit(value, low, high, unit, lang),
        money(value, "CNY", lang),
        percent(value),
        bound_percent(value),
        plain(value),
    ]
    assert not [t for t in texts if "nan" in t.lower() or "inf" in t.lower()]


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (0, "0", "0"),
        (9_999, "9,999", "9,999"),
        (9_999.7, "1 万", "10k"),
        (12_050, "1.2 万", "12k"),
        (99_960, "10 万", "100k"),
        (99_999_999, "1 亿", "100M"),
        (-123_456, "-12.3 万", "-123k"),
        (1_234_567_890, "12.3 亿", "1.23B"),
        (None, DASH, DASH),
        ("12", DASH, DASH),
    ],
)
def test_steps_of_both_languages(value, zh, en):
    assert (compact(value, "zh"), compact(value, "en")) == (zh, en)


def test_intervals_share_the_unit_in_chinese_and_carry_their_own_in_english():
    assert interval(123_456, 101_000, 148_000, "zh") == "12.3 万 [10.1, 14.8]"
    assert interval(123_456, 101_000, 148_000, "en") == "123k [101k, 148k]"
    assert interval(8_689, 4_779, 15_600, "zh") == "8,689 [4,779, 1.56 万]"
    assert interval(123_456, None, 148_000, "zh") == "12.3 万"


@given(st.floats(min_value=0, max_value=1))
def test_a_proven_gap_is_never_told_smaller_than_it_is(gap):
    assert float(bound_percent(gap).removesuffix(" %")) / 100 >= gap - 1e-9


def test_money_names_its_currency_in_each_language():
    assert money(298_000, "CNY", "zh") == "29.8 万元"
    assert money(298_000, "CNY", "en") == "CNY 298k"
    assert money(1_234.5, "XAF", "zh", full=True) == "1,234.5 XAF"


def test_a_figure_and_its_sign_stay_on_one_line():
    assert unbroken("多 7.85 万 人，占 2.1 %，CNY 300") == "多 7.85\u00a0万人，占 2.1\u00a0%，CNY\u00a0300"
    assert counted(78_500, Text("人", "people"), "en") == "78.5k people"


@given(st.text())
def test_cleaned_text_holds_no_control_or_override(text):
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff]", clean(text))
