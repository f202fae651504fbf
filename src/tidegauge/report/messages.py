"""What a measure's rows say to its question, in one sentence: who moved, do platforms get alike, where room is left.

A measure without a sentence of its own here gets the general one of `findings.sentence`. A sentence never claims more
than the interval holds: what includes "no change" is told as unclear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from tidegauge.report.content import short
from tidegauge.report.figures import in_unit, percent
from tidegauge.report.words import reads
from tidegauge.result import Result, Text

Row = dict[str, Any]
Teller = Callable[[Result], Text | None]
_TELLERS: dict[str, Teller] = {}


def tells(measure: str) -> Callable[[Teller], Teller]:
    """Register `function(result)` as the sentence of a measure; it may give None where its rows do not answer."""

    def register(teller: Teller) -> Teller:
        _TELLERS[measure] = teller
        return teller

    return register


def message(result: Result) -> Text | None:
    """The measure's own sentence, or None."""
    teller = _TELLERS.get(result.measure)
    return None if teller is None or result.rows.is_empty() else teller(result)


def _of(result: Result, quantity: str) -> pl.DataFrame:
    if "quantity" not in result.rows.columns:
        return result.rows.clear()
    found = pl.col("value").is_finite() & pl.col("low").is_finite() & pl.col("high").is_finite()
    return result.rows.filter((pl.col("quantity") == quantity) & found)


def _named(result: Result, row: Row, leave: tuple[str, ...] = ("period", "quantity", "at", "says")) -> Text:
    """The row's segments as people read them."""
    words = [str(row[c]) for c in result.segments if c not in leave and row.get(c) is not None]
    zh, en = (short(" · ".join(reads(w, lang) for w in words), 40) for lang in ("zh", "en"))
    return Text(zh, en)


def _figure(row: Row) -> Text:
    told = (in_unit(row["value"], row["low"], row["high"], str(row["unit"] or ""), lang) for lang in ("zh", "en"))
    return Text(*told)


def _points(row: Row) -> Text:
    """A change of share, in percentage points."""
    value, low, high = (100 * float(row[c]) for c in ("value", "low", "high"))
    return Text(
        f"{value:+.1f} 个百分点 [{low:+.1f}, {high:+.1f}]", f"{value:+.1f} points of share [{low:+.1f}, {high:+.1f}]"
    )


def _times(row: Row) -> Text:
    told = f"{float(row['value']):.2f} [{float(row['low']):.2f}, {float(row['high']):.2f}]"
    return Text(f"{told} 倍", f"{told} times")


def _span(period: object) -> Text:
    first, slash, last = str(period).partition("/")
    return Text(f"{first} 至 {last}", f"from {first} to {last}") if slash else Text(first, f"at {first}")


@tells("displacement")
def _displacement(result: Result) -> Text | None:
    moved = _of(result, "share_change")
    if moved.is_empty():
        return None
    period = str(moved.get_column("period")[0])
    span = _span(period)
    moved = moved.filter(pl.struct(_keys(result)).is_in(_read_throughout(result, period).implode()))
    if moved.is_empty():
        return Text(
            f"{span.zh}，没有一段在首尾两期都有读数：变的是数据覆盖，不是份额。",
            f"{span.en.capitalize()}, no segment is read at both ends: what changed is the coverage, not the shares.",
        )
    up = moved.filter(pl.col("low") > 0).sort("value", descending=True)
    down = moved.filter(pl.col("high") < 0).sort("value")
    if up.is_empty() and down.is_empty():
        return Text(
            f"{span.zh}，没有哪一段的份额变化超出其区间。",
            f"{span.en.capitalize()}, no share moved by more than its interval.",
        )
    zh, en = [], []
    for frame, zh_verb, en_verb in ((up, "升得最多", "gained most"), (down, "降得最多", "lost most")):
        if frame.height:
            row = frame.row(0, named=True)
            name, size = _named(result, row), _points(row)
            zh.append(f"{name.zh} 的份额{zh_verb}：{size.zh}")
            en.append(f"{name.en} {en_verb}: {size.en}")
    return Text(f"{span.zh}，{'；'.join(zh)}。", f"{span.en.capitalize()}, {'; '.join(en)}.")


