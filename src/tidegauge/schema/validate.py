"""Rows in, good rows and rejects out: the declared schema is the only judge."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

import dataframely as dy
import polars as pl

from tidegauge.schema.derive import key, polars_schema
from tidegauge.schema.tables import TABLES

#: Columns a reader may add to any frame; they never reach the lake.
LOCATOR, SEEN_AT = "_locator", "_seen_at"
_ROW, _MISFIT = "row_in_batch", "_misfit"

REJECT_SCHEMA: dict[str, pl.DataType] = {"locator": pl.String(), "reason": pl.String(), "raw": pl.String()}
_RAW_LIMIT = 2_000

_WORDS = {
    "nullability": "is missing",
    "min": "is below the smallest allowed value",
    "max": "is above the largest plausible value",
    "min_length": "is empty",
    "check__vocabulary": "is not in the vocabulary",
    "check__plausible_time": "is not a plausible time (1990 to 2100)",
    "nan": "is not a number",
    "inf": "is infinite",
}

#: Parts of keys that may be absent (no post yet, national geo): null becomes the empty text, so that keys compare.
_EMPTY_KEY_PARTS = {
    ("audience_profiles", "creator_id"),
    ("offers", "terms"),
    ("placements", "post_id"),
    ("spend", "geo"),
    ("spend", "brand"),
    ("outcomes", "geo"),
    ("outcomes", "brand"),
    ("market", "period"),
    ("market", "source_title"),
    ("market", "segment"),
}


@dataclass(frozen=True)
class Checked:
    """`good` has the table's columns plus any of `_locator`, `_seen_at`; `rejects` has locator, reason, raw."""

    good: pl.DataFrame
    rejects: pl.DataFrame


def no_rejects() -> pl.DataFrame:
    return pl.DataFrame(schema=REJECT_SCHEMA)


def check(table: str, frame: pl.DataFrame, *, collapse: bool = True) -> Checked:
    """Split rows into good ones and rejects.

    Missing columns are added as null; a value that does not fit its type is a reason to reject its row. Good rows with
    equal keys are collapsed (the last one wins) unless told not to: the same item twice is no error. An optional `_raw`
    text column is what a reject shows; without it the row itself is shown as JSON.
    """
    body, extra = _conform(table, frame)
    whole = body.hstack(extra)
    reasons = _reasons(table, whole)
    kept = [c for c in (LOCATOR, SEEN_AT) if c in whole.columns]
    columns = list(polars_schema(table))
    if reasons is None:
        good = whole.select(*columns, *kept)
        return Checked(_collapse(table, good) if collapse else good, no_rejects())
    bad = reasons.is_not_null()
    failing = whole.filter(bad)
    shown = pl.col("_raw") if "_raw" in whole.columns else pl.struct(columns).struct.json_encode()
    rejects = failing.select(
        (pl.col(LOCATOR).cast(pl.String) if LOCATOR in whole.columns else pl.lit("?")).fill_null("?").alias("locator"),
        reasons.filter(bad).alias("reason"),
        shown.str.slice(0, _RAW_LIMIT).alias("raw"),
    )
    good = whole.filter(~bad).select(*columns, *kept)
    return Checked(_collapse(table, good) if collapse else good, rejects)


def _collapse(table: str, good: pl.DataFrame) -> pl.DataFrame:
    keys = list(key(table))
    return good.unique(keys, keep="last", maintain_order=True) if keys and good.height > 1 else good


def _conform(table: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The table's columns in declared order and type, and beside them the reader's own columns and `_misfit`."""
    parts: list[pl.Expr] = []
    misfits: list[pl.Expr] = []
    for name, dtype in polars_schema(table).items():
        if name not in frame.columns:
            e = pl.lit(None, dtype).alias(name)
        elif frame.schema[name] == dtype:
            e = pl.col(name)
        else:
            e = pl.col(name).cast(dtype, strict=False)
            misfit = e.is_null() & pl.col(name).is_not_null()
            misfits.append(pl.when(misfit).then(pl.lit(f"{table}.{name} does not fit the type {dtype}")))
        parts.append(e.fill_null("") if (table, name) in _EMPTY_KEY_PARTS else e)
    misfit_text = pl.concat_str(misfits, separator="; ", ignore_nulls=True) if misfits else pl.lit(None, pl.String)
    extras = [pl.col(c) for c in (LOCATOR, SEEN_AT, "_raw") if c in frame.columns]
    lone = frame.height if not extras else None  # a frame of literals alone would shrink to one row
    extra = frame.select(*extras, pl.when(misfit_text != "").then(misfit_text).alias(_MISFIT))
    body = frame.with_columns(parts).select(list(polars_schema(table)))
    if lone is not None and extra.height != lone:
        extra = pl.select(pl.repeat(extra.item(0, 0), lone, dtype=pl.String).alias(_MISFIT))
    return body, extra


def _reasons(table: str, whole: pl.DataFrame) -> pl.Series | None:
    """Why each row is bad (null where it is good); None when all rows are good."""
    schema = _row_schema(table)
    misfit = whole.get_column(_MISFIT)
    numbered = whole.select(list(polars_schema(table))).with_row_index(_ROW).select(schema.column_names())
    if misfit.null_count() == whole.height and schema.is_valid(numbered):
        return None
    details = schema.filter(numbered)[1].details()
    rules = [c for c in details.columns if c not in numbered.columns]
    words = [pl.when(pl.col(r).cast(pl.String) == "invalid").then(pl.lit(_words(table, r))) for r in rules]
    reason = (pl.concat_str(words, separator="; ", ignore_nulls=True) if words else pl.lit(None, pl.String)).alias(
        "_rule"
    )
    found = (
        whole.select(_MISFIT)
        .with_row_index(_ROW)
        .join(details.select(_ROW, reason), on=_ROW, how="left", maintain_order="left")
    )
    both = pl.concat_str(_MISFIT, "_rule", separator="; ", ignore_nulls=True)
    return found.select(pl.when(both != "").then(both).alias("reason")).get_column("reason")


@cache
def _row_schema(table: str) -> type[dy.Schema]:
    """The table's rules row by row: numbered, to tell the failing rows apart, and without the key's uniqueness."""
    columns: dict[str, Any] = {_ROW: dy.UInt32()}
    for name, column in TABLES[table].columns().items():
        columns[name] = copy(column)
        columns[name].primary_key = False
    return type(f"Rows_{table}", (dy.Schema,), columns)


def _words(table: str, rule: str) -> str:
    column, _, kind = rule.partition("|")
    if not kind:
        return f"{table}: {rule.replace('_', ' ')}"
    if kind == "check__vocabulary":
        note = (TABLES[table].columns()[column].metadata or {}).get("note", "")
        return f"{table}.{column} is not in the vocabulary ({note})"
    return f"{table}.{column} {_WORDS.get(kind, 'breaks the rule ' + kind)}"
