"""The limits of a brief counted again on the final roster: what was asked, what is, and whether it holds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.briefs.names import Named
from tidegauge.plan.offers.constraints import Limit
from tidegauge.plan.search import Search
from tidegauge.plan.solver.problem import Int

CONSTRAINT_SCHEMA: dict[str, type[pl.DataType]] = {
    "label": pl.String, "kind": pl.String, "low": pl.Float64, "high": pl.Float64, "actual": pl.Float64,
    "kept": pl.Boolean, "shadow_price": pl.Float64, "label_zh": pl.String, "label_en": pl.String, "place": pl.String,
}  # fmt: skip


def constraint_rows(
    brief: Brief, limits: tuple[Limit, ...], named: Named, found: Search, picks: pl.DataFrame
) -> pl.DataFrame:
    """One row per limit, the budget first. `actual` is counted from the picks, not taken from the solver.

    Rare limits (one account per person, so many per agency) are told as one row each with the fullest group.
    """
    prices, taken = found.certificate.row_prices, found.solution.items
    rows = [
        _row("预算", "budget", "spend", 0.0, brief.budget, float(picks["price"].sum()), brief.where("budget"),
             price=found.certificate.budget_price)
    ]  # fmt: skip
    for limit in limits:
        if not limit.lazy:
            rows.append(
                _row(limit.text.zh, limit.text.en, limit.kind, limit.low, limit.high, limit.actual(taken), limit.place,
                     price=prices.get(limit.label, 0.0))
            )  # fmt: skip
    rows += _rare(limits, taken, prices)
    if brief.limits.max_share_per_creator is not None:
        cap = brief.limits.max_share_per_creator * brief.budget
        dearest = float(picks["price"].max() or 0.0) if picks.height else 0.0  # type: ignore[arg-type]
        place = brief.where("limits", "max_share_per_creator")
        rows.append(_row("单人花费上限", "spend per creator", "spend", 0.0, cap, dearest, place))
    if brief.flight is not None and brief.flight.posts_per_day is not None:
        busiest = picks.group_by("publish_on").len().get_column("len").max() if picks.height else 0
        most, place = float(brief.flight.posts_per_day), brief.where("flight", "posts_per_day")
        rows.append(_row("每日发布上限", "posts per day", "count", 0.0, most, float(busiest or 0), place))  # type: ignore[arg-type]
    present = set(picks.get_column("creator_id"))
    for creator, place in sorted(named.wanted.items()):
        rows.append(_row(f"必选 {creator}", f"include {creator}", "count", 1.0, 1.0, float(creator in present), place))
    for creator in sorted(named.excluded):
        place = brief.where("must_exclude")
        rows.append(_row(f"排除 {creator}", f"exclude {creator}", "count", 0.0, 0.0, float(creator in present), place))
    return pl.DataFrame(rows, schema=CONSTRAINT_SCHEMA)


def _row(
    zh: str, en: str, kind: str, low: float, high: float, actual: float, place: str, *, price: float = 0.0
) -> dict[str, Any]:
    slack = 1e-9 * max(1.0, abs(low), abs(high) if math.isfinite(high) else 0.0)
    return {
        "label": en,
        "kind": kind,
        "low": low,
        "high": high if math.isfinite(high) else None,
        "actual": actual,
        "kept": bool(low - slack <= actual <= high + slack),
        "shadow_price": price,
        "label_zh": zh,
        "label_en": en,
        "place": place,
    }


def _rare(limits: tuple[Limit, ...], taken: Int, prices: dict[str, float]) -> list[dict[str, Any]]:
    """One row per kind of rare limit: the fullest group against its cap."""
    groups: dict[tuple[str, float], list[Limit]] = {}
    for limit in limits:
        if limit.lazy:
            groups.setdefault((limit.text.en.split(" ", 1)[0], limit.high), []).append(limit)
    rows = []
    for (word, most), members in sorted(groups.items()):
        fullest = float(np.max([limit.actual(taken) for limit in members]))
        price = max((prices.get(limit.label, 0.0) for limit in members), key=abs)
        zh = {"person": "同一人只选一个账号", "agency": f"每家机构至多 {most:.0f} 人"}.get(word, word)
        en = {"person": "one account per person", "agency": f"at most {most:.0f} per agency"}.get(word, word)
        zh, en = f"{zh}（{len(members)} 组）", f"{en} ({len(members)} groups)"
        rows.append(_row(zh, en, "count", 0.0, most, fullest, members[0].place, price=price))
    return rows
