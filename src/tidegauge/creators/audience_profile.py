"""Who watches a creator: its declared profile, else that of its category on its platform, always said which."""

from __future__ import annotations

import polars as pl
from scipy.stats import beta

from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.shared import shared
from tidegauge.reference import facts as cited_facts
from tidegauge.workspace.tables import Tables

#: How far creators of one category, and categories of one platform, lie apart (variance over share × (1 − share)):
#: assumed where the workspace declares too few profiles, else worth that many profiles beside them.
_WITHIN, _BETWEEN, _WORTH = 0.02, 0.02, 5.0
#: A cited figure of a platform's users may be old and defined otherwise (relative variance, assumed).
_CITED = 0.01
#: Cited segments: the dimension, the bucket, and what the rest is called.
_SEGMENTS = {
    "women": ("gender", "female", "male"),
    "under 30": ("age", "<30", "30+"),
    "first-tier and new first-tier cities": ("city_tier", "tier_1, new_tier_1", "tier_2 and below"),
}
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "creator_id": pl.String, "platform": pl.String, "dimension": pl.String, "bucket": pl.String, "value": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "n": pl.Int64, "basis": pl.String, "assumed": pl.String,
}  # fmt: skip


def audience_profile(tables: Tables, creator_ids: list[str] | None = None) -> pl.DataFrame:
    """The make-up of creators' audiences (default: all creators).

    Returns creator_id, platform, dimension, bucket (as declared in the workspace, or "female", "<30", … where cited),
    value (share; the buckets of a dimension add up to one), low, high (90 %: where a single creator's share lies; none
    for a declared share), n (profiles that it rests on), basis ("declared", "category": declared profiles of that
    category on that platform, shrunk to the platform's; "platform"; "cited"), assumed (null when declared, else what
    the figure rests on, with its source). Creators of whose platform nothing is known have no rows.

    Model: shares of creators in a cell are beta with the cell's mean, cells with the platform's; both spreads are
    relative to share × (1 − share) and pooled over a dimension's buckets, by moments.
    """
    declared, cells = _declared_and_cells(tables)
    people = creator_facts(tables).select("creator_id", "platform", "category")
    if creator_ids is not None:
        people = people.filter(pl.col("creator_id").is_in(creator_ids))
    own = declared.join(people.select("creator_id"), on="creator_id").select(
        "creator_id", "platform", "dimension", "bucket", "value", pl.col("value").alias("low"),
        pl.col("value").alias("high"), pl.lit(1, pl.Int64).alias("n"), pl.lit("declared").alias("basis"),
        pl.lit(None, pl.String).alias("assumed"),
    )  # fmt: skip
    dimensions = cells.select("platform", "dimension").unique()
    open_parts = people.join(dimensions, on="platform").join(own, on=["creator_id", "dimension"], how="anti")
    near = open_parts.join(cells.filter(pl.col("category").is_not_null()), on=["platform", "category", "dimension"])
    left = open_parts.join(near, on=["creator_id", "dimension"], how="anti")
    far = left.drop("category").join(cells.filter(pl.col("category").is_null()), on=["platform", "dimension"])
    parts = [own, *(p.select(list(_SCHEMA)) for p in (near, far))]
    return pl.concat(parts).sort("creator_id", "dimension", "bucket")


