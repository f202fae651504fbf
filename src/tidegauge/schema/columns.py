"""How a column is declared: a dataframely column that also carries its labels, unit and note."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dataframely as dy
import polars as pl

#: Counts above this are a reading error: no post or account on earth has a trillion of anything.
MAX_COUNT = 10**12


def _meta(zh: str, en: str, unit: str, note: str) -> dict[str, Any]:
    return {"zh": zh, "en": en, "unit": unit, "note": note}


def string(
    zh: str,
    en: str,
    *,
    key: bool = False,
    required: bool = False,
    among: tuple[str, ...] | None = None,
    note: str = "",
) -> dy.String:
    """A text column; `among` limits it to a vocabulary."""
    check: dict[str, Callable[[pl.Expr], pl.Expr]] | None = None
    if among is not None:
        allowed = list(among)
        check = {"vocabulary": lambda c: c.is_in(allowed)}
        note = (note + " " if note else "") + "one of: " + ", ".join(allowed)
    filled = key or required
    return dy.String(
        primary_key=key,
        nullable=not filled,
        min_length=1 if required else None,
        check=check,
        metadata=_meta(zh, en, "", note),
    )


def strings(zh: str, en: str, *, note: str = "") -> dy.List:
    return dy.List(dy.String(), nullable=True, metadata=_meta(zh, en, "", note))


def count(zh: str, en: str, *, unit: str = "", note: str = "") -> dy.Int64:
    """A count: int64, never negative, null where not known."""
    return dy.Int64(nullable=True, min=0, max=MAX_COUNT, metadata=_meta(zh, en, unit, note))


def number(
    zh: str,
    en: str,
    *,
    unit: str,
    required: bool = False,
    low: float | None = None,
    high: float | None = None,
    note: str = "",
) -> dy.Float64:
    return dy.Float64(nullable=not required, min=low, max=high, metadata=_meta(zh, en, unit, note))


def flag(zh: str, en: str, *, note: str = "") -> dy.Bool:
    return dy.Bool(nullable=True, metadata=_meta(zh, en, "", note))


def instant(zh: str, en: str, *, key: bool = False, required: bool = False, note: str = "") -> dy.Datetime:
    """A point in time, UTC, microseconds."""
    return dy.Datetime(
        primary_key=key,
        nullable=not (key or required),
        time_unit="us",
        time_zone="UTC",
        check={"plausible_time": lambda c: c.dt.year().is_between(1990, 2100)},
        metadata=_meta(zh, en, "UTC", note),
    )


def day(zh: str, en: str, *, key: bool = False, required: bool = False, note: str = "") -> dy.Date:
    return dy.Date(primary_key=key, nullable=not (key or required), metadata=_meta(zh, en, "", note))
