"""One creator: what comes next, what it is worth, how long a post lives, where the creator stands among its peers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from tidegauge.creators import Advice, CreatorPage
from tidegauge.report.blocks import BarChart, Block, Column, Fact, Facts, Section, Table
from tidegauge.report.content import short
from tidegauge.report.figures import compact, in_unit, interval, known, percent
from tidegauge.report.registry import section
from tidegauge.report.words import LANGUAGES, reads
from tidegauge.result import Text

_NONE = Text("数据不足以估计。", "Too little data to tell.")
_FORMAT = Column("format", Text("形式", "Format"), "word")
_VIEWS = Column("value", Text("预计播放 [80 %]", "Expected views [80 %]"), "count", low="low", high="high")
#: Words of the figures that a creator is compared by.
METRICS = {
    "views_next": Text("未来 7 天播放", "Views in the next 7 days"),
    "post_next": Text("下一条作品的播放", "Views of the next post"),
    "price_fair": Text("合理价", "Fair price"),
    "cpm_post": Text("下一条作品的 CPM", "CPM of the next post"),
    "income": Text("年收入估计", "Estimated yearly income"),
    "dependence": Text("算法依赖", "Dependence on the algorithm"),
    "holds": Text("穿越算法变动", "Holds through shocks"),
    "quality": Text("受众质量", "Audience quality"),
}


def creator_title(page: CreatorPage | Advice) -> Text:
    """The creator's name, platform, tier and category."""
    s = page.summary
    parts = [str(s.get(k)) for k in ("platform", "tier", "category", "role") if s.get(k)]
    name = short(s.get("name") or page.creator_id, 40)
    return Text(*(" · ".join([name, *(reads(p, lang) for p in parts)]) for lang in LANGUAGES))


def _text(make: Any) -> Text:
    return Text(*(make(lang) for lang in LANGUAGES))


def _counted(triple: Mapping[str, Any]) -> Text:
    return _text(lambda lang: interval(triple.get("value"), triple.get("low"), triple.get("high"), lang))


