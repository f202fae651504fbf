"""What was assumed rather than read: prices, views, priors; each marked."""

from __future__ import annotations

import polars as pl

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import Block, Paragraphs, Section, Table
from tidegauge.report.figures import clean, percent
from tidegauge.report.registry import section
from tidegauge.report.sections.headline import assumed_share
from tidegauge.report.sections.roster import FORMAT, NAME, PLATFORM, PRICE, TIER
from tidegauge.result import Text

_ASSUMED = Text("假设", "assumed")


@section("assumptions", order=80, title=Text("假设", "What is assumed"), needs="plan")
def assumptions(plan: Plan) -> Section:
    n, share = assumed_share(plan)
    listed = tuple(Text(clean(a.zh), clean(a.en)) for a in plan.provenance.assumptions())
    blocks: list[Block] = [Paragraphs("assumed", listed, _ASSUMED)] if listed else []
    if n:
        frame = plan.picks.filter(pl.col("price_assumed").fill_null(False))
        blocks.append(
            Table(
                "assumed-prices",
                Text("按假设报价计的达人", "Creators with an assumed price"),
                frame,
                (NAME, PLATFORM, TIER, FORMAT, PRICE),
                Text("无", "none"),
                plan.currency,
            )
        )
        message = Text(
            f"{n} 位达人没有报价，按引用的价格区间假设，占花费的 {percent(share)}；下单前请询价。",
            f"{n} creators have no quoted price; theirs are assumed from cited ranges, {percent(share)} of the cost. "
            "Ask before you book.",
        )
    elif listed:
        message = Text("报价全部来自报价单；其余假设列在下面。", "Every price is quoted; other assumptions are listed.")
    else:
        message = Text(
            "没有使用任何假设：报价与播放都来自数据。", "Nothing was assumed: prices and views come from data."
        )
    return Section(message, tuple(blocks))
