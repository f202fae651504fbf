"""How much of a quantity each creator adds, per segment and period: what displacement and others take shares of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure.segments import ACCOUNT_COLUMNS, UNKNOWN, Grid, accounts, earliest, grid, latest, span
from tidegauge.result import Text
from tidegauge.workspace.tables import Tables

COUNTS = ("views", "likes", "comments", "shares", "saves")
QUANTITIES = ("followers", "posts", *COUNTS, "spend")
#: Segment columns that belong to a post or a booking rather than to its creator.
POST_COLUMNS = ("format", "language")
BOOKING_COLUMNS = ("format", "stage", "brand")
#: Periods are chosen so that a span has a handful of them.
_AUTO = ((730, "quarter"), (120, "month"), (14, "week"))


@dataclass(frozen=True)
class Amounts:
    """`frame`: creator_id, the segment columns, period (number in `grid`), amount, floor (the part of the amount that
    rests on counts which the source gave only as a floor), carried (days since the count was read, stocks only)."""

    frame: pl.DataFrame
    grid: Grid
    unit: str
    stock: bool
    complete: tuple[bool, ...]
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What is asked for: segment columns, kind of period, time range, days for which a count is carried forward; `grid`
    where the periods are no calendar's."""

    by: tuple[str, ...]
    period: str
    start: dt.datetime | None
    end: dt.datetime | None
    stale_days: int = 90
    basis: str = "auto"
    grid: Grid | None = None


def amounts(tables: Tables, quantity: str, asked: Asked) -> Amounts:
    """Per-creator amounts of a quantity.

    Followers are a level: the last count before each period's end, carried forward up to `stale_days`. Counts of posts
    are cumulative, so that what a period adds is the growth from the last count before it; see `basis` in the method's
    page. Raises MeasureError where the tables that a quantity needs are empty.
    """
    if quantity == "followers":
        return _followers(tables, asked)
    if quantity == "posts":
        return _posts(tables, asked)
    if quantity in COUNTS:
        return _counts(tables, quantity, asked)
    return _bookings(tables, asked)


def period_grid(tables: Tables, asked: Asked, first: dt.datetime, last: dt.datetime) -> Grid:
    """The asked periods over a span; with `auto`, of a length that fits the span."""
    if asked.grid is not None:
        return asked.grid
    kind = asked.period
    if kind == "auto":
        days = (last - first).total_seconds() / 86_400
        kind = next((k for least, k in _AUTO if days >= least), "day")
    return grid(tables, kind, first, last)


def _range(tables: Tables, rows: ir.Table, column: str, asked: Asked, need: str) -> tuple[dt.datetime, dt.datetime]:
    found = span(tables, rows, column, asked.start, asked.end)
    if found is None:
        raise MeasureError(f"there is nothing to measure: {need}", mend="ingest such data, or widen --from and --to")
    return found


def _complete(g: Grid, first: dt.datetime, last: dt.datetime) -> tuple[bool, ...]:
    """Whether at least 90 % of each period lies inside the observed span."""
    done = []
    for low, high in zip(g.edges, g.edges[1:], strict=False):
        inside = (min(high, last) - max(low, first)).total_seconds()
        done.append(inside >= 0.9 * (high - low).total_seconds())
    return tuple(done)


def last_counts(tables: Tables, g: Grid, column: str, end: dt.datetime | None) -> ir.Table:
    """Per creator and period the last known count: creator_id, period, count, floor, read_at.

    What was read before the first period has period -1. A creator has one row per instant, so the order is total.
    """
    rows = tables["creator_snapshots"]
    rows = tables.between(rows.filter(rows[column].notnull()), "observed_at", None, end)
    rows = rows.select(
        "creator_id",
        "observed_at",
        period=g.index(rows.observed_at),
        count=rows[column],
        floor=rows.censored.fill_null(False).cast("int64"),
    )
    rows = rows.filter(rows.period < g.length)
    return rows.group_by("creator_id", "period").agg(
        count=latest(rows["count"], rows.observed_at),
        floor=latest(rows.floor, rows.observed_at),
        read_at=rows.observed_at.max(),
    )


