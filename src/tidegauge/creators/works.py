"""Which posts are one work on several platforms: by work_id, else by near-equal titles of one person's accounts."""

from __future__ import annotations

import polars as pl

from tidegauge.creators.shared import shared
from tidegauge.measure.headlines import normalised, similarity
from tidegauge.workspace.tables import Tables

#: Copies come within this time of each other; formulaic titles return later for another work.
WINDOW_DAYS = 7
#: Least similarity of two titles (`measure.headlines.similarity`), and least letters of a title that can be told.
THRESHOLD, _LEAST_CHARS = 0.85, 6
_ROUNDS = 3
_DAY_S = 86_400


@shared
def works(tables: Tables) -> pl.DataFrame:
    """Posts that belong to a work with posts on two accounts or more: post_id, work, how ("work_id" or "title").

    Titles are compared between accounts of one person (`person_id`) on different platforms, at most `WINDOW_DAYS`
    apart, each post with the nearest candidate in time. Cost: linear in posts for a given pace of posting.
    """
    posts, creators = tables["posts"], tables["creators"]
    named: pl.DataFrame = tables.frame(
        posts.filter(posts.work_id.notnull() & posts.creator_id.notnull()).select(
            "post_id", "creator_id", work="work_id"
        )
    )
    shared_works = named.filter(pl.col("creator_id").n_unique().over("work") > 1)
    by_id = shared_works.select("post_id", "work", how=pl.lit("work_id"))
    people = creators.filter(creators.person_id.notnull()).select("creator_id", "person_id")
    open_posts = posts.filter(posts.title.notnull() & posts.published_at.notnull() & posts.creator_id.notnull())
    titled: pl.DataFrame = tables.frame(
        open_posts.join(people, "creator_id").select(
            "post_id", "creator_id", "person_id", "platform", "published_at", "title", "work_id"
        )
    )
    titled = titled.filter(pl.col("platform").n_unique().over("person_id") > 1)
    found = _by_title(titled)
    both = pl.concat([by_id, found.join(by_id, on="post_id", how="anti")])
    # A post known by its id draws the copies that were found by title into its work.
    kept = both.filter(pl.len().over("work") > 1)
    return kept.sort("work", "post_id")


def _by_title(titled: pl.DataFrame) -> pl.DataFrame:
    rows = titled.select(
        "post_id", "person_id", "platform", "work_id", normalised(pl.col("title")).alias("key"),
        pl.col("published_at").dt.epoch("s").alias("at"),
    ).filter(pl.col("key").str.len_chars() >= _LEAST_CHARS)  # fmt: skip
    span = WINDOW_DAYS * _DAY_S
    rows = rows.with_columns((pl.col("at") // span).alias("bucket"))
    neighbours = pl.concat([rows.with_columns(pl.col("bucket") + shift) for shift in (-1, 0, 1)])
    pairs = rows.join(neighbours, on=["person_id", "bucket"], suffix="_b").filter(
        (pl.col("platform") < pl.col("platform_b"))
        & ((pl.col("at") - pl.col("at_b")).abs() <= span)
        # Two posts whose works are known are the same work, or they are not.
        & (pl.col("work_id").is_null() | pl.col("work_id_b").is_null())
    )
    empty = pl.DataFrame(schema={"post_id": pl.String, "work": pl.String, "how": pl.String})
    if pairs.is_empty():
        return empty
    score = similarity(pairs.get_column("key"), pairs.get_column("key_b"), threshold=THRESHOLD)
    pairs = pairs.with_columns(pl.Series("score", score), (pl.col("at") - pl.col("at_b")).abs().alias("apart"))
    pairs = pairs.filter(pl.col("score") >= THRESHOLD).sort(
        "score", "apart", "post_id", descending=[True, False, False]
    )
    if pairs.is_empty():
        return empty
    # Each post keeps its best partner per platform, seen from both sides.
    pairs = pairs.unique(["post_id", "platform_b"], keep="first", maintain_order=True)
    pairs = pairs.unique(["post_id_b", "platform"], keep="first", maintain_order=True)
    names = pl.concat(
        [pairs.select("post_id", "work_id"), pairs.select(post_id="post_id_b", work_id="work_id_b")]
    ).unique()
    names = names.with_columns(pl.coalesce("work_id", pl.lit("title:") + pl.col("post_id")).alias("work"))
    ends = pl.concat([pairs.select(a="post_id", b="post_id_b"), pairs.select(a="post_id_b", b="post_id")])
    label = names.select("post_id", "work")
    for _ in range(_ROUNDS):  # the least label among partners; a person has a handful of platforms
        near = ends.join(label, left_on="b", right_on="post_id").group_by(pl.col("a").alias("post_id")).agg(
            _first_name("work").alias("near")
        )  # fmt: skip
        label = label.join(near, on="post_id", how="left").select(
            "post_id", pl.min_horizontal(_ranked("work"), _ranked("near")).str.slice(1).alias("work")
        )
    return label.with_columns(how=pl.lit("title"))


def _ranked(column: str) -> pl.Expr:
    """Names told by work_id come before those made up from a post's id."""
    return pl.when(pl.col(column).str.starts_with("title:")).then(pl.lit("1")).otherwise(pl.lit("0")) + pl.col(column)


def _first_name(column: str) -> pl.Expr:
    return _ranked(column).min().str.slice(1)
