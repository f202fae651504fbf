"""Was it a good case? The campaign against matched ordinary posts."""

from __future__ import annotations

from tidegauge.plan.lookback.case_score import CaseScore
from tidegauge.plan.result import Interval
from tidegauge.report.blocks import Column, Fact, Facts, Section, Table
from tidegauge.report.figures import percent
from tidegauge.report.registry import section
from tidegauge.result import Text


@section("case", order=10, title=Text("案例评分", "Case score"), needs="case")
def case(c: CaseScore) -> Section:
    facts = [_ratio(Text("相对日常作品", "Against ordinary posts"), c.effect)]
    if c.against_sponsored is not None:
        facts.append(_ratio(Text("相对其他商单", "Against other sponsored posts"), c.against_sponsored))
    b = c.breakouts
    facts.append(
        Fact(
            Text("爆款比例", "Break-outs"),
            Text(percent(b.value, 0), percent(b.value, 0)),
            Text(
                f"区间 {percent(b.low, 0)} 至 {percent(b.high, 0)}；机会水平 10%",
                f"{percent(b.low, 0)} to {percent(b.high, 0)}; 10% by chance",
            ),
            exact=b.value,
        )
    )
    facts.append(
        Fact(
            Text("评分", "Score"),
            Text(f"{c.score:.0f}", f"{c.score:.0f}"),
            Text("效果高于其他商单的概率，0 至 100", "chance to be above other sponsored posts, 0 to 100"),
            exact=c.score,
        )
    )
    rows = Table(
        "case",
        Text("逐条作品", "Post by post"),
        c.posts.sort("ratio", descending=True),
        (
            Column("post_id", Text("作品", "Post")),
            Column("creator_id", Text("达人", "Creator"), depth=2),
            Column("platform", Text("平台", "Platform"), "word", facet=True),
            Column("format", Text("形式", "Format"), "word", depth=2),
            Column("ratio", Text("相对日常的倍数", "Times the ordinary post"), "number", low="low", high="high"),
            Column("breakout", Text("爆款概率", "Break-out probability"), "share"),
            Column("matched", Text("匹配作品数", "Matched posts"), "count", depth=2),
            Column("age_days", Text("天龄", "Age in days"), "number", depth=3),
            Column("metric", Text("计数", "Count"), "word", depth=3),
        ),
        Text("没有可匹配的作品。", "No post could be matched."),
    )
    e = c.explanation
    left = (
        (
            Text(
                f"{c.unmatched} 条作品没有足够的日常作品可比。",
                f"{c.unmatched} posts have too few ordinary posts beside them.",
            ),
        )
        if c.unmatched
        else ()
    )
    return Section(c.verdict, (Facts("case", tuple(facts)), rows), (*left, e.assumptions, e.limits))


def _ratio(label: Text, r: Interval) -> Fact:
    sure = "good" if r.low > 1.0 else "care" if r.high < 1.0 else "plain"
    return Fact(
        label,
        Text(f"{r.value:.2f} 倍", f"{r.value:.2f} times"),
        Text(f"区间 {r.low:.2f} 至 {r.high:.2f}", f"{r.low:.2f} to {r.high:.2f}"),
        sure,  # type: ignore[arg-type]
        r.value,
    )
