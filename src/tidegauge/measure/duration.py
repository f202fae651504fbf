"""What length and form change: saves and shares per view, compared within the same creator at the same age of post."""

from __future__ import annotations

import datetime as dt
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure import charts
from tidegauge.measure.mixes import DURATIONS, LONGEST
from tidegauge.measure.postrows import post_rows
from tidegauge.measure.ppml import Fit, fit
from tidegauge.measure.registry import measure
from tidegauge.measure.rows import record, table
from tidegauge.measure.segments import UNKNOWN
from tidegauge.result import Explanation, Result, Text
from tidegauge.workspace.tables import Tables

Floats = npt.NDArray[np.float64]

_LEVEL = 0.9
_OUTCOMES = {"saves": "save_rate", "shares": "share_rate", "likes": "like_rate", "comments": "comment_rate"}
#: Rates settle with time: saves come late, likes early. Upper bounds of the age of a post in days.
_AGES = (1.0, 3.0, 7.0, 30.0, 90.0)
#: With fewer creators a cluster-robust error is a guess (Cameron & Miller 2015).
_LEAST_CREATORS = 8
_ORDER = (*(name for _, name in DURATIONS), LONGEST)
_SHORT = ("under_15s", "15s_1min")
MID_LONG = "over_1min"

EXPLANATION = Explanation(
    question=Text(
        zh="中长视频是否更多被收藏和转发（同一达人、同等发布时长的作品相比）？",
        en="Is longer video saved and shared more (within one creator, at the same age of the post)?",
    ),
    formula="E[saves] = views · exp(creator + Σ β_kind + Σ γ_age + δ·sponsored), Poisson pseudo-maximum likelihood, "
    "a fixed effect per creator; shown: exp(β) against the reference kind (1.2: 20 % more saves per view)",
    assumptions=Text(
        zh="条件均值设定正确即可，允许过度离散与同一达人内相关；达人选择时长的原因不随作品变化。",
        en="Only the mean has to be right: overdispersion and dependence within creators are allowed; why a "
        "creator chose a length does not differ from post to post.",
    ),
    limits=Text(
        zh="同一达人换了时长也可能换了题材；只计入发过多种时长的达人；完播率不在标准表中，故不报告。",
        en="A creator who changes the length may change the subject too; only creators with several kinds count; "
        "completion is not in the canonical tables and is not told.",
    ),
    reference="Hausman, Hall & Griliches (1984) Econometric models for count data; Wooldridge (1999) Distribution-free "
    "estimation of some nonlinear panel data models; Santos Silva & Tenreyro (2006) The log of gravity",
)


@measure(
    "duration",
    explanation=EXPLANATION,
    by=("platform", "duration", "format"),
    default_by=("duration",),
    options={"reference": "the kind that others are compared with (the most frequent one)"},
)
def duration(
    tables: Tables,
    *,
    by: tuple[str, ...],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    reference: object = "",
) -> Result:
    """Ratios of save, share, like and comment rates by duration or format; see docs/methods/duration.md.

    `within` compares one creator's posts; `plain` compares all views and all saves, whoever made them.
    """
    kinds = [c for c in by if c != "platform"] or ["duration"]
    if len(kinds) > 1:
        raise MeasureError("duration and format cannot be compared at once", mend="--by duration, or --by format")
    kind, split = kinds[0], "platform" in by
    columns = ("platform", kind) if split else (kind,)
    frame = _summed(tables, kind, start, end)
    if frame.is_empty():
        raise MeasureError(
            f"there are no posts with views and a known {kind}",
            mend="ingest posts.duration_s (or posts.format) and the posts' views (post_snapshots)",
        )
    records: list[dict[str, Any]] = []
    skipped: list[str] = []
    for words, rows in _parts(frame, split):
        for outcome, name in _OUTCOMES.items():
            try:
                records += _compared(rows, kind, outcome, name, words, str(reference).strip())
            except MeasureError as e:
                skipped.append(f"{' '.join((*words.values(), outcome))}: {e.message}")
    if not records:
        raise MeasureError(
            f"nothing can be compared within creators ({'; '.join(skipped) or 'no posts with views'})",
            mend="ingest posts of several lengths per creator, with views and saves or shares (posts, post_snapshots)",
        )
    found = table(records, (*columns, "quantity"))
    shown = found.filter(pl.col("quantity").str.ends_with(":within"))
    title = Text(zh="与参照相比的比率（同一达人内）", en="Rate against the reference, within creators")
    notes = tuple(Text(zh=f"未能比较：{s}", en=f"Not compared: {s}") for s in skipped)
    return Result(
        "duration",
        columns,
        found,
        tables.provenance(),
        EXPLANATION,
        level=_LEVEL,
        notes=notes,
        chart=charts.dots(shown, segment=kind, color="quantity", title=title, lang=tables.settings.language),
    )


