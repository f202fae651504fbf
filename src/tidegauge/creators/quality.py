"""Quality signals: do a creator's views, engagement and commenters fit its followers? Reasons, not a verdict."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from scipy.special import expit, logit

from tidegauge.creators.post_frame import creator_facts, latest_posts
from tidegauge.result import Text
from tidegauge.workspace.tables import Tables

#: Prior odds that an account's followers are inflated: one in ten (assumed; change it where you know your market).
PRIOR_INFLATED = 0.1
#: Weight of evidence per robust standard deviation beyond one (loyal commenters repeat,
#: too), and its cap; assumed, checked on artificial
#: ecosystems with planted inflation (docs/methods/quality.md).
_WEIGHT = {"low_views": 1.2, "low_engagement": 0.5, "follower_jump": 1.5, "repeated_commenters": 0.5}
_CAP = 4.0
_MIN_POSTS = 3
REASONS: dict[str, Text] = {
    "low_views": Text("粉丝多而播放少（与同平台同体量相比）", "Fewer views than such a following brings"),
    "low_engagement": Text("播放多而互动少", "Less engagement than such views bring on that platform"),
    "follower_jump": Text("粉丝突增而播放未增", "Followers jumped while posts did not gain"),
    "repeated_commenters": Text("评论者高度重复", "The same few people write the comments"),
}  # fmt: skip
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "creator_id": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "inflated": pl.Float64,
    "reasons": pl.List(pl.String), "n": pl.Int64,
}  # fmt: skip


def quality(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """A quality score per creator with its reasons.

    Returns creator_id, value (1 − probability that followers are inflated, 0 to 1), low, high (90 %, from the sampling
    error of the signals), inflated (that probability), reasons (keys of `REASONS` that lowered the score), n (posts).

    Signals, each as robust standard deviations from what the creator's platform shows: log reach (views, else likes)
    given log followers; log engagement given log views; the largest jump of log followers in one step against the
    creator's platform; the share of commenters seen with more than one post. Evidence adds up on the log odds from one
    standard deviation on, capped, from a stated prior. No signal: the prior. It is evidence for a talk with the
    creator, not proof.
    """
    facts = creator_facts(tables, as_of=as_of)
    if facts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    frame = facts.select("creator_id", "platform", "followers")
    for signal in (_reach(tables, facts, as_of), _jumps(tables, facts, as_of), _repeats(tables, facts)):
        frame = frame.join(signal, on="creator_id", how="left")
    names = [n for n in REASONS if n in frame.columns]
    total, error2 = np.full(frame.height, logit(PRIOR_INFLATED)), np.full(frame.height, 0.25)
    fired = []
    for name in names:
        z, se = (frame.get_column(c).fill_null(v).to_numpy() for c, v in ((name, 0.0), (f"{name}_se", 0.0)))
        evidence = np.clip(_WEIGHT[name] * (z - 1.0), 0.0, _CAP)
        total += evidence
        error2 += np.where(z > 0.5, (_WEIGHT[name] * se) ** 2, 0.0)
        fired.append(pl.Series(name, evidence > 0.6))
    spread = 1.645 * np.sqrt(error2)
    marks = pl.DataFrame(fired)
    reasons = [[n for n, hit in zip(names, row, strict=True) if hit] for row in marks.iter_rows()]
    return frame.select("creator_id", pl.col("posts_seen").fill_null(0).cast(pl.Int64).alias("n")).with_columns(
        pl.Series("inflated", expit(total)),
        pl.Series("value", 1 - expit(total)),
        pl.Series("low", 1 - expit(total + spread)),
        pl.Series("high", 1 - expit(total - spread)),
        pl.Series("reasons", reasons, dtype=pl.List(pl.String)),
    ).select(list(_SCHEMA)).sort("creator_id")  # fmt: skip


def _robust(column: str) -> pl.Expr:
    """Robust standard deviations below the platform's median."""
    middle = pl.col(column).median().over("platform")
    spread = (pl.col(column) - middle).abs().median().over("platform") * 1.4826
    return (middle - pl.col(column)) / spread.clip(lower_bound=0.1)


