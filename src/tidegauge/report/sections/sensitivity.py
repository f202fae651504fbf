"""What would change the plan: shadow prices in plain words, and what-if runs."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import polars as pl

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import BarChart, Block, Column, Paragraphs, Section, Table
from tidegauge.report.figures import clean, compact, counted, known, money
from tidegauge.report.registry import section
from tidegauge.report.sections.constraints import labelled
from tidegauge.report.words import goal_words
from tidegauge.result import Text

#: Fewer than half a person is nobody.
_TELLABLE = 0.5
_BUDGET_KEYS = ("budget", "预算")


@section("sensitivity", order=40, title=Text("还能怎样更好", "What would change it"), needs="plan")
def sensitivity(plan: Plan) -> Section | None:
    sentences = shadow_sentences(plan)
    what_if = _what_if(plan)
    if not sentences and not what_if:
        return None
    notes = (
        Text(
            "影子价格来自上限的对偶乘子：小幅变动时上限的变化率，大幅变动请看预算曲线与假设重算。",
            "Shadow prices are the multipliers of the bound: its rate of change for small moves; for large moves "
            "see the budget curve and the what-if runs.",
        ),
        Text(
            "假设重算：点是重新优化后找到的增量，区间的上端是已证明不可能超过的增量。",
            "What-if runs: the dot is the gain that a new optimisation found, the interval's upper end the gain proven "
            "to be impossible to exceed.",
        ),
    )
    message = sentences[0] if sentences else _first_what_if(plan)
    told: tuple[Block, ...] = (Paragraphs("shadow-prices", tuple(sentences[1:])),) if len(sentences) > 1 else ()
    return Section(message, (*told, *what_if), notes)


def shadow_sentences(plan: Plan) -> list[Text]:
    """One sentence per shadow price that matters, the budget's first, then the largest."""
    _, unit = goal_words(plan.goal)
    step = _round_step(plan.budget)
    c = plan.currency
    found = []
    budget = next((known(plan.shadow_prices[k]) for k in _BUDGET_KEYS if k in plan.shadow_prices), None)
    if budget is not None and budget * step >= _TELLABLE:
        found.append(
            Text(
                f"预算每多 {money(step, c, 'zh')}，最多约多 {counted(budget * step, unit, 'zh')}。",
                f"{money(step, c, 'en')} more would bring up to about {compact(budget * step, 'en')} more {unit.en}.",
            )
        )
    elif budget == 0:
        found.append(
            Text("预算没有用尽：加钱不会带来更多。", "The budget does not bind: more money would bring nothing.")
        )
    rules = labelled(plan.constraints)
    words = {r["label"]: r for r in rules.to_dicts()} if "label" in rules.columns else {}
    others = {k: p for k, v in plan.shadow_prices.items() if k not in _BUDGET_KEYS and (p := known(v))}
    for key, price in sorted(others.items(), key=lambda kv: -abs(kv[1])):
        row = words.get(key, {})
        zh, en = (clean(row.get(f"label_{lang}") or key) for lang in ("zh", "en"))
        per_head = "count" in str(row.get("kind") or "") or "creators" in str(row.get("kind") or "")
        size = 1.0 if per_head else step
        by_zh, by_en = ("1 位", "one creator") if per_head else (money(step, c, "zh"), money(step, c, "en"))
        gain = abs(price) * size
        if gain < _TELLABLE:
            continue
        found.append(
            Text(
                f"把「{zh}」放宽 {by_zh}，最多约多 {counted(gain, unit, 'zh')}。",
                f"Loosening “{en}” by {by_en} would bring up to about {compact(gain, 'en')} more {unit.en}.",
            )
        )
    return found


def _round_step(budget: float) -> float:
    """A step that a planner thinks in: a power of ten near a hundredth of the budget, 1,000 for 300,000."""
    size = known(budget) or 0.0
    return 10.0 ** max(0, math.floor(math.log10(size / 100))) if size > 0 else 1000.0


def _bounds(frame: pl.DataFrame) -> tuple[str, str, str]:
    """The what-if table's columns of value, low and high."""
    value = next((c for c in ("value", "reach_change") if c in frame.columns), "")
    low, high = (
        next((c for c in frame.columns if re.fullmatch(rf"(reach_change_)?{b}", c)), "") for b in ("low", "high")
    )
    return value, low, high


def _what_if(plan: Plan) -> tuple[Block, ...]:
    frame = plan.what_if
    if frame is None or frame.is_empty():
        return ()
    value, low, high = _bounds(frame)
    if not value:
        return ()
    change = Column(
        value, Text("触达增量 [至少, 至多]", "Gain in reach [at least, at most]"), "count", low=low, high=high
    )
    case = Column("label_zh", Text("如果", "What if"), key_en="label_en", wide=True)
    empty = Text("没有假设重算。", "Nothing else was tried.")
    title = Text("假设重算", "What-if runs")
    chart: tuple[Block, ...] = ()
    if frame.height > 1:
        # Without bounds a dot would look as certain as one with them.
        drawn = BarChart("what-if-chart", title, frame, case, (change,), plan.currency)
        chart = (replace(drawn, style="dot") if low and high else drawn,)
    return (*chart, Table("what-if", title, frame, (case, change), empty, plan.currency))


def _first_what_if(plan: Plan) -> Text:
    if plan.what_if is None or plan.what_if.is_empty():
        return Text("", "")
    first = plan.what_if.row(0, named=True)
    value, *_ = _bounds(plan.what_if)
    _, unit = goal_words(plan.goal)
    return Text(
        f"{clean(first.get('label_zh'))}，约多 {counted(first.get(value), unit, 'zh')}。",
        f"With {clean(first.get('label_en'))}, about {compact(first.get(value), 'en')} more {unit.en}.",
    )