def _summed(tables: Tables, kind: str, start: dt.datetime | None, end: dt.datetime | None) -> pl.DataFrame:
    """Sums per creator, kind, age and sponsoring: a Poisson likelihood needs no more than these."""
    rows = post_rows(tables, start, end)
    rows = rows.filter((rows.views > 0) & (rows.censored == 0) & (rows[kind] != UNKNOWN))
    age = ibis.cases(
        (rows.age_days.isnull(), 0),
        *[(rows.age_days < bound, i + 1) for i, bound in enumerate(_AGES)],
        else_=len(_AGES) + 1,
    )
    rows = rows.mutate(age=age.cast("int64"))
    sums: dict[str, ir.Value] = {}
    for c in _OUTCOMES:
        known = rows[c].notnull().cast("float64")
        sums |= {c: (rows[c].fill_null(0.0)).sum(), f"{c}_views": (rows.views * known).sum(), f"{c}_posts": known.sum()}
    keys = ["platform", "creator_id", kind, "age", "sponsored"]
    frame: pl.DataFrame = tables.frame(rows.group_by(keys).agg(**sums))
    return frame.sort(keys)


def _parts(frame: pl.DataFrame, split: bool) -> list[tuple[dict[str, str], pl.DataFrame]]:
    if not split:
        return [({}, frame)]
    return [
        ({"platform": str(p)}, rows) for (p,), rows in frame.sort("platform").group_by("platform", maintain_order=True)
    ]


def _compared(
    frame: pl.DataFrame, kind: str, outcome: str, name: str, words: dict[str, str], reference: str
) -> list[dict[str, Any]]:
    rows = frame.filter(pl.col(f"{outcome}_views") > 0)
    posts = (
        rows.group_by(kind)
        .agg(pl.col(f"{outcome}_posts").sum())
        .sort([f"{outcome}_posts", kind], descending=[True, False])
    )
    if posts.height < 2:
        raise MeasureError("only one kind of posts has both views and such counts")
    base = reference or str(posts.item(0, 0))
    names = posts.get_column(kind).to_list()
    if base not in names:
        raise MeasureError(f"no post is of the reference '{base}'", mend="possible: " + ", ".join(sorted(names)))
    others = sorted((k for k in names if k != base), key=lambda k: (_ORDER.index(k) if k in _ORDER else -1, k))
    count = dict(posts.iter_rows())
    found = _within(rows, kind, outcome, others)
    out: list[dict[str, Any]] = []
    for i, other in enumerate(others):
        value, low, high = np.exp(found.interval(np.eye(found.beta.size)[i], _LEVEL))
        segment = {**words, kind: other}
        out.append(_row(segment, value, low, high, count[other], f"{name}:within", base))
        out.append(_plain(rows, kind, outcome, other, base, segment, count[other], name))
    if kind == "duration" and set(names) & set(_SHORT) and set(names) - set(_SHORT):
        joined = rows.with_columns(
            pl.when(pl.col(kind).is_in(_SHORT)).then(pl.lit("short")).otherwise(pl.lit(MID_LONG)).alias(kind)
        )
        found = _within(joined, kind, outcome, [MID_LONG])
        value, low, high = np.exp(found.interval(np.eye(found.beta.size)[0], _LEVEL))
        n = sum(c for k, c in count.items() if k not in _SHORT)
        out.append(_row({**words, kind: MID_LONG}, value, low, high, n, f"{name}:within", "up to 1 min"))
    return out


