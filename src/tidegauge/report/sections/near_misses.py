"""Who was nearly picked, and what kept them out."""

from __future__ import annotations

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import Column, Section, Table
from tidegauge.report.content import short
from tidegauge.report.figures import clean
from tidegauge.report.registry import section
from tidegauge.report.sections.roster import FORMAT, NAME, PLATFORM, TIER
from tidegauge.result import Text

_NOBODY = Text("没有接近入选的候选。", "No candidate came close.")


@section("near-misses", order=60, title=Text("差一点入选", "Near misses"), needs="plan")
def near_misses(plan: Plan) -> Section:
    frame = plan.near_misses
    message = _NOBODY
    if not frame.is_empty():
        first = frame.row(0, named=True)
        name = short(first.get("name") or first.get("creator_id"))
        message = Text(
            f"最接近的是 {name}：{clean(first.get('reason_zh') or '').rstrip('。')}。",
            f"{name} came closest: {clean(first.get('reason_en') or '').rstrip('.')}.",
        )
    table = Table(
        "near-misses",
        Text("差一点入选", "Near misses"),
        frame,
        (
            NAME,
            PLATFORM,
            TIER,
            FORMAT,
            Column("price", Text("报价", "Price"), "money", mark="price_assumed"),
            Column("reach_added", Text("若加入会新增", "Would add"), "count", bar=True),
            Column("reason_zh", Text("为何未入选", "Why not"), key_en="reason_en", wide=True),
            Column("creator_id", Text("达人 ID", "Creator ID"), depth=3),
        ),
        _NOBODY,
        plan.currency,
        deck_rows=8,
    )
    notes = (
        Text(
            "「若加入会新增」是在完整名单之上再加这一位的触达；与报价之比低于预算的影子价格，就不值得换。",
            "'Would add' is the reach on top of the whole roster; where it is less per unit of money than the budget's "
            "shadow price, a swap does not pay.",
        ),
    )
    return Section(message, (table,), notes)
