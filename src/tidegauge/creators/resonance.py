"""Resonance: works and topics that win on several platforms, each platform held against the creator's own usual."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

from tidegauge.creators.emotion import emotion_effects
from tidegauge.creators.post_scores import post_scores
from tidegauge.creators.shared import shared_reads
from tidegauge.creators.works import works
from tidegauge.display import Displayed
from tidegauge.result import Provenance
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]

_Z90 = 1.6449
_REPLICATES = 400
#: Fewer works on several platforms say too little of how much a work carries over: then it is assumed.
_FEWEST_WORKS, _ASSUMED_SHARED = 20, 0.3
_TOPIC_CREATORS, _TOPIC_PLATFORMS = 5, 2
_WORK_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "work": pl.String, "title": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "chance": pl.Float64, "above": pl.Int64, "n": pl.Int64, "platforms": pl.List(pl.String), "how": pl.String,
}  # fmt: skip
_TOPIC_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "topic": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "above": pl.Int64,
    "platforms": pl.Int64, "creators": pl.Int64, "n": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True)
class Resonance(Displayed):
    """`works`, `topics`, `emotions`: frames (see `resonance`, `emotion_effects`); `shared`: the part of a post's score
    that is the work's own wherever it appears, {value, low, high, n}."""

    works: pl.DataFrame
    topics: pl.DataFrame
    emotions: pl.DataFrame
    shared: dict[str, float | int | None]
    provenance: Provenance

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        frames = {k: getattr(self, k).to_dicts() for k in ("works", "topics", "emotions")}
        return {**frames, "shared": self.shared, "provenance": self.provenance.as_dict()}


def resonance(
    tables: Tables, *, as_of: dt.datetime | None = None, limit: int | None = None, seed: int = 0
) -> Resonance:
    """Works and topics that do well on several platforms, and whether emotional titles explain it.

    `works`: one row per work that was posted on two accounts or more (`creators.works`): work, title, value (the
    work's own strength in standard deviations of a post, all its platforms together), low, high (90 %), chance (that
    the work is above usual), above (platforms where it is above its creator's usual), n (posts), platforms, how it was
    told. Sorted by `low`.

    `topics`: one row per tag that five creators used on two platforms: value (mean score of the creators' posts,
    platforms weighed alike, shrunk to zero by the spread between topics, which is what keeps the best of many from
    being the luckiest), low, high (90 %), above (platforms where it is positive), platforms, creators, n (posts).

    Model of a work: z = u + e with u ~ N(0, ρ) the work's and e ~ N(0, 1 − ρ) the place's part; ρ (`shared`) is the
    mean product of two scores of one work (interval: bootstrap over works). A copy on another platform is seen by some
    of the same people at nearly the same time: ρ holds whatever both have in common, not the work alone.
    """
    with shared_reads():
        scores = post_scores(tables, as_of=as_of)
        found, shared = _works(tables, scores, seed)
        topics = _topics(tables, scores)
        effects = emotion_effects(tables, as_of=as_of)
    if limit is not None:
        found, topics = found.head(limit), topics.head(limit)
    assumed = () if shared["n"] else ("part that a work shares between platforms: 0.3, too few works to tell",)
    return Resonance(found, topics, effects, shared, tables.provenance(seed=seed, assumed=assumed))


def _works(tables: Tables, scores: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, dict[str, float | int | None]]:
    listed = works(tables).join(scores.select("post_id", "platform", "z"), on="post_id")
    # Several posts of a work on one platform (two accounts there) count as one place.
    places = listed.group_by("work", "platform").agg(pl.col("z").mean(), pl.len().alias("posts"), pl.col("how").min())
    places = places.filter(pl.len().over("work") > 1).sort("work", "platform")
    rho, shared = _shared_part(places, seed)
    if places.is_empty():
        return pl.DataFrame(schema=_WORK_SCHEMA), shared
    k, z = pl.len().cast(pl.Float64), pl.col("z").mean()
    each = places.group_by("work", maintain_order=True).agg(
        (k * rho * z / (1 + (k - 1) * rho)).alias("value"), (rho * (1 - rho) / (1 + (k - 1) * rho)).sqrt().alias("sd"),
        (pl.col("z") > 0).sum().cast(pl.Int64).alias("above"), pl.col("posts").sum().cast(pl.Int64).alias("n"),
        pl.col("platform").alias("platforms"), pl.col("how").min(),
    )  # fmt: skip
    chance = ndtr((each.get_column("value") / each.get_column("sd")).to_numpy())
    titles = _titles(tables, listed.select("work", "post_id").unique("work", keep="first", maintain_order=True))
    each = each.join(titles, on="work", how="left").with_columns(
        (pl.col("value") - _Z90 * pl.col("sd")).alias("low"), (pl.col("value") + _Z90 * pl.col("sd")).alias("high"),
        pl.Series("chance", chance),
    )  # fmt: skip
    return each.select(list(_WORK_SCHEMA)).sort("low", "work", descending=[True, False]), shared


