"""How many people two creators share, from samples of their commenters: a part is seen, the whole is estimated."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import gamma

from tidegauge.workspace.tables import Tables

_SCHEMA = {
    "creator_a": pl.String, "creator_b": pl.String, "seen_both": pl.Int64, "share": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "persons": pl.Float64, "persons_low": pl.Float64, "persons_high": pl.Float64, "n": pl.Int64,
}  # fmt: skip
#: Relative uncertainty (log sd) of an audience size that is taken from commenters seen twice.
_SIZE_SD = 0.3


def commenters(tables: Tables, creators: list[str] | None = None, *, most: int = 200) -> pl.DataFrame:
    """Who was seen to comment with whom: creator_id, audience_key, times (posts); of `creators`, or of the `most` with
    the largest samples."""
    samples = tables["audience_samples"]
    samples = samples.filter(samples.creator_id.notnull())
    seen = samples.group_by("creator_id", "audience_key").agg(times=samples.post_id.nunique())
    if creators is None:
        each: pl.DataFrame = tables.frame(seen.group_by("creator_id").agg(n=lambda t: t.count()))
        creators = each.sort("n", "creator_id", descending=[True, False]).head(most).get_column("creator_id").to_list()
    if not creators:
        return pl.DataFrame(schema={"creator_id": pl.String, "audience_key": pl.String, "times": pl.Int64})
    frame: pl.DataFrame = tables.frame(seen.filter(seen.creator_id.isin(creators)))
    return frame


def sizes(seen: pl.DataFrame) -> pl.DataFrame:
    """Per creator of `commenters`: n (seen), once, twice (seen with so many posts), whole (all of them: Chao 1984)."""
    size = seen.group_by("creator_id").agg(
        pl.len().alias("n"), (pl.col("times") == 1).sum().alias("once"), (pl.col("times") == 2).sum().alias("twice")
    )
    once, twice = pl.col("once").cast(pl.Float64), pl.col("twice").cast(pl.Float64)
    return size.with_columns((pl.col("n") + once * (once - 1).clip(lower_bound=0.0) / (2 * (twice + 1))).alias("whole"))


def audience_overlap(tables: Tables, creators: list[str] | None = None) -> pl.DataFrame:
    """Overlap of the commenting audiences of all pairs among `creators` (default: the 200 with the largest samples).

    Two samples of n_a and n_b distinct commenters out of N_a and N_b people share m. If K people are in both audiences
    and commenting with one creator is independent of commenting with the other, E[m] = K (n_a / N_a)(n_b / N_b). N is
    Chao's estimate from commenters seen once and twice (a lower bound of the people who ever comment, so that K is one,
    too). Returns creator_a, creator_b (a < b), seen_both (m), share (K over the smaller audience), low, high (90 %:
    exact Poisson of m, and the sizes' uncertainty), persons (K) with its interval, n (the smaller sample).

    Commenters are not all viewers: the share is of people who comment. Source: Chao (1984), Scandinavian J. Stat. 11;
    two-list capture, Seber (1982).
    """
    frame = commenters(tables, creators)
    if frame.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    size = sizes(frame)
    pairs = frame.join(frame, on="audience_key", suffix="_b").filter(pl.col("creator_id") < pl.col("creator_id_b"))
    shared = pairs.group_by(pl.col("creator_id").alias("creator_a"), pl.col("creator_id_b").alias("creator_b")).len(
        "seen_both"
    )
    names = size.select(pl.col("creator_id").alias("creator_a"), "n", "whole")
    every = names.join(names.rename({"creator_a": "creator_b"}), how="cross", suffix="_b")
    every = every.filter(pl.col("creator_a") < pl.col("creator_b"))
    every = every.join(shared, on=["creator_a", "creator_b"], how="left").with_columns(pl.col("seen_both").fill_null(0))
    m = every.get_column("seen_both").to_numpy().astype(float)
    whole_a, whole_b = every.get_column("whole").to_numpy(), every.get_column("whole_b").to_numpy()
    scale = whole_a * whole_b / (every.get_column("n").to_numpy() * every.get_column("n_b").to_numpy())
    smaller = np.minimum(whole_a, whole_b)
    least = m  # those seen are there
    both = {
        "persons": m * scale,
        "persons_low": gamma.ppf(0.05, np.maximum(m, 1e-9)) * scale,
        "persons_high": gamma.ppf(0.95, m + 1) * scale,
    }
    # The sizes' own uncertainty widens the bounds on the log scale, in quadrature with the count's.
    for bound, sign in (("persons_low", -1), ("persons_high", 1)):
        away = np.abs(np.log(np.maximum(both[bound], 1e-9) / np.maximum(both["persons"], 1e-9)))
        wider = np.sqrt(np.minimum(away, 20.0) ** 2 + (1.645 * _SIZE_SD) ** 2)
        both[bound] = np.where(m > 0, both["persons"] * np.exp(sign * wider), both[bound])
    cut = {k: np.clip(v, least, smaller) for k, v in both.items()}
    share = {k.replace("persons", "share"): v / np.maximum(smaller, 1.0) for k, v in cut.items()}
    # Chao's size is a lower bound: the audience may be larger, and the share that much less.
    share["share_low"] = share["share_low"] * np.exp(-_SIZE_SD / 2)
    return every.with_columns(
        *(pl.Series(k, v) for k, v in cut.items()),
        pl.Series("share", share["share"]), pl.Series("low", share["share_low"]),
        pl.Series("high", share["share_high"]),
        pl.min_horizontal("n", "n_b").cast(pl.Int64).alias("n"), pl.col("seen_both").cast(pl.Int64),
    ).select(list(_SCHEMA)).sort("creator_a", "creator_b")  # fmt: skip
