"""Briefs side by side: reach, bound, money, mix, shared picks, and what the briefs ask differently."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tidegauge.plan.compare import Comparison
from tidegauge.report.blocks import BarChart, Block, Column, Paragraphs, Section, Table
from tidegauge.report.content import short
from tidegauge.report.figures import compact, counted
from tidegauge.report.registry import section
from tidegauge.report.words import goal_words
from tidegauge.result import Text

NAME = Column("name", Text("方案", "Plan"), wide=True)
SHARES = (("platform", "平台"), ("tier", "量级"), ("role", "角色"), ("format", "形式"), ("stage", "阶段"))


@section("comparison", order=10, title=Text("并排比较", "Side by side"), needs="comparison")
def comparison(c: Comparison) -> Iterator[Section]:
    yield _side_by_side(c)
    yield _differences(c)
    yield _rosters(c)
    yield _mix(c)


def _side_by_side(c: Comparison) -> Section:
    goal = next(iter(c.plans.values())).goal
    reach, _ = goal_words(goal)
    table = Table(
        "comparison",
        Text("各方案", "Plans"),
        c.table,
        (
            NAME,
            Column("reach", reach, "count", low="low", high="high", bar=True),
            Column("upper_bound", Text("已证明的上限", "Proven bound"), "count"),
            Column("gap", Text("面板差距", "Panel gap"), "share"),
            Column("population_gap", Text("总体差距", "Gap with sampling error"), "share", depth=2),
            Column("cost", Text("花费", "Cost"), "money"),
            Column("budget", Text("预算", "Budget"), "money", depth=2),
            Column("cost_per_1000", Text("每千人成本", "Cost per thousand"), "money"),
            Column("picks", Text("人数", "Picks"), "count"),
            Column("candidates", Text("候选人数", "Candidates"), "count", depth=2),
            Column("budget_price", Text("预算每多一元", "Per unit of budget"), "number", depth=2),
        ),
        Text("没有方案。", "No plan."),
        c.currency,
    )
    chart = BarChart(
        "comparison-reach", reach, c.table,
        NAME, (Column("reach", reach, "count", low="low", high="high"),), style="dot",
    )  # fmt: skip
    refused = tuple(
        Text(f"{name}：无法满足。{why}", f"{name}: cannot be kept. {why}") for name, why in c.refused.items()
    )
    blocks: tuple[Block, ...] = (table, chart)
    if refused:
        blocks = (table, chart, Paragraphs("refused", refused, Text("不可行", "infeasible")))
    return Section(_message(c), blocks, c.notes)


def _message(c: Comparison) -> Text:
    """The plan with the most reach against the first, or why their figures do not compare."""
    compared = c.pairs.filter(pl.col("reach_change").is_not_null())
    if compared.is_empty():
        return Text("各方案的数字如下。", "The plans' figures stand below.")
    best = compared.sort("reach_change", descending=True).row(0, named=True)
    first, second, change = short(best["first"]), short(best["second"]), float(best["reach_change"])
    people = Text("人", "people")
    sign_zh, sign_en = ("多", "more") if change >= 0 else ("少", "fewer")
    zh = f"“{second}”比“{first}”{sign_zh}触达 {counted(abs(change), people, 'zh')}"
    en = f"'{second}' reaches {compact(abs(change), 'en')} {sign_en} than '{first}'"
    if best["proven"]:
        return Text(
            f"{zh}，后者的任何名单都做不到，已证明。",
            f"{en}; proven to be out of reach for every roster of the latter.",
        )
    return Text(f"{zh}。", f"{en}.")


def _differences(c: Comparison) -> Section:
    keys = Table(
        "comparison-keys",
        Text("简报的不同之处", "Where the briefs differ"),
        c.keys.pivot("name", index="key", values="value") if c.keys.height else c.keys,
        (Column("key", Text("键", "Key")), *(Column(n, Text(n, n), wide=True) for n in _names(c.keys))),
        Text("简报相同。", "The briefs are alike."),
    )
    prices = Table(
        "comparison-shadow",
        Text("影子价格", "Shadow prices"),
        c.shadow,
        (
            NAME,
            Column("limit", Text("约束", "Limit"), wide=True),
            Column("price", Text("放宽一单位多触达", "Reach per unit"), "number"),
        ),
        Text("没有起作用的约束。", "No limit binds."),
    )
    n = c.keys.get_column("key").n_unique() if c.keys.height else 0
    message = Text(f"简报有 {n} 处不同。", f"The briefs differ in {n} key{'' if n == 1 else 's'}.")
    return Section(message, (keys, prices), title=Text("不同之处", "What differs"))


def _names(frame: pl.DataFrame) -> list[str]:
    return frame.get_column("name").unique(maintain_order=True).to_list() if frame.height else []


def _rosters(c: Comparison) -> Section:
    pairs = Table(
        "comparison-pairs",
        Text("与第一个方案相比", "Against the first plan"),
        c.pairs,
        (
            Column("second", Text("方案", "Plan"), wide=True),
            Column("shared", Text("共同入选", "Shared picks"), "count"),
            Column("only_first", Text("仅第一个方案", "Only in the first"), "count"),
            Column("only_second", Text("仅本方案", "Only in this one"), "count"),
            Column("cost_shared", Text("共同入选占第一个方案花费", "Shared part of the first's money"), "share"),
            Column("reach_change", Text("触达之差", "Change of reach"), "count"),
            Column("proven", Text("已证明更多", "Proven to be more"), "flag"),
        ),
        Text("没有可比的方案。", "No plan to compare."),
    )
    picks = Table(
        "comparison-picks",
        Text("入选达人", "Picks"),
        c.picks,
        (
            Column("name", Text("达人", "Creator"), under="creator_id"),
            Column("platform", Text("平台", "Platform"), "word", facet=True),
            Column("tier", Text("量级", "Tier"), "word", facet=True),
            Column("format", Text("形式", "Format"), "word"),
            Column("price", Text("价格", "Price"), "money"),
            Column("plans", Text("入选方案数", "Plans"), "count", facet=False),
            Column("in_plans", Text("所在方案", "In"), wide=True),
        ),
        Text("没有入选达人。", "No picks."),
        c.currency,
    )
    every = int((c.picks["plans"] == len(c.plans)).sum()) if c.picks.height else 0
    message = Text(f"{every} 位达人在每个方案中都入选。", f"{every} creators are in every plan.")
    return Section(message, (pairs, picks), title=Text("名单", "Rosters"))


def _mix(c: Comparison) -> Section:
    blocks: list[Block] = []
    for dimension, zh in SHARES:
        rows = c.mix.filter(pl.col("dimension") == dimension)
        if rows.is_empty():
            continue
        wide = rows.pivot("name", index="bucket", values="cost_share").fill_null(0.0).sort("bucket")
        columns = tuple(Column(n, Text(n, n), "share") for n in wide.columns[1:])
        title = Text(f"按{zh}的花费占比", f"Share of cost by {dimension}")
        bucket = Column("bucket", Text(zh, dimension), "word")
        blocks.append(Table(f"comparison-{dimension}", title, wide, (bucket, *columns), Text("没有花费。", "No cost.")))
    return Section(
        Text(
            "花费按平台、量级、角色、形式、阶段的分布。",
            "How the money splits over platforms, tiers, roles, formats, stages.",
        ),
        tuple(blocks),
        title=Text("结构", "Mix"),
    )
