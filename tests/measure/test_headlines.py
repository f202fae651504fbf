"""Headlines: what makes a key, which pairs are one topic, and that none is missed within reach."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.measure.headlines import Appearances, Pairs, best_matches, near_pairs, normalised, similarity

HOUR_S = 3_600


def key(text: str) -> str:
    return pl.select(normalised(pl.lit(text))).item()


def score(a: str, b: str) -> float:
    return float(similarity(pl.Series([a]), pl.Series([b]))[0])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("#樊振东：夺冠！#🔥", "樊振东夺冠"),
        ("Ｇ７　峰会【直播】", "g7峰会直播"),
        ("春 节 冰 曲 （冰块演奏）", "春节冰曲冰块演奏"),
        ("☝🤓嘿嘿⚡⚡", "嘿嘿"),
        ("ＣＢＡ总决赛", "cba总决赛"),
    ],
)
def test_the_key_keeps_letters_and_digits_only(raw, expected):
    assert key(raw) == expected


@given(st.text(max_size=30))
def test_the_key_of_a_key_is_itself(text):
    assert key(key(text)) == key(text)


@given(st.text("沪指跌破点甲乙丙123", min_size=1, max_size=20), st.text("沪指跌破点甲乙丙123", min_size=1, max_size=20))
def test_similarity_is_symmetric_and_within_bounds(a, b):
    assert score(a, b) == score(b, a)
    assert 0.0 <= score(a, b) <= 1.0
    assert score(a, a) in (0.0, 1.0)


def test_one_added_character_is_the_same_topic():
    assert score("沪指跌破2900点", "沪指跌破2900") > 0.9
    assert score("习近平同马尔代夫总统会谈", "习近平同马尔代夫总统举行会谈") > 0.9


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("云南山体滑坡已致12人遇难", "云南山体滑坡已致20人遇难"),  # other numbers
        ("国庆假期第五天景区人流", "国庆假期第四天景区人流"),  # numbers written out
        ("国乒女团3比1晋级半决赛", "国乒男团3比1晋级半决赛"),  # a word that turns it
        ("第一批回家", "第一批回村"),  # too short to exchange a character
        ("小米汽车", "小米汽车哈"),  # too short to be contained
    ],
)
def test_guards_keep_other_stories_apart(a, b):
    assert score(a, b) < 0.85


def test_numbers_written_in_digits_or_characters_are_equal():
    assert score("女子被离婚七年的前夫暴力殴打", "女子被离婚7年前夫暴力殴打") > 0.8


def planted(rng: np.random.Generator, n: int) -> tuple[list[str], list[str]]:
    """Random headlines and the same with one character put in."""
    left = ["".join(chr(c) for c in rng.integers(0x4E00, 0x9FA5, rng.integers(8, 16))) for _ in range(n)]
    right = [t[:p] + chr(rng.integers(0x4E00, 0x9FA5)) + t[p:] for t in left for p in [int(rng.integers(1, 7))]]
    return left, right


def appearances(key: np.ndarray, side: np.ndarray, at_s: np.ndarray) -> Appearances:
    order = np.lexsort((at_s, side, key))
    key, side, at_s = key[order], side[order], at_s[order]
    return Appearances(key, side, at_s, np.searchsorted(key, np.arange(key.max() + 2)).astype(np.int64))


def test_planted_variants_are_found_and_nothing_else():
    rng = np.random.default_rng(3)
    n = 2_000
    left, right = planted(rng, n)
    at = rng.integers(0, 200 * HOUR_S, n)
    seen = appearances(
        np.arange(2 * n), np.repeat([0, 1], n), np.concatenate((at, at + rng.integers(-40, 40, n) * HOUR_S))
    )
    keys = pl.Series(left + right)
    found = near_pairs(keys, seen, window_s=48 * HOUR_S, shifts_s=np.array([0], dtype=np.int64), threshold=0.85, seed=1)
    pairs = set(zip(found.left.tolist(), found.right.tolist(), strict=True))
    truth = {(i, i + n) for i in range(n)}
    assert len(pairs & truth) >= 0.98 * n
    assert len(pairs - truth) == 0


def test_pairs_out_of_the_window_are_not_candidates():
    left, right = planted(np.random.default_rng(4), 200)
    at = np.arange(200) * HOUR_S
    seen = appearances(np.arange(400), np.repeat([0, 1], 200), np.concatenate((at, at + 100 * HOUR_S)))
    shifts = np.array([0], dtype=np.int64)
    found = near_pairs(pl.Series(left + right), seen, window_s=48 * HOUR_S, shifts_s=shifts, threshold=0.85, seed=1)
    assert found.left.size == 0
    shifted = near_pairs(
        pl.Series(left + right), seen, window_s=48 * HOUR_S, shifts_s=shifts + 100 * HOUR_S, threshold=0.85, seed=1
    )
    assert shifted.left.size >= 190


def test_best_match_equals_a_plain_search():
    rng = np.random.default_rng(5)
    n, sides = 150, 3
    seen = appearances(rng.integers(0, 40, n), rng.integers(0, sides, n), rng.integers(0, 500 * HOUR_S, n))
    a, b = rng.integers(0, 40, 40), rng.integers(0, 40, 40)
    pairs = Pairs(np.minimum(a, b), np.maximum(a, b), rng.choice([0.86, 0.9, 1.0], 40))
    window = 48 * HOUR_S
    shifts = np.array([0, 72 * HOUR_S, -72 * HOUR_S], dtype=np.int64)
    best, best_score, shifted = best_matches(seen, pairs, window, shifts)
    for i in range(n):
        for s in range(sides):
            options = []
            for x, y, w in zip(pairs.left, pairs.right, pairs.score, strict=True):
                for j in range(n):
                    linked = {seen.key[i], seen.key[j]} == {x, y} and (x != y or seen.key[i] == x)
                    if linked and seen.side[j] == s != seen.side[i]:
                        options.append((seen.at_s[j] - seen.at_s[i], w))
            near = [(w, -abs(lag)) for lag, w in options if abs(lag) <= window]
            assert (best[i, s] >= 0) == bool(near)
            if near:
                assert (best_score[i, s], -abs(seen.at_s[best[i, s]] - seen.at_s[i])) == max(near)
            for k in (1, 2):
                assert shifted[k - 1, i, s] == any(abs(lag - shifts[k]) <= window for lag, _ in options)
