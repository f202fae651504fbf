"""What a workspace tells about the role of each creator: name, size, posts, offers. Facts, no judgement."""

from __future__ import annotations

import datetime as dt

import ibis
import ibis.expr.types as ir
import polars as pl

from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.shared import shared
from tidegauge.measure.segments import epoch_s
from tidegauge.reference import word_pattern, words
from tidegauge.workspace.tables import Tables

#: Kinds of posts whose share speaks for a role; each is counted as (hits, posts of which it is known).
POST_KINDS = ("sales", "own", "inside", "official", "sponsored", "office_hours")
_TEXT_CHARS = 200
_FEWEST_BRANDED = 3


@shared
def role_facts(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """One row per creator: the columns of `creator_facts`, then

    industry ("auto", "tech", "beauty", "fashion" or "other"), name_level ("official", "sales", "expert", "brand",
    "none"; null without a name), one_brand (whether branded posts are of one brand only; null under three), pace
    ("under_1", "1_to_3", "3_to_7", "over_7" posts a week; null under two dated posts), offered (the role of its offers
    where all agree), n (posts), and per kind in `POST_KINDS` <kind>_hits and <kind>_n.
    """
    facts = creator_facts(tables, as_of=as_of)
    counted = _posts(tables, as_of)
    offers: pl.DataFrame = tables.frame(tables["offers"].select("creator_id", "role").distinct())
    offered = offers.group_by("creator_id").agg(pl.col("role").n_unique().alias("k"), pl.col("role").first())
    offered = offered.filter(pl.col("k") == 1).select("creator_id", pl.col("role").alias("offered"))
    frame = facts.join(counted, on="creator_id", how="left").join(offered, on="creator_id", how="left")
    hits = [f"{k}_{c}" for k in POST_KINDS for c in ("hits", "n")]
    return (
        frame.with_columns(
            industry(pl.col("category")).alias("industry"),
            _name_level(tables).alias("name_level"),
            pl.col("n", *hits).fill_null(0).cast(pl.Int64),
        )
        .drop("span_days")
        .sort("creator_id")
    )


def industry(category: pl.Expr) -> pl.Expr:
    """The industry of a category's name in Chinese or English: one of those that the shipped tables tell apart."""
    lower = category.str.to_lowercase()
    found = pl.lit("other")
    for name in words("industry"):
        found = pl.when(lower.str.contains(word_pattern("industry", name))).then(pl.lit(name)).otherwise(found)
    return pl.when(category.is_null()).then(pl.lit("other")).otherwise(found)


def _name_level(tables: Tables) -> pl.Expr:
    """The first of the kinds that a name tells, in the order in which they exclude each other."""
    posts, placements = tables["posts"], tables["placements"]
    named = ibis.union(
        posts.filter(posts.brand.notnull()).select("brand"),
        placements.filter(placements.brand.notnull()).select("brand"),
    )
    brands: list[str] = tables.frame(named.distinct()).get_column("brand").to_list()
    name = pl.col("name").str.to_lowercase()
    level = pl.lit("none")
    # A brand of one letter would be found in every name.
    known = sorted(b.lower() for b in brands if len(b) > 1)
    if known:
        level = pl.when(name.str.contains_any(known)).then(pl.lit("brand")).otherwise(level)
    for kind in ("expert", "sales", "official"):
        level = pl.when(name.str.contains(word_pattern("name", kind))).then(pl.lit(kind)).otherwise(level)
    return pl.when(pl.col("name").is_not_null()).then(level)


def _posts(tables: Tables, as_of: dt.datetime | None) -> pl.DataFrame:
    """Counts over each creator's posts, in the engine: texts never leave it."""
    posts = tables["posts"]
    posts = posts.filter(posts.creator_id.notnull())
    if as_of is not None:
        posts = posts.filter(posts.published_at.isnull() | (posts.published_at < ibis.literal(as_of)))
    said = posts.title.coalesce("") + " " + posts.text.coalesce("").substr(0, _TEXT_CHARS)
    known = posts.title.notnull() | posts.text.notnull()
    kinds = {k: said.lower().re_search(word_pattern("post", k)) for k in words("post")}
    local = epoch_s(posts.published_at) + _offset_s(tables)
    hour, day = (local % 86_400) // 3_600, (local // 86_400 + 3) % 7
    flags: dict[str, ir.BooleanValue] = {
        **{k: known.ifelse(found, ibis.null()) for k, found in kinds.items()},
        "sponsored": posts.sponsored,
        "office_hours": (day < 5) & (hour >= 9) & (hour < 18),
    }
    marked = posts.mutate(**{f"is_{k}": v.cast("int64") for k, v in flags.items()})
    counts = {f"{k}_hits": marked[f"is_{k}"].sum() for k in POST_KINDS}
    counts |= {f"{k}_n": marked[f"is_{k}"].count() for k in POST_KINDS}
    seconds = epoch_s(marked.published_at)
    summed: pl.DataFrame = tables.frame(
        marked.group_by("creator_id").agg(
            n=marked.count(), dated=seconds.count(), span_days=(seconds.max() - seconds.min()) / 86_400.0,
            branded=marked.brand.count(), brands=marked.brand.nunique(), **counts,
        )
    )  # fmt: skip
    weekly = (pl.col("dated") - 1) / (pl.col("span_days") / 7.0).clip(lower_bound=1.0)
    pace = (
        pl.when(weekly < 1).then(pl.lit("under_1")).when(weekly < 3).then(pl.lit("1_to_3"))
        .when(weekly < 7).then(pl.lit("3_to_7")).otherwise(pl.lit("over_7"))
    )  # fmt: skip
    return summed.with_columns(
        pl.when(pl.col("dated") >= 2).then(pace).alias("pace"),
        pl.when(pl.col("branded") >= _FEWEST_BRANDED).then(pl.col("brands") == 1).alias("one_brand"),
    ).drop("dated", "branded", "brands")


def _offset_s(tables: Tables) -> int:
    """Seconds from UTC to the workspace's clock; of the present, which is near enough for office hours."""
    offset = dt.datetime.now(tables.settings.zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
