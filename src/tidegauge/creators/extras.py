"""Further columns of the table and parts of the page: role, costs, discount, income, audience."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from tidegauge.creators.audience_profile import audience_profile, audience_summary
from tidegauge.creators.discount import creator_discounts
from tidegauge.creators.income import income
from tidegauge.creators.roles import likeliest_role, roles
from tidegauge.creators.unit_costs import unit_costs
from tidegauge.workspace.tables import Tables

COSTS = ("cpm", "cpe", "cpv")


def extra_columns(
    tables: Tables, facts: pl.DataFrame, prices: pl.DataFrame, cheapest: pl.DataFrame, posts: pl.DataFrame,
    as_of: dt.datetime | None, seed: int,
) -> pl.DataFrame:  # fmt: skip
    """One row per creator of `facts`: creator_id, role_likely, role_chance {…}, cpm_post {…}, cpe {…}, cpv {…},
    discount {…}, discount_basis, income {…}, income_basis, audience (text), audience_basis.

    Parameters: `prices` is `fair_prices`' table, `cheapest` one row of it per creator, `posts` `forecast_next_post`'s.
    """
    costs = unit_costs(tables, cheapest, posts, as_of=as_of)
    triples = [
        pl.struct(value=c, low=f"{c}_low", high=f"{c}_high").alias("cpm_post" if c == "cpm" else c) for c in COSTS
    ]
    earned = income(tables, prices=prices, as_of=as_of, seed=seed)
    parts = (
        likeliest_role(roles(tables, as_of=as_of)),
        costs.select("creator_id", *triples),
        creator_discounts(tables, facts, as_of=as_of).select("creator_id", _triple("discount"), "discount_basis"),
        earned.select("creator_id", _triple("income"), pl.col("basis").alias("income_basis")),
        audience_summary(tables).with_columns(pl.col("audience").list.join(" · ")),
    )
    frame = facts.select("creator_id")
    for part in parts:
        frame = frame.join(part, on="creator_id", how="left")
    return frame


@dataclass(frozen=True)
class Extras:
    """One creator's parts: frames of `roles`, `unit_costs`, `income` (one row) and `audience_profile`."""

    roles: pl.DataFrame
    costs: pl.DataFrame
    income: pl.DataFrame
    audience: pl.DataFrame
    assumed: tuple[str, ...]


def extras_of(
    tables: Tables, creator_id: str, prices: pl.DataFrame, posts: pl.DataFrame, as_of: dt.datetime | None, seed: int
) -> Extras:
    """The parts of one creator's page; `prices` and `posts` are the tables of all creators."""
    own = prices.filter(creator_id=creator_id)
    earned = income(tables, prices=prices, as_of=as_of, seed=seed).filter(creator_id=creator_id)
    watched = audience_profile(tables, [creator_id])
    said = {*earned.get_column("assumed").drop_nulls(), *watched.get_column("assumed").drop_nulls()}
    return Extras(
        roles(tables, as_of=as_of).filter(creator_id=creator_id).sort("value", descending=True),
        unit_costs(tables, own, posts, as_of=as_of), earned, watched, tuple(sorted(said)),
    )  # fmt: skip


def _triple(name: str) -> pl.Expr:
    return pl.struct("value", "low", "high").alias(name)
