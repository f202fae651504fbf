"""For the creator: where you stand, what you are worth and depend on, where others like you gained, what is full."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tidegauge.creators.advice_words import advice_lines
from tidegauge.creators.gains import gains
from tidegauge.creators.movement_of_creators import movement
from tidegauge.creators.shared import shared_reads
from tidegauge.creators.table import creators_table
from tidegauge.creators.unit_costs import engagement_forecast
from tidegauge.display import Displayed
from tidegauge.errors import MeasureError
from tidegauge.measure.registry import run
from tidegauge.result import Provenance, Text
from tidegauge.workspace.tables import Tables

_FEWEST_PEERS = 20
_Z90 = 1.6449
#: Figures by which a creator is placed; prices are told without a judgement.
STANDING = ("views_next", "follower_growth", "engagement", "price_fair", "price", "cpm_post")
_STANDING_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "metric": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "percentile": pl.Float64,
    "percentile_low": pl.Float64, "percentile_high": pl.Float64, "n": pl.Int64,
}  # fmt: skip
_CROWDED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "platform": pl.String, "category": pl.String, "own": pl.Boolean, "score": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "rank": pl.Float64, "cells": pl.Int64, "supply_growth": pl.Float64, "n": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True)
class Advice(Displayed):
    """What a creator is told.

    `summary` is its row of `creators_table`; `cell` names the columns that its peers share with it. `standing`: metric,
    value, low, high, percentile among the peers (0 to 100) with its 90 % interval, n (peers). `gains`: see `gains`.
    `crowded`: cells of platform and category that touch its own (own: its own one), opportunity score (90 %), rank of
    `cells`, supply_growth. `lines`: the advice in words.
    """

    creator_id: str
    summary: dict[str, Any]
    cell: tuple[str, ...]
    standing: pl.DataFrame
    gains: pl.DataFrame
    crowded: pl.DataFrame
    lines: tuple[Text, ...]
    provenance: Provenance

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "creator_id": self.creator_id,
            "summary": self.summary,
            "cell": list(self.cell),
            **{k: getattr(self, k).to_dicts() for k in ("standing", "gains", "crowded")},
            "lines": [{"zh": t.zh, "en": t.en} for t in self.lines],
            "provenance": self.provenance.as_dict(),
        }


def advise(tables: Tables, creator_id: str, *, as_of: dt.datetime | None = None, seed: int = 0) -> Advice:
    """Advice for one creator; raises MeasureError where there is no such creator.

    Peers are the creators of its platform, tier and category; where there are under twenty, of its platform and tier;
    else of its platform.
    """
    with shared_reads():
        everyone = _with_growth(tables, creators_table(tables, as_of=as_of, seed=seed), as_of)
        row = everyone.filter(creator_id=creator_id)
        if row.is_empty():
            near = everyone.get_column("creator_id").head(3).to_list()
            raise MeasureError(f"there is no creator '{creator_id}'", mend="ids look like: " + ", ".join(near))
        summary = row.row(0, named=True)
        found = gains(tables, creator_id, as_of=as_of)
    peers, cell = _peers(everyone, summary)
    standing = _standing(peers, summary)
    crowded = _crowded(tables, summary, as_of, seed)
    lines = advice_lines(summary, cell, standing, found, crowded, tables.settings.currency)
    told = tables.provenance(seed=seed, assumed=("matched creators may differ in what nobody sees",))
    return Advice(creator_id, summary, cell, standing, found, crowded, lines, told)


def _with_growth(tables: Tables, everyone: pl.DataFrame, as_of: dt.datetime | None) -> pl.DataFrame:
    """Adds follower_growth (in the last window, as a ratio) and engagement (engagements per view of the next post)."""
    moved = movement(tables, as_of=as_of).creators.select("creator_id", (pl.col("grown1").exp() - 1).alias("grown"))
    frame = everyone.join(moved, on="creator_id", how="left")
    engaged = engagement_forecast(tables, as_of=as_of)
    frame = frame.join(engaged, on=["creator_id", "format"], how="left")
    views = pl.col("post_next").struct.field("value").clip(lower_bound=1.0)
    # Two forecasts of one post: their errors go together, so that the spread of the level is not added.
    rate = ((pl.col("engaged_log").exp() - 1).clip(lower_bound=0.0) / views).clip(upper_bound=1.0)
    bare = [pl.struct(value=v, low=v, high=v) for v in (pl.col("grown"), rate)]
    return frame.with_columns(
        pl.when(pl.col("grown").is_not_null()).then(bare[0]).alias("follower_growth"),
        pl.when(pl.col("engaged_log").is_not_null()).then(bare[1]).alias("engagement"),
        pl.when(pl.col("price").is_not_null()).then(pl.struct(value="price", low="price", high="price")).alias("asked"),
    ).drop("grown", "engaged_log", "engaged_sd")


def _peers(everyone: pl.DataFrame, summary: dict[str, Any]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    for cell in (("platform", "tier", "category"), ("platform", "tier"), ("platform",)):
        if "category" in cell and summary["category"] == "unknown":
            continue
        peers = everyone.filter(*(pl.col(c) == summary[c] for c in cell))
        if peers.height > _FEWEST_PEERS:
            break
    return peers.filter(pl.col("creator_id") != summary["creator_id"]), cell


def _standing(peers: pl.DataFrame, summary: dict[str, Any]) -> pl.DataFrame:
    rows = []
    for metric in STANDING:
        column = "asked" if metric == "price" else metric
        own = summary[column]
        values = peers.select(pl.col(column).struct.field("value")).to_series().drop_nulls().to_numpy()
        if own is None or own["value"] is None or values.size == 0:
            continue
        triple = [own["value"] if own[k] is None else own[k] for k in ("value", "low", "high")]
        at = [(np.mean(values < x) + np.mean(values <= x)) / 2 for x in triple]
        # The peers are a sample, too: Wilson's interval at the ends of the creator's own.
        low, high = _wilson(at[1], values.size)[0], _wilson(at[2], values.size)[1]
        rows.append([metric, *triple, *(float(100 * p) for p in (at[0], low, high)), int(values.size)])
    return pl.DataFrame(rows, schema=_STANDING_SCHEMA, orient="row")


def _wilson(share: float, n: int) -> tuple[float, float]:
    z2 = _Z90**2
    centre, half = share + z2 / (2 * n), _Z90 * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return float(max((centre - half) / (1 + z2 / n), 0.0)), float(min((centre + half) / (1 + z2 / n), 1.0))


def _crowded(tables: Tables, summary: dict[str, Any], as_of: dt.datetime | None, seed: int) -> pl.DataFrame:
    """Opportunity of the cells that share the creator's platform or category; empty where it cannot be measured."""
    try:
        found = run("opportunity", tables, by=("platform", "category"), end=as_of, seed=seed).rows
    except MeasureError:
        return pl.DataFrame(schema=_CROWDED_SCHEMA)
    keys = ["platform", "category"]
    score = found.filter(quantity="score").select(*keys, pl.col("value").alias("score"), "low", "high", "n")
    rank = found.filter(quantity="rank").select(*keys, pl.col("value").alias("rank"))
    supply = found.filter(quantity="supply_growth").select(*keys, pl.col("value").alias("supply_growth"))
    both = score.join(rank, on=keys, how="left").join(supply, on=keys, how="left")
    here, same = pl.col("platform") == summary["platform"], pl.col("category") == summary["category"]
    return (
        both.with_columns((here & same).alias("own"), pl.lit(score.height, pl.Int64).alias("cells"))
        .filter(here | same)
        .select(list(_CROWDED_SCHEMA))
        .sort("score", *keys, descending=[True, False, False])
    )