def audience_summary(tables: Tables) -> pl.DataFrame:
    """One row per creator with a profile: creator_id, audience (the largest bucket of each dimension, as "dimension:
    bucket share"), audience_basis (the weakest basis among them)."""
    declared, cells = _declared_and_cells(tables)
    rank = {"declared": 0, "category": 1, "platform": 2, "cited": 3}

    def largest(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
        top = rows.sort(*keys, "dimension", "value", "bucket", descending=[False] * len(keys) + [False, True, False])
        top = top.unique([*keys, "dimension"], keep="first", maintain_order=True)
        share = (pl.col("value") * 100).round(0).cast(pl.Int64)
        return top.with_columns(pl.format("{}: {} {} %", "dimension", "bucket", share).alias("said"))

    own = largest(declared, ["creator_id"]).select("creator_id", "dimension", "said", basis=pl.lit("declared"))
    people = creator_facts(tables).select("creator_id", "platform", "category")
    usual = largest(cells, ["platform", "category"]).select("platform", "category", "dimension", "said", "basis")
    near = people.join(usual.filter(pl.col("category").is_not_null()), on=["platform", "category"])
    far = people.join(usual.filter(pl.col("category").is_null()).drop("category"), on="platform")
    columns = ["creator_id", "dimension", "said", "basis"]
    every = pl.concat([own.select(columns), near.select(columns), far.select(columns)])
    every = every.unique(["creator_id", "dimension"], keep="first", maintain_order=True)
    every = every.with_columns(pl.col("basis").replace_strict(rank, return_dtype=pl.Int64).alias("rank"))
    every = every.sort("creator_id", "dimension")
    return every.group_by("creator_id", maintain_order=True).agg(
        pl.col("said").alias("audience"), pl.col("basis").get(pl.col("rank").arg_max()).alias("audience_basis")
    )


@shared
def _declared_and_cells(tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Declared shares per creator, and what is expected in each cell: platform, category (null: the platform), …"""
    profiles = tables["audience_profiles"]
    told = profiles.filter(profiles.share.notnull())
    rows: pl.DataFrame = tables.frame(told.select("creator_id", "platform", "dimension", "bucket", value="share"))
    rows = rows.with_columns(pl.col("bucket").str.strip_chars())
    # Declared shares rarely add up to one exactly.
    total = pl.col("value").sum().over("creator_id", "platform", "dimension")
    rows = rows.filter(total > 0).with_columns((pl.col("value") / total).alias("value"))
    whole, single = rows.filter(creator_id=""), rows.filter(pl.col("creator_id") != "")
    known = creator_facts(tables).select("creator_id", "category")
    single = single.join(known, on="creator_id", how="left").with_columns(pl.col("category").fill_null("unknown"))
    # A bucket that a creator's profile leaves out is an empty one where its neighbours have it.
    grid = single.select("platform", "dimension", "bucket").unique()
    asked = single.select("creator_id", "platform", "dimension", "category").unique().join(
        grid, on=["platform", "dimension"]
    )  # fmt: skip
    full = asked.join(
        single.drop("category"), on=["creator_id", "platform", "dimension", "bucket"], how="left"
    ).with_columns(pl.col("value").fill_null(0.0))
    return single.drop("category"), _cells(full, whole)


def _cells(full: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
    bucket = ["platform", "dimension", "bucket"]
    means = full.group_by(bucket).agg(pl.col("value").mean().alias("usual"), pl.len().alias("profiles"))
    spread = full.join(means, on=bucket).with_columns(
        pl.col("value").mean().over(*bucket, "category").alias("mean"), pl.len().over(*bucket, "category").alias("k")
    )
    cells = spread.group_by(*bucket, "category").agg(
        pl.col("mean").first(), pl.col("k").first(), pl.col("usual").first(), pl.col("profiles").first(),
        (pl.col("value") - pl.col("mean")).pow(2).sum().alias("squares"),
    )  # fmt: skip
    scale = pl.col("usual") * (1 - pl.col("usual"))
    # Relative spreads, pooled over the buckets of a dimension; the assumed ones are worth five profiles.
    within = (pl.col("squares").sum() + _WORTH * _WITHIN * scale.mean()) / (
        ((pl.col("k") - 1.0) * scale).sum() + _WORTH * scale.mean()
    )
    chance = pl.col("squares") / pl.col("k").clip(lower_bound=1).pow(2)
    excess = ((pl.col("mean") - pl.col("usual")).pow(2) - chance).sum()
    between = (excess.clip(lower_bound=0.0) + _WORTH * _BETWEEN * scale.mean()) / (scale.sum() + _WORTH * scale.mean())
    spreads = cells.group_by("dimension").agg(
        within.clip(1e-4, 0.5).alias("within"), between.clip(1e-4, 0.5).alias("between")
    )
    cells = cells.join(spreads, on="dimension")
    trust = pl.col("between") / (pl.col("between") + pl.col("within") / pl.col("k"))
    near = cells.filter(pl.col("category") != "unknown").select(
        *bucket, "category", (trust * pl.col("mean") + (1 - trust) * pl.col("usual")).alias("value"),
        (pl.col("within") + pl.col("between") * (1 - trust)).alias("relative"), pl.col("k").cast(pl.Int64).alias("n"),
        pl.lit("category").alias("basis"),
        pl.format("{} profiles of the category on the platform, shrunk to the platform's {}", "k", "profiles")
        .alias("assumed"),
    )  # fmt: skip
    none = pl.lit(None, pl.String).alias("category")
    far = means.join(spreads, on="dimension").select(
        *bucket, none, pl.col("usual").alias("value"), (pl.col("within") + pl.col("between")).alias("relative"),
        pl.col("profiles").cast(pl.Int64).alias("n"), pl.lit("platform").alias("basis"),
        pl.format("mean of {} declared profiles of the platform", "profiles").alias("assumed"),
    )  # fmt: skip
    covered = pl.concat([far.select("platform", "dimension"), whole.select("platform", "dimension")]).unique()
    stated = whole.join(far, on=["platform", "dimension"], how="anti").select(
        *bucket, none, "value", pl.lit(_WITHIN + _BETWEEN).alias("relative"), pl.lit(1, pl.Int64).alias("n"),
        pl.lit("platform").alias("basis"), pl.lit("profile declared for the platform").alias("assumed"),
    )  # fmt: skip
    cited = _cited().join(covered, on=["platform", "dimension"], how="anti")
    every = pl.concat([near, far, stated, cited])
    total = pl.col("value").sum().over("platform", "dimension", "category")
    return _bounded(every.with_columns((pl.col("value") / total).alias("value")))


def _cited() -> pl.DataFrame:
    """Cited shares of users per platform, the newest of each, and the rest of the dimension."""
    rows = cited_facts().filter((pl.col("metric") == "share of users") & pl.col("segment").is_in(list(_SEGMENTS)))
    newest = rows.sort("platform", "segment", "period").unique(
        ["platform", "segment"], keep="last", maintain_order=True
    )
    parts: list[dict[str, object]] = []
    for r in newest.iter_rows(named=True):
        dimension, bucket, rest = _SEGMENTS[r["segment"]]
        share, source = float(r["value_low"]), f"{r['source_title']} ({r['source_url']})"
        for name, value in ((bucket, share), (rest, 1.0 - share)):
            parts.append({"platform": r["platform"], "dimension": dimension, "bucket": name, "value": value,
                          "assumed": source})  # fmt: skip
    return pl.DataFrame(parts).select(
        "platform", "dimension", "bucket", pl.lit(None, pl.String).alias("category"), "value",
        pl.lit(_WITHIN + _BETWEEN + _CITED).alias("relative"), pl.lit(0, pl.Int64).alias("n"),
        pl.lit("cited").alias("basis"), "assumed",
    )  # fmt: skip


def _bounded(cells: pl.DataFrame) -> pl.DataFrame:
    """Adds the middle 90 % of the beta distribution with the mean and the relative variance of each row."""
    mean = cells.get_column("value").clip(1e-4, 1 - 1e-4).to_numpy()
    size = 1.0 / cells.get_column("relative").to_numpy() - 1.0
    low, high = beta.ppf([[0.05], [0.95]], mean * size, (1.0 - mean) * size)
    value = pl.col("value")
    return cells.with_columns(
        pl.min_horizontal(pl.Series("low", low), value).alias("low"),
        pl.max_horizontal(pl.Series("high", high), value).alias("high"),
    ).drop("relative")
