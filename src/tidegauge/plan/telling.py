"""What a plan has to say besides its figures: what was assumed, what was left out, how far the promise goes."""

from __future__ import annotations

import polars as pl

from tidegauge.plan.audience.people import People
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.offers.candidates import Found
from tidegauge.plan.offers.filters import Kept
from tidegauge.plan.promise import Promise
from tidegauge.plan.search import Search
from tidegauge.result import Assumed, Text

#: Basis of a views estimate, in words.
BASIS_WORDS = {
    "posts": Text("自身作品", "own posts"),
    "rate_card": Text("报价单", "rate card"),
    "likes": Text("由点赞推算", "inferred from likes"),
    "channel": Text("由账号总播放增长推算", "inferred from the channel's growth"),
    "similar_creators": Text(
        "同平台、同量级、同类目达人的水平", "the level of creators of its platform, tier and category"
    ),
    "followers_ratio": Text("粉丝量乘以引用比例", "followers times a cited ratio"),
}


def assumptions(picks: pl.DataFrame, people: People) -> tuple[str, ...]:
    """What the plan rests on that was assumed rather than read, each with its source."""
    told = list(people.assumed)
    assumed = picks.filter(pl.col("price_assumed"))
    for source, rows in assumed.group_by("price_source", maintain_order=True):
        told.append(
            Assumed(f"prices of {rows.height} picks: {source[0]}", f"{rows.height} 位入选者的报价：{source[0]}")
        )
    for basis, rows in picks.filter(pl.col("views_assumed")).group_by("views_basis", maintain_order=True):
        word = BASIS_WORDS[str(basis[0])]
        told.append(Assumed(f"views of {rows.height} picks: {word.en}", f"{rows.height} 位入选者的播放：{word.zh}"))
    return tuple(told)


def notes_of(
    brief: Brief, found: Found, kept: Kept, solved: Search, promise: Promise, picks: pl.DataFrame
) -> tuple[Text, ...]:
    """Notes for the reader, the most consequential first."""
    notes = []
    if picks.is_empty():
        notes.append(Text("没有任何名单能在预算内带来触达。", "No roster within the budget reaches anybody."))
    prices, views = int(picks["price_assumed"].sum()), int(picks["views_assumed"].sum())
    if prices:
        notes.append(
            Text(
                f"{prices} 个入选达人的价格为推定，不是报价。",
                f"The prices of {prices} picks are assumed, not offered.",
            )
        )
    if views:
        notes.append(
            Text(f"{views} 个入选达人的播放量为推算。", f"The views of {views} picks are inferred, not observed.")
        )
    if solved.solution.reach > 0 and brief.goal.counts_people:
        optimism = solved.solution.reach / max(promise.independent, 1e-9) - 1
        notes.append(
            Text(
                f"在独立面板上复核：与规划面板相差 {optimism:+.1%}。",
                f"Checked on an independent panel: the planning panel is {optimism:+.1%} off.",
            )
        )
        notes.append(
            Text(
                "上界与差距只在受众模型之内成立，不是对真实世界的保证。",
                "The bound and its gap hold within the audience model; they are no promise about the world.",
            )
        )
    notes += _risk_notes(brief, promise)
    for step, n in kept.removed:
        notes.append(Text(f"筛除 {n:,} 位：{step.reason.zh}。", f"{n:,} filtered out: {step.reason.en}."))
    if found.without_offer and not brief.prices.allow_assumed:
        n = found.without_offer
        notes.append(Text(f"{n:,} 位没有在档期内有效的报价。", f"{n:,} have no offer that holds in the flight."))
    if found.other_currency:
        n = found.other_currency
        notes.append(Text(f"{n:,} 位只有其他币种的报价。", f"{n:,} have offers in another currency only."))
    return tuple(notes)


def _risk_notes(brief: Brief, promise: Promise) -> list[Text]:
    risk = brief.risk
    if risk.measure == "cvar":
        worst = promise.luck.cvar(risk.level)
        return [
            Text(
                f"最差的 {1 - risk.level:.0%} 情形下平均达到 {worst:,.0f}。",
                f"In the worst {1 - risk.level:.0%} of outcomes the mean is {worst:,.0f}.",
            )
        ]
    if risk.target is None:
        return []
    share, low, high = promise.luck.chance(risk.target)
    return [
        Text(
            f"达到 {risk.target:,.0f} 的概率 {share:.0%}（{low:.0%} 至 {high:.0%}）。",
            f"Probability to reach {risk.target:,.0f}: {share:.0%} ({low:.0%} to {high:.0%}).",
        )
    ]
