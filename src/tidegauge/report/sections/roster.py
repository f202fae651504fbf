"""The roster: whom to book, at what price, what each adds, and why."""

from __future__ import annotations

import polars as pl

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import BarChart, Block, Column, Section, Table
from tidegauge.report.content import short
from tidegauge.report.figures import counted
from tidegauge.report.registry import section
from tidegauge.report.words import goal_words
from tidegauge.result import Text

#: Creators in the bar chart; more bars no longer read.
_BARS = 15

NAME = Column("name", Text("达人", "Creator"), under="creator_id")
PLATFORM = Column("platform", Text("平台", "Platform"), "word", facet=True)
TIER = Column("tier", Text("层级", "Tier"), "word", depth=2, facet=True)
FORMAT = Column("format", Text("形式", "Format"), "word", facet=True)
PRICE = Column(
    "price", Text("报价", "Price"), "money", low="price_low", high="price_high", mark="price_assumed", total=True
)
ADDED = Column("reach_added", Text("新增触达", "Adds"), "count", bar=True)

COLUMNS = (
    NAME,
    PLATFORM,
    TIER,
    FORMAT,
    Column("role", Text("角色", "Role"), "word", depth=3),
    PRICE,
    Column(
        "views", Text("预计播放", "Expected views"), "count", low="views_low", high="views_high", mark="views_assumed"
    ),
    Column("reach_alone", Text("单独触达", "Reach alone"), "count", depth=2),
    ADDED,
    Column("cpm", Text("CPM", "CPM"), "money", depth=2),
    Column("publish_on", Text("发布日", "Publish on"), "date", depth=2),
    Column("reason_zh", Text("为何入选", "Why"), key_en="reason_en", depth=2, wide=True),
    Column("overlap_name", Text("重叠最多的达人", "Overlaps most with"), depth=3),
    Column("overlap_share", Text("重叠比例", "Overlap"), "share", depth=3),
    Column("creator_id", Text("达人 ID", "Creator ID"), depth=3),
    Column("category", Text("类目", "Category"), "word", depth=3),
    Column("stage", Text("阶段", "Stage"), "word", depth=3),
    Column("terms", Text("合作条款", "Terms"), depth=3),
    Column("price_assumed", Text("报价为假设", "Price assumed"), "flag", depth=3),
    Column("price_source", Text("报价来源", "Source of the price"), depth=3),
    Column("views_basis", Text("播放依据", "Basis of the views"), "word", depth=3),
    Column("booked", Text("已预订", "Booked"), "flag", depth=3),
)


def with_names(plan: Plan) -> pl.DataFrame:
    """The picks, with the name of the creator whom each overlaps most."""
    picks = plan.picks
    if picks.is_empty() or not {"overlap_with", "creator_id", "name"} <= set(picks.columns):
        return picks
    names = picks.select(pl.col("creator_id").alias("overlap_with"), pl.col("name").alias("overlap_name"))
    joined = picks.join(names.unique("overlap_with"), on="overlap_with", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("overlap_name", "overlap_with").alias("overlap_name"))


@section("roster", order=20, title=Text("达人名单", "Roster"), needs="plan")
def roster(plan: Plan) -> Section:
    title, unit = goal_words(plan.goal)
    table = Table(
        "roster",
        Text("达人名单", "Roster"),
        with_names(plan),
        COLUMNS,
        Text("名单是空的：没有一位候选满足全部约束。", "The roster is empty: no candidate fits every rule."),
        plan.currency,
        deck_rows=12,
    )
    notes = (
        Text(
            f"单独触达：只投这一位；新增触达：把这一位从完整名单中拿掉会少的{title.zh}。二者之差是与他人的重叠。",
            f"Reach alone: this creator by itself; adds: what the whole roster would lose without it ({unit.en}). The "
            "difference is overlap with the others.",
        ),
        Text(
            "播放区间来自该达人自己的历史作品；标为假设的取自引用的先验。",
            "Intervals of views come from the creator's own posts; those marked assumed from cited priors.",
        ),
    )
    return Section(_message(plan), (table, *_chart(plan)), notes)


def _message(plan: Plan) -> Text:
    picks = plan.picks
    if picks.is_empty() or "reach_added" not in picks.columns:
        return Text("没有入选的达人。", "Nobody was picked.")
    ranked = picks.sort("reach_added", descending=True, nulls_last=True)
    top = ranked.row(0, named=True)
    _, unit = goal_words(plan.goal)
    name, added = short(top.get("name") or top.get("creator_id")), top["reach_added"]
    return Text(
        f"{picks.height} 位达人中，{name} 贡献最大：在其余人之外还多 {counted(added, unit, 'zh')}。",
        f"Of {picks.height} creators {name} adds most: {counted(added, unit, 'en')} beyond all the others.",
    )


def _chart(plan: Plan) -> tuple[Block, ...]:
    picks = plan.picks
    if picks.height < 2 or not {"name", "reach_added", "reach_alone"} <= set(picks.columns):
        return ()
    top = picks.sort("reach_added", descending=True, nulls_last=True).head(_BARS)
    # Two creators may bear the same name; the bars must not be added up.
    named = top.with_columns(pl.col("name").map_elements(lambda s: short(s, 16), return_dtype=pl.String))
    twins = named.get_column("name").is_duplicated()
    named = named.with_columns(
        pl.when(twins).then(pl.format("{} ({})", "name", "creator_id")).otherwise(pl.col("name")).alias("name")
    )
    return (
        BarChart(
            "contribution",
            Text("贡献最大的达人：单独触达与新增触达", "Who adds most: reach alone and reach added"),
            named,
            NAME,
            (ADDED, Column("reach_alone", Text("单独触达", "Reach alone"), "count")),
        ),
    )