def levels(tables: Tables, g: Grid, asked: Asked) -> pl.DataFrame:
    """Followers of every creator at the end of every period.

    Columns: creator_id, period, count, floor, tier, platform, the account's segment columns, age_days. Counts are
    carried forward up to `asked.stale_days`; before a creator was first read there is no row.
    """
    by = tuple(dict.fromkeys(("platform", *(c for c in asked.by if c in ACCOUNT_COLUMNS))))
    last = last_counts(tables, g, "followers", asked.end)
    known = accounts(tables, by)
    joined = last.left_join(known, "creator_id")
    platform = joined.platform.fill_null(UNKNOWN)
    found = tables.frame(
        joined.select(
            "creator_id",
            "period",
            "floor",
            "read_at",
            tier=tables.tier(platform, joined["count"]),
            count=joined["count"],
            **{c: joined[c].fill_null(UNKNOWN) for c in by},
        )
    )
    return _carried(found, g, asked.stale_days)


def _carried(found: pl.DataFrame, g: Grid, stale_days: int) -> pl.DataFrame:
    """Each creator's last row so far in every period from -1 on, in no particular order."""
    periods = g.length + 1
    creators = found.select("creator_id").unique().with_row_index("_creator")
    code = found.select("creator_id").join(creators, on="creator_id", how="left", maintain_order="left")
    row = np.full((creators.height, periods), -1, dtype=np.int64)
    place = (code.get_column("_creator").to_numpy(), found.get_column("period").to_numpy() + 1)
    row[place] = np.arange(found.height)
    for p in range(1, periods):
        row[:, p] = np.where(row[:, p] < 0, row[:, p - 1], row[:, p])
    creator, period = np.nonzero(row >= 0)
    filled = found.drop("period")[row[creator, period]].with_columns(period=pl.Series(period - 1, dtype=pl.Int64))
    ends = pl.Series("end_at", g.edges, dtype=pl.Datetime("us", "UTC"))[period]
    age_days = (ends - pl.col("read_at").cast(pl.Datetime("us", "UTC"))).dt.total_seconds() / 86_400.0
    filled = filled.with_columns(age_days=age_days.clip(0.0, None))
    return filled.filter(pl.col("age_days") <= stale_days)


def _followers(tables: Tables, asked: Asked) -> Amounts:
    rows = tables["creator_snapshots"]
    rows = rows.filter(rows.followers.notnull())
    first, last = _range(tables, rows, "observed_at", asked, "no follower counts (creator_snapshots.followers)")
    g = period_grid(tables, asked, first, last)
    # The last period ends with the last reading, not with the calendar: nothing is stale merely by being recent.
    found = levels(tables, g.until(last), asked)
    found = found.filter(pl.col("period") >= 0)
    amount = pl.col("count").cast(pl.Float64)
    frame = found.select(
        "creator_id", *asked.by, "period", amount=amount, floor=amount * pl.col("floor"), carried=pl.col("age_days")
    )
    return Amounts(frame, g, "followers", stock=True, complete=(True,) * g.length)


def _posts(tables: Tables, asked: Asked) -> Amounts:
    posts = tables["posts"]
    posts = posts.filter(posts.published_at.notnull())
    first, last = _range(tables, posts, "published_at", asked, "no posts with a time of publication")
    g = period_grid(tables, asked, first, last)
    rows = tables.between(posts, "published_at", asked.start, asked.end)
    rows = _owned(rows).mutate(period=g.index(rows.published_at), amount=ibis.literal(1.0), floor=ibis.literal(0.0))
    frame = _summed(tables, rows, g, asked)
    return Amounts(frame, g, "posts", stock=False, complete=_complete(g, first, last))


def _owned(posts: ir.Table) -> ir.Table:
    """Posts whose creator is not known count as a creator of their own: clusters of one."""
    return posts.mutate(
        creator_id=posts.creator_id.fill_null(posts.post_id),
        **{c: posts[c].fill_null(UNKNOWN) for c in POST_COLUMNS if c in posts.columns},
    )