def _row(
    segment: dict[str, str], value: float, low: float, high: float, n: float, quantity: str, base: str
) -> dict[str, Any]:
    return record(segment, value, (low, high), n, f"times {base}", quantity=quantity)


def _within(rows: pl.DataFrame, kind: str, outcome: str, others: list[str]) -> Fit:
    varied = rows.filter(
        (pl.col(kind).n_unique().over("creator_id") > 1) & (pl.col(outcome).sum().over("creator_id") > 0)
    )
    if varied.get_column("creator_id").n_unique() < _LEAST_CREATORS:
        raise MeasureError(f"fewer than {_LEAST_CREATORS} creators have posts of several kinds and any {outcome}")
    dummies = np.column_stack([(varied.get_column(kind) == k).to_numpy().astype(np.float64) for k in others])
    creator = varied.get_column("creator_id").rank("dense").cast(pl.Int64).to_numpy()
    y, views = (varied.get_column(c).to_numpy().astype(np.float64) for c in (outcome, f"{outcome}_views"))
    return fit(y, views, np.column_stack([dummies, _controls(varied)]), creator)


def _controls(rows: pl.DataFrame) -> Floats:
    """Age dummies (all but the commonest) and sponsoring, where they vary within some creator beyond what others do."""
    ages = rows.get_column("age").value_counts(sort=True).get_column("age").to_list()
    parts = [(rows.get_column("age") == a).to_numpy().astype(np.float64) for a in ages[1:]]
    sponsored = rows.get_column("sponsored").to_numpy()
    if 0 < sponsored.mean() < 1:
        parts.append(sponsored)
    creator = rows.get_column("creator_id").rank("dense").cast(pl.Int64).to_numpy() - 1
    size = np.bincount(creator).astype(np.float64)
    kept: list[Floats] = []
    for column in parts:
        inner = column - (np.bincount(creator, column) / size)[creator]
        if kept:
            basis = np.column_stack([k - (np.bincount(creator, k) / size)[creator] for k in kept])
            inner = inner - basis @ np.linalg.lstsq(basis, inner, rcond=None)[0]
        if (inner**2).sum() > 1e-6:
            kept.append(column)
    return np.column_stack(kept) if kept else np.empty((rows.height, 0))


def _plain(
    rows: pl.DataFrame, kind: str, outcome: str, other: str, base: str, segment: dict[str, str], n: float, name: str
) -> dict[str, Any]:
    """Ratio of pooled rates with a linearised interval over creators: what a glance at the totals says."""

    def sums(k: str, c: str) -> pl.Expr:
        return pl.when(pl.col(kind) == k).then(pl.col(c)).otherwise(0.0).sum()

    views = f"{outcome}_views"
    per = rows.group_by("creator_id").agg(
        y1=sums(other, outcome), v1=sums(other, views), y0=sums(base, outcome), v0=sums(base, views)
    )
    y1, v1, y0, v0 = (per.get_column(c).to_numpy() for c in ("y1", "v1", "y0", "v0"))
    a, b = y1.sum() / v1.sum(), y0.sum() / v0.sum()
    if a <= 0 or b <= 0:
        return record(segment, float("nan"), (0.0, 0.0), 0, "", quantity=f"{name}:plain")
    influence = (y1 - a * v1) / (a * v1.sum()) - (y0 - b * v0) / (b * v0.sum())
    m = per.height
    half = 1.6449 * float(np.sqrt((influence**2).sum() * m / max(m - 1, 1)))
    ratio = a / b
    return _row(segment, ratio, ratio * np.exp(-half), ratio * np.exp(half), n, f"{name}:plain", base)
