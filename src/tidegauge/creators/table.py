"""All creators side by side, and one creator's page: forecasts, price, dependence, quality, each with its interval."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tidegauge.creators.dependence import dependence
from tidegauge.creators.extras import extra_columns, extras_of
from tidegauge.creators.forecast import forecast_views
from tidegauge.creators.half_life import half_life
from tidegauge.creators.next_post import forecast_next_post
from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.price import fair_prices
from tidegauge.creators.quality import quality
from tidegauge.creators.recovery import recovery
from tidegauge.creators.roles import ROLE_NAMES, likeliest_role, roles
from tidegauge.creators.shared import shared_reads
from tidegauge.display import Displayed
from tidegauge.errors import MeasureError
from tidegauge.result import Provenance
from tidegauge.workspace.tables import Tables

SORTS = (
    "views_next", "price", "price_fair", "over", "dependence", "quality", "followers", "cpm", "cpe", "cpv", "discount",
    "income",
)  # fmt: skip
_TRIPLE = ("value", "low", "high")


@dataclass(frozen=True)
class CreatorPage(Displayed):
    """One creator: `summary` is its row of `creators_table`; the other parts are frames.

    `formats`: `forecast_next_post`; `prices`: `fair_prices`; `half_life`; `roles`: the chance of each role; `costs`:
    `unit_costs`; `income`: one row; `audience`: `audience_profile`.

    `peers` places the creator among the creators of its platform and tier: metric, value, low, high, percentile (0 to
    100, of `value` among the peers' values), n (peers).
    """

    creator_id: str
    summary: dict[str, Any]
    formats: pl.DataFrame
    prices: pl.DataFrame
    half_life: pl.DataFrame
    peers: pl.DataFrame
    provenance: Provenance
    roles: pl.DataFrame = field(default_factory=pl.DataFrame)
    costs: pl.DataFrame = field(default_factory=pl.DataFrame)
    income: pl.DataFrame = field(default_factory=pl.DataFrame)
    audience: pl.DataFrame = field(default_factory=pl.DataFrame)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        names = ("formats", "prices", "half_life", "peers", "roles", "costs", "income", "audience")
        frames = {k: getattr(self, k).to_dicts() for k in names}
        return {
            "creator_id": self.creator_id,
            "summary": self.summary,
            **frames,
            "provenance": self.provenance.as_dict(),
        }


def creators_table(
    tables: Tables, *, platform: str | None = None, tier: str | None = None, category: str | None = None,
    role: str | None = None, price_max: float | None = None, horizon_days: int = 7, sort: str = "views_next",
    limit: int | None = None, as_of: dt.datetime | None = None, seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """One row per creator that passes the filters, sorted (nulls last).

    Returns creator_id, name, platform, tier, category, role, followers, views_next {value, low, high} (views in the
    next `horizon_days`, 80 %), post_next {…} (views of the next post in the usual format, 80 %), format (that format),
    price_fair {…} (90 %), price (the cheapest offer that fits, null without), currency, over (price / fair − 1), cpm,
    dependence {…} (90 %, null where fewer than three dated posts), holds {…} (its counter-index, 90 %), quality {…}
    (90 %), reasons, basis, n; and the columns of `extras.extra_columns`: role_likely (declared, else the likeliest) and
    role_chance {…} (90 %), cpm_post, cpe and cpv {…} (of that offer, else at the fair price, 80 %), discount {…}
    (90 %), income {…} (a year, 90 %), audience. Estimates use all creators; filters choose rows only; `role` is held
    against role_likely. Raises MeasureError for an unknown sort or a word that no creator has.
    """
    if sort not in SORTS:
        raise MeasureError(f"creators cannot be sorted by {sort}", mend="possible: " + ", ".join(SORTS))
    with shared_reads():
        frame = _table(
            tables, {"platform": platform, "tier": tier, "category": category, "role": role}, horizon_days, as_of, seed
        )
    if price_max is not None:
        frame = frame.filter(pl.col("price") <= price_max)
    key = pl.col(sort).struct.field("value") if isinstance(frame.schema[sort], pl.Struct) else pl.col(sort)
    frame = frame.sort(key, "creator_id", descending=[True, False], nulls_last=True)
    return frame if limit is None else frame.head(limit)


def _table(
    tables: Tables, wanted: dict[str, str | None], horizon_days: int, as_of: dt.datetime | None, seed: int
) -> pl.DataFrame:
    facts = creator_facts(tables, as_of=as_of)
    chosen = facts
    for column, word in wanted.items():
        if word is not None and column == "role":
            if word not in ROLE_NAMES:
                raise MeasureError(f"there is no role '{word}'", mend="roles: " + ", ".join(ROLE_NAMES))
            likely = likeliest_role(roles(tables, as_of=as_of)).filter(role_likely=word)
            chosen = chosen.join(likely.select("creator_id"), on="creator_id", how="semi")
        elif word is not None:
            known = facts.get_column(column).drop_nulls().unique().sort().to_list()
            if word not in known:
                raise MeasureError(f"no creator has the {column} '{word}'", mend="there are: " + ", ".join(known[:30]))
            chosen = chosen.filter(pl.col(column) == word)
    posts = forecast_next_post(tables, as_of=as_of, seed=seed)
    usual = posts.sort("creator_id", "n", "format", descending=[False, True, False])
    usual = usual.unique("creator_id", keep="first", maintain_order=True)
    prices = fair_prices(tables, forecasts=posts, facts=facts, seed=seed)
    cheapest = prices.sort("creator_id", "price", "fair", nulls_last=True).unique(
        "creator_id", keep="first", maintain_order=True
    )
    fair = pl.struct(value="fair", low="fair_low", high="fair_high").alias("price_fair")
    depends = dependence(tables, as_of=as_of, seed=seed)
    holds = pl.struct(value="holds", low="holds_low", high="holds_high").alias("holds")
    parts = (
        _triple(forecast_views(tables, horizon_days=horizon_days, as_of=as_of, seed=seed), "views_next", "basis", "n"),
        _triple(usual, "post_next", "format"),
        cheapest.select("creator_id", fair, "price", "currency", "over", "cpm"),
        depends.select("creator_id", pl.struct(*_TRIPLE).alias("dependence"), holds),
        _triple(quality(tables, as_of=as_of), "quality", "reasons"),
        extra_columns(tables, facts, prices, cheapest, posts, as_of, seed),
    )
    frame = chosen.select("creator_id", "name", "platform", "tier", "category", "role", "followers")
    for part in parts:
        frame = frame.join(part, on="creator_id", how="left")
    return frame


def creator_page(tables: Tables, creator_id: str, *, as_of: dt.datetime | None = None, seed: int = 0) -> CreatorPage:
    """Everything about one creator; raises MeasureError where there is no such creator."""
    with shared_reads():
        return _page(tables, creator_id, as_of, seed)


def _page(tables: Tables, creator_id: str, as_of: dt.datetime | None, seed: int) -> CreatorPage:
    everyone = creators_table(tables, as_of=as_of, seed=seed)
    row = everyone.filter(creator_id=creator_id)
    if row.is_empty():
        near = everyone.get_column("creator_id").head(3).to_list()
        raise MeasureError(f"there is no creator '{creator_id}'", mend="ids look like: " + ", ".join(near))
    summary = row.row(0, named=True)
    back = recovery(tables, as_of=as_of).filter(creator_id=creator_id)
    summary["recovery_days"] = back.row(0, named=True) if back.height else None
    posts = forecast_next_post(tables, as_of=as_of, seed=seed)
    every_price = fair_prices(tables, forecasts=posts, facts=creator_facts(tables, as_of=as_of), seed=seed)
    prices = every_price.filter(creator_id=creator_id)
    more = extras_of(tables, creator_id, every_price, posts, as_of, seed)
    grown = half_life(tables, by="creator", as_of=as_of).filter(creator_id=creator_id)
    peers = everyone.filter((pl.col("platform") == summary["platform"]) & (pl.col("tier") == summary["tier"]))
    assumed = tuple(prices.get_column("assumed").drop_nulls().unique().sort().to_list())
    return CreatorPage(
        creator_id, summary, posts.filter(creator_id=creator_id), prices, grown, standing(peers, summary),
        tables.provenance(seed=seed, assumed=(*assumed, *more.assumed)), more.roles, more.costs, more.income,
        more.audience,
    )  # fmt: skip


def standing(peers: pl.DataFrame, summary: dict[str, Any]) -> pl.DataFrame:
    """Where a creator stands among its peers: `CreatorPage.peers` from rows of `creators_table`.

    `peers` are the rows of its platform and tier (the creator among them), `summary` is its own row.
    """
    rows = []
    for metric in ("views_next", "post_next", "price_fair", "cpm_post", "income", "dependence", "quality"):
        own = summary.get(metric)
        if metric not in peers.columns:
            continue
        values = peers.select(pl.col(metric).struct.field("value")).to_series().drop_nulls()
        if own is None or own["value"] is None or values.is_empty():
            continue
        array = values.to_numpy()
        below = float(np.mean(array < own["value"])) + 0.5 * float(np.mean(array == own["value"]))
        rows.append({"metric": metric, **own, "percentile": 100 * below, "n": len(values)})
    schema = {
        "metric": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "percentile": pl.Float64,
        "n": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema)


def _triple(frame: pl.DataFrame, name: str, *others: str) -> pl.DataFrame:
    return frame.select("creator_id", pl.struct(*_TRIPLE).alias(name), *others)
