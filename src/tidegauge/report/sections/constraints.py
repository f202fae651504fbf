"""Every rule of the brief with its actual value: kept or not."""

from __future__ import annotations

import polars as pl

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import Column, Section, Table
from tidegauge.report.registry import section
from tidegauge.result import Text


def labelled(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with `label_zh` and `label_en`, whatever of them it came with."""
    return frame.with_columns(
        *(pl.col("label").alias(c) for c in ("label_zh", "label_en") if c not in frame.columns and "label" in frame)
    )


@section("constraints", order=70, title=Text("约束", "Rules"), needs="plan")
def constraints(plan: Plan) -> Section:
    frame = labelled(plan.constraints)
    if "kind" in frame.columns:
        frame = frame.with_columns(pl.col("kind").replace("spend", plan.currency).alias("unit"))
    if "low" in frame.columns:
        # A floor of nothing is no floor.
        frame = frame.with_columns(pl.when(pl.col("low") > 0).then(pl.col("low")).alias("low"))
    nothing = Text("除预算外，需求单没有别的约束。", "Beside the budget the brief sets no rule.")
    table = Table(
        "constraints",
        Text("约束", "Rules"),
        frame,
        (
            Column("label_zh", Text("约束", "Rule"), key_en="label_en", wide=True),
            Column("low", Text("至少", "At least"), "by_unit", unit_key="unit"),
            Column("actual", Text("实际", "Actual"), "by_unit", unit_key="unit"),
            Column("high", Text("至多", "At most"), "by_unit", unit_key="unit"),
            Column("kept", Text("已遵守", "Kept"), "flag"),
            Column("shadow_price", Text("影子价格", "Shadow price"), "number", depth=2),
            Column("kind", Text("种类", "Kind"), depth=3),
        ),
        nothing,
        plan.currency,
    )
    notes = (
        Text(
            "「实际」按最终名单重新计算，不取自求解器。影子价格：把这条约束放宽一个单位，上限会变多少；零表示它没有起作用。",
            "'Actual' is counted again from the final roster, not taken from the solver. Shadow price: by how much the "
            "bound moves when this rule is loosened by one unit; zero means that it does not bind.",
        ),
    )
    if frame.is_empty():
        return Section(nothing, (), notes)
    broken = frame.filter(~pl.col("kept").fill_null(False)).height
    message = (
        Text(f"{frame.height} 条约束全部遵守。", f"All {frame.height} rules are kept.")
        if broken == 0
        else Text(f"{frame.height} 条约束中有 {broken} 条没有遵守！", f"{broken} of {frame.height} rules are not kept!")
    )
    return Section(message, (table,), notes)
