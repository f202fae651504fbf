"""A plan as it was promised: written beside its report, and read back to be held against what came."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.result import Interval, Plan

FILE = "plan.json"
#: Columns of a pick that a look back needs; the others of the file are kept beside them.
_NEEDED: dict[str, pl.DataType] = {
    "creator_id": pl.String(), "name": pl.String(), "platform": pl.String(), "tier": pl.String(),
    "format": pl.String(), "role": pl.String(), "stage": pl.String(), "price": pl.Float64(), "views": pl.Float64(),
    "views_low": pl.Float64(), "views_high": pl.Float64(), "views_basis": pl.String(), "publish_on": pl.Date(),
}  # fmt: skip


@dataclass(frozen=True)
class Promised:
    """What was promised: the roster (`picks`: the columns of a plan's picks), the value of the goal, the money.

    `start` and `end` are the first and last day of the flight (of the calendar, where the brief names no flight).
    """

    brief: Brief
    picks: pl.DataFrame
    goal: str
    value: Interval
    cost: float
    currency: str
    level: float
    start: dt.date | None
    end: dt.date | None


def save_plan(plan: Plan, folder: Path) -> Path:
    """Write the plan's JSON document into its report's folder, so that `tidegauge verify FOLDER` finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_text(json.dumps(plan.as_dict(), ensure_ascii=False, default=str, allow_nan=False), encoding="utf-8")
    return path


def read_plan(path: str | Path) -> Promised:
    """Read a plan from the folder that `tidegauge plan -o` wrote, or from the JSON that `--json` printed.

    Raises BriefError where there is no plan, or the file is none.
    """
    file = Path(path)
    if file.is_dir():
        file = file / FILE
    mend = "name the folder of `tidegauge plan … -o FOLDER`, or the file of `tidegauge plan … --json > plan.json`"
    try:
        told = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise BriefError("there is no plan", where=str(file), mend=mend) from None
    except (OSError, ValueError) as e:
        raise BriefError(f"this is no plan: {e}", where=str(file), mend=mend) from None
    try:
        return promised(told)
    except (KeyError, TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as e:
        raise BriefError(f"this is no plan ({type(e).__name__}: {e})", where=str(file), mend=mend) from None


def promised(told: dict[str, Any]) -> Promised:
    """The promise of a plan's JSON document (`Plan.as_dict()`)."""
    # What the brief takes from other files (an earlier plan) is already in the picks.
    # A document without a brief (of an earlier version) still tells budget and currency.
    whole = told.get("brief") or {"budget": told["budget"], "currency": told["currency"]}
    asked = {k: v for k, v in whole.items() if k not in ("keep", "booked")}
    try:
        brief = Brief.model_validate(asked)
    except ValidationError as e:
        raise ValueError(f"its brief: {e.errors()[0]['msg']}") from None
    picks = _picks(told["picks"])
    days = picks["publish_on"].drop_nulls()
    flight = brief.flight
    start = flight.start if flight else days.min()
    end = flight.end if flight else days.max()
    value = told["reach"]
    return Promised(
        brief=brief,
        picks=picks,
        goal=str(told.get("goal", brief.goal.kind)),
        value=Interval(float(value["value"]), float(value["low"]), float(value["high"])),
        cost=float(told["cost"]),
        currency=str(told["currency"]),
        level=float(told.get("level", 0.9)),
        start=start if isinstance(start, dt.date) else None,
        end=end if isinstance(end, dt.date) else None,
    )


def _picks(rows: list[dict[str, Any]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame(schema=_NEEDED)
    columns = []
    for name, kind in _NEEDED.items():
        if name not in frame.columns:
            if name in ("creator_id", "format", "price"):
                raise KeyError(f"picks without {name}")
            columns.append(pl.lit(None, kind).alias(name))
        elif kind == pl.Date() and frame.schema[name] != pl.Date():
            columns.append(pl.col(name).cast(pl.String).str.to_date(strict=False))
        else:
            columns.append(pl.col(name).cast(kind, strict=False))
    return frame.with_columns(columns).unique("creator_id", keep="first", maintain_order=True)
