"""One row per post with its latest counts, and one per account with its segment: what cells are summed from."""

from __future__ import annotations

import datetime as dt

import ibis
import ibis.expr.types as ir

from tidegauge.measure.mixes import duration_bucket
from tidegauge.measure.segments import UNKNOWN, accounts, epoch_s
from tidegauge.workspace.tables import Tables

COUNTS = ("views", "likes", "comments", "shares", "saves")
ACCOUNT_CELLS = ("platform", "category", "role", "region", "tier")
POST_CELLS = ("format", "duration")
_DAY_S = 86_400.0


def account_cells(tables: Tables, by: tuple[str, ...], end: dt.datetime | None = None) -> ir.Table:
    """`creator_id` with segment columns as text; the tier is that of the last follower count before `end`."""
    known = accounts(tables, tuple(dict.fromkeys(("platform", *(c for c in by if c != "tier")))))
    if "tier" in by:
        snapshots = tables["creator_snapshots"]
        snapshots = tables.between(snapshots.filter(snapshots.followers.notnull()), "observed_at", None, end)
        last = snapshots.group_by("creator_id").agg(followers=snapshots.followers.argmax(snapshots.observed_at))
        joined = known.left_join(last, "creator_id")
        tier = tables.tier(joined.platform, joined.followers).fill_null(UNKNOWN)
        known = joined.select(*known.columns, tier=tier)
    return known.select("creator_id", *[c for c in by if c in known.columns])


def post_rows(tables: Tables, start: dt.datetime | None = None, end: dt.datetime | None = None) -> ir.Table:
    """Posts published in [start, end) with their latest counts read before `end`.

    Columns: post_id, creator_id (the post's own id where the creator is not known), platform, format, duration
    (bucket), sponsored, published_at, age_days (of the latest reading), the five counts as float (each the latest read,
    null where it never was), censored (0 or 1). Posts that were never read are left out.
    """
    snapshots = tables.between(tables["post_snapshots"], "observed_at", None, end)
    at = snapshots.observed_at
    latest = snapshots.group_by("post_id").agg(
        read_at=at.max(),
        censored=snapshots.censored.fill_null(False).cast("float64").argmax(at),
        **{c: snapshots[c].argmax(at, where=snapshots[c].notnull()).cast("float64") for c in COUNTS},
    )
    posts = tables["posts"]
    if start is not None or end is not None:
        posts = tables.between(posts.filter(posts.published_at.notnull()), "published_at", start, end)
    own = ("post_id", "creator_id", "platform", "published_at", "format", "duration_s", "sponsored")
    joined = latest.inner_join(posts.select(*own), "post_id").select(*own, "read_at", "censored", *COUNTS)
    age = (epoch_s(joined.read_at) - epoch_s(joined.published_at)).cast("float64") / _DAY_S
    rows = joined.mutate(
        creator_id=joined.creator_id.fill_null(joined.post_id),
        format=joined.format.fill_null(UNKNOWN),
        duration=duration_bucket(joined.duration_s).fill_null(UNKNOWN),
        sponsored=joined.sponsored.fill_null(False).cast("float64"),
        age_days=ibis.ifelse(age > 0, age, 0.0),
    )
    return rows.drop("read_at", "duration_s")


def in_cells(tables: Tables, rows: ir.Table, by: tuple[str, ...], end: dt.datetime | None = None) -> ir.Table:
    """The rows with all columns of `by`: those of the post as they are, those of the account joined on."""
    of_account = tuple(c for c in by if c in ACCOUNT_CELLS and c not in rows.columns)
    if not of_account:
        return rows
    joined = rows.left_join(account_cells(tables, of_account, end), "creator_id").select(*rows.columns, *of_account)
    return joined.mutate(**{c: joined[c].fill_null(UNKNOWN) for c in of_account})
