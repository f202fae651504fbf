"""A brief's limits on streams, and a split's money as limits on a roster."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fnmatch import fnmatch

import numpy as np
import polars as pl

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import Brief, Rule, Worth
from tidegauge.plan.briefs.stages import stage_expr
from tidegauge.plan.split.curves import Float
from tidegauge.plan.split.solve import Limits
from tidegauge.response.streams import levels
from tidegauge.result import Text
from tidegauge.vocab import platform

#: Dimensions of a rule that a stream's name may tell; category, MCN and counts are the roster's.
_DIMENSIONS = ("platform", "tier", "role", "format", "stage")


def stream_parts(streams: tuple[str, ...], brief: Brief) -> pl.DataFrame:
    """One row per stream: stream, platform, tier, role, format, stage (where unsaid: by role and format, as for
    offers), side (brand, sales, or empty where no stage can be told)."""
    rows = [levels(s) for s in streams]
    told = pl.DataFrame(
        {
            "stream": streams,
            **{d: [getattr(r, d) or None for r in rows] for d in _DIMENSIONS},
        },
        schema=dict.fromkeys(("stream", *_DIMENSIONS), pl.String),
    )
    builds = brief.brand_sales.brand_stages if brief.brand_sales else ["discover", "consider", "advocate"]
    known = pl.col("role").is_not_null() | pl.col("format").is_not_null()
    guessed = pl.when(known).then(stage_expr(brief.stage_rule))
    return told.with_columns(pl.coalesce("stage", guessed).alias("stage")).with_columns(
        pl.when(pl.col("stage").is_null())
        .then(pl.lit(""))
        .when(pl.col("stage").is_in([str(b) for b in builds]))
        .then(pl.lit("brand"))
        .otherwise(pl.lit("sales"))
        .alias("side")
    )


def limits_on_streams(brief: Brief, parts: pl.DataFrame, cap: Float) -> tuple[Limits, tuple[Text, ...]]:
    """The brief's limits, and what of it streams cannot keep.

    `cap`: the most per stream that the response curves can speak of. Raises BriefError where a stream of the brief is
    not there, or the brand's share is asked for and no stream tells its stage.
    """
    budget, n = brief.budget, parts.height
    low, high = np.zeros(n), np.minimum(cap, budget)
    low_place, high_place = [""] * n, [""] * n
    notes: list[Text] = []
    rows: list[Float] = []
    bounds: list[tuple[float, float]] = []
    labels: list[str] = []
    names = parts["stream"].to_list()
    for i, limit in enumerate(brief.split.stream):
        place = brief.where("split", "stream", i)
        hits = [j for j, name in enumerate(names) if fnmatch(name.lower(), limit.name.lower())]
        if not hits:
            raise BriefError(f"no stream is called '{limit.name}'", mend="streams: " + ", ".join(names), where=place)
        floor, most = (
            _money(limit.spend_min, limit.share_min, budget, 0.0),
            _money(limit.spend_max, limit.share_max, budget, math.inf),
        )
        if limit.fixed is not None:
            floor = most = limit.fixed
        for j in hits:
            if floor > low[j]:
                low[j], low_place[j] = floor, place
            # Who names a bound above our own cap means it.
            if most < high[j] or limit.fixed is not None or floor > high[j]:
                high[j] = most if math.isfinite(most) else max(high[j], floor)
                high_place[j] = place
    for i, rule in enumerate(brief.rule):
        place = brief.where("rule", i)
        row, told = _row(rule, parts)
        if told is not None:
            notes.append(Text(told.zh.format(i + 1), told.en.format(i + 1)))
        if row is None:
            continue
        rows.append(row)
        bounds.append(
            (
                _money(rule.spend_min, rule.share_min, budget, 0.0),
                _money(rule.spend_max, rule.share_max, budget, math.inf),
            )
        )
        labels.append(place)
    if brief.brand_sales is not None:
        wish = brief.brand_sales
        builds = (parts["side"] == "brand").to_numpy()
        if not (parts["side"] != "").any():
            raise BriefError(
                "no stream tells its stage, so brand and sales cannot be told apart",
                mend="name streams platform/tier/role/format/stage, or remove [brand_sales]",
                where=brief.where("brand_sales"),
            )
        rows.append(builds.astype(np.float64))
        share = wish.brand_share
        bounds.append((max(0.0, share - wish.tolerance) * budget, min(1.0, share + wish.tolerance) * budget))
        labels.append(brief.where("brand_sales"))
    made = Limits(
        budget, low, high, np.array(rows).reshape(len(rows), n), np.array([b[0] for b in bounds]),
        np.array([b[1] for b in bounds]), tuple(labels), tuple(low_place), tuple(high_place),
    )  # fmt: skip
    return made, tuple(notes)


def _money(amount: float | None, share: float | None, budget: float, default: float) -> float:
    """The tighter of an amount and a share of the budget; the default where neither is named."""
    told = [v for v in (amount, share * budget if share is not None else None) if v is not None]
    if not told:
        return default
    return max(told) if default == 0.0 else min(told)


def _row(rule: Rule, parts: pl.DataFrame) -> tuple[Float | None, Text | None]:
    """The rule's row over streams, None where streams cannot keep it, and why."""
    if rule.category or rule.mcn:
        return None, Text(
            "第 {} 条规则涉及类目或机构，渠道流无从区分，留给名单规划。",
            "Rule {} is about categories or MCNs, which streams do not tell; it is left to the roster.",
        )
    chosen = np.ones(parts.height)
    for dimension, words in rule.chosen().items():
        chosen *= parts[dimension].is_in([str(w) for w in words]).fill_null(False).to_numpy()
    if all(getattr(rule, b) is None for b in ("spend_min", "spend_max", "share_min", "share_max")):
        return None, Text("第 {} 条规则按人数，留给名单规划。", "Rule {} counts creators; it is left to the roster.")
    if not chosen.any():
        return None, Text("第 {} 条规则没有对应的渠道流。", "Rule {} meets no stream.")
    return chosen, None


