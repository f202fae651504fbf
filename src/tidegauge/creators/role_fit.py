"""Which role, on which platform and for which industry, serves which stage: cited views, then own bookings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import beta

from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.role_evidence import industry
from tidegauge.creators.roles import ROLE_NAMES
from tidegauge.display import Displayed
from tidegauge.reference import stage_fit, words
from tidegauge.result import Provenance
from tidegauge.vocab import Stage
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]
STAGE_NAMES = tuple(s.value for s in Stage)
#: Bookings of the role elsewhere count as at most so many in a cell of their own.
_BORROWED = 10.0
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "role": pl.String, "platform": pl.String, "industry": pl.String, "stage": pl.String, "value": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "n": pl.Int64, "basis": pl.String, "source": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class RoleFit(Displayed):
    """`rows`: `role_fit`'s table, with where its bookings come from."""

    rows: pl.DataFrame
    provenance: Provenance


def role_fit(tables: Tables) -> pl.DataFrame:
    """For which stage each role serves, per platform and industry.

    Returns one row per role, platform (those of the workspace, and podcasts), industry ("auto", "beauty", "fashion",
    "tech", "other") and stage: value (the share of such bookings that serve the stage; four stages add up to one), low,
    high (90 %), n (own bookings in that cell), basis ("placements" where the cell has its own, else "cited"), source.

    Dirichlet–multinomial: shipped shares (`reference.stage_fit()`; their direction is cited, the figures are assumed
    and weigh as a few bookings), bookings of the same role on other platforms and industries (at most ten bookings'
    worth), then the cell's own. It tells what marketers booked a role for, not what worked: that is `respond`'s task.
    """
    facts = creator_facts(tables)
    platforms = sorted({*facts.get_column("platform").unique().to_list(), "xiaoyuzhou"})
    industries = [*sorted(words("industry")), "other"]
    booked = _booked(tables, facts)
    rows = []
    for role in ROLE_NAMES:
        mine = booked.filter(role=role)
        everywhere = _counts(mine)
        for platform in platforms:
            there = mine.filter(platform=platform)
            for field in industries:
                own = _counts(there.filter(industry=field))
                alpha, source = _shipped(role, platform, field)
                near = _counts(there) - own + (everywhere - _counts(there)) / 2.0
                alpha = alpha + near * min(1.0, _BORROWED / max(float(near.sum()), 1e-9)) + own
                rows += _cell((role, platform, field), alpha, int(own.sum()), source)
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _booked(tables: Tables, facts: pl.DataFrame) -> pl.DataFrame:
    """One row per booking whose role and stage are known: role, stage, platform, industry."""
    placements = tables["placements"]
    told = placements.filter(placements.stage.notnull())
    frame: pl.DataFrame = tables.frame(told.select("creator_id", "role", "stage"))
    known = facts.select("creator_id", "platform", industry(pl.col("category")).alias("industry"), declared="role")
    return (
        frame.join(known, on="creator_id")
        .with_columns(pl.coalesce("role", "declared").alias("role"))
        .filter(pl.col("role").is_not_null())
    )


def _counts(booked: pl.DataFrame) -> Float:
    return np.array([booked.filter(stage=s).height for s in STAGE_NAMES], dtype=np.float64)


def _shipped(role: str, platform: str, field: str) -> tuple[Float, str]:
    """Pseudo-bookings of the most specific shipped rows, added up, and the source of the most specific one."""
    rows = stage_fit().filter(
        (pl.col("role") == role)
        & pl.col("platform").is_in(["all", platform])
        & pl.col("industry").is_in(["all", field])
    )
    # The general row speaks for less where a specific one is there.
    specific = rows.filter((pl.col("platform") != "all") | (pl.col("industry") != "all"))
    used = pl.concat([rows.filter((pl.col("platform") == "all") & (pl.col("industry") == "all")), specific])
    weight = used.get_column("weight").to_numpy().copy()
    if not specific.is_empty():
        weight[0] /= 4.0
    last = used.row(-1, named=True)
    return weight @ used.select(STAGE_NAMES).to_numpy(), f"{last['source_title']} ({last['source_url']})"


def _cell(key: tuple[str, str, str], alpha: Float, n: int, source: str) -> list[tuple[object, ...]]:
    total = float(alpha.sum())
    basis = "placements" if n > 0 else "cited"
    return [
        (*key, stage, a / total, *beta.ppf([0.05, 0.95], a, total - a).tolist(), n, basis, source)
        for stage, a in zip(STAGE_NAMES, alpha.tolist(), strict=True)
    ]
