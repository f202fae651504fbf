"""Quality signals: do a creator's views, engagement and commenters fit its followers? Reasons, not a verdict."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from scipy.special import expit, logit

from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.inflation import Evidence, Signals, chances, company, weigh
from tidegauge.creators.next_post import mature
from tidegauge.creators.post_frame import creator_facts, latest_posts
from tidegauge.result import Text
from tidegauge.workspace.tables import Tables

_MIN_POSTS, _MIN_STEPS = 3, 4
#: A signal is named as a reason from this log Bayes factor on (odds of 1.6 to 1).
_NAMED = 0.5
REASONS: dict[str, Text] = {
    "low_views": Text("粉丝多而播放少（与同平台同体量相比）", "Fewer views than such a following brings"),
    "low_engagement": Text("播放多而互动少", "Less engagement than such views bring on that platform"),
    "much_engagement": Text("互动多得与播放不相称", "More engagement than such views bring on that platform"),
    "follower_jump": Text("粉丝突增而播放未增", "Followers jumped while posts did not gain"),
    "shared_commenters": Text("评论者多见于其他可疑账号", "Its commenters also comment on other doubtful accounts"),
    "repeated_commenters": Text("评论者高度重复", "The same few people write the comments"),
}  # fmt: skip
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "creator_id": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "inflated": pl.Float64,
    "reasons": pl.List(pl.String), "n": pl.Int64,
}  # fmt: skip


def quality(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """A quality score per creator with its reasons.

    Returns creator_id, value (1 − probability that followers are inflated, 0 to 1), low, high (90 %, from the sampling
    error of the signals and half a unit of log odds for what the model leaves out), inflated (that probability),
    reasons (keys of `REASONS` that lowered the score), n (posts).

    Signals: reach given followers; engagement given views; the largest jump of followers in one step, and whether reach
    rose with it; commenters who repeat; commenters who comment on other doubtful accounts. They add up as Bayes
    factors, jointly over the rate that was bought (`creators.inflation`); the base rate is learned from the
    workspace. No signal: the base rate. It is evidence for a talk with the creator, not proof.
    """
    facts = creator_facts(tables, as_of=as_of)
    if facts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    posts = _mature_posts(tables, as_of)
    frame = facts.select("creator_id", "platform", "followers")
    for signal in (_reach(posts, facts), _rates(tables, facts, as_of), _jumps(tables, facts, posts, as_of)):
        frame = frame.join(signal, on="creator_id", how="left")
    people = _commenters(tables, as_of)
    frame = frame.join(_repeats(people, facts), on="creator_id", how="left").sort("creator_id")
    evidence = weigh(_signals(frame))
    repeats = np.clip(0.3 * (frame.get_column("repeats").fill_null(0.0).to_numpy() - 1.5), 0.0, 1.0)
    known = frame.select(pl.any_horizontal(pl.col("gap", "jump", "rate").is_not_null())).to_series().to_numpy()
    chance, _ = chances(evidence.total + repeats, known)
    linked = _company(people, frame.select("creator_id").with_columns(chance=chance))
    shared = company(linked.get_column("share").to_numpy(), linked.get_column("linked").to_numpy(), chance)
    total = evidence.total + repeats + shared
    chance, base = chances(total, known)
    odds = total + logit(base)
    # What another sample of posts would have said, and what no signal tells.
    away = np.maximum(*(np.abs(weigh(_signals(frame, sign)).total - evidence.total) for sign in (-1.0, 1.0)))
    spread = 1.645 * np.hypot(0.5, away)
    return frame.select("creator_id", pl.col("n").fill_null(0).cast(pl.Int64)).with_columns(
        pl.Series("inflated", chance),
        pl.Series("value", 1 - chance),
        pl.Series("low", 1 - expit(odds + spread)),
        pl.Series("high", 1 - expit(odds - spread)),
        pl.Series("reasons", _reasons(evidence, shared, repeats, chance), dtype=pl.List(pl.String)),
    ).select(list(_SCHEMA))  # fmt: skip


def _signals(frame: pl.DataFrame, shift: float = 0.0) -> Signals:
    """`shift` moves the gap by so many of its standard errors."""
    column = {c: frame.get_column(c).cast(pl.Float64).fill_null(np.nan).to_numpy() for c in _SIGNAL_COLUMNS}
    column["gap"] = column["gap"] + shift * column["gap_se"]
    return Signals(**column)


_SIGNAL_COLUMNS = (
    "gap", "gap_se", "gap_sd", "slope", "jump", "jump_middle", "jump_scale", "gain", "gain_se", "rate", "rate_sd",
)  # fmt: skip


def _reasons(evidence: Evidence, shared: np.ndarray, repeats: np.ndarray, chance: np.ndarray) -> list[list[str]]:
    """Signals that speak for inflation, the strongest first; where it is likely, at least the strongest."""
    parts = {
        "low_views": evidence.low_views, "follower_jump": evidence.follower_jump,
        "low_engagement": evidence.low_engagement, "much_engagement": evidence.much_engagement,
        "shared_commenters": shared, "repeated_commenters": repeats,
    }  # fmt: skip
    names, table = list(parts), np.stack(list(parts.values()), axis=1)
    order = np.argsort(-table, axis=1, kind="stable")
    ranked = np.take_along_axis(table, order, 1)
    hits = np.where(chance >= 0.5, np.maximum((ranked > _NAMED).sum(axis=1), 1), (ranked > _NAMED).sum(axis=1))
    return [[names[k] for k in row[:n]] for row, n in zip(order.tolist(), hits.tolist(), strict=True)]


def _mature_posts(tables: Tables, as_of: dt.datetime | None) -> pl.DataFrame:
    """Log views (likes where a platform shows no views) of every post at 30 days, with its time of publication."""
    views = latest_posts(tables, "views", as_of=as_of)
    likes = latest_posts(tables, "likes", as_of=as_of)
    blind = likes.filter(~pl.col("platform").is_in(views.get_column("platform").unique().implode()))
    columns = ("creator_id", "platform", "format", "published_at", "y")
    return pl.concat(
        [
            mature(views, fitted_growth(tables, "views", as_of)).select(columns),
            mature(blind, fitted_growth(tables, "likes", as_of)).select(columns),
        ]
    )


def _reach(posts: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """How far log reach lies over what followers predict on the platform, formats told apart."""
    usual = pl.col("y").median().over("platform", "format") - pl.col("y").median().over("platform")
    means = posts.with_columns(pl.col("y") - usual).group_by("creator_id").agg(
        pl.col("y").median().alias("reach"), pl.col("y").std().fill_null(1.0).alias("sd"), pl.len().alias("n")
    )  # fmt: skip
    frame = facts.select("creator_id", "platform", "followers").join(means, on="creator_id")
    sized = frame.filter((pl.col("n") >= _MIN_POSTS) & pl.col("followers").is_not_null())
    sized = sized.with_columns((pl.col("followers") + 1).log().alias("size"))
    parts = [_excess(part) for part in sized.partition_by("platform", maintain_order=True)]
    schema = {"creator_id": pl.String, "gap": pl.Float64, "slope": pl.Float64}
    fitted = pl.concat([p.select(list(schema)) for p in parts]) if parts else pl.DataFrame(schema=schema)
    spread = (1.4826 * pl.col("gap").abs().median().over("platform")).clip(lower_bound=0.3)
    return frame.join(fitted, on="creator_id", how="left").select(
        "creator_id", "n", "gap", "slope", spread.alias("gap_sd"),
        (1.25 * pl.col("sd") / pl.col("n").sqrt()).alias("gap_se"),
    )  # fmt: skip


def _rates(tables: Tables, facts: pl.DataFrame, as_of: dt.datetime | None) -> pl.DataFrame:
    """Likes per view in robust standard deviations around the platform's and format's middle, at the creator's size."""
    views = latest_posts(tables, "views", as_of=as_of).select(
        "post_id", "creator_id", "platform", "format", pl.col("count").alias("v")
    )
    likes = latest_posts(tables, "likes", as_of=as_of).select("post_id", pl.col("count").alias("l"))
    pairs = views.join(likes, on="post_id").filter(pl.col("v") > 20)
    rate = ((pl.col("l") + 0.5) / (pl.col("v") + 1)).log()
    pairs = pairs.with_columns(rate.alias("rate")).with_columns(
        pl.col("rate") - pl.col("rate").median().over("platform", "format")
    )
    means = pairs.group_by("creator_id").agg(pl.col("rate").median(), pl.len().alias("rated"))
    frame = means.filter(pl.col("rated") >= _MIN_POSTS).join(
        facts.select("creator_id", "platform", "followers"), on="creator_id"
    )
    # Small accounts engage more everywhere: the platform's slope on log followers is taken off.
    size = (pl.col("followers").fill_null(pl.col("followers").median().over("platform")) + 1).log()
    frame = frame.with_columns(size.fill_null(0.0).alias("size"))
    x = pl.col("size") - pl.col("size").mean().over("platform")
    slope = (x * pl.col("rate")).sum().over("platform") / (x * x).sum().over("platform").clip(lower_bound=1e-9)
    frame = frame.with_columns((pl.col("rate") - slope * x).alias("rate"))
    off = pl.col("rate") - pl.col("rate").median().over("platform")
    sd = (1.4826 * off.abs().median().over("platform")).clip(lower_bound=0.1)
    return frame.select("creator_id", (off / sd).alias("rate"), sd.alias("rate_sd"))