def _keys(result: Result) -> list[str]:
    return [c for c in result.segments if c not in ("period", "quantity")]


def _read_throughout(result: Result, span: str) -> pl.Series:
    """The segments with a reading both in the first and in the last period; where shares are not told, all of them."""
    shares, keys = _of(result, "share"), _keys(result)
    first, _, last = span.partition("/")
    if shares.is_empty() or not last:
        return result.rows.select(pl.struct(keys)).to_series().unique()
    ends = shares.filter(pl.col("period").is_in([first, last]) & (pl.col("n") > 0))
    both = ends.group_by(keys).len().filter(pl.col("len") == 2)
    return both.select(pl.struct(keys)).to_series()


@tells("convergence")
def _convergence(result: Result) -> Text | None:
    trends = _of(result, "trend")
    if trends.is_empty():
        return None
    alike = trends.filter(pl.col("high") < 0).sort("value")
    apart = trends.filter(pl.col("low") > 0)
    unclear = trends.height - alike.height - apart.height
    most = Text("", "")
    if alike.height:
        name = _named(result, alike.row(0, named=True))
        most = Text(f"；趋同最快的是 {name.zh}", f"; fastest {name.en}")
    return Text(
        f"{trends.height} 对中，{alike.height} 对在趋同，{apart.height} 对在分化，{unclear} 对看不出趋势{most.zh}。",
        f"Of {trends.height} pairs {alike.height} get more alike and {apart.height} less; {unclear} show no clear "
        f"trend{most.en}.",
    )


@tells("duration")
def _duration(result: Result) -> Text | None:
    zh, en = [], []
    for quantity, zh_verb, en_verb in (
        ("save_rate:within", "收藏率", "saved"),
        ("share_rate:within", "转发率", "shared"),
    ):
        rows = (
            _of(result, quantity).filter(pl.col("duration") == "over_1min") if "duration" in result.segments else None
        )
        if rows is None or rows.is_empty():
            continue
        told = _times(rows.row(0, named=True))
        zh.append(f"{zh_verb}为 {told.zh}")
        en.append(f"{en_verb} {told.en}")
    if not zh:
        return None
    return Text(
        f"同一达人的作品相比，超过 1 分钟的与不超过 1 分钟的之比：{'，'.join(zh)}。",
        f"Within one creator, posts over a minute are {' and '.join(en)} as often per view as shorter ones.",
    )


@tells("flow")
def _flow(result: Result) -> Text | None:
    shared = _of(result, "shared_share")
    if shared.is_empty() or not {"platform", "other"} <= set(result.segments):
        return None
    times = [c for c in ("year", "month", "period") if c in result.segments]
    if times:
        shared = shared.filter(pl.col(times[0]) == shared.get_column(times[0]).max())
    top = shared.sort("value", descending=True).row(0, named=True)
    one, other = (Text(reads(str(top[c]), "zh"), reads(str(top[c]), "en")) for c in ("platform", "other"))
    size = _figure(top)
    lag = _of(result, "lag_h_median")
    for c in ("platform", "other", *times):
        lag = lag.filter(pl.col(c) == top[c])
    ahead = Text("", "")
    if lag.height:
        row = lag.row(0, named=True)
        hours = abs(float(row["value"]))
        first, second = (one, other) if row["value"] > 0 else (other, one)
        if row["low"] > 0 or row["high"] < 0:
            ahead = Text(
                f"，{first.zh} 中位早 {hours:.1f} 小时",
                f"; {first.en} is ahead of {second.en} by {hours:.1f} h (median)",
            )
        else:
            ahead = Text("，先后不明", "; which is first is unclear")
    return Text(
        f"{one.zh} 的话题也出现在 {other.zh} 的最多：{size.zh}{ahead.zh}。",
        f"{one.en}'s topics appear on {other.en} most often: {size.en}{ahead.en}.",
    )


