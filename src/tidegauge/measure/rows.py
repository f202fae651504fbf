"""From records to the table that a `Result` carries: typed, finite, the value inside its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl


def record(
    segment: Mapping[str, str],
    value: float,
    interval: tuple[float, float],
    n: float,
    unit: str,
    **more: str,
) -> dict[str, Any]:
    """One row: the segment's words, further words, the figure with its interval, sample size and unit."""
    low, high = interval
    return {**segment, **more, "value": float(value), "low": float(low), "high": float(high), "n": int(n), "unit": unit}


def table(records: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> pl.DataFrame:
    """The rows in the order given, `columns` first; figures that are not finite are left out, not shown as NaN.

    Where resampling has a bias the value may lie just outside its interval; the interval is then widened to it.

    >>> table([record({"platform": "x"}, 2.0, (1.0, 1.5), 9, "ratio")], ("platform",)).row(0)
    ('x', 2.0, 1.0, 2.0, 9, 'ratio')
    """
    kept = []
    for r in records:
        value = r["value"]
        if not math.isfinite(value):
            continue
        low, high = (b if math.isfinite(b) else value for b in (r["low"], r["high"]))
        kept.append({**r, "low": min(low, value), "high": max(high, value)})
    schema: dict[str, Any] = dict.fromkeys(columns, pl.String)
    schema |= {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64, "unit": pl.String}
    return pl.DataFrame([{c: r.get(c) for c in schema} for r in kept], schema=schema)