def _facts(page: CreatorPage) -> Iterator[Fact]:
    s = page.summary
    currency = str(s.get("currency") or "")
    followers = s.get("followers")
    yield Fact(Text("粉丝", "Followers"), _text(lambda lang: compact(followers, lang)), exact=known(followers))
    for key in ("views_next", "post_next"):
        if triple := s.get(key):
            form = str(s.get("format") or "") if key == "post_next" else ""
            of = Text(f"；{reads(form, 'zh')}", f"; {reads(form, 'en')}") if form else Text("", "")
            told = _text(lambda lang, t=triple: compact(t.get("value"), lang))
            bounds = _text(lambda lang, t=triple: f"{compact(t.get('low'), lang)} – {compact(t.get('high'), lang)}")
            detail = Text(f"80 % 区间 {bounds.zh}{of.zh}", f"80 % interval {bounds.en}{of.en}")
            yield Fact(METRICS[key], told, detail, exact=known(triple.get("value")))
    if triple := s.get("price_fair"):
        told = _text(lambda lang: in_unit(triple.get("value"), None, None, currency, lang))
        bounds = _text(lambda lang: f"{compact(triple.get('low'), lang)} – {compact(triple.get('high'), lang)}")
        yield Fact(METRICS["price_fair"], told, Text(f"90 % 区间 {bounds.zh}", f"90 % interval {bounds.en}"))
    price, over = known(s.get("price")), known(s.get("over"))
    if price is not None:
        told = _text(lambda lang: in_unit(price, None, None, currency, lang))
        detail = Text("", "") if over is None else Text(f"比合理价 {over:+.0%}", f"{over:+.0%} against the fair price")
        yield Fact(Text("报价", "Price"), told, detail, "care" if (over or 0.0) > 0.5 else "plain", price)
    if triple := s.get("income"):
        told = _text(lambda lang: in_unit(triple.get("value"), None, None, currency, lang))
        bounds = _text(lambda lang: f"{compact(triple.get('low'), lang)} – {compact(triple.get('high'), lang)}")
        yield Fact(METRICS["income"], told, Text(f"90 % 区间 {bounds.zh}", f"90 % interval {bounds.en}"))
    for key in ("dependence", "holds", "quality"):
        triple = s.get(key)
        if triple and known(triple.get("value")) is not None:
            ends = [f"{triple[b]:.2f}" if known(triple.get(b)) is not None else "–" for b in ("low", "high")]
            detail = Text(f"0 到 1；90 % 区间 {' – '.join(ends)}", f"0 to 1; 90 % interval {' – '.join(ends)}")
            shown = f"{triple['value']:.2f}"
            yield Fact(METRICS[key], Text(shown, shown), detail, exact=known(triple.get("value")))
    if (back := s.get("recovery_days")) and known(back.get("value")) is not None:
        told_days, least, most = (f"{back[k]:.0f}" for k in ("value", "low", "high"))
        yield Fact(
            Text("平台流量骤降后恢复一半", "Half recovered after a platform's fall"),
            Text(f"{told_days} 天", f"{told_days} days"),
            Text(f"90 % 区间 {least} – {most} 天", f"90 % interval {least} – {most} days"),
            exact=known(back["value"]),
        )
    lives = page.half_life
    if lives.height and "half_life_days" in lives.columns:
        row = lives.row(0, named=True)
        days, low, high = (known(row.get(k)) for k in ("half_life_days", "half_life_low", "half_life_high"))
        if days is not None and low is not None and high is not None:
            yield Fact(
                Text("作品半衰期", "Half-life of a post"),
                Text(f"{days:.1f} 天", f"{days:.1f} days"),
                Text(f"90 % 区间 {low:.1f} – {high:.1f} 天", f"90 % interval {low:.1f} – {high:.1f} days"),
                exact=days,
            )


@section("creator", order=10, title=Text("概览", "At a glance"), needs="creator")
def creator(page: CreatorPage) -> Section:
    s = page.summary
    name = short(s.get("name") or page.creator_id, 30)
    week, post = s.get("views_next") or {}, s.get("post_next") or {}
    if known(week.get("value")) is None:
        message = Text(f"{name}：{_NONE.zh}", f"{name}: {_NONE.en}")
    else:
        views = _counted(week)
        more = Text("", "")
        if known(post.get("value")) is not None:
            one = _counted(post)
            more = Text(f"，下一条作品 {one.zh}", f", {one.en} of the next post")
        message = Text(
            f"{name} 未来 7 天预计播放 {views.zh}{more.zh}（80 % 区间）。",
            f"{name} is expected to bring {views.en} views in the next 7 days{more.en} (80 % intervals).",
        )
    notes = (
        Text(
            "预测由全部达人一起估计，再按这一位自己的作品修正；区间由留出的时间段校准（docs/methods/forecast.md）。",
            "Forecasts are estimated from all creators together and moved by this one's own posts; intervals are "
            "calibrated on held-out times. Method: docs/methods/forecast.md.",
        ),
        Text(
            "算法依赖与受众质量：docs/methods/creator_worth.md、quality.md。质量低不等于造假，理由列在数据里。",
            "Dependence and quality: docs/methods/creator_worth.md and quality.md. Low quality is no proof of fraud.",
        ),
    )
    return Section(message, (Facts("creator-facts", tuple(_facts(page))),), notes)