@tells("inequality")
def _inequality(result: Result) -> Text | None:
    top = _of(result, "top1_share").sort("value", descending=True)
    if top.is_empty():
        return None
    first = top.row(0, named=True)
    name, size = _named(result, first, ("period", "quantity", "point", "at")), _figure(first)
    most = Text(f"{name.zh} 最集中：", f"{name.en} is most concentrated: ") if top.height > 1 else Text("", "")
    return Text(
        f"{most.zh}前 1 % 的账号握有 {size.zh} 的总量。",
        f"{most.en}the top 1 % of accounts hold {size.en} of the whole.",
    )


@tells("tiers")
def _tiers(result: Result) -> Text | None:
    if not {"tier", "at"} <= set(result.segments):
        return None
    grown = _of(result, "growth").filter(pl.col("tier").is_in(["micro", "mid", "macro", "mega"]))
    if grown.height:
        row = grown.sort("value", descending=True).row(0, named=True)
        name, size = _named(result, row, ("period", "quantity", "at", "to")), _figure(row)
        sure = row["low"] > 0
        return Text(
            f"粉丝增长最快的层级是 {name.zh}：{size.zh}{'' if sure else '（区间含零）'}。",
            f"The tier whose followers grow fastest is {name.en}: {size.en}{'' if sure else ' (may be none)'}.",
        )
    shares = _of(result, "account_share").filter(pl.col("tier") == "mid")
    if shares.is_empty():
        return None
    last = shares.filter(pl.col("at") == shares.get_column("at").max()).sort("n", descending=True)
    row = last.row(0, named=True)
    held = _of(result, "follower_share")
    for c in result.segments:
        if c != "quantity":
            held = held.filter(pl.col(c).eq_missing(pl.lit(row[c])))
    name, size = _named(result, row, ("quantity", "at", "to")), _figure(row)
    of_followers = _figure(held.row(0, named=True)) if held.height else None
    return Text(
        f"{row['at']}，{name.zh} 占账号的 {size.zh}" + (f"，占粉丝的 {of_followers.zh}。" if of_followers else "。"),
        f"At {row['at']}, {name.en} makes {size.en} of the accounts"
        + (f" and {of_followers.en} of the followers." if of_followers else "."),
    )


@tells("renewal")
def _renewal(result: Result) -> Text | None:
    verdicts = _of(result, "verdict")
    if verdicts.is_empty() or "says" not in result.segments:
        return None
    rising = verdicts.filter(pl.col("says").is_in(["growing"])).sort("value", descending=True)
    if rising.is_empty():
        clear = verdicts.filter(pl.col("says") != "unclear").height
        return Text(
            f"{verdicts.height} 个序列中没有正在兴起的；{clear} 个有定论。",
            f"None of {verdicts.height} series is on the rise; {clear} have a clear verdict.",
        )
    row = rising.row(0, named=True)
    name, chance = _named(result, row), percent(row["value"], 0)
    return Text(
        f"{verdicts.height} 个序列中 {rising.height} 个在兴起，最确定的是 {name.zh}（概率 {chance}）。",
        f"{rising.height} of {verdicts.height} series are on the rise, most surely {name.en} (probability {chance}).",
    )


@tells("opportunity")
def _opportunity(result: Result) -> Text | None:
    scores = _of(result, "score").sort("value", descending=True)
    if scores.is_empty():
        return None
    top = scores.row(0, named=True)
    name = _named(result, top)
    sure = scores.filter(pl.col("low") > 0).height
    size = f"{top['value']:.2f} [{top['low']:.2f}, {top['high']:.2f}]"
    return Text(
        f"空白最大的是 {name.zh}（得分 {size}）；{scores.height} 格中 {sure} 格确定高于平均。",
        f"Most room is left in {name.en} (score {size}); {sure} of {scores.height} cells are surely above average.",
    )
