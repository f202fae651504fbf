"""Advice for a creator: what to know in words, then where it stands, who gained, what is crowded."""

from __future__ import annotations

import polars as pl

from tidegauge.creators.advise import Advice
from tidegauge.report.blocks import Column, Paragraphs, Section, Table
from tidegauge.report.registry import section
from tidegauge.report.words import LANGUAGES
from tidegauge.result import Text
from tidegauge.vocab import label

_NONE = Text("数据不足，无法比较。", "Too little data to compare.")
_METRICS = {
    "views_next": Text("未来 7 天播放", "Views in the next 7 days"),
    "follower_growth": Text("近期涨粉", "Growth of followers"),
    "engagement": Text("每次播放的互动", "Engagement per view"),
    "price_fair": Text("合理价", "Fair price"),
    "price": Text("报价", "Price"),
    "cpm_post": Text("CPM", "CPM"),
}
_OUTCOMES = {
    "views_per_post": Text("单条播放", "Views per post"),
    "follower_growth": Text("涨粉", "Growth of followers"),
}


@section("advice", order=10, title=Text("给你的建议", "Advice"), needs="advice")
def advice(a: Advice) -> Section:
    """The findings in words."""
    first, *rest = a.lines
    return Section(first, (Paragraphs("advice-lines", tuple(rest)),))


@section("advice-standing", order=20, title=Text("你的位置", "Where you stand"), needs="advice")
def standing(a: Advice) -> Section | None:
    if a.standing.is_empty():
        return None
    words = [_METRICS[m] for m in a.standing.get_column("metric").to_list()]
    frame = a.standing.with_columns(
        pl.Series("zh", [w.zh for w in words]), pl.Series("en", [w.en for w in words]),
        *(pl.col(c) / 100 for c in ("percentile", "percentile_low", "percentile_high")),
        pl.col("value", "low", "high").round_sig_figs(3),
    )  # fmt: skip
    table = Table(
        "advice-standing", Text("百分位", "Percentiles"), frame,
        (Column("zh", Text("指标", "Figure"), key_en="en"),
         Column("value", Text("数值", "Value"), "number", low="low", high="high"),
         Column("percentile", Text("百分位 [90 %]", "Percentile [90 %]"), "share", low="percentile_low",
                high="percentile_high"),
         Column("n", Text("同侪", "Peers"), "count")),
        _NONE,
    )  # fmt: skip
    n = int(frame.get_column("n").max() or 0)  # type: ignore[arg-type]
    return Section(Text(f"与 {n} 位同类达人相比。", f"Against {n} creators of your kind."), (table,))


@section("advice-gains", order=30, title=Text("谁在增长", "Who gained"), needs="advice")
def gained(a: Advice) -> Section | None:
    if a.gains.is_empty():
        return None
    names = a.gains.get_column("name").to_list()
    outcomes = [_OUTCOMES[o] for o in a.gains.get_column("outcome").to_list()]
    frame = a.gains.with_columns(
        pl.Series("zh", [label(n, "zh") for n in names]), pl.Series("en", [label(n, "en") for n in names]),
        pl.Series("out_zh", [o.zh for o in outcomes]), pl.Series("out_en", [o.en for o in outcomes]),
    )  # fmt: skip
    table = Table(
        "advice-gains", Text("匹配对比", "Matched comparisons"), frame,
        (Column("zh", Text("转向", "Turned to"), key_en="en"),
         Column("out_zh", Text("结果", "Outcome"), key_en="out_en"),
         Column("value", Text("差异 [90 %]", "Difference [90 %]"), "share", low="low", high="high"),
         Column("p_holm", Text("校正后 p", "p, corrected"), "number"),
         Column("n", Text("达人", "Creators"), "count"),
         Column("controls", Text("匹配对象", "Matched"), "count", depth=2)),
        _NONE,
    )  # fmt: skip
    days = float(frame.get_column("days")[0])
    note = Text(
        f"两个 {days:.0f} 天窗口；最近邻匹配并校正（docs/methods/advise.md）；不是因果结论。",
        f"Two windows of {days:.0f} days; nearest neighbours, corrected (docs/methods/advise.md); not a causal claim.",
    )
    clear = frame.filter(pl.col("p_holm") < 0.1).height
    return Section(
        Text(f"{frame.height} 项对比中 {clear} 项明显。", f"{clear} of {frame.height} comparisons are clear."),
        (table,), (note,),
    )  # fmt: skip


@section("advice-crowded", order=40, title=Text("哪里拥挤", "What is crowded"), needs="advice")
def crowded(a: Advice) -> Section | None:
    if a.crowded.is_empty():
        return None
    table = Table(
        "advice-crowded", Text("平台×类目", "Platform × category"), a.crowded,
        (Column("platform", Text("平台", "Platform"), "word"), Column("category", Text("类目", "Category"), "word"),
         Column("score", Text("机会评分 [90 %]", "Opportunity [90 %]"), "number", low="low", high="high"),
         Column("rank", Text("排名", "Rank"), "count"),
         Column("supply_growth", Text("供给变化", "Supply"), "share", depth=2),
         Column("n", Text("达人", "Creators"), "count", depth=2)),
        _NONE,
    )  # fmt: skip
    best = a.crowded.row(0, named=True)
    zh, en = (f"{label(best['platform'], lang)} × {best['category']}" for lang in LANGUAGES)
    return Section(
        Text(f"与你相邻的单元中，{zh} 机会评分最高。", f"Of the cells next to yours, {en} has the best score."),
        (table,),
    )