def _counts(tables: Tables, quantity: str, asked: Asked) -> Amounts:
    """Growth of a cumulative count, from post snapshots, else (views) from the creators' own totals."""
    posts = _post_counts(tables, quantity)
    of_post = any(c in POST_COLUMNS for c in asked.by)
    if quantity == "views" and not of_post:
        totals = tables["creator_snapshots"]
        totals = totals.filter(totals.views_total.notnull())
        with_totals = tables.frame(totals.aggregate(n=totals.creator_id.nunique())).item()
        if with_totals and with_totals >= _creators_with_posts(tables, posts):
            return _total_views(tables, totals, asked)
    need = f"no {quantity} of posts (post_snapshots.{quantity})"
    first, last = _range(tables, posts, "observed_at", asked, need)
    basis = _basis(tables, posts, asked)
    if basis == "published":
        return _published(tables, posts, quantity, asked)
    g = period_grid(tables, asked, first, last)
    grown = _growth(tables, posts, "post_id", g, asked.end)
    about = _owned(tables["posts"]).select(
        "post_id", "creator_id", "published_at", *[c for c in ("platform", *POST_COLUMNS) if c in asked.by]
    )
    joined = grown.inner_join(about, "post_id")
    born = g.index(joined.published_at)
    # The first count of a post counts in full only where the post appeared in that period; an older post's first
    # count is where its growth starts from.
    start = ibis.ifelse(joined.published_at.notnull() & (born >= joined.period), 0.0, joined.first)
    rows = joined.mutate(amount=_rise(joined.last - joined.before.fill_null(start)))
    rows = rows.mutate(floor=rows.amount * rows.floor)
    frame = _summed(tables, rows, g, asked)
    notes = (
        Text(
            "数量为期内增量：期末前最后一次计数减去期前最后一次；期内发布的作品从零起算。下降按零计。",
            "Amounts are growth within the period: the last count in it less the last one before; posts published in "
            "the period start from zero. Falling counts add nothing.",
        ),
    )
    return Amounts(frame, g, quantity, stock=False, complete=_complete(g, first, last), notes=notes)


def _post_counts(tables: Tables, quantity: str) -> ir.Table:
    rows = tables["post_snapshots"]
    rows = rows.filter(rows[quantity].notnull())
    return rows.select(
        "post_id", "observed_at", count=rows[quantity], floor=rows.censored.fill_null(False).cast("int64")
    )


def _creators_with_posts(tables: Tables, posts: ir.Table) -> int:
    owner = tables["posts"].select("post_id", "creator_id")
    joined = posts.select("post_id").distinct().inner_join(owner, "post_id")
    return int(tables.frame(joined.aggregate(n=joined.creator_id.nunique())).item())


def _basis(tables: Tables, posts: ir.Table, asked: Asked) -> str:
    if asked.basis != "auto":
        return asked.basis
    seen = posts.group_by("post_id").agg(times=posts.count())
    share = tables.frame(seen.aggregate(again=(seen.times > 1).cast("float64").mean())).item()
    return "growth" if share is not None and share >= 0.5 else "published"


def _growth(tables: Tables, rows: ir.Table, unit: str, g: Grid, end: dt.datetime | None) -> ir.Table:
    """Per unit and period: first and last count in it, last count before it (null where none)."""
    rows = tables.between(rows, "observed_at", None, end).mutate(period=lambda t: g.index(t.observed_at))
    seen = rows.group_by(unit, "period").agg(
        last=latest(rows["count"], rows.observed_at).cast("float64"),
        first=earliest(rows["count"], rows.observed_at).cast("float64"),
        floor=latest(rows.floor, rows.observed_at),
    )
    order = ibis.window(group_by=unit, order_by="period")
    return seen.mutate(before=seen["last"].lag(1).over(order))


def _rise(value: ir.FloatingValue) -> ir.FloatingValue:
    return ibis.ifelse(value > 0, value, 0.0)


def _total_views(tables: Tables, totals: ir.Table, asked: Asked) -> Amounts:
    first, last = _range(tables, totals, "observed_at", asked, "no total views (creator_snapshots.views_total)")
    g = period_grid(tables, asked, first, last)
    rows = totals.select(
        "creator_id", "observed_at", count=totals.views_total, floor=totals.censored.fill_null(False).cast("int64")
    )
    grown = _growth(tables, rows, "creator_id", g, asked.end)
    rows = grown.mutate(amount=_rise(grown["last"] - grown.before.fill_null(grown["first"])))
    frame = _summed(tables, rows.mutate(floor=rows.amount * rows.floor), g, asked)
    note = Text(
        "播放为账号总播放的期内增量；首次读数之前的播放未知。",
        "Views are growth of the accounts' total views within the period; views before the first reading are unknown.",
    )
    return Amounts(frame, g, "views", stock=False, complete=_complete(g, first, last), notes=(note,))


