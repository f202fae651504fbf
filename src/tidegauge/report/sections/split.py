"""The budget split beside last period's: platform, tier, role, format, stage."""

from __future__ import annotations

import polars as pl

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import BarChart, Column, Section, Table
from tidegauge.report.figures import DASH, percent
from tidegauge.report.registry import section
from tidegauge.report.words import column_word
from tidegauge.result import Text
from tidegauge.vocab import label

#: Buckets in a picture; the table has them all.
_BARS = 12

BUCKET = Column("bucket", Text("分组", "Group"), "word")
SHARE = Column("cost_share", Text("本方案", "This plan"), "share", bar=True)
BEFORE = Column("cost_share_before", Text("此前", "Before"), "share")


@section("split", order=50, title=Text("预算分配", "Budget split"), needs="plan")
def split(plan: Plan) -> Section | None:
    if plan.split.is_empty():
        return None
    # A creator without the dimension (no category read) falls into the bucket "".
    frame = plan.split.with_columns(pl.col("bucket").replace("", None))
    has_before = "cost_share_before" in frame.columns and frame.get_column("cost_share_before").is_not_null().any()
    dimensions = frame.get_column("dimension").unique(maintain_order=True).to_list()
    charts = []
    for d in dimensions:
        part = frame.filter(pl.col("dimension") == d).sort("cost_share", descending=True, nulls_last=True).head(_BARS)
        # One bucket with everything says nothing as a picture; the table has it.
        if part.height > 1:
            word = column_word(d)
            title = Text(f"按{word.zh}分配", f"Split by {word.en.lower()}")
            known_before = has_before and part.get_column("cost_share_before").is_not_null().any()
            charts.append(BarChart(f"split-{d}", title, part, BUCKET, (SHARE, BEFORE) if known_before else (SHARE,)))
    worded = frame.with_columns(
        pl.col("dimension").replace_strict({d: column_word(d).zh for d in dimensions}).alias("dimension_zh"),
        pl.col("dimension").replace_strict({d: column_word(d).en for d in dimensions}).alias("dimension_en"),
    )
    if has_before:
        worded = worded.with_columns((pl.col("cost_share") - pl.col("cost_share_before")).alias("moved"))
    table = Table(
        "split",
        Text("预算分配", "Budget split"),
        worded,
        (
            Column("dimension_zh", Text("维度", "By"), key_en="dimension_en", facet=True),
            BUCKET,
            Column("cost", Text("花费", "Cost"), "money"),
            Column("cost_share", Text("占比", "Share"), "share", bar=True),
            Column("count", Text("达人数", "Creators"), "count"),
            *((BEFORE, Column("moved", Text("变化", "Change"), "share")) if has_before else ()),
        ),
        Text("没有预算分配。", "There is no split."),
        plan.currency,
        deck_rows=8,
    )
    notes = (
        Text(
            "分配是名单的结果，不是输入；「此前」来自工作区里较早的投放记录，没有记录处为空。",
            "The split follows from the roster and is not an input; 'before' comes from earlier placements in the "
            "workspace and is empty where there are none.",
        ),
    )
    return Section(_message(frame, dimensions[0], has_before), (*charts, table), notes)


def _message(frame: pl.DataFrame, dimension: str, has_before: bool) -> Text:
    part = frame.filter(pl.col("dimension") == dimension).sort("cost_share", descending=True, nulls_last=True)
    top = part.row(0, named=True)
    zh, en = (label(str(top["bucket"] or DASH), lang) for lang in ("zh", "en"))
    before = top.get("cost_share_before") if has_before else None
    moved_zh = f"，此前为 {percent(before)}" if before is not None else ""
    moved_en = f"; before it was {percent(before)}" if before is not None else ""
    return Text(
        f"{zh} 占预算最多：{percent(top['cost_share'])}{moved_zh}。",
        f"{en} takes the largest part of the money: {percent(top['cost_share'])}{moved_en}.",
    )