def rules_of(streams: tuple[str, ...], money: Float, *, tolerance: float = 0.1) -> tuple[Rule, ...]:
    """Rules for a roster's brief that keep each creator stream near its money; streams of no platform are left out.

    `tolerance` is how far a stream may be off, as a share of its money: creators come at prices, not by the yuan.
    """
    return tuple(
        Rule.model_validate(
            {
                **chosen,
                "name": name,
                "spend_min": amount * (1.0 - tolerance),
                "spend_max": amount * (1.0 + tolerance),
            }
        )
        for name, chosen, amount in _creator_streams(streams, money)
    )


def worths_of(streams: tuple[str, ...], returns: Float) -> tuple[Worth, ...]:
    """What a unit of each creator stream's money returns, for a roster's goal "response"."""
    return tuple(
        Worth.model_validate({**chosen, "name": name, "per_unit": max(per_unit, 0.0)})
        for name, chosen, per_unit in _creator_streams(streams, returns)
    )


def _creator_streams(streams: tuple[str, ...], figures: Float) -> Iterator[tuple[str, dict[str, list[str]], float]]:
    """Streams of a platform: the name, whom it speaks of in a brief's words, and its figure."""
    for name, figure in zip(streams, figures.tolist(), strict=True):
        part = levels(name)
        if platform(part.platform) is not None:
            yield name, {d: [getattr(part, d)] for d in _DIMENSIONS if getattr(part, d)}, figure


def rules_toml(rules: tuple[Rule, ...], worths: tuple[Worth, ...] = ()) -> str:
    """Rules and worths as lines of a brief."""

    def block(kind: str, part: Rule | Worth, figures: list[str]) -> str:
        words = [f"{d} = {json.dumps(w[0])}" for d, w in part.chosen().items()]
        return "\n".join([f"[[{kind}]]", f"name = {json.dumps(part.name, ensure_ascii=False)}", *words, *figures])

    blocks = [block("rule", r, [f"spend_min = {r.spend_min:.0f}", f"spend_max = {r.spend_max:.0f}"]) for r in rules]
    blocks += [block("worth", w, [f"per_unit = {w.per_unit:.4f}"]) for w in worths]
    return "\n\n".join(blocks) + "\n"
