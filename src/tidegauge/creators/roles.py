"""Roles: is a creator an opinion leader (KOL), consumer (KOC), seller (KOS), employee (KOE) or the brand (KOB)?"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit

from tidegauge.creators.role_evidence import POST_KINDS, role_facts
from tidegauge.creators.role_model import (
    Said,
    categorical,
    fitted_power,
    posterior,
    share_of_posts,
    statement,
)
from tidegauge.creators.shared import shared
from tidegauge.reference import role_evidence
from tidegauge.result import Text
from tidegauge.vocab import Role
from tidegauge.workspace.tables import Tables

ROLE_NAMES = tuple(r.value for r in Role)
_Z90 = 1.6449
#: Evidence that moves the log odds of a role by this much is named as a reason.
_REASON_LOG = 0.7
REASONS: dict[str, Text] = {
    "tier": Text("粉丝量级", "size of the following"),
    "industry": Text("所在行业", "industry"),
    "verified": Text("认证状态", "verified or not"),
    "mcn": Text("是否签约机构", "with an agency or not"),
    "name": Text("名称中有无身份词", "what the name says or leaves out"),
    "one_brand": Text("商业内容只涉及一个品牌", "branded posts of one brand only"),
    "pace": Text("发布频率", "pace of posting"),
    "sales": Text("促销用语的多少", "how much it speaks of selling"),
    "own": Text("自用体验用语的多少", "how much it tells of own use"),
    "inside": Text("企业内部视角的多少", "how much it tells from inside a firm"),
    "official": Text("官方口吻的多少", "how much it announces"),
    "sponsored": Text("商单占比", "share of sponsored posts"),
    "office_hours": Text("工作时间发布", "posts in office hours"),
    "declared": Text("登记的角色", "the declared role"),
    "offered": Text("报价单上的角色", "the role on the rate card"),
}
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "creator_id": pl.String, "role": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "declared": pl.String, "reasons": pl.List(pl.String), "n": pl.Int64, "basis": pl.String,
}  # fmt: skip


@shared
def roles(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """The chance of each role, per creator.

    Returns five rows per creator: creator_id, role, value (probability, the five add up to one), low, high (90 %, how
    well the chances behind it are known), declared (the creator's own declared role, null without), reasons (keys of
    `REASONS` that speak for this role by a factor of two or more against the average of the others), n (posts), basis
    ("declared", "evidence" where something beside the size is known, else "prior").

    Model: `role_model`; shipped chances with their basis: `reference.role_evidence()`. What a workspace declares
    moves them. A role is a way of speaking as much as a contract: the probability is evidence, not a fact.
    """
    frame = role_facts(tables, as_of=as_of)
    if frame.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    label = _codes(frame.get_column("role"), ROLE_NAMES)
    prior, evidence, declared = _evidence(frame, label)
    power = fitted_power(prior, list(evidence.values()), label)
    chance, error = posterior(prior, list(evidence.values()), power, declared)
    odds = logit(np.clip(chance, 1e-9, 1 - 1e-9))
    pieces = {"tier": prior.log, **{k: power * e.log for k, e in evidence.items()}}
    pieces["declared"] = declared.log
    told = np.any([np.any(p != 0.0, axis=1) for k, p in pieces.items() if k not in ("tier", "industry")], axis=0)
    basis = np.where(label >= 0, "declared", np.where(told, "evidence", "prior"))
    head = frame.select("creator_id", pl.col("role").alias("declared"), "n", pl.Series("basis", basis.tolist()))
    parts = []
    for r, name in enumerate(ROLE_NAMES):
        parts.append(
            head.with_columns(
                pl.lit(name).alias("role"),
                pl.Series("value", chance[:, r]),
                pl.Series("low", expit(odds[:, r] - _Z90 * error[:, r])),
                pl.Series("high", expit(odds[:, r] + _Z90 * error[:, r])),
                _reasons(pieces, r).alias("reasons"),
            )
        )
    return pl.concat(parts).select(list(_SCHEMA)).sort("creator_id", "role")


def likeliest_role(found: pl.DataFrame) -> pl.DataFrame:
    """One row per creator of `roles`' table: creator_id, role_likely (declared, else the likeliest), role_chance.

    role_chance is {value, low, high} of that role.
    """
    wanted = pl.when(pl.col("declared").is_not_null()).then(pl.col("role") == pl.col("declared")).otherwise(
        pl.col("value") == pl.col("value").max().over("creator_id")
    )  # fmt: skip
    chosen = found.filter(wanted).unique("creator_id", keep="first", maintain_order=True)
    return chosen.select(
        "creator_id", pl.col("role").alias("role_likely"), pl.struct("value", "low", "high").alias("role_chance")
    )


def _evidence(frame: pl.DataFrame, label: NDArray[np.int64]) -> tuple[Said, dict[str, Said], Said]:
    shipped = role_evidence()
    # P(role | tier): the tier's mix of roles, as rows of a table "level × role" that is not a likelihood but a prior.
    tiers = shipped.filter(evidence="prior")
    prior = _role_prior(_codes(frame.get_column("tier"), tiers.get_column("level").to_list()), tiers, label)
    found: dict[str, Said] = {}
    found["industry"] = _by_industry(frame, shipped, label)
    for name in ("verified", "mcn", "one_brand"):
        flag = frame.get_column(name).is_not_null() if name == "mcn" else frame.get_column(name)
        # Where no creator of the workspace has an agency, the column was not collected: it says nothing.
        if name == "mcn" and not flag.any():
            continue
        chance, weight = _row(shipped, name)
        level = flag.cast(pl.Int64).fill_null(-1).to_numpy()
        found[name] = categorical(level, np.stack([1.0 - chance, chance]), weight, label)
    for name, column, last in (("name", "name_level", "none"), ("pace", "pace", "over_7"), ("offered", "offered", "")):
        rows = shipped.filter(evidence=name)
        chances, levels = rows.select(ROLE_NAMES).to_numpy(), rows.get_column("level").to_list()
        if last:  # the level that is left over
            chances, levels = np.vstack([chances, 1.0 - chances.sum(axis=0)]), [*levels, last]
        level = _codes(frame.get_column(column), levels)
        found[name] = categorical(level, chances, float(rows.get_column("weight").item(0)), label)
    for kind in POST_KINDS:
        chance, weight = _row(shipped, "posts", kind)
        hits, posts = (frame.get_column(f"{kind}_{c}").cast(pl.Float64).to_numpy() for c in ("hits", "n"))
        found[kind] = share_of_posts(hits, posts, chance, weight, label)
    declared = statement(label, _row(shipped, "declared")[0], len(ROLE_NAMES))
    return prior, found, declared


def _role_prior(level: NDArray[np.int64], tiers: pl.DataFrame, label: NDArray[np.int64]) -> Said:
    mix = tiers.select(ROLE_NAMES).to_numpy()
    # The same arithmetic as for evidence with the two sides exchanged: roles are the levels, tiers the conditions.
    turned = np.zeros_like(mix)
    told = label >= 0
    np.add.at(turned, (level[told], label[told]), 1.0)
    alpha = turned + tiers.get_column("weight").to_numpy()[:, None] * mix
    total = alpha.sum(axis=1, keepdims=True)
    return Said(np.log(alpha / total)[level], (1.0 / alpha - 1.0 / total)[level])


def _by_industry(frame: pl.DataFrame, shipped: pl.DataFrame, label: NDArray[np.int64]) -> Said:
    """Chances of the industries given the role: the workspace's own mix, tilted by the shipped multipliers."""
    rows = shipped.filter(evidence="category")
    names = [*rows.get_column("level").to_list(), "other"]
    tilt = np.vstack([rows.select(ROLE_NAMES).to_numpy(), np.ones(len(ROLE_NAMES))])
    level = _codes(frame.get_column("industry"), names)
    share = np.bincount(level, minlength=len(names)) + 1.0
    return categorical(level, tilt * (share / share.sum())[:, None], float(rows.get_column("weight").item(0)), label)


def _row(shipped: pl.DataFrame, evidence: str, level: str | None = None) -> tuple[NDArray[np.float64], float]:
    rows = shipped.filter(pl.col("evidence") == evidence)
    rows = rows if level is None else rows.filter(pl.col("level") == level)
    return rows.select(ROLE_NAMES).to_numpy()[0], float(rows.get_column("weight").item(0))


def _codes(words: pl.Series, names: list[str] | tuple[str, ...]) -> NDArray[np.int64]:
    """Number of each word in `names`; −1 where it is none of them."""
    table = {n: i for i, n in enumerate(names)}
    return words.replace_strict(table, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()


def _reasons(pieces: dict[str, NDArray[np.float64]], role: int) -> pl.Series:
    """Names of the pieces that speak for a role against the mean of the others."""
    marks = pl.DataFrame(
        {k: p[:, role] - (p.sum(axis=1) - p[:, role]) / (p.shape[1] - 1) for k, p in pieces.items()}
    )  # fmt: skip
    named = [pl.when(pl.col(k) > _REASON_LOG).then(pl.lit(k)) for k in marks.columns]
    return marks.select(pl.concat_list(named).list.drop_nulls()).to_series()