@section("creator-next", order=20, title=Text("下一条作品", "The next post"), needs="creator")
def next_post(page: CreatorPage) -> Section | None:
    frame = page.formats
    if frame.is_empty():
        return None
    ranked = frame.sort("value", descending=True, nulls_last=True)
    top = ranked.row(0, named=True)
    table = Table(
        "creator-formats",
        Text("按形式的预测", "Forecast by format"),
        ranked,
        (
            _FORMAT,
            _VIEWS,
            Column("basis", Text("依据", "Basis"), "word"),
            Column("n", Text("已发作品", "Posts so far"), "count"),
        ),
        _NONE,
    )
    chart = BarChart("creator-next-chart", METRICS["post_next"], ranked, _FORMAT, (_VIEWS,), style="dot")
    blocks: tuple[Block, ...] = (chart, table) if ranked.height > 1 else (table,)
    return Section(
        Text(
            f"{reads(str(top['format']), 'zh')} 预计播放最高：{_counted(top).zh}，80 % 区间。",
            f"{reads(str(top['format']), 'en')} is expected to be seen most: {_counted(top).en}, 80 % interval.",
        ),
        blocks,
    )


@section("creator-prices", order=30, title=Text("合理价", "Fair price"), needs="creator")
def prices(page: CreatorPage) -> Section | None:
    frame = page.prices
    if frame.is_empty():
        return None
    currency = str(page.summary.get("currency") or "")
    # An estimate to the cent would look surer than it is.
    whole = [c for c in ("fair", "fair_low", "fair_high") if c in frame.columns]
    shown = frame.sort("fair", descending=True, nulls_last=True).with_columns(pl.col(whole).round(0))
    row = shown.row(0, named=True)
    fair = _text(lambda lang: in_unit(row["fair"], row["fair_low"], row["fair_high"], currency, lang))
    over = known(row.get("over"))
    offered = Text("没有报价", "no offer") if over is None else Text(f"报价 {over:+.0%}", f"the offer is {over:+.0%}")
    table = Table(
        "creator-fair-prices",
        Text("合理价与报价", "Fair price and offer"),
        shown,
        (
            _FORMAT,
            Column("terms", Text("条款", "Terms"), "word", depth=2),
            Column("fair", Text("合理价 [90 %]", "Fair [90 %]"), "money", low="fair_low", high="fair_high"),
            Column("price", Text("报价", "Offer"), "money"),
            Column("over", Text("偏离", "Over"), "share", low="over_low", high="over_high"),
            Column("cpm", Text("合理 CPM", "Fair CPM"), "money", low="cpm_low", high="cpm_high"),
            Column("assumed", Text("假设", "Assumed"), depth=2, wide=True),
        ),
        _NONE,
        currency,
    )
    form = _text(lambda lang: reads(str(row["format"]), lang))
    return Section(
        Text(
            f"{form.zh} 的合理价 {fair.zh}，90 % 区间；{offered.zh}。",
            f"{form.en}: fair at {fair.en}, 90 % interval; {offered.en}.",
        ),
        (table,),
    )


@section("creator-peers", order=40, title=Text("同层级位置", "Among its peers"), needs="creator")
def peers(page: CreatorPage) -> Section | None:
    frame = page.peers.filter(pl.col("percentile").is_finite())
    if frame.is_empty():
        return None
    words = [METRICS.get(m, Text(m, m)) for m in frame.get_column("metric").to_list()]
    frame = frame.with_columns(
        pl.Series("zh", [w.zh for w in words]), pl.Series("en", [w.en for w in words]), share=pl.col("percentile") / 100
    )
    column = Column("zh", Text("指标", "Figure"), key_en="en")
    place = Column("share", Text("百分位", "Percentile"), "share", bar=True)
    table = Table(
        "creator-standing",
        Text("与同平台同层级达人相比", "Against creators of its platform and tier"),
        frame,
        (
            column,
            Column("value", Text("数值", "Value"), "count", low="low", high="high"),
            place,
            Column("n", Text("同侪", "Peers"), "count"),
        ),
        _NONE,
    )
    first, n = frame.row(0, named=True), int(frame.get_column("n")[0])
    where = percent(first["share"], 0)
    return Section(
        Text(
            f"{first['zh']}高于 {n} 位同侪中的 {where}。",
            f"{first['en']} are higher than those of {where} of {n} peers.",
        ),
        (table,),
    )