def _excess(part: pl.DataFrame) -> pl.DataFrame:
    """Adds `gap`: log reach less its Theil–Sen-like line on log followers (medians of thirds), and that `slope`."""
    x, y = part.get_column("size").to_numpy(), part.get_column("reach").to_numpy()
    order = np.argsort(x, kind="stable")
    third = max(len(x) // 3, 1)
    low, high = order[:third], order[-third:]
    run = float(np.median(x[high]) - np.median(x[low]))
    slope = float(np.clip((np.median(y[high]) - np.median(y[low])) / run, 0.2, 1.5)) if run > 0.5 else 0.8
    gap = y - slope * x
    return part.with_columns(pl.Series("gap", gap - np.median(gap)), pl.lit(slope).alias("slope"))


def _jumps(tables: Tables, facts: pl.DataFrame, posts: pl.DataFrame, as_of: dt.datetime | None) -> pl.DataFrame:
    """The largest rise of log followers in one step over the creator's usual pace, and how reach changed with it."""
    snapshots = tables["creator_snapshots"]
    seen = tables.between(snapshots.filter(snapshots.followers > 100), "observed_at", None, as_of)
    frame: pl.DataFrame = tables.frame(seen.select("creator_id", "observed_at", "followers"))
    frame = frame.sort("creator_id", "observed_at").with_columns(
        pl.col("followers").cast(pl.Float64).log().alias("log")
    )
    days = (pl.col("observed_at") - pl.col("observed_at").shift()).dt.total_seconds() / 86_400.0
    steps = frame.with_columns(
        (pl.col("log") - pl.col("log").shift()).over("creator_id").alias("step"),
        days.over("creator_id").clip(lower_bound=0.04).alias("days"),
    ).filter(pl.col("step").is_not_null())  # fmt: skip
    pace = (pl.col("step") / pl.col("days")).median().over("creator_id")
    steps = steps.with_columns((pl.col("step") - pace * pl.col("days")).alias("rise"))
    top = steps.group_by("creator_id").agg(
        pl.col("rise").max().alias("jump"),
        pl.col("observed_at").sort_by("rise").last().alias("jumped_at"),
        pl.len().alias("steps"),
    ).filter(pl.col("steps") >= _MIN_STEPS).join(facts.select("creator_id", "platform"), on="creator_id")  # fmt: skip
    middle = pl.col("jump").median().over("platform")
    # P(rise > q80) = 0.2 = 0.5 exp(−(q80 − middle) / scale): the scale from where few were bought.
    scale = (pl.col("jump").quantile(0.8).over("platform") - middle) / np.log(2.5)
    gains = _gain_after(posts, top)
    return top.join(gains, on="creator_id", how="left").select(
        "creator_id", "jump", middle.alias("jump_middle"), scale.clip(lower_bound=0.01).alias("jump_scale"),
        "gain", "gain_se",
    )  # fmt: skip


def _gain_after(posts: pl.DataFrame, top: pl.DataFrame) -> pl.DataFrame:
    """Change of mean log reach from before the jump to after it, where there are two posts on both sides."""
    dated = posts.filter(pl.col("published_at").is_not_null()).join(
        top.select("creator_id", "jumped_at"), on="creator_id"
    )
    after = pl.col("published_at") > pl.col("jumped_at")
    sides = dated.group_by("creator_id").agg(
        pl.col("y").filter(after).mean().alias("late"), pl.col("y").filter(~after).mean().alias("early"),
        after.sum().alias("n_late"), (~after).sum().alias("n_early"), pl.col("y").std().alias("sd"),
    ).filter((pl.col("n_late") >= 2) & (pl.col("n_early") >= 2))  # fmt: skip
    return sides.select(
        "creator_id",
        (pl.col("late") - pl.col("early")).alias("gain"),
        (pl.col("sd") * (1 / pl.col("n_late") + 1 / pl.col("n_early")).sqrt()).alias("gain_se"),
    )


def _commenters(tables: Tables, as_of: dt.datetime | None) -> pl.DataFrame:
    """Commenters per creator: creator_id, audience_key, times (posts that they commented on)."""
    samples = tables.between(tables["audience_samples"], "observed_at", None, as_of)
    samples = samples.filter(samples.creator_id.notnull())
    people = samples.group_by("creator_id", "audience_key").agg(times=samples.post_id.nunique())
    frame: pl.DataFrame = tables.frame(people)
    return frame.sort("creator_id", "audience_key")


def _repeats(people: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The share of commenters who comment on several posts, in robust standard deviations over the platform's."""
    frame = people.group_by("creator_id").agg(pl.len().alias("people"), (pl.col("times") > 1).sum().alias("again"))
    frame = frame.filter(pl.col("people") >= 20).join(facts.select("creator_id", "platform"), on="creator_id")
    share = (pl.col("again") + 0.5) / (pl.col("people") + 1)
    frame = frame.with_columns((share / (1 - share)).log().alias("odds"))
    off = pl.col("odds") - pl.col("odds").median().over("platform")
    spread = (1.4826 * off.abs().median().over("platform")).clip(lower_bound=0.1)
    return frame.select("creator_id", (off / spread).alias("repeats"))


def _company(people: pl.DataFrame, chances_so_far: pl.DataFrame) -> pl.DataFrame:
    """Per creator: the mean chance of the other creators that its commenters comment with, and how many do."""
    rated = people.join(chances_so_far, on="creator_id")
    others = pl.len().over("audience_key") - 1
    elsewhere = (pl.col("chance").sum().over("audience_key") - pl.col("chance")) / others
    rated = rated.with_columns(others.alias("others"), elsewhere.alias("elsewhere")).filter(pl.col("others") > 0)
    found = rated.group_by("creator_id").agg(
        pl.col("elsewhere").mean().alias("share"), pl.len().cast(pl.Float64).alias("linked")
    )
    return chances_so_far.join(found, on="creator_id", how="left", maintain_order="left").with_columns(
        pl.col("share").fill_null(np.nan), pl.col("linked").fill_null(0.0)
    )
