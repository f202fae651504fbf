"""Prices that no rate card states, from cited figures. Used only where the brief allows it, and marked everywhere.

Three kinds of figures, best first: a price range per follower band (by format), a price per view, a price per 1,000
views. The price is the geometric midpoint of the range, the range its interval. A platform without figures of its own
borrows the price per 1,000 views that is cited for others, and says so.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache

import polars as pl

from tidegauge.reference import facts
from tidegauge.vocab import Format

#: The currency of the cited figures; there is no exchange rate in them, so a brief in another currency gets none.
CURRENCY = "CNY"
PRICE_COLUMNS = ("price", "price_low", "price_high", "price_source")

_VIDEO = (Format.SHORT_VIDEO.value, Format.MID_VIDEO.value, Format.LONG_VIDEO.value, Format.SHORT_DRAMA.value)
_BAND = re.compile(r"\(([^)]*)\)\s*(\w*)$")


@dataclass(frozen=True)
class Band:
    """A cited price range for accounts of one platform with followers in [low, high); `format` empty for any."""

    platform: str
    format: str
    followers_low: float
    followers_high: float
    price_low: float
    price_high: float
    source: str


def _followers(text: str) -> float:
    number = float(re.sub(r"[^0-9.]", "", text))
    return number * (1000 if "k" in text else 1_000_000 if "M" in text else 1)


@cache
def price_bands() -> tuple[Band, ...]:
    """The cited ranges of a price per post by follower band."""
    found = []
    rows = facts().filter((pl.col("topic") == "price") & (pl.col("metric") == "price per post"))
    for r in rows.drop_nulls(["value_low", "value_high"]).to_dicts():
        m = _BAND.search(r["segment"])
        if m is None:
            continue
        band = m[1].replace(" ", "")
        if band.startswith(">="):
            low, high = _followers(band), math.inf
        elif band.startswith("<"):
            low, high = 0.0, _followers(band)
        else:
            low, high = (_followers(x) for x in band.split("-"))
        source = f"{r['source_title']} ({r['period']}, {r['confidence']})"
        found.append(Band(r["platform"], m[2], low, high, r["value_low"], r["value_high"], source))
    return tuple(found)


@cache
def video_premium() -> float:
    """How much more a video costs than images and text on the platform: the middle of the cited ranges."""
    rows = facts().filter((pl.col("metric") == "price premium") & pl.col("value_low").is_not_null())
    middle = rows.select(((pl.col("value_low") + pl.col("value_high")) / 2).mean()).item()
    return float(middle) if middle is not None else 0.0


@cache
def price_per_view() -> dict[str, tuple[float, float, str]]:
    """Platform → low and high price of one view and the source; the key '' is what others may borrow."""
    found: dict[str, tuple[float, float, str]] = {}
    per_view = facts().filter((pl.col("topic") == "price") & (pl.col("metric") == "price per view"))
    for r in per_view.to_dicts():
        found[r["platform"]] = (r["value_low"], r["value_high"], f"{r['source_title']} ({r['period']})")
    cpm = facts().filter((pl.col("topic") == "price") & (pl.col("metric") == "CPM") & pl.col("value_low").is_not_null())
    for platform, rows in cpm.group_by("platform", maintain_order=True):
        low = float(rows.select(pl.col("value_low").min()).item()) / 1000
        high = float(rows.select(pl.max_horizontal("value_low", "value_high").max()).item()) / 1000
        titles = ", ".join(rows.get_column("source_title").unique(maintain_order=True))
        found[str(platform[0])] = (low, high, titles)
        found.setdefault("", (low, high, f"{titles}; cited for {platform[0]}, borrowed here"))
    return found


def assumed_prices(items: pl.DataFrame) -> pl.DataFrame:
    """Add price, price_low, price_high (CNY a post) and price_source to items that have none.

    `items`: one row per creator and format with platform, format, followers (may be null), views (expected, may be
    null). Rows that no cited figure fits get null. Several sources that fit are pooled: the geometric mean of their
    midpoints, the widest of their ranges.
    """
    numbered = items.drop([c for c in PRICE_COLUMNS if c in items.columns]).with_row_index("_row")
    parts = [_by_band(numbered), _by_view(numbered)]
    best = pl.concat([p for p in parts if p.height], how="vertical") if any(p.height for p in parts) else parts[0]
    best = best.unique("_row", keep="first", maintain_order=True)
    return numbered.join(best, on="_row", how="left", maintain_order="left").drop("_row")


def _by_band(items: pl.DataFrame) -> pl.DataFrame:
    bands = pl.DataFrame([b.__dict__ for b in price_bands()], infer_schema_length=None).rename({"format": "_format"})
    premium = 1 + video_premium()
    is_video = pl.col("format").is_in(_VIDEO)
    fits = (
        items.join(bands, on="platform", how="inner", maintain_order="left", suffix="_band")
        .filter(pl.col("followers").is_between("followers_low", "followers_high", closed="left"))
        .with_columns(pl.when(is_video).then(premium).otherwise(1.0).alias("_times"))
        .with_columns(pl.col("price_low") * pl.col("_times"), pl.col("price_high") * pl.col("_times"))
    )
    return (
        fits.group_by("_row", maintain_order=True)
        .agg(
            ((pl.col("price_low") * pl.col("price_high")).sqrt().log().mean()).exp().alias("price"),
            pl.col("price_low").min(),
            pl.col("price_high").max(),
            pl.col("source").unique(maintain_order=True).str.join("; ").alias("price_source"),
        )
        .select("_row", *PRICE_COLUMNS)
    )


def _by_view(items: pl.DataFrame) -> pl.DataFrame:
    known = price_per_view()
    # Nobody posts for the price of a coffee: the lowest price per post that any source cites is the floor.
    floor = min(b.price_low for b in price_bands())
    table = pl.DataFrame(
        [(p, low, high, source) for p, (low, high, source) in known.items()],
        schema=["_platform", "_low", "_high", "price_source"],
        orient="row",
    )
    own = pl.when(pl.col("platform").is_in([p for p in known if p])).then(pl.col("platform")).otherwise(pl.lit(""))
    return (
        items.with_columns(own.alias("_platform"))
        .join(table, on="_platform", how="inner", maintain_order="left")
        .filter(pl.col("views") > 0)
        .select(
            "_row",
            (pl.col("views") * (pl.col("_low") * pl.col("_high")).sqrt()).clip(lower_bound=floor).alias("price"),
            (pl.col("views") * pl.col("_low")).clip(lower_bound=floor).alias("price_low"),
            (pl.col("views") * pl.col("_high")).clip(lower_bound=floor).alias("price_high"),
            "price_source",
        )
    )
