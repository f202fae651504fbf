"""The advice in words, Chinese and English, each with its figures; what is not clear is said to be unclear."""

from __future__ import annotations

from typing import Any

import polars as pl

from tidegauge.result import Text
from tidegauge.vocab import label

_METRICS = {
    "views_next": ("未来 7 天播放", "views of the next 7 days"),
    "follower_growth": ("近期涨粉", "recent growth of followers"),
    "engagement": ("每次播放的互动", "engagement per view"),
    "price_fair": ("合理价", "fair price"),
    "price": ("报价", "asked price"),
    "cpm_post": ("千次播放成本", "cost per thousand views"),
}
_OUTCOMES = {"views_per_post": ("单条播放", "views per post"), "follower_growth": ("涨粉", "growth of followers")}
_CELLS = {"platform": ("平台", "platform"), "tier": ("层级", "tier"), "category": ("类目", "category")}
#: A comparison is told as a gain or a loss when its p after correction lies below this.
_CLEAR = 0.10


def advice_lines(
    summary: dict[str, Any], cell: tuple[str, ...], standing: pl.DataFrame, gains: pl.DataFrame, crowded: pl.DataFrame,
    currency: str,
) -> tuple[Text, ...]:  # fmt: skip
    """One line per finding: standing, price, dependence, gains, crowding."""
    lines = [*_standing(cell, standing), *_price(summary, currency), *_dependence(summary)]
    return (*lines, *_gains(gains), *_crowding(crowded))


def _standing(cell: tuple[str, ...], standing: pl.DataFrame) -> list[Text]:
    zh_cell, en_cell = ("、".join(_CELLS[c][0] for c in cell), ", ".join(_CELLS[c][1] for c in cell))
    if standing.is_empty():
        return [Text(f"同{zh_cell}的达人太少，无法比较。", f"Too few creators of the same {en_cell} to compare with.")]
    out = []
    for r in standing.iter_rows(named=True):
        zh, en = _METRICS[r["metric"]]
        place = f"{r['percentile']:.0f} [{r['percentile_low']:.0f}, {r['percentile_high']:.0f}]"
        out.append(
            Text(
                f"在同{zh_cell}的 {r['n']} 位达人中，你的{zh}处于第 {place} 百分位（90% 区间）。",
                f"Among {r['n']} creators of the same {en_cell} your {en} stand at percentile {place} (90 % interval).",
            )
        )
    return out


def _price(s: dict[str, Any], currency: str) -> list[Text]:
    fair = s.get("price_fair")
    if not fair or fair.get("value") is None:
        return []
    unit = s.get("currency") or currency
    told = f"{fair['value']:,.0f} [{fair['low']:,.0f}, {fair['high']:,.0f}] {unit}"
    head = Text(f"合理价 {told}（90% 区间）", f"Your fair price is {told} (90 % interval)")
    if s.get("price") is None:
        return [Text(f"{head.zh}；你还没有报价。", f"{head.en}; you have no rate card yet.")]
    asked = f"{s['price']:,.0f}"
    if s["price"] < fair["low"]:
        zh, en = f"你的报价 {asked} 低于整个区间，可以提价", f"you ask {asked}, less than all of it: there is room"
    elif s["price"] > fair["high"]:
        zh, en = (
            f"你的报价 {asked} 高于整个区间，要么有数据看不到的价值，要么偏贵",
            (f"you ask {asked}, more than all of it: either you are worth what no figure shows, or you are dear"),
        )
    else:
        zh, en = f"你的报价 {asked} 在区间之内", f"you ask {asked}, which lies inside"
    return [Text(f"{head.zh}；{zh}。", f"{head.en}; {en}.")]


def _dependence(s: dict[str, Any]) -> list[Text]:
    d = s.get("dependence")
    if not d or d.get("value") is None:
        return []
    told = f"{d['value']:.0%} [{d['low']:.0%}, {d['high']:.0%}]"
    return [
        Text(
            f"你的播放波动中约 {told} 来自平台分发而非作品（90% 区间）。",
            f"About {told} of the ups and downs of your views are the platform's distribution, not the work (90 %).",
        )
    ]


def _gains(gains: pl.DataFrame) -> list[Text]:
    if gains.is_empty():
        return [Text("没有足够多的相似达人可供对比。", "Too few creators like you did something else to compare with.")]
    clear = gains.filter((pl.col("p_holm") < _CLEAR) & (pl.col("value") != 0))
    out = []
    for r in clear.iter_rows(named=True):
        zh, en = _OUTCOMES[r["outcome"]]
        figures = f"{r['value']:+.0%} [{r['low']:+.0%}, {r['high']:+.0%}]"
        if r["kind"] == "format":
            did = Text(f"转向{label(r['name'], 'zh')}", f"turned to {label(r['name'], 'en').lower()}")
        else:
            did = Text(f"在{label(r['name'], 'zh')}上", f"are on {label(r['name'], 'en')}")
        out.append(
            Text(
                f"与相似达人相比，{did.zh}的 {r['n']} 位达人{zh} {figures}（匹配 {r['controls']} 位，90% 区间）。",
                f"Against {r['controls']} matched creators, the {r['n']} who {did.en} had {en} {figures} (90 %).",
            )
        )
    if not out:
        out = [
            Text(
                f"在 {gains.height} 项对比中，看不出转向哪种形式或平台的相似达人明显更好。",
                f"In {gains.height} comparisons no turn to a format or platform stands out among creators like you.",
            )
        ]
    caveat = Text(
        "这是匹配对比，不是实验：转变的人可能另有看不见的不同。",
        "This is a matched comparison, no experiment: those who turned may differ in what nobody sees.",
    )
    return [*out, caveat]


def _crowding(crowded: pl.DataFrame) -> list[Text]:
    if crowded.is_empty():
        return []
    out = []
    for r in crowded.filter("own").iter_rows(named=True):
        more = ""
        if r["supply_growth"] is not None:
            more = f"{r['supply_growth']:+.0%}"
        zh = f"，供给变化 {more}" if more else ""
        en = f", supply {more}" if more else ""
        out.append(
            Text(
                f"你所在的 {label(r['platform'], 'zh')}×{r['category']} 机会排名 {r['rank']:.0f}/{r['cells']}{zh}。",
                f"Your cell, {label(r['platform'], 'en')} × {r['category']}, ranks {r['rank']:.0f} of {r['cells']} by "
                f"opportunity{en}.",
            )
        )
    others = crowded.filter(~pl.col("own"))
    better, full = others.filter(pl.col("low") > 0).head(3), others.filter(pl.col("high") < 0).tail(2)
    for cells, zh, en in ((better, "不那么拥挤", "Less crowded"), (full, "拥挤", "Crowded")):
        for r in cells.iter_rows(named=True):
            score = f"{r['score']:+.1f} [{r['low']:+.1f}, {r['high']:+.1f}]"
            out.append(
                Text(
                    f"{zh}：{label(r['platform'], 'zh')}×{r['category']}（机会评分 {score}）。",
                    f"{en}: {label(r['platform'], 'en')} × {r['category']} (opportunity {score}).",
                )
            )
    return out
