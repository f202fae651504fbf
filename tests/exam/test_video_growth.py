"""Growth of 313 real videos: later counts predicted from early ones, videos held out."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tidegauge.creators.growth import fit_growth, later_gain

pytestmark = pytest.mark.exam
FOLDS = 5


def counts(file):
    """One row per video and sighting with its age; falls of the counter are taken as no growth."""
    frame = pl.read_parquet(file).filter(pl.col("views") > 0)
    age = (pl.col("observed_at") - pl.col("published_at")).dt.total_seconds() / 86_400
    frame = frame.with_columns(age.alias("age")).filter(pl.col("age") > 0).sort("video_id", "age")
    return frame.with_columns(pl.col("views").cum_max().over("video_id").log().alias("log"))


def steps(frame):
    key = {"platform": pl.lit("youtube"), "format": pl.lit("unknown")}
    return (
        frame.with_columns(
            age_from=pl.col("age").shift().over("video_id"), before=pl.col("log").shift().over("video_id"), **key
        )
        .filter(pl.col("before").is_not_null() & (pl.col("age") > pl.col("age_from")))
        .select(
            pl.col("video_id").alias("post_id"),
            pl.col("creator").alias("creator_id"),
            "platform",
            "format",
            "age_from",
            pl.col("age").alias("age_to"),
            (pl.col("log") - pl.col("before")).alias("gain"),
        )
    )


def held_out(frame):
    """Every fold's videos keep the counts up to the geometric middle of their ages; the rest is to be predicted."""
    cut = (pl.col("age").first() * pl.col("age").last()).sqrt().over("video_id")
    frame = frame.with_columns(early=pl.col("age") <= cut, fold=pl.col("video_id").rank("dense").mod(FOLDS))
    found = []
    for fold in range(FOLDS):
        known = frame.filter((pl.col("fold") != fold) | pl.col("early"))
        growth = fit_growth(steps(known))
        mine = frame.filter(pl.col("fold") == fold)
        ends = mine.group_by("video_id", maintain_order=True).agg(
            pl.col("age").filter(pl.col("early")).last().alias("age_from"),
            pl.col("log").filter(pl.col("early")).last().alias("from"),
            pl.col("age").last().alias("age_to"),
            (pl.col("log").last()).alias("to"),
            pl.col("early").sum().alias("n_early"),
        )
        ends = ends.filter((pl.col("n_early") >= 2) & (pl.col("age_to") > 1.2 * pl.col("age_from")))
        asked = ends.rename({"video_id": "post_id"}).with_columns(platform=pl.lit("youtube"), format=pl.lit("unknown"))
        found.append(later_gain(growth, asked).with_columns(usual=pl.lit(0.0)))
    return pl.concat(found).with_columns((pl.col("to") - pl.col("from")).alias("truth"))


def test_later_counts_lie_in_their_intervals_and_beat_no_growth_and_the_common_curve(shared_data):
    found = held_out(counts(shared_data / "videos" / "vtuber_video_views.parquet"))
    assert found.height > 150
    inside = ((found["truth"] >= found["low"] - 1e-9) & (found["truth"] <= found["high"] + 1e-9)).mean()
    assert 0.74 < inside < 0.9
    ours = (found["gain"] - found["truth"]).abs().mean()
    flat = found["truth"].abs().mean()
    constant = (found["truth"] - found["truth"].median()).abs().mean()
    assert ours < 0.75 * flat
    assert ours < 0.85 * constant
    low, high = found["low"].to_numpy(), found["high"].to_numpy()
    assert np.median(high - low) < 1.0
