"""Resonance: works and topics that won on several platforms, and what emotional titles have to do with it."""

from __future__ import annotations

import polars as pl

from tidegauge.creators.resonance import Resonance
from tidegauge.report.blocks import Column, Section, Table
from tidegauge.report.figures import percent
from tidegauge.report.registry import section
from tidegauge.report.words import LANGUAGES
from tidegauge.result import Text
from tidegauge.vocab import label

_NONE = Text("没有可比较的作品。", "No works to compare.")
_SCORE = Column("value", Text("强度（标准差）[90 %]", "Strength (sd) [90 %]"), "number", low="low", high="high")
FEATURES = {
    "emotional": Text("情绪化", "emotional"),
    "joy": Text("欢乐", "joy"),
    "moved": Text("感动", "being moved"),
    "awe": Text("惊叹", "awe"),
    "anger": Text("愤怒", "anger"),
    "sadness": Text("悲伤", "sadness"),
    "fear": Text("恐惧", "fear"),
    "exclaims": Text("感叹号", "exclamation mark"),
    "asks": Text("问号", "question mark"),
    "counts": Text("数字", "a number"),
}


@section("resonance", order=10, title=Text("跨平台作品", "Works across platforms"), needs="resonance")
def works(r: Resonance) -> Section:
    frame = r.works.with_columns(pl.col("platforms").list.join(", ").alias("on"), pl.coalesce("title", "work"))
    table = Table(
        "resonance-works", Text("作品", "Works"), frame,
        (Column("title", Text("标题", "Title"), wide=True), _SCORE,
         Column("above", Text("高于常态的平台", "Platforms above usual"), "count"),
         Column("on", Text("平台", "Platforms"), depth=2), Column("n", Text("作品数", "Posts"), "count", depth=2),
         Column("how", Text("关联方式", "Linked by"), "word", depth=3)),
        _NONE,
    )  # fmt: skip
    s = r.shared
    told = f"{percent(s['value'], 0)} [{percent(s['low'], 0)}, {percent(s['high'], 0)}]"
    assumed = Text("（假设：样本太少）", " (assumed: too few works)") if not s["n"] else Text("", "")
    return Section(
        Text(
            f"一条作品的表现有 {told} 属于作品本身，换个平台仍在{assumed.zh}。",
            f"{told} of how a post does is the work's own and goes along to another platform{assumed.en}.",
        ),
        (table,),
        (Text("方法：docs/methods/resonance.md", "Method: docs/methods/resonance.md"),),
    )


@section("resonance-topics", order=20, title=Text("跨平台话题", "Topics across platforms"), needs="resonance")
def topics(r: Resonance) -> Section | None:
    if r.topics.is_empty():
        return None
    table = Table(
        "resonance-topics", Text("话题", "Topics"), r.topics,
        (Column("topic", Text("话题", "Topic")), _SCORE,
         Column("above", Text("为正的平台", "Platforms above"), "count"),
         Column("platforms", Text("平台", "Platforms"), "count", depth=2),
         Column("creators", Text("达人", "Creators"), "count"), Column("n", Text("作品数", "Posts"), "count", depth=2)),
        _NONE,
    )  # fmt: skip
    clear, n = r.topics.filter(pl.col("low") > 0).height, r.topics.height
    message = Text(f"{n} 个话题中 {clear} 个明显高于常态。", f"{clear} of {n} topics are clearly above usual.")
    return Section(message, (table,))


@section("resonance-emotion", order=30, title=Text("情绪与共鸣", "Emotion"), needs="resonance")
def emotion(r: Resonance) -> Section | None:
    if r.emotions.is_empty():
        return None
    rows = r.emotions.select("feature", "platform").to_dicts()
    named = [(FEATURES.get(x["feature"], Text(x["feature"], x["feature"])), x["platform"]) for x in rows]
    where = {"all": Text("全部", "all")}
    frame = r.emotions.with_columns(
        *(pl.Series(lang, [f[lang] for f, _ in named]) for lang in LANGUAGES),
        *(pl.Series(f"on_{lang}", [where[p][lang] if p in where else label(p, lang) for _, p in named])
          for lang in LANGUAGES),
    )  # fmt: skip
    table = Table(
        "resonance-emotion", Text("标题特征的影响", "Effect of a title's features"), frame,
        (Column("zh", Text("特征", "Feature"), key_en="en"), Column("on_zh", Text("平台", "Platform"), key_en="on_en"),
         Column("value", Text("影响 [90 %]", "Effect [90 %]"), "share", low="low", high="high"),
         Column("p_holm", Text("校正后 p", "p, corrected"), "number"), Column("n", Text("作品数", "Posts"), "count")),
        _NONE,
    )  # fmt: skip
    whole = r.emotions.filter(feature="emotional", platform="all")
    if whole.is_empty():
        return Section(Text("情绪化标题太少，无法比较。", "Too few emotional titles to compare."), (table,))
    e = whole.row(0, named=True)
    told = f"{e['value']:+.0%} [{e['low']:+.0%}, {e['high']:+.0%}]"
    return Section(
        Text(
            f"同一达人、同一形式之内，情绪化标题的播放 {told}（90 % 区间）。",
            f"Within a creator and format, emotional titles have {told} views (90 % interval).",
        ),
        (table,),
        (
            Text(
                "相关而非因果：作者可能只在有把握时用情绪词。区间按人聚类，p 经 Holm 校正。",
                "Association, not cause: authors may use such words where they expect success. Clustered by person, "
                "Holm-corrected.",
            ),
        ),
    )
