"""How the platforms show their numbers and name their things: rounded counts, floors such as 10万+, ids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]

WAN, YI = 10_000, 100_000_000
#: Habit per platform of posts' counts and of creators' counts: plain digits; ten-thousands with one decimal (cut, not
#: rounded up); ten-thousands with a floor "10万+"; digits with a floor "100万+". Modelled on the platforms' pages.
POST_HABIT = {
    "xiaohongshu": "wan_floor",
    "douyin": "plain",
    "kuaishou": "wan",
    "bilibili": "plain",
    "weibo": "plain_floor",
    "zhihu": "plain",
}
CREATOR_HABIT = {
    "xiaohongshu": "wan",
    "douyin": "plain",
    "kuaishou": "wan",
    "bilibili": "plain",
    "weibo": "wan",
    "zhihu": "plain",
}


def shown_text(count: pl.Expr, habit: str) -> pl.Expr:
    """A whole count as text in a platform's habit; null stays null."""
    digits = count.cast(pl.String)
    if habit == "plain":
        return digits
    if habit == "plain_floor":
        return pl.when(count >= 100 * WAN).then(pl.lit("100万+")).otherwise(digits)
    tenths, tenths_yi = count // 1000, count // (YI // 10)
    wan = pl.when(tenths % 10 == 0).then(pl.format("{}万", tenths // 10)).otherwise(
        pl.format("{}.{}万", tenths // 10, tenths % 10)
    )  # fmt: skip
    yi = pl.format("{}.{}亿", tenths_yi // 10, tenths_yi % 10)
    high = pl.when(count >= YI).then(yi).otherwise(wan)
    if habit == "wan_floor":
        high = pl.when(count >= 10 * WAN).then(pl.lit("10万+")).otherwise(wan)
    return pl.when(count < WAN).then(digits).otherwise(high)


def shown_value(count: pl.Expr, habit: str) -> pl.Expr:
    """The number that a careful reader makes of `shown_text`: cut as the platform cuts, a floor for "10万+"."""
    if habit == "plain":
        return count
    if habit == "plain_floor":
        return pl.when(count >= 100 * WAN).then(100 * WAN).otherwise(count)
    cut = pl.when(count >= YI).then(count // (YI // 10) * (YI // 10)).otherwise(count // 1000 * 1000)
    if habit == "wan_floor":
        cut = pl.when(count >= 10 * WAN).then(10 * WAN).otherwise(cut)
    return pl.when(count < WAN).then(count).otherwise(cut)


def is_floor(count: pl.Expr, habit: str) -> pl.Expr:
    """Whether the platform shows only a floor for this count."""
    if habit == "wan_floor":
        return (count >= 10 * WAN).fill_null(False)
    if habit == "plain_floor":
        return (count >= 100 * WAN).fill_null(False)
    return pl.lit(False)


def _digits(index: Ints, length: int, lead: int) -> list[str]:
    """Distinct numbers of `length` digits: an odd multiplier not divisible by five permutes the residues."""
    modulus = 10 ** (length - 1)
    return [str(lead * modulus + (i * 7_382_917_203 + 104_729) % modulus) for i in index.tolist()]


def _hex(index: Ints, length: int, salt: int) -> list[str]:
    """Distinct hexadecimal words: SplitMix64 is a permutation of 64-bit numbers."""
    mask = (1 << 64) - 1
    out = []
    for i in index.tolist():
        z = (i * 0x9E3779B97F4A7C15 + salt) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append(f"{z ^ (z >> 31):016x}".rjust(length, "6")[:length])
    return out


def account_ids(platform: str, index: Ints) -> list[str]:
    """Native ids of accounts (creators and commenters alike), in the platform's form."""
    if platform == "xiaohongshu":
        return _hex(index, 24, 11)
    if platform == "kuaishou":
        return ["3x" + h for h in _hex(index, 16, 13)]
    if platform == "zhihu":
        return _hex(index, 32, 17)
    length, lead = {"douyin": (16, 1), "bilibili": (10, 3), "weibo": (10, 5)}[platform]
    return _digits(index, length, lead)


def post_ids(platform: str, index: Ints) -> list[str]:
    """Native ids of posts, in the platform's form."""
    if platform == "xiaohongshu":
        return _hex(index, 24, 23)
    if platform == "kuaishou":
        return ["3x" + h for h in _hex(index, 16, 29)]
    length, lead = {"douyin": (19, 7), "bilibili": (12, 1), "weibo": (16, 5), "zhihu": (10, 2)}[platform]
    return _digits(index, length, lead)
