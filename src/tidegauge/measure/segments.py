"""What measures share: segment columns of creators, periods in the workspace's time zone, options read from text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import ibis
import ibis.expr.types as ir

from tidegauge.errors import MeasureError
from tidegauge.workspace.tables import Tables

#: Segment columns that an account has by itself (its tier depends on the time and is added by each measure).
ACCOUNT_COLUMNS = ("platform", "category", "role", "mcn", "region", "verified", "creator")
UNKNOWN = "unknown"
PERIODS = ("day", "week", "month", "quarter", "year")
_MOST_PERIODS = 1_000


def accounts(tables: Tables, by: tuple[str, ...]) -> ir.Table:
    """`creator_id` with the asked segment columns as text; what is not known is 'unknown', never dropped."""
    creators = tables["creators"]
    columns: dict[str, Any] = {}
    for c in by:
        if c == "creator":
            columns[c] = creators.creator_id
        elif c == "verified":
            columns[c] = ibis.cases((creators.verified, "yes"), (~creators.verified, "no"), else_=UNKNOWN)
        elif c in ACCOUNT_COLUMNS:
            columns[c] = creators[c].fill_null(UNKNOWN)
    return creators.select("creator_id", **columns)


@dataclass(frozen=True)
class Grid:
    """Successive periods in local time. `edges` are the P + 1 instants (UTC) between them, `labels` their P names.

    A name is the local date on which the period starts, as ISO text.
    """

    kind: str
    edges: tuple[dt.datetime, ...]
    labels: tuple[str, ...]

    @property
    def length(self) -> int:
        return len(self.labels)

    def until(self, last: dt.datetime) -> Grid:
        """The same periods, the last one ending just after the instant `last` where that comes earlier."""
        return Grid(self.kind, (*self.edges[:-1], min(self.edges[-1], last + dt.timedelta(seconds=1))), self.labels)

    def index(self, at: ir.TimestampValue) -> ir.IntegerValue:
        """The number of the period in which `at` lies: -1 before the first edge, P from the last edge on.

        A balanced tree of comparisons: the same on every engine, right over changes of summer time, and several times
        faster than truncating timestamps with a zone.
        """
        return _tree(at, self.edges, 0, len(self.edges))


def _tree(at: ir.TimestampValue, edges: tuple[dt.datetime, ...], low: int, high: int) -> Any:
    if low == high:
        return ibis.literal(low - 1, type="int64")
    middle = (low + high) // 2
    later, earlier = _tree(at, edges, middle + 1, high), _tree(at, edges, low, middle)
    return ibis.ifelse(at >= ibis.literal(edges[middle]), later, earlier)


def grid(tables: Tables, kind: str, first: dt.datetime, last: dt.datetime) -> Grid:
    """The periods of a kind (day, week, month, quarter, year) that hold the instants `first` to `last`."""
    if kind not in PERIODS:
        raise MeasureError(f"'{kind}' is no period", mend="periods: " + ", ".join(PERIODS))
    zone = tables.settings.zone
    day = _floor(first.astimezone(zone).date(), kind)
    end = last.astimezone(zone).date()
    days = [day]
    while days[-1] <= end:
        if len(days) > _MOST_PERIODS:
            raise MeasureError(
                f"{first:%Y-%m-%d} to {last:%Y-%m-%d} has over {_MOST_PERIODS} periods of a {kind}",
                mend="choose a longer period, or --from and --to",
            )
        days.append(_next(days[-1], kind))
    edges = tuple(dt.datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(dt.UTC) for d in days)
    return Grid(kind, edges, tuple(d.isoformat() for d in days[:-1]))


def _floor(day: dt.date, kind: str) -> dt.date:
    if kind == "day":
        return day
    if kind == "week":
        return day - dt.timedelta(days=day.weekday())
    month = {"month": day.month, "quarter": 3 * ((day.month - 1) // 3) + 1, "year": 1}[kind]
    return dt.date(day.year, month, 1)


def _next(day: dt.date, kind: str) -> dt.date:
    if kind in ("day", "week"):
        return day + dt.timedelta(days=1 if kind == "day" else 7)
    month = day.month - 1 + {"month": 1, "quarter": 3, "year": 12}[kind]
    return dt.date(day.year + month // 12, month % 12 + 1, 1)


def latest(value: ir.IntegerValue, at: ir.TimestampValue) -> ir.IntegerScalar:
    """The whole number that belongs to the last instant of a group; no two rows of a group may share an instant.

    Ibis writes its own `argmax` for DuckDB as an ordered FIRST, which sorts on text keys and takes twice as long.
    """
    return _picked("arg_max", at.type())(value, at)


def earliest(value: ir.IntegerValue, at: ir.TimestampValue) -> ir.IntegerScalar:
    """The whole number that belongs to the first instant of a group; see `latest`."""
    return _picked("arg_min", at.type())(value, at)


def epoch_ms(tables: Tables, at: ir.TimestampValue) -> ir.IntegerValue:
    """Milliseconds since 1970, whole, rounded down.

    By each engine's own function: Ibis goes by way of a timestamp without zone, which costs DuckDB its
    calendar.
    """
    return _epoch({"duckdb": "epoch_ms", "spark": "unix_millis"}[tables.engine], at.type())(at)


@cache
def _picked(name: str, instant: Any) -> Callable[..., Any]:
    def pick(value: Any, at: Any) -> Any: ...

    return ibis.udf.agg.builtin(pick, name=name, signature=(("int64", instant), "int64"))  # type: ignore[no-any-return]


@cache
def _epoch(name: str, instant: Any) -> Callable[..., Any]:
    def convert(at: Any) -> Any: ...

    return ibis.udf.scalar.builtin(convert, name=name, signature=((instant,), "int64"))  # type: ignore[no-any-return]


def epoch_s(at: ir.TimestampValue) -> ir.IntegerValue:
    """Whole seconds since 1970, the fraction cut off: engines would round it differently."""
    return at.truncate("s").epoch_seconds().cast("int64")


def span(
    tables: Tables, table: ir.Table, column: str, start: dt.datetime | None = None, end: dt.datetime | None = None
) -> tuple[dt.datetime, dt.datetime] | None:
    """The first and last instant (UTC) of a column within start <= t < end; None where there is none."""
    rows = tables.between(table, column, start, end)
    found = tables.frame(rows.aggregate(low=rows[column].min(), high=rows[column].max()))
    low, high = found.row(0)
    if low is None:
        return None
    return _utc(low), _utc(high)


def _utc(at: dt.datetime) -> dt.datetime:
    return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at.astimezone(dt.UTC)


def choice(name: str, value: object, among: tuple[str, ...]) -> str:
    """An option that is one of a few words."""
    text = str(value).strip().lower()
    if text not in among:
        raise MeasureError(f"option {name}: '{value}' is not possible", mend="possible: " + ", ".join(among))
    return text


def whole(name: str, value: object, low: int, high: int) -> int:
    """An option that is a whole number in [low, high]."""
    try:
        number = int(str(value).strip())
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise MeasureError(f"option {name}: '{value}' is no whole number from {low} to {high}")
    return number


def real(name: str, value: object, low: float, high: float) -> float:
    """An option that is a number in [low, high]."""
    try:
        number = float(str(value).strip())
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise MeasureError(f"option {name}: '{value}' is no number from {low:g} to {high:g}")
    return number