def _published(tables: Tables, posts: ir.Table, quantity: str, asked: Asked) -> Amounts:
    about = _owned(tables["posts"])
    about = about.filter(about.published_at.notnull())
    seen = tables.between(posts, "observed_at", None, asked.end)
    newest = seen.group_by("post_id").agg(
        amount=latest(seen["count"], seen.observed_at).cast("float64"), floor=latest(seen.floor, seen.observed_at)
    )
    rows = newest.inner_join(tables.between(about, "published_at", asked.start, asked.end), "post_id")
    first, last = _range(tables, rows, "published_at", asked, f"no posts with both {quantity} and a publication time")
    g = period_grid(tables, asked, first, last)
    rows = rows.mutate(period=g.index(rows.published_at), floor=rows.amount * rows.floor)
    note = Text(
        "多数作品只观测一次：数量为期内发布作品的最新计数，新作品积累时间较短。",
        "Most posts were read once: amounts are the latest counts of the posts published in the period; recent posts "
        "have had less time to gather them.",
    )
    return Amounts(
        _summed(tables, rows, g, asked), g, quantity, stock=False, complete=_complete(g, first, last), notes=(note,)
    )


def has_bookings(tables: Tables) -> bool:
    """Whether any placement has a cost and a time."""
    return bool(tables.frame(_booked(tables).aggregate(n=_booked(tables).count())).item())


def _booked(tables: Tables) -> ir.Table:
    rows = tables["placements"]
    return rows.filter(rows.cost.notnull() & rows.published_at.notnull())


def _bookings(tables: Tables, asked: Asked) -> Amounts:
    booked = _booked(tables)
    first, last = _range(tables, booked, "published_at", asked, "no placements with cost and time")
    g = period_grid(tables, asked, first, last)
    rows = tables.between(booked, "published_at", asked.start, asked.end)
    rows = rows.mutate(
        period=g.index(rows.published_at),
        amount=rows.cost,
        floor=ibis.literal(0.0),
        **{c: rows[c].fill_null(UNKNOWN) for c in (*BOOKING_COLUMNS, "role")},
    )
    frame = _summed(tables, rows, g, asked)
    return Amounts(frame, g, tables.settings.currency, stock=False, complete=_complete(g, first, last))


def _summed(tables: Tables, rows: ir.Table, g: Grid, asked: Asked) -> pl.DataFrame:
    """Add up `amount` and `floor` per creator, segment and period; the tier is the one at the period's end."""
    own = [c for c in asked.by if c in rows.columns and c not in ("creator_id",)]
    known = accounts(tables, tuple(c for c in asked.by if c not in own and c != "tier"))
    rows = rows.filter((rows.period >= 0) & (rows.period < g.length))
    rows = rows.select("creator_id", "period", "amount", "floor", *own).left_join(known, "creator_id")
    segments = [c for c in asked.by if c != "tier"]
    keyed = rows.mutate(**{c: rows[c].fill_null(UNKNOWN) for c in segments})
    groups = list(dict.fromkeys(["creator_id", "period", *segments]))
    summed = keyed.group_by(groups).agg(amount=keyed.amount.sum(), floor=keyed.floor.sum())
    frame: pl.DataFrame = tables.frame(summed).with_columns(pl.col("period").cast(pl.Int64), carried=pl.lit(0.0))
    if "tier" not in asked.by:
        return frame
    level = levels(tables, g, Asked((), asked.period, None, asked.end, stale_days=36_500))
    tiers = level.select("creator_id", "period", "tier")
    joined: pl.DataFrame = frame.join(tiers, on=["creator_id", "period"], how="left").sort("creator_id", "period")
    # Before its followers were first read, a creator is taken to have had the tier it had then.
    return joined.with_columns(pl.col("tier").backward_fill().over("creator_id").fill_null(UNKNOWN))