def _titles(tables: Tables, first: pl.DataFrame) -> pl.DataFrame:
    posts = tables["posts"]
    named: pl.DataFrame = tables.frame(posts.filter(posts.title.notnull()).select("post_id", "title"))
    return first.join(named, on="post_id", how="left").select("work", "title")


def _shared_part(places: pl.DataFrame, seed: int) -> tuple[float, dict[str, float | int | None]]:
    """ρ over works with its interval: mean product of the scores of two places of one work."""
    cut = pl.col("z").clip(-4.0, 4.0)
    sums = places.group_by("work", maintain_order=True).agg(
        ((cut.sum().pow(2) - cut.pow(2).sum()) / 2).alias("products"), (pl.len() * (pl.len() - 1) / 2).alias("pairs"),
        cut.pow(2).mean().alias("square"),
    )  # fmt: skip
    n = sums.height
    if n < _FEWEST_WORKS:
        return _ASSUMED_SHARED, {"value": _ASSUMED_SHARED, "low": 0.0, "high": 0.8, "n": 0}
    products, pairs, square = (sums.get_column(c).to_numpy() for c in ("products", "pairs", "square"))
    weight = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_REPLICATES).astype(np.float64)
    # Scores of posts that are on several platforms need not have variance one: a correlation, not a covariance.
    draws = (weight @ products) / (weight @ pairs) / np.maximum((weight @ square) / n, 1e-9)
    value = float(products.sum() / pairs.sum() / max(float(square.mean()), 1e-9))
    low, high = np.quantile(draws, [0.05, 0.95])
    rho = float(np.clip(value, 0.02, 0.95))
    return rho, {"value": rho, "low": float(np.clip(min(low, rho), -1, 1)), "high": float(max(high, rho)), "n": n}


def _topics(tables: Tables, scores: pl.DataFrame) -> pl.DataFrame:
    posts = tables["posts"]
    tagged = posts.filter(posts.tags.notnull() & posts.creator_id.notnull())
    tags = tagged.select("post_id", "creator_id", topic=tagged.tags.unnest())
    tags = tags.mutate(topic=tags.topic.strip().lower()).filter(lambda t: t.topic != "")
    common = tags.group_by("topic").agg(people=tags.creator_id.nunique()).filter(lambda t: t.people >= _TOPIC_CREATORS)
    frame: pl.DataFrame = tables.frame(tags.join(common, "topic").select("post_id", "topic").distinct())
    used = frame.join(scores.select("post_id", "creator_id", "platform", "z"), on="post_id")
    by_creator = used.group_by("topic", "platform", "creator_id").agg(
        pl.col("z").clip(-4, 4).mean(), pl.len().alias("n")
    )
    spread = float(by_creator.select(pl.col("z").var()).item() or 1.0)
    here = by_creator.group_by("topic", "platform").agg(
        pl.col("z").mean(), (spread / pl.len()).alias("error"), pl.len().alias("creators"), pl.col("n").sum()
    )
    topics = here.group_by("topic").agg(
        pl.col("z").mean().alias("mean"), (pl.col("error").sum() / pl.len().pow(2)).alias("error"),
        (pl.col("z") > 0).sum().cast(pl.Int64).alias("above"), pl.len().cast(pl.Int64).alias("platforms"),
        pl.col("creators").sum().cast(pl.Int64), pl.col("n").sum().cast(pl.Int64),
    )  # fmt: skip
    topics = topics.filter((pl.col("platforms") >= _TOPIC_PLATFORMS) & (pl.col("creators") >= _TOPIC_CREATORS))
    if topics.is_empty():
        return pl.DataFrame(schema=_TOPIC_SCHEMA)
    between = max(float(topics.select((pl.col("mean").pow(2) - pl.col("error")).mean()).item()), 0.005)
    trust = between / (between + pl.col("error"))
    half = _Z90 * (trust * pl.col("error")).sqrt()
    topics = topics.with_columns((trust * pl.col("mean")).alias("value"), half.alias("half"))
    topics = topics.with_columns(
        (pl.col("value") - pl.col("half")).alias("low"), (pl.col("value") + pl.col("half")).alias("high")
    )
    return topics.select(list(_TOPIC_SCHEMA)).sort("low", "topic", descending=[True, False])
