"""Counts and amounts as platforms and people write them: 1234, '1,234', '1.2万', '10万+', '2.5k', '￥12,000', '-'.

A floor ('10万+', '999+') is taken at its lower end and marked as censored; '1.2万' is the platform's own rounding
and is not. What cannot be read is marked, so that the caller can reject the record and say why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

#: Forms that mean "not shown": xiaohongshu and weibo print the button's own word where a count is zero or hidden.
_ABSENT = [
    "", "-", "--", "---", "—", "——", "/", "null", "none", "nan", "n/a", "na", "nil", "inf", "-inf", "无", "暂无",
    "暂无数据", "未知", "隐藏", "保密", "未公开", "赞", "点赞", "喜欢", "评论", "收藏", "转发", "分享", "抢首评",
    "hidden", "unknown", "tbd",
]  # fmt: skip
_UNITS = {
    "": 1.0, "十": 10.0, "百": 1e2, "千": 1e3, "k": 1e3, "万": 1e4, "w": 1e4, "萬": 1e4, "十万": 1e5, "百万": 1e6,
    "m": 1e6, "mn": 1e6, "mio": 1e6, "千万": 1e7, "亿": 1e8, "億": 1e8, "b": 1e9, "bn": 1e9, "十亿": 1e9,
    "百亿": 1e10, "千亿": 1e11, "万亿": 1e12, "kw": 1e7,
}  # fmt: skip
_FORM = (
    r"^(?P<over>[>≥~≈约超]|超过|大于)?(?:rmb|cny|usd|us\$|eur|gbp|hk\$|jpy|[¥$€£])?"
    r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)"
    r"(?P<unit>十万|百万|千万|十亿|百亿|千亿|万亿|mn|mio|bn|kw|[十百千万萬亿億kwmb])?(?P<half>\+|多|余|以上|起)?"
    r"(?:元|块|rmb|cny|usd|eur|人|个|条|次|粉丝|粉|赞|播放|views?|followers?|subscribers?)?(?P<more>\+|多|以上|起)?(?:/\D*)?$"
)
#: A sentinel of several platforms for "not shown".
_SENTINEL = -1
_EXACT = 2.0**53


@dataclass(frozen=True)
class Numbers:
    """`value` (Float64 or Int64, null where absent), `censored` and `unreadable` (Boolean), row by row."""

    value: pl.Series
    censored: pl.Series
    unreadable: pl.Series


def parse_counts(raw: pl.Series) -> Numbers:
    """Counts (Int64) from a column of any type.

    >>> found = parse_counts(pl.Series(["1.2万", "10万+", "1,234", "-", "many"]))
    >>> found.value.to_list(), found.censored.to_list(), found.unreadable.to_list()
    ([12000, 100000, 1234, None, None], [False, True, False, False, False], [False, False, False, False, True])
    """
    return parse_count_columns([raw])[0]


def parse_count_columns(raws: Sequence[pl.Series]) -> list[Numbers]:
    """Counts of several columns: plain integers, nearly all there are, at once; of texts that are none, those of all
    columns together are looked at closely.
    """
    plain = [_of_integers(raw.cast(pl.Int64, strict=False)) if raw.dtype == pl.String else None for raw in raws]
    odd = [
        (found.value.is_null() & raw.is_not_null()).arg_true() if found else pl.Series(dtype=pl.UInt32)
        for raw, found in zip(raws, plain, strict=True)
    ]
    texts = [raw.gather(at).alias("text") for raw, at in zip(raws, odd, strict=True) if len(at)]
    close = _of_any(pl.concat(texts)) if texts else None
    out, start = [], 0
    for raw, found, at in zip(raws, plain, odd, strict=True):
        if found is None:
            out.append(_of_integers(raw) if raw.dtype.is_integer() else _of_any(raw))
        elif close is None or at.is_empty():
            out.append(found)
        else:
            part, start = slice(start, start + len(at)), start + len(at)
            out.append(
                Numbers(
                    found.value.scatter(at, close.value[part]),
                    found.censored.scatter(at, close.censored[part]),
                    found.unreadable.scatter(at, close.unreadable[part]),
                )
            )
    return out


def _of_integers(raw: pl.Series) -> Numbers:
    value = raw.cast(pl.Int64, strict=False)
    too_large = value.is_null() & raw.is_not_null()
    value = value.set(value == _SENTINEL, None) if _has(value, _SENTINEL) else value
    return Numbers(value, _never(raw), too_large)


def _of_any(raw: pl.Series) -> Numbers:
    """The same for forms of any kind, however odd."""
    found, scaled = _parse(raw)
    whole = found.value.round(0)
    # 12.0 is a count, 12.5 is not; a number with a unit (1.23456万) was rounded by whoever wrote it.
    near = scaled | ((found.value - whole).abs() <= 1e-6)
    hidden = found.value == _SENTINEL
    fits = near & (found.value.abs() < _EXACT)
    value = whole.set((~fits | hidden).fill_null(True), None).cast(pl.Int64)
    if raw.dtype == pl.String:  # integers beyond 2^53 keep all their digits
        plain = raw.cast(pl.Int64, strict=False)
        value = pl.select(pl.coalesce(plain.set((plain == _SENTINEL).fill_null(False), None), value)).to_series()
        fits = fits | plain.is_not_null()
    unreadable = found.unreadable | (found.value.is_not_null() & ~fits & ~hidden).fill_null(False)
    return Numbers(value.alias(raw.name), found.censored, unreadable)


def parse_numbers(raw: pl.Series) -> Numbers:
    """Amounts (Float64) from a column of any type, prices with their currency sign included.

    >>> parse_numbers(pl.Series(["￥12,000", "1.5w", "面议"])).value.to_list()
    [12000.0, 15000.0, None]
    """
    return _parse(raw)[0]


def _parse(raw: pl.Series) -> tuple[Numbers, pl.Series]:
    """The numbers, and for each whether it was written with a unit."""
    never = pl.select(pl.repeat(False, len(raw), dtype=pl.Boolean)).to_series()
    if raw.dtype.is_numeric() or raw.dtype == pl.Null:
        value = raw.cast(pl.Float64)
        finite = value.is_finite()
        return Numbers(value.set((~finite).fill_null(False), None), never, never), never
    if raw.dtype == pl.Boolean or raw.dtype.is_temporal() or raw.dtype.is_nested():
        nothing = pl.Series(raw.name, [None] * len(raw), dtype=pl.Float64)
        return Numbers(nothing, never, raw.is_not_null()), never
    text = raw.cast(pl.String)
    plain = text.cast(pl.Float64, strict=False)
    plain = plain.set((~plain.is_finite()).fill_null(False), None)
    odd = text.filter(plain.is_null() & text.is_not_null())
    if odd.is_empty():
        return Numbers(plain, never, never), never
    # Odd forms repeat (a page of '1.2万'), so each is read once.
    forms = _read_forms(odd.unique())
    joined = pl.DataFrame({"form": text}).join(forms, on="form", how="left", maintain_order="left")
    value = pl.select(pl.coalesce(plain, joined["value"])).to_series().alias(raw.name)
    flags = joined.select(pl.col("censored", "unreadable", "scaled").fill_null(False))
    return Numbers(value, flags["censored"], flags["unreadable"]), flags["scaled"]


def _read_forms(forms: pl.Series) -> pl.DataFrame:
    cleaned = (
        pl.col("form").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[\s,，_'\u{200b}\u{feff}\u{0}]", "")
    )
    parsed = (
        pl.DataFrame({"form": forms})
        .with_columns(cleaned.alias("_text"))
        .with_columns(pl.col("_text").str.extract_groups(_FORM).alias("_parts"))
        .unnest("_parts")
    )
    number = pl.col("number").cast(pl.Float64, strict=False)
    unit = pl.col("unit").fill_null("").replace_strict(_UNITS, default=None, return_dtype=pl.Float64)
    absent = pl.col("_text").is_in(_ABSENT)
    product = pl.when(absent).then(None).otherwise(number * unit)
    value = pl.when(product.is_finite()).then(product)
    floor = (
        pl.col("half").is_not_null()
        | pl.col("more").is_not_null()
        | pl.col("over").is_in([">", "≥", "超", "超过", "大于"])
    )
    return parsed.select(
        "form",
        value.alias("value"),
        (floor & value.is_not_null()).fill_null(False).alias("censored"),
        (value.is_null() & ~absent).alias("unreadable"),
        (pl.col("unit") != "").fill_null(False).alias("scaled"),
    )


def _never(like: pl.Series) -> pl.Series:
    return pl.select(pl.repeat(False, len(like), dtype=pl.Boolean)).to_series()


def _has(values: pl.Series, needle: int) -> bool:
    return bool((values == needle).any())
