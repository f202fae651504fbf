"""Audience buckets as people write them (女, 18-24岁, 三线及以下) in one form, and how far two of them overlap.

Exporters cut ages at different years, so a target of 25–34 meets a profile's 24–30 only in part: an age bucket is an
interval, and a bucket's people are taken as spread evenly over its years.
"""

from __future__ import annotations

import re

#: An open upper end ("50 and older") is closed here: the share of social-media users above it is small.
OLDEST_AGE_YEARS = 70
#: City tiers from the largest cities down; Chinese market research counts "new first tier" apart.
CITY_TIERS = ("tier_1", "new_tier_1", "tier_2", "tier_3", "tier_4", "tier_5")

_GENDERS = {
    "female": "female", "f": "female", "women": "female", "woman": "female", "女": "female", "女性": "female",
    "女士": "female", "female users": "female", "male": "male", "m": "male", "men": "male", "man": "male",
    "男": "male", "男性": "male", "男士": "male",
}  # fmt: skip
_TIER_WORDS = {"新一线": 1, "一线": 0, "二线": 2, "三线": 3, "四线": 4, "五线": 5}
_ENGLISH_TIER = re.compile(r"^(new)?[ _-]*(?:tier|t)[ _-]*([1-5])$")


def gender_bucket(text: str) -> str | None:
    """`female` or `male`; None when the text names neither.

    >>> gender_bucket("女性"), gender_bucket("Men"), gender_bucket("?")
    ('female', 'male', None)
    """
    return _GENDERS.get(text.strip().lower())


def age_range(text: str) -> tuple[int, int] | None:
    """First year (inclusive) and last year (exclusive) of an age bucket; None when the text is no age.

    >>> age_range("18-24岁"), age_range("50+"), age_range("<18"), age_range("95后")
    ((18, 25), (50, 70), (0, 18), None)
    """
    t = text.strip().lower().replace("岁", "").replace("years", "").replace("～", "-").replace("~", "-")
    t = re.sub(r"[–—至到]", "-", t).replace(" ", "")
    if m := re.fullmatch(r"(?:age)?(\d{1,3})-(\d{1,3})", t):
        low, high = int(m[1]), int(m[2]) + 1
        return (low, high) if low < high else None
    if m := re.fullmatch(r"(?:(\d{1,3})(?:\+|及以上|以上|andolder|orolder)|[>≥](=?)(\d{1,3})|over(\d{1,3}))", t):
        low = int(m[1] or m[3] or m[4])
        return low, max(OLDEST_AGE_YEARS, low + 1)
    if m := re.fullmatch(r"(?:<|under|below)(\d{1,3})|(\d{1,3})(?:以下|andyounger|oryounger)", t):
        high = int(m[1] or m[2])
        return (0, high) if high > 0 else None
    return None


def city_tiers(text: str) -> tuple[str, ...] | None:
    """The city tiers that a bucket covers; None when the text is no city tier.

    >>> city_tiers("新一线城市"), city_tiers("三线及以下"), city_tiers("tier 2")
    (('new_tier_1',), ('tier_3', 'tier_4', 'tier_5'), ('tier_2',))
    """
    t = text.strip().lower().replace("城市", "")
    if m := _ENGLISH_TIER.match(t):
        return ("new_tier_1",) if m[1] else ({"1": "tier_1"}.get(m[2], f"tier_{m[2]}"),)
    found = [i for word, i in _TIER_WORDS.items() if re.search(("(?<!新)" if word == "一线" else "") + word, t)]
    if not found:
        return None
    if "以下" in t or "below" in t:
        return CITY_TIERS[min(found) :]
    if "以上" in t or "above" in t:
        return CITY_TIERS[: max(found) + 1]
    return tuple(CITY_TIERS[i] for i in sorted(found))


def normal_bucket(dimension: str, text: str) -> str | None:
    """A bucket in one spelling: `female`, `18-24`, `tier_1+new_tier_1`, or the lower-cased text of an interest.

    >>> normal_bucket("age", "18~24岁"), normal_bucket("interest", " 护肤 "), normal_bucket("gender", "x")
    ('18-24', '护肤', None)
    """
    if dimension == "gender":
        return gender_bucket(text)
    if dimension == "age":
        years = age_range(text)
        return None if years is None else f"{years[0]}-{years[1] - 1}"
    if dimension == "city_tier":
        tiers = city_tiers(text)
        return None if tiers is None else "+".join(tiers)
    return text.strip().lower() or None


def overlap(dimension: str, bucket: str, target: str) -> float:
    """The share of a (normal) bucket's people who are in a (normal) target bucket, evenly spread within the bucket.

    >>> overlap("age", "20-29", "25-34"), overlap("city_tier", "tier_1+new_tier_1", "tier_1")
    (0.5, 0.5)
    """
    if dimension == "age":
        low, high = _years(bucket)
        t_low, t_high = _years(target)
        return max(0, min(high, t_high) - max(low, t_low)) / (high - low)
    if dimension == "city_tier":
        own, wanted = bucket.split("+"), set(target.split("+"))
        return sum(tier in wanted for tier in own) / len(own)
    return float(bucket == target or (dimension == "interest" and (target in bucket or bucket in target)))


def _years(bucket: str) -> tuple[int, int]:
    low, _, last = bucket.partition("-")
    return int(low), int(last) + 1
