"""After the flight: promised against delivered, whether the intervals were right, who fell short and why."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tidegauge.plan.lookback.verify import Verification
from tidegauge.report.blocks import Column, Fact, Facts, Paragraphs, Section, Table
from tidegauge.report.figures import interval, money, percent
from tidegauge.report.registry import section
from tidegauge.result import Text

_FIGURES = {
    "reach": Text("触达", "Reach"),
    "views": Text("播放", "Views"),
    "engagements": Text("互动", "Engagements"),
    "cost": Text("花费", "Cost"),
    "cpm": Text("CPM", "CPM"),
}
_OUTCOMES = {
    "over": Text("超出区间", "over"),
    "as_promised": Text("如约", "as promised"),
    "under": Text("低于区间", "under"),
    "not_posted": Text("未发布", "not posted"),
    "pending": Text("待发布", "pending"),
    "unseen": Text("无计数", "no counts"),
}
_CAUSES = {
    "price": Text("价格", "price"),
    "views": Text("播放", "views"),
    "tide": Text("平台大盘", "platform's tide"),
    "timing": Text("时间", "timing"),
    "not_posted": Text("未发布", "not posted"),
}


@section("verification", order=10, title=Text("承诺与兑现", "Promised and delivered"), needs="verification")
def verification(v: Verification) -> Iterator[Section]:
    yield Section(
        _message(v),
        (Facts("delivered", tuple(_facts(v))), _totals(v)),
        (
            Text(
                "「应兑现」只计已到期的达人。播放按 30 天龄比较：较新的作品用同一达人与平台的增长曲线推到 30 天。",
                "'Due' counts the picks that are settled. Views are compared at 30 days: younger posts are carried "
                "there by the growth of the same creators' and platforms' posts.",
            ),
        ),
    )
    yield Section(
        _who(v), (_picks(v),), v.notes, name="verification-picks", title=Text("逐位达人", "Creator by creator")
    )
    if v.provenance.assumed:
        lines = v.provenance.assumptions()
        yield Section(
            Text("哪些数字不是读到的。", "What was not read but assumed."),
            (Paragraphs("assumed", lines),),
            name="verification-assumed",
            title=Text("假设", "Assumptions"),
        )


def _total(v: Verification, figure: str) -> dict[str, float | None]:
    row = v.totals.filter(pl.col("figure") == figure)
    return row.row(0, named=True) if row.height else {}


def _message(v: Verification) -> Text:
    views = _total(v, "views")
    ratio = views.get("ratio")
    c = v.coverage.verdict
    if ratio is None:
        return Text(
            "还没有到期的作品：发布并满龄后再来核对。", "Nothing is due yet: come back when posts are out and of age."
        )
    zh, en = (percent(ratio, 0),) * 2
    return Text(f"到期部分的播放兑现了 {zh}。{c.zh}", f"Views delivered so far are {en} of what was due. {c.en}")


def _facts(v: Verification) -> Iterator[Fact]:
    for figure in ("reach", "views"):
        row = _total(v, figure)
        if row.get("delivered") is None:
            continue
        zh, en = (
            interval(row["delivered"], row["delivered_low"], row["delivered_high"], lang) for lang in ("zh", "en")
        )
        share = percent(row["ratio"], 0)
        yield Fact(
            _FIGURES[figure],
            Text(zh, en),
            Text(f"应兑现的 {share}", f"{share} of what was due"),
            exact=row["delivered"],
        )
    cost = _total(v, "cost")
    if cost.get("delivered") is not None:
        yield Fact(
            _FIGURES["cost"],
            Text(money(cost["delivered"], v.currency, "zh"), money(cost["delivered"], v.currency, "en")),
            Text(f"应付的 {percent(cost['ratio'], 0)}", f"{percent(cost['ratio'], 0)} of what was due"),
            exact=cost["delivered"],
        )
    c = v.coverage
    if c.share is not None:
        level, low, high = (percent(x, 0) for x in (c.level, c.share.low, c.share.high))
        zh = f"{c.n} 条中 {c.inside} 条；承诺 {level}，区间 {low} 至 {high}"
        en = f"{c.inside} of {c.n}; promised {level}, interval {low} to {high}"
        fine = c.share.low <= c.level <= c.share.high
        yield Fact(
            Text("落在区间内", "Inside the interval"),
            Text(percent(c.share.value, 0), percent(c.share.value, 0)),
            Text(zh, en),
            "good" if fine else "care",
            c.share.value,
        )


def _totals(v: Verification) -> Table:
    worded = v.totals.with_columns(
        pl.col("figure").replace_strict({k: t.zh for k, t in _FIGURES.items()}).alias("figure_zh"),
        pl.col("figure").replace_strict({k: t.en for k, t in _FIGURES.items()}).alias("figure_en"),
    )
    return Table(
        "totals",
        Text("合计", "In all"),
        worded,
        (
            Column("figure_zh", Text("指标", "Figure"), key_en="figure_en"),
            Column("promised", Text("承诺", "Promised"), "number", low="promised_low", high="promised_high"),
            Column("due", Text("应兑现", "Due"), "number"),
            Column("delivered", Text("兑现", "Delivered"), "number", low="delivered_low", high="delivered_high"),
            Column("ratio", Text("兑现率", "Delivered over due"), "share"),
            Column("n", Text("达人数", "Creators"), "count", depth=2),
        ),
        Text("没有可比的数字。", "Nothing to compare."),
        v.currency,
    )


def _who(v: Verification) -> Text:
    counts = v.counts()
    zh = "、".join(f"{_OUTCOMES[k].zh} {n}" for k, n in counts.items())
    en = ", ".join(f"{n} {_OUTCOMES[k].en}" for k, n in counts.items())
    return Text(f"{v.picks.height} 位达人：{zh}。", f"{v.picks.height} creators: {en}.")


def _picks(v: Verification) -> Table:
    def worded(column: str, words: dict[str, Text]) -> list[pl.Expr]:
        return [
            pl.col(column).replace_strict({k: t.zh for k, t in words.items()}, default=None).alias(f"{column}_zh"),
            pl.col(column).replace_strict({k: t.en for k, t in words.items()}, default=None).alias(f"{column}_en"),
        ]

    frame = v.picks.with_columns(
        *worded("outcome", _OUTCOMES), *worded("cause", _CAUSES), pl.coalesce("name", "creator_id").alias("name")
    )
    return Table(
        "verified",
        Text("承诺与兑现", "Promised and delivered"),
        frame,
        (
            Column("name", Text("达人", "Creator"), under="creator_id"),
            Column("platform", Text("平台", "Platform"), "word", facet=True),
            Column("outcome_zh", Text("结果", "Outcome"), key_en="outcome_en", facet=True),
            Column(
                "views_promised", Text("承诺播放", "Views promised"), "count",
                low="views_promised_low", high="views_promised_high",
            ),
            Column(
                "views_delivered", Text("兑现播放", "Views delivered"), "count",
                low="views_delivered_low", high="views_delivered_high",
            ),
            Column("price", Text("方案价格", "Price in the plan"), "money", depth=2, total=True),
            Column("cost", Text("实际费用", "Cost"), "money", total=True),
            Column("cpm_promised", Text("承诺 CPM", "CPM promised"), "money", depth=2),
            Column("cpm_delivered", Text("实际 CPM", "CPM delivered"), "money", depth=2),
            Column("missing_money", Text("缺口折价", "Missing, at the promised price"), "money", depth=2),
            Column("cause_zh", Text("原因", "Cause"), key_en="cause_en"),
            Column("reason_zh", Text("说明", "Why"), key_en="reason_en", depth=2, wide=True),
            Column("engagements_promised", Text("预期互动", "Engagements expected"), "count", depth=3),
            Column("engagements_delivered", Text("实际互动", "Engagements delivered"), "count", depth=3),
            Column("age_days", Text("作品天龄", "Age in days"), "number", depth=3),
            Column("days_late", Text("晚于计划天数", "Days late"), "number", depth=3),
            Column("views_from", Text("播放依据", "Views from"), depth=3),
            Column("format", Text("形式", "Format"), "word", depth=3),
            Column("creator_id", Text("达人 ID", "Creator ID"), depth=3),
        ),
        Text("方案里没有达人。", "The plan holds nobody."),
        v.currency,
    )  # fmt: skip
