"""How platforms show counts: text and the value that a careful reader makes of it belong together."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.twin.shown import account_ids, is_floor, post_ids, shown_text, shown_value
from tidegauge.twin.world import PLATFORM_NAMES

HABITS = ("plain", "plain_floor", "wan", "wan_floor")


def show(count: int, habit: str) -> tuple[str, int, bool]:
    frame = pl.DataFrame({"n": [count]}, schema={"n": pl.Int64})
    text, value, floor = frame.select(
        shown_text(pl.col("n"), habit).alias("t"),
        shown_value(pl.col("n"), habit).alias("v"),
        is_floor(pl.col("n"), habit).alias("f"),
    ).row(0)
    return text, value, floor


@pytest.mark.parametrize(
    ("count", "habit", "text"),
    [
        (9999, "wan", "9999"),
        (10_000, "wan", "1万"),
        (12_999, "wan", "1.2万"),
        (100_000, "wan", "10万"),
        (1_234_567, "wan", "123.4万"),
        (123_456_789, "wan", "1.2亿"),
        (99_999, "wan_floor", "9.9万"),
        (100_000, "wan_floor", "10万+"),
        (999_999, "plain_floor", "999999"),
        (3_000_000, "plain_floor", "100万+"),
        (3_000_000, "plain", "3000000"),
    ],
)
def test_texts_as_the_platforms_write_them(count, habit, text):
    assert show(count, habit)[0] == text


@given(count=st.integers(0, 10**10), habit=st.sampled_from(HABITS))
def test_the_value_is_what_the_text_says_and_never_more_than_the_count(count, habit):
    text, value, floor = show(count, habit)
    number = text.rstrip("+").rstrip("万亿")
    unit = 10**8 if "亿" in text else 10**4 if "万" in text else 1
    assert value == round(float(number) * unit)
    assert value <= count
    assert floor == text.endswith("+")
    if not floor:
        assert count - value < max(1, unit // 10)


@pytest.mark.parametrize("platform", PLATFORM_NAMES)
def test_ids_are_distinct(platform):
    index = np.arange(50_000)
    assert len(set(account_ids(platform, index))) == index.size
    assert len(set(post_ids(platform, index))) == index.size
