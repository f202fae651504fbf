"""More or less money: what other budgets would bring, with the proven bound."""

from __future__ import annotations

import polars as pl

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import Column, LineChart, Section, Table
from tidegauge.report.figures import compact, counted, money
from tidegauge.report.registry import section
from tidegauge.report.words import goal_words
from tidegauge.result import Text


@section("curve", order=30, title=Text("预算曲线", "Budget curve"), needs="plan")
def curve(plan: Plan) -> Section | None:
    if plan.curve.is_empty():
        return None
    title, _ = goal_words(plan.goal)
    frame = plan.curve.sort("budget").with_columns(
        (pl.when(pl.col("upper_bound") > 0).then(1 - pl.col("reach") / pl.col("upper_bound"))).alias("gap"),
        (pl.when(pl.col("reach") > 0).then(1000 * pl.col("budget") / pl.col("reach"))).alias("per_thousand"),
        (pl.when(pl.col("budget").diff() > 0).then(1000 * pl.col("reach").diff() / pl.col("budget").diff())).alias(
            "per_1000_more"
        ),
    )
    x = Column("budget", Text("预算", "Budget"), "money")
    reach = Column("reach", title, "count")
    bound = Column("upper_bound", Text("已证明的上限", "Proven bound"), "count")
    chart = LineChart(
        "budget-curve",
        Text("预算与触达", "Budget and reach"),
        frame,
        x,
        (reach, bound),
        plan.currency,
        plan.budget,
        y_title=title,
    )
    table = Table(
        "curve",
        Text("各档预算", "Budgets"),
        frame,
        (
            x,
            reach,
            bound,
            Column("gap", Text("差距", "Gap"), "share"),
            Column("per_thousand", Text("每千人成本", "Cost per thousand"), "money"),
            Column("per_1000_more", Text("再加一千多触达", "Per 1,000 more"), "count", depth=2),
        ),
        Text("没有算预算曲线。", "No budget curve was computed."),
        plan.currency,
    )
    notes = (
        Text(
            "每一档预算各自重新优化，并各自求上限；两线之间是尚未证明的部分。",
            "Every budget is optimised anew and bounded anew; what lies between the lines is not proven.",
        ),
    )
    return Section(_message(plan, frame), (chart, table), notes)


def _message(plan: Plan, frame: pl.DataFrame) -> Text:
    _, unit = goal_words(plan.goal)
    c = plan.currency
    above = frame.filter(pl.col("budget") > plan.budget * 1.001)
    at = frame.filter(pl.col("budget") <= plan.budget * 1.001)
    if above.is_empty() or at.is_empty():
        last = frame.row(-1, named=True)
        return Text(
            f"预算为 {money(last['budget'], c, 'zh')}时可达 {counted(last['reach'], unit, 'zh')}，"
            f"上限 {compact(last['upper_bound'], 'zh')}。",
            f"A budget of {money(last['budget'], c, 'en')} brings {counted(last['reach'], unit, 'en')}; the bound is "
            f"{compact(last['upper_bound'], 'en')}.",
        )
    here, more = at.row(-1, named=True), above.row(0, named=True)
    step, gain = more["budget"] - here["budget"], max(0.0, more["reach"] - here["reach"])
    return Text(
        f"预算从 {money(here['budget'], c, 'zh')}再加 {money(step, c, 'zh')}，约多 {counted(gain, unit, 'zh')}。",
        f"{money(step, c, 'en')} on top of {money(here['budget'], c, 'en')} would bring about "
        f"{compact(gain, 'en')} more {unit.en}.",
    )
