"""Briefs and scenarios side by side: planned on the same persons, with what they share and where they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tidegauge.creators.shared import shared_reads
from tidegauge.display import Displayed
from tidegauge.errors import BriefError, InfeasibleError, TidegaugeError
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.briefs.scenario import differences
from tidegauge.plan.result import Plan
from tidegauge.plan.run import Panels, run_plan
from tidegauge.result import Provenance, Text
from tidegauge.workspace.tables import Tables

Progress = Callable[[float, str], None]

_TABLE: dict[str, type[pl.DataType]] = {
    "name": pl.String, "goal": pl.String, "reach": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "upper_bound": pl.Float64, "gap": pl.Float64, "population_gap": pl.Float64, "cost": pl.Float64,
    "budget": pl.Float64, "cost_per_1000": pl.Float64, "picks": pl.Int64, "candidates": pl.Int64,
    "budget_price": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True)
class Comparison(Displayed):
    """Plans side by side.

    `plans` by name, in the order asked; `refused` (name → why) are briefs that no roster can keep. Frames:
    - `table`: one row per plan: name, goal, reach with low and high, upper_bound, gap, population_gap, cost, budget,
      cost_per_1000 reached, picks, candidates, budget_price (reach per unit of money)
    - `mix`: name, dimension, bucket, cost, cost_share, count
    - `picks`: creator_id, name, platform, tier, format, plans (how many hold it), in_plans (their names)
    - `pairs`: first, second, shared picks, only_first, only_second, cost_shared (share of the first's money),
      reach_change (second less first), proven (the second reaches more than any roster of the first brief can)
    - `shadow`: name, limit, price
    - `keys`: what differs between the briefs: key, name, value (text)
    `notes` say how far the comparison goes.
    """

    plans: dict[str, Plan]
    table: pl.DataFrame
    mix: pl.DataFrame
    picks: pl.DataFrame
    pairs: pl.DataFrame
    shadow: pl.DataFrame
    keys: pl.DataFrame
    refused: dict[str, str]
    currency: str
    notes: tuple[Text, ...]
    provenance: Provenance
    files: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The `--json` shape; `plans` holds every plan as `plan --json` prints it."""
        frames = {k: getattr(self, k).to_dicts() for k in ("table", "mix", "picks", "pairs", "shadow", "keys")}
        return frames | {
            "refused": self.refused,
            "currency": self.currency,
            "plans": {name: plan.as_dict() for name, plan in self.plans.items()},
            "notes": [{"zh": t.zh, "en": t.en} for t in self.notes],
            "provenance": self.provenance.as_dict(),
            "files": self.files,
        }


def compare_plans(
    tables: Tables, briefs: Mapping[str, Brief], *, seed: int = 1, progress: Progress | None = None
) -> Comparison:
    """Plan several briefs and lay the plans side by side.

    Parameters: `briefs` by name, at least two; `seed` is that of every plan, so that all are planned on the same
    virtual persons; forecasts, audiences and panels are read and drawn once where briefs share them.
    Returns the comparison; a brief whose limits clash is told in `refused` and does not stop the others.
    Raises BriefError with fewer than two briefs, InfeasibleError where none of them can be kept.
    """
    if len(briefs) < 2:
        raise BriefError("one brief cannot be compared", mend="name a second brief, or a scenario by --set key=value")
    plans: dict[str, Plan] = {}
    refused: dict[str, str] = {}
    errors: list[InfeasibleError] = []
    panels = Panels()
    with shared_reads():
        for n, (name, brief) in enumerate(briefs.items()):

            def tell(done: float, stage: str, n: int = n, name: str = name) -> None:
                if progress is not None:
                    progress((n + done) / len(briefs), f"{name}: {stage}")

            try:
                plans[name] = run_plan(tables, brief, seed=seed, progress=tell, panels=panels)
            except InfeasibleError as e:
                errors.append(e)
                refused[name] = str(e)
    if not plans:
        raise errors[0]
    currencies = sorted({plan.currency for plan in plans.values()})
    if len(currencies) > 1:
        raise TidegaugeError(
            f"the briefs count in {' and '.join(currencies)}", mend="compare briefs in one currency", where="currency"
        )
    first = next(iter(plans.values()))
    return Comparison(
        plans=plans,
        table=pl.DataFrame([_row(name, plan) for name, plan in plans.items()], schema=_TABLE),
        mix=_mix(plans),
        picks=_picks(plans),
        pairs=_pairs(plans),
        shadow=pl.DataFrame(
            [(name, limit, price) for name, plan in plans.items() for limit, price in plan.shadow_prices.items()],
            schema={"name": pl.String, "limit": pl.String, "price": pl.Float64},
            orient="row",
        ),
        keys=_keys(briefs),
        refused=refused,
        currency=first.currency,
        notes=_notes(briefs),
        provenance=tables.provenance(seed=seed, assumed=_assumed(plans)),
    )


def _row(name: str, plan: Plan) -> dict[str, Any]:
    reach = plan.reach
    return {
        "name": name, "goal": plan.goal, "reach": reach.value, "low": reach.low, "high": reach.high,
        "upper_bound": plan.upper_bound, "gap": plan.panel_gap, "population_gap": plan.population_gap,
        "cost": plan.cost, "budget": plan.budget,
        "cost_per_1000": plan.cost / reach.value * 1000 if reach.value > 0 else None,
        "picks": plan.picks.height, "candidates": plan.candidates,
        "budget_price": plan.shadow_prices.get("budget"),
    }  # fmt: skip


def _mix(plans: dict[str, Plan]) -> pl.DataFrame:
    wanted = ("dimension", "bucket", "cost", "cost_share", "count")
    return pl.concat(
        [plan.split.select(pl.lit(name).alias("name"), *wanted) for name, plan in plans.items()],
        how="vertical_relaxed",
    )


def _picks(plans: dict[str, Plan]) -> pl.DataFrame:
    """Every pick of any plan, those that most plans hold first."""
    about = ("creator_id", "name", "platform", "tier", "format")
    rows = pl.concat(
        [plan.picks.select(*about, "price", pl.lit(name).alias("plan")) for name, plan in plans.items()],
        how="vertical_relaxed",
    )
    held = rows.group_by("creator_id", "format", maintain_order=True).agg(
        pl.col("name", "platform", "tier", "price").first(),
        pl.len().cast(pl.Int64).alias("plans"),
        pl.col("plan").str.join(", ").alias("in_plans"),
    )
    return held.select(*about, "price", "plans", "in_plans").sort(
        "plans", "price", "creator_id", descending=[True, True, False]
    )


def _pairs(plans: dict[str, Plan]) -> pl.DataFrame:
    """The first plan against each of the others."""
    names = list(plans)
    base = plans[names[0]]
    rows = []
    for other in names[1:]:
        plan = plans[other]
        shared = base.picks.join(plan.picks, on=["creator_id", "format"], how="semi")
        n = shared.height
        same_goal = base.goal == plan.goal and base.brief.get("audience") == plan.brief.get("audience")
        rows.append(
            {
                "first": names[0], "second": other, "shared": n, "only_first": base.picks.height - n,
                "only_second": plan.picks.height - n,
                "cost_shared": float(shared["price"].sum()) / base.cost if base.cost > 0 else 0.0,
                "reach_change": plan.reach.value - base.reach.value if same_goal else None,
                "proven": plan.reach.value > base.upper_bound if same_goal else None,
            }
        )  # fmt: skip
    schema: dict[str, type[pl.DataType]] = {
        "first": pl.String, "second": pl.String, "shared": pl.Int64, "only_first": pl.Int64, "only_second": pl.Int64,
        "cost_shared": pl.Float64, "reach_change": pl.Float64, "proven": pl.Boolean,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def _keys(briefs: Mapping[str, Brief]) -> pl.DataFrame:
    rows = [
        (row["key"], name, "" if row[name] is None else str(row[name]))
        for row in differences(dict(briefs))
        for name in briefs
    ]
    return pl.DataFrame(rows, schema={"key": pl.String, "name": pl.String, "value": pl.String}, orient="row")


def _notes(briefs: Mapping[str, Brief]) -> tuple[Text, ...]:
    notes = [
        Text(
            "各方案在同一批虚拟人上规划；区间含播放的运气，各方案的运气大部分相同，区间重叠不等于没有差别。",
            "All plans are made on the same virtual persons; intervals hold the luck with views, most of which the "
            "plans share, so that intervals which overlap do not mean that plans are alike.",
        ),
        Text(
            "“已证明”指：一方案的触达超过另一简报下任何名单的上界（在受众模型之内）。",
            "'Proven' means: a plan reaches more than the bound on every roster of the other brief (within the "
            "audience model).",
        ),
    ]
    asked = {(repr(b.goal), repr(b.audience)) for b in briefs.values()}
    if len(asked) > 1:
        notes.insert(
            0,
            Text(
                "各简报的目标或目标人群不同，触达不能直接相比。",
                "The briefs differ in goal or target audience: their figures of reach do not compare.",
            ),
        )
    return tuple(notes)


def _assumed(plans: dict[str, Plan]) -> tuple[str, ...]:
    told: dict[str, None] = {}
    for plan in plans.values():
        told |= dict.fromkeys(plan.provenance.assumed)
    return tuple(told)
