"""Formats and platforms where creators like this one gained, against matched creators who stayed as they were."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegauge.creators.matching import Compared, compare
from tidegauge.creators.movement_of_creators import Movement, movement
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]

#: A creator turned to a format when its share among its posts rose by so much; it stayed when it moved by less.
TURNED, STAYED = 0.2, 0.1
#: Creators that are compared: the most alike of those that made the step, and of those that did not.
_NEAREST, _CONTROLS = 300, 5_000
_LEAST_POSTS = 2
OUTCOMES = ("views_per_post", "follower_growth")
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "kind": pl.String, "name": pl.String, "outcome": pl.String, "value": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "p": pl.Float64, "p_holm": pl.Float64, "n": pl.Int64, "controls": pl.Int64, "days": pl.Float64,
}  # fmt: skip


def gains(tables: Tables, creator_id: str, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """What creators like this one gained.

    Returns kind ("format": creators of its platform who turned to that format, against those who kept theirs;
    "platform": creators on that platform against those on its own), name, outcome ("views_per_post": relative change
    between the last two windows; "follower_growth": log growth in the last window), value (the difference), low, high
    (90 %), p, p_holm (Holm's correction over all rows), n (creators who did), controls (that they were matched with),
    days (of a window). Rows need ten creators on both sides.

    Matched on the first window's views per post, its growth of followers and the number of followers, category close
    by (formats); on followers and category alone for platforms, where earlier growth is already the platform's. Those
    who turn may differ in what nobody sees (a new team, a better camera): read it as a hint what to try, not as its
    effect.
    """
    moved = movement(tables, as_of=as_of)
    me = moved.creators.filter(creator_id=creator_id)
    if me.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    rows = [*_formats(moved, me.row(0, named=True)), *_platforms(moved, me.row(0, named=True))]
    frame = pl.DataFrame(rows, schema={k: v for k, v in _SCHEMA.items() if k != "p_holm"})
    steps = (pl.col("p") * (pl.len() - pl.col("p").rank("ordinal") + 1)).clip(upper_bound=1.0)
    ordered = frame.with_columns(steps.alias("p_holm")).sort("p").with_columns(pl.col("p_holm").cum_max())
    return ordered.select(list(_SCHEMA)).sort("kind", "outcome", "value", descending=[False, True, True])


def _formats(moved: Movement, me: dict[str, object]) -> list[dict[str, object]]:
    there = moved.creators.filter(
        (pl.col("platform") == me["platform"]) & (pl.col("n0") >= _LEAST_POSTS) & (pl.col("n1") >= _LEAST_POSTS)
        & (pl.col("creator_id") != me["creator_id"])
    )  # fmt: skip
    out: list[dict[str, object]] = []
    mine = moved.formats.join(there.select("creator_id"), on="creator_id")
    for name in mine.get_column("format").unique().sort().to_list():
        share = mine.filter(format=name).select("creator_id", (pl.col("share1") - pl.col("share0")).alias("turn"))
        people = there.join(share, on="creator_id", how="left").with_columns(pl.col("turn").fill_null(0.0))
        people = people.filter((pl.col("turn") >= TURNED) | (pl.col("turn").abs() < STAYED))
        people = people.with_columns((pl.col("turn") >= TURNED).alias("treated"))
        changes = {"views_per_post": pl.col("y1") - pl.col("y0"), "follower_growth": pl.col("grown1")}
        for outcome, change in changes.items():
            found = _matched(people.with_columns(change.alias("outcome")), me, ("y0", "size", "grown0"))
            if found is not None:
                out.append(_row("format", name, outcome, found, moved.days))
    return out


def _platforms(moved: Movement, me: dict[str, object]) -> list[dict[str, object]]:
    out: list[dict[str, object]] = []
    everyone = moved.creators.filter(pl.col("creator_id") != me["creator_id"])
    for name in sorted(set(everyone.get_column("platform").to_list()) - {str(me["platform"])}):
        people = everyone.filter(pl.col("platform").is_in([name, str(me["platform"])])).with_columns(
            (pl.col("platform") == name).alias("treated"), pl.col("grown1").alias("outcome")
        )
        found = _matched(people, me, ("size",))
        if found is not None:
            out.append(_row("platform", name, "follower_growth", found, moved.days))
    return out


def _row(kind: str, name: str, outcome: str, found: Compared, days: float) -> dict[str, object]:
    figures = [found.value, found.low, found.high]
    if outcome == "views_per_post":
        figures = np.expm1(np.clip(figures, -20.0, 20.0)).tolist()
    return {"kind": kind, "name": name, "outcome": outcome, "value": figures[0], "low": figures[1], "high": figures[2],
            "p": found.p, "n": found.treated, "controls": found.controls, "days": days}  # fmt: skip


def _matched(people: pl.DataFrame, me: dict[str, object], names: tuple[str, ...]) -> Compared | None:
    """Compare the treated most like `me` with controls; covariates that are hardly known are left out."""
    known = people.filter(pl.col("outcome").is_not_null())
    used = [c for c in names if known.height and known.get_column(c).is_not_null().mean() > 0.5]  # type: ignore[operator]
    known = known.drop_nulls(used)
    if known.is_empty():
        return None
    x = known.select(pl.col(c).cast(pl.Float64) for c in used).to_numpy() if used else np.zeros((known.height, 0))
    spread = np.where(x.std(axis=0) > 1e-9, x.std(axis=0), 1.0) if used else np.ones(0)
    own = [me.get(c) for c in used]
    at = np.array(
        [float(v) if isinstance(v, int | float) else float(m) for v, m in zip(own, x.mean(axis=0), strict=True)]
    )
    same = (known.get_column("category") == me["category"]).fill_null(False).to_numpy()
    away = (np.square((x - at) / spread).sum(axis=1) if used else 0.0) + np.where(same, 0.0, 1.0)
    treated = known.get_column("treated").to_numpy()
    keep = np.zeros(known.height, dtype=bool)
    for side, most in ((treated, _NEAREST), (~treated, _CONTROLS)):
        rows = np.flatnonzero(side)
        keep[rows[np.argsort(away[rows], kind="stable")[:most]]] = True
    # The category enters as a covariate: a match in another category costs one standard deviation.
    categories = known.get_column("category").fill_null("unknown").rank("dense").to_numpy().astype(np.int64) - 1
    common = np.argsort(-np.bincount(categories[keep]), kind="stable")[:20]
    marks = (categories[:, None] == common[None, :]).astype(np.float64)[keep]
    marks = marks[:, marks.std(axis=0) > 0]
    covariates = np.column_stack([x[keep], marks]) if marks.size else x[keep]
    if covariates.shape[1] == 0:
        covariates = np.zeros((int(keep.sum()), 1))
    return compare(known.get_column("outcome").to_numpy()[keep], covariates, treated[keep])
