"""Figures and texts as people read them in zh (万, 亿) and en (k, M, B); None, NaN and infinity read as a dash.

>>> compact(123_456, "zh"), compact(123_456, "en"), interval(123_456, 101_000, 148_000, "zh")
('12.3 万', '123k', '12.3 万 [10.1, 14.8]')
"""

from __future__ import annotations

import datetime as dt
import math
import re

from tidegauge.report.words import CURRENCIES, word
from tidegauge.result import Text
from tidegauge.vocab import Lang

DASH = "–"
#: Steps of each language: from which size on, the divisor and its sign (with the blank before it).
STEPS: dict[Lang, tuple[tuple[float, str], ...]] = {
    "zh": ((1e8, " 亿"), (1e4, " 万")),
    "en": ((1e9, "B"), (1e6, "M"), (1e3, "k")),
}
#: Below this a number is written in full.
_FULL_BELOW = 10_000
_ABSURD = 1e100
# Control characters break XML and terminals; bidirectional overrides and zero-width marks disguise names.
#: The pattern is one that Python and Polars read alike.
UNSAFE = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]"
_UNSAFE = re.compile(f"{UNSAFE}|[\ud800-\udfff]")
_SPACED = re.compile(r"([万亿]) (?=[\u4e00-\u9fff])")
_LOOSE = re.compile(r"(?<=\d) (?=[%万亿元人位])|(?<=\b[A-Z]{3}) (?=\d)")


def clean(text: object) -> str:
    """A text from data without control, override and zero-width characters; line breaks become blanks.

    >>> clean("a\\x1b[31mb\\u202e\\nc")
    'a[31mb c'
    """
    return _UNSAFE.sub("", str(text).replace("\r", " ").replace("\n", " ").replace("\t", " "))


