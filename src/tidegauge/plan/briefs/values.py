"""How single values of a brief are read: money, shares, days, and the field's words in Chinese or English.

Each reader takes what TOML gave and returns the plain value, or raises an error that carries its mend.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError
from rapidfuzz import fuzz, process

from tidegauge import vocab
from tidegauge.plan.briefs.buckets import normal_bucket
from tidegauge.vocab import Format, Lang, Platform, Role, Stage, Tier

_LANGS: tuple[Lang, Lang] = ("zh", "en")
_UNITS = {
    "": 1,
    "k": 1e3,
    "千": 1e3,
    "w": 1e4,
    "万": 1e4,
    "m": 1e6,
    "million": 1e6,
    "百万": 1e6,
    "千万": 1e7,
    "亿": 1e8,
}
_AMOUNT = re.compile(
    r"^[¥￥$€£]?\s*([0-9][0-9,，]*(?:\.[0-9]+)?)\s*(k|w|m|million|千万|百万|千|万|亿)?\s*(?:元|人民币|rmb|cny)?$"
)
_DAY = re.compile(r"^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?$")

#: Words in use beside the labels of the vocabulary.
_ALIASES: dict[str, str] = {
    "头部": "mega", "肩部": "macro", "腰部": "mid", "初级": "micro", "尾部": "nano", "素人": "nano", "top": "mega",
    "head": "mega", "tail": "nano", "图文": "image_text", "image": "image_text", "视频": "short_video",
    "video": "short_video", "长视频": "long_video", "直播": "live", "种草": "consider", "认知": "discover",
    "拔草": "purchase", "转化": "purchase", "复购": "advocate", "awareness": "discover", "consideration": "consider",
    "conversion": "purchase", "loyalty": "advocate",
}  # fmt: skip


def wrong(message: str, mend: str = "", key: str = "") -> PydanticCustomError:
    """A validation error with its mend; `key` names the offending key inside the model that raised it."""
    return PydanticCustomError("brief", "{message}", {"message": message, "mend": mend, "key": key})


def nearest(word: str, among: list[str]) -> str | None:
    """The closest of some words, or None when none is close.

    >>> nearest("budgett", ["brand", "budget"]), nearest("zzz", ["brand"])
    ('budget', None)
    """
    best = process.extractOne(word.lower(), among, scorer=fuzz.WRatio, score_cutoff=60)
    return None if best is None else str(best[0])


def money(value: Any) -> Any:
    """An amount: a number, or text such as '30万', '300,000', '1.2亿', '300k'.

    >>> money("30万"), money("¥300,000"), money(5)
    (300000.0, 300000.0, 5.0)
    """
    if isinstance(value, bool) or value is None:
        raise wrong(f"'{value}' is no amount of money", "write 300000 or '30万'")
    if isinstance(value, int | float):
        number = float(value)
    else:
        m = _AMOUNT.match(str(value).strip().lower())
        if m is None:
            raise wrong(f"'{value}' is no amount of money", "write 300000 or '30万'")
        number = float(re.sub("[,，]", "", m[1])) * _UNITS[m[2] or ""]
    if not math.isfinite(number) or number < 0:
        raise wrong(f"{value} is no amount of money: it must be finite and not negative", "write 300000 or '30万'")
    return number


def share(value: Any) -> Any:
    """A share between 0 and 1: a number, or text such as '40%'.

    >>> share("40%"), share(0.4)
    (0.4, 0.4)
    """
    mend = "write a share between 0 and 1 such as 0.4, or '40%'"
    try:
        if isinstance(value, bool):
            raise ValueError
        text = str(value).strip().replace("％", "%")
        number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise wrong(f"'{value}' is no share", mend) from None
    if not 0 <= number <= 1:
        more = f"; {number:g} % is written {number / 100:g}" if 1 < number <= 100 else ""
        raise wrong(f"{value} is outside 0 to 1", mend + more)
    return number


def day(value: Any) -> Any:
    """A day: a TOML date, or text such as '2026-09-01', '2026/9/1', '2026年9月1日'.

    >>> day("2026年9月1日")
    datetime.date(2026, 9, 1)
    """
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    m = _DAY.match(str(value).strip())
    try:
        if m is None:
            raise ValueError
        return dt.date(int(m[1]), int(m[2]), int(m[3]))
    except ValueError:
        raise wrong(f"'{value}' is no day", "write it as 2026-09-01") from None


def as_list(value: Any) -> Any:
    """One value stands for a list of one."""
    return value if isinstance(value, list) or value is None else [value]


def _word(kind: type[StrEnum]) -> Callable[[Any], Any]:
    known = {w.value.lower(): w.value for w in kind}
    for w in kind:
        for lang in _LANGS:
            known[vocab.label(w.value, lang).lower()] = w.value
    known |= {alias: value for alias, value in _ALIASES.items() if value in {w.value for w in kind}}
    if kind is Platform:
        known |= {alias: p.value for alias, p in vocab.PLATFORM_ALIASES.items()}
    name = kind.__name__.lower()

    def read(value: Any) -> Any:
        text = str(value).strip().lower()
        if text in known:
            return known[text]
        close = nearest(text, sorted(known))
        hint = f"did you mean '{close}'? " if close else ""
        raise wrong(f"'{value}' is no {name}", f"{hint}{name}s: " + ", ".join(w.value for w in kind))

    return read


def _bucket(dimension: str, examples: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        found = normal_bucket(dimension, str(value))
        if found is None:
            raise wrong(f"'{value}' is no {dimension} bucket", f"write for example {examples}")
        return found

    return read


def _weights(value: Any) -> Any:
    """A list of buckets means weight 1 each; a table gives weights of its own."""
    if value is None or isinstance(value, dict):
        return value or {}
    return dict.fromkeys((str(v) for v in as_list(value)), 1.0)


Money = Annotated[float, BeforeValidator(money)]
Share = Annotated[float, BeforeValidator(share)]
Day = Annotated[dt.date, BeforeValidator(day)]
PlatformWord = Annotated[str, BeforeValidator(_word(Platform))]
TierWord = Annotated[str, BeforeValidator(_word(Tier))]
RoleWord = Annotated[str, BeforeValidator(_word(Role))]
FormatWord = Annotated[str, BeforeValidator(_word(Format))]
StageWord = Annotated[str, BeforeValidator(_word(Stage))]
Platforms = Annotated[list[PlatformWord], BeforeValidator(as_list)]
Tiers = Annotated[list[TierWord], BeforeValidator(as_list)]
Roles = Annotated[list[RoleWord], BeforeValidator(as_list)]
Formats = Annotated[list[FormatWord], BeforeValidator(as_list)]
Stages = Annotated[list[StageWord], BeforeValidator(as_list)]
Names = Annotated[list[Annotated[str, BeforeValidator(lambda v: str(v).strip())]], BeforeValidator(as_list)]
_Gender = Annotated[str, BeforeValidator(_bucket("gender", "'女' or 'female'"))]
_Age = Annotated[str, BeforeValidator(_bucket("age", "'18-24' or '50+'"))]
_City = Annotated[str, BeforeValidator(_bucket("city_tier", "'一线', '新一线' or 'tier 2'"))]
_Interest = Annotated[str, BeforeValidator(_bucket("interest", "'护肤'"))]
GenderWeights = Annotated[dict[_Gender, Share], BeforeValidator(_weights)]
AgeWeights = Annotated[dict[_Age, Share], BeforeValidator(_weights)]
CityWeights = Annotated[dict[_City, Share], BeforeValidator(_weights)]
InterestWeights = Annotated[dict[_Interest, Share], BeforeValidator(_weights)]