def _reach(tables: Tables, facts: pl.DataFrame, as_of: dt.datetime | None) -> pl.DataFrame:
    """How far reach lies below what followers predict, and engagement below what views predict."""
    views = latest_posts(tables, "views", as_of=as_of)
    likes = latest_posts(tables, "likes", as_of=as_of)
    blind = likes.filter(~pl.col("platform").is_in(views.get_column("platform").unique().implode()))
    reach = pl.concat([views, blind]).with_columns((pl.col("count") + 1).log().alias("log"))
    means = reach.group_by("creator_id").agg(
        pl.col("log").median().alias("reach"),
        pl.col("log").std().fill_null(1.0).alias("sd"),
        pl.len().alias("posts_seen"),
    )
    pairs = views.select("post_id", "creator_id", pl.col("count").alias("v")).join(
        likes.select("post_id", pl.col("count").alias("l")), on="post_id"
    )
    rate = pairs.filter(pl.col("v") > 20).with_columns(((pl.col("l") + 0.5) / (pl.col("v") + 1)).log().alias("rate"))
    rates = rate.group_by("creator_id").agg(
        pl.col("rate").median(), pl.col("rate").std().fill_null(0.7).alias("rate_sd"), pl.len().alias("rated")
    )
    frame = (
        facts.select("creator_id", "platform", "followers")
        .join(means, on="creator_id")
        .join(rates, on="creator_id", how="left")
    )
    frame = frame.filter(pl.col("posts_seen") >= _MIN_POSTS).with_columns((pl.col("followers") + 1).log().alias("size"))
    parts = [
        _excess(part)
        for part in frame.filter(pl.col("size").is_not_null()).partition_by("platform", maintain_order=True)
    ]
    fitted = pl.concat(
        [*parts, frame.filter(pl.col("size").is_null()).with_columns(pl.lit(None, pl.Float64).alias("gap"))]
    )
    spread = (pl.col("gap").abs().median().over("platform") * 1.4826).clip(lower_bound=0.3)
    return fitted.select(
        "creator_id",
        "posts_seen",
        (-pl.col("gap") / spread).alias("low_views"),
        (pl.col("sd") / pl.col("posts_seen").sqrt() / spread).alias("low_views_se"),
        _robust("rate").alias("low_engagement"),
        (pl.col("rate_sd") / pl.col("rated").sqrt()).alias("low_engagement_se"),
    )


def _excess(part: pl.DataFrame) -> pl.DataFrame:
    """Adds `gap`: log reach less its Theil–Sen-like line on log followers (median of ratios between halves)."""
    x, y = part.get_column("size").to_numpy(), part.get_column("reach").to_numpy()
    order = np.argsort(x, kind="stable")
    third = max(len(x) // 3, 1)
    low, high = order[:third], order[-third:]
    run = float(np.median(x[high]) - np.median(x[low]))
    slope = float(np.clip((np.median(y[high]) - np.median(y[low])) / run, 0.0, 1.5)) if run > 0.5 else 0.8
    gap = y - slope * x
    return part.with_columns(pl.Series("gap", gap - np.median(gap)))


def _jumps(tables: Tables, facts: pl.DataFrame, as_of: dt.datetime | None) -> pl.DataFrame:
    """The largest one-step rise of log followers that posts do not explain, against the platform's usual steps."""
    snapshots = tables["creator_snapshots"]
    seen = tables.between(snapshots.filter(snapshots.followers > 100), "observed_at", None, as_of)
    frame: pl.DataFrame = tables.frame(seen.select("creator_id", "observed_at", "followers"))
    frame = frame.sort("creator_id", "observed_at").with_columns(
        pl.col("followers").cast(pl.Float64).log().alias("log")
    )
    days = (pl.col("observed_at") - pl.col("observed_at").shift()).dt.total_seconds() / 86_400.0
    steps = frame.with_columns(
        (pl.col("log") - pl.col("log").shift()).over("creator_id").alias("step"), days.over("creator_id").alias("days")
    ).filter(pl.col("step").is_not_null())  # fmt: skip
    # Growth per square root of days: irregular gaps stay comparable, and a creator's steady growth is taken off.
    steps = steps.with_columns((pl.col("step") / pl.col("days").clip(lower_bound=0.2).sqrt()).alias("pace"))
    top = steps.group_by("creator_id").agg(
        (pl.col("pace").max() - pl.col("pace").median()).alias("jump"), pl.len().alias("steps")
    )
    top = top.filter(pl.col("steps") >= 4).join(facts.select("creator_id", "platform"), on="creator_id")
    rise = (pl.col("jump") + 0.01).log()
    spread = ((rise - rise.median().over("platform")).abs().median().over("platform") * 1.4826).clip(lower_bound=0.5)
    return top.select(
        "creator_id",
        ((rise - rise.median().over("platform")) / spread).alias("follower_jump"),
        pl.lit(0.3).alias("follower_jump_se"),
    )


def _repeats(tables: Tables, facts: pl.DataFrame) -> pl.DataFrame:
    """The share of commenters who comment on several posts, against the platform."""
    samples = tables["audience_samples"]
    samples = samples.filter(samples.creator_id.notnull())
    people = samples.group_by("creator_id", "audience_key").agg(times=samples.post_id.nunique())
    counted = people.group_by("creator_id").agg(
        n=lambda t: t.count(), again=lambda t: (t.times > 1).cast("int64").sum()
    )
    frame: pl.DataFrame = tables.frame(counted)
    frame = frame.filter(pl.col("n") >= 20).join(facts.select("creator_id", "platform"), on="creator_id")
    share = (pl.col("again") + 0.5) / (pl.col("n") + 1)
    frame = frame.with_columns(
        ((1 - share) / share).log().alias("odds"), (1 / (share * (1 - share) * pl.col("n"))).sqrt().alias("se")
    )
    return frame.select(
        "creator_id", _robust("odds").alias("repeated_commenters"), pl.col("se").alias("repeated_commenters_se")
    )