def known(value: object) -> float | None:
    """The number, or None where there is none (null, NaN, infinity, a text, a size that no count or amount has)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    return number if abs(number) < _ABSURD else None


def _digits(value: float) -> str:
    """Three significant digits, thousands separated, no trailing zeros after the point."""
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    shown = f"{value:,.{min(places, 6)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _step(value: float, lang: Lang) -> tuple[float, str]:
    # 9,999.6 would round up to 10,000: compare what will be shown, not the raw number.
    if round(abs(value)) < _FULL_BELOW:
        return 1.0, ""
    for size, sign in STEPS[lang]:
        if float(f"{abs(value):.3g}") >= size:
            return size, sign
    return 1.0, ""


def compact(value: object, lang: Lang) -> str:
    """A count in at most three significant digits with the language's own units.

    >>> [compact(x, "zh") for x in (0, 9_876, 99_960, 123_456_789)], compact(99_960, "en"), compact(None, "en")
    (['0', '9,876', '10 万', '1.23 亿'], '100k', '–')
    """
    number = known(value)
    if number is None:
        return DASH
    size, sign = _step(number, lang)
    if size == 1.0:
        return f"{number:,.0f}" if abs(number) >= 100 or number == int(number) else _digits(number)
    return _digits(float(f"{number:.3g}") / size) + sign


def interval(value: object, low: object, high: object, lang: Lang) -> str:
    """A count with its interval; in zh the bounds share the value's unit, in en each carries its own.

    >>> interval(123_456, 101_000, 148_000, "en"), interval(5, None, None, "en")
    ('123k [101k, 148k]', '5')
    """
    number, floor, ceiling = known(value), known(low), known(high)
    if number is None or floor is None or ceiling is None:
        return compact(value, lang)
    if lang == "en":
        return f"{compact(number, lang)} [{compact(floor, lang)}, {compact(ceiling, lang)}]"
    size, sign = _step(number, lang)
    if size == 1.0:
        # A bound far above a small value needs its own unit.
        return f"{compact(number, lang)} [{compact(floor, lang)}, {compact(ceiling, lang)}]"
    return f"{_digits(float(f'{number:.3g}') / size)}{sign} [{_digits(floor / size)}, {_digits(ceiling / size)}]"


def counted(value: object, unit: Text, lang: Lang) -> str:
    """So many of something, for a sentence.

    >>> counted(78_500, Text("人", "people"), "zh"), counted(120, Text("人", "people"), "zh")
    ('7.85 万人', '120 人')
    """
    shown = compact(value, lang)
    return f"{shown}{'' if lang == 'zh' and shown.endswith(('万', '亿')) else ' '}{unit[lang]}"


def unbroken(text: str) -> str:
    """The text with no line break between a figure and its sign, and no blank between 万 and a Chinese word."""
    return _LOOSE.sub("\u00a0", _SPACED.sub(r"\1", text))


def percent(value: object, digits: int = 1) -> str:
    """
    >>> percent(0.0213), percent(0.00004), percent(float("nan"))
    ('2.1 %', '0.0 %', '–')
    """
    number = known(value)
    return DASH if number is None else f"{100 * number:,.{digits}f} %".replace("-0.0 %", "0.0 %")


def bound_percent(value: object) -> str:
    """A proven gap: rounded up, since rounding down would promise more than is proven.

    >>> bound_percent(0.02101), bound_percent(0.0)
    ('2.2 %', '0.0 %')
    """
    number = known(value)
    return DASH if number is None else f"{math.ceil(max(number, 0.0) * 1000 - 1e-9) / 10:.1f} %"


def money(value: object, currency: str, lang: Lang, *, full: bool = False) -> str:
    """An amount with its currency; compact unless `full`.

    >>> money(298_000, "CNY", "zh"), money(298_000, "CNY", "en"), money(1_234.5, "USD", "en", full=True)
    ('29.8 万元', 'CNY 298k', 'USD 1,234.5')
    """
    number = known(value)
    if number is None:
        return DASH
    shown = _exact(number) if full else compact(number, lang)
    if lang == "zh":
        return f"{shown}{'' if '万' in shown or '亿' in shown else ' '}{CURRENCIES.get(currency, currency)}"
    return f"{currency} {shown}"


def _exact(number: float) -> str:
    """At most two decimals; none from 10,000 on, where they say nothing."""
    shown = f"{number:,.{0 if abs(number) >= _FULL_BELOW else 2}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def plain(value: object) -> str:
    """A number in full: thousands separated, at most two decimals (three significant digits below 1)."""
    number = known(value)
    if number is None:
        return DASH
    return _exact(number) if abs(number) >= 1 or number == 0 else _digits(number)


def day(value: object) -> str:
    if value is None:
        return DASH
    return value.isoformat()[:10] if isinstance(value, dt.date) else clean(value)


def yes_no(value: object, lang: Lang) -> str:
    return DASH if value is None else word("yes" if value else "no", lang)


def is_ratio(unit: str) -> bool:
    """Whether a measure's unit is a share or rate, read in per cent."""
    return unit in ("ratio", "share", "rate", "probability", "fraction", "ratio of views") or unit.endswith(
        ("_share", "_rate")
    )


def in_unit(value: object, low: object, high: object, unit: str, lang: Lang) -> str:
    """A measured value with its interval in the measure's own unit.

    >>> in_unit(0.213, 0.198, 0.231, "ratio", "zh"), in_unit(123_456, 101_000, 148_000, "followers", "en")
    ('21.3 % [19.8, 23.1]', '123k [101k, 148k]')
    >>> in_unit(60_000, None, None, "CNY", "zh"), in_unit(60_000, 50_000, 70_000, "CNY", "en")
    ('6 万元', 'CNY 60k [50k, 70k]')
    """
    number, floor, ceiling = known(value), known(low), known(high)
    if unit in CURRENCIES and number is not None:
        _, bracket, rest = interval(value, low, high, lang).partition(" [")
        return f"{money(number, unit, lang)}{bracket}{rest}"
    if not is_ratio(unit) or number is None:
        return interval(value, low, high, lang)
    bounds = "" if floor is None or ceiling is None else f" [{100 * floor:,.1f}, {100 * ceiling:,.1f}]"
    return percent(number) + bounds.replace("-0.0", "0.0")


def both(zh: str, en: str | None = None) -> Text:
    """The same text in both languages unless the English one differs."""
    return Text(zh, zh if en is None else en)
