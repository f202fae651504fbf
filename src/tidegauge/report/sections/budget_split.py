"""A budget over streams: the split, what it brings, brand against sales by horizon, the frontier, what to test next."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tidegauge.plan.result import Interval
from tidegauge.plan.split.result import BudgetSplit
from tidegauge.report.blocks import BarChart, Column, Fact, Facts, LineChart, Paragraphs, Section, Table
from tidegauge.report.figures import compact, money, percent
from tidegauge.report.registry import section
from tidegauge.report.words import reads
from tidegauge.result import Text

_AT = {"free": Text("自由", "free"), "floor": Text("下限", "floor"), "cap": Text("上限", "cap")}
_SIDE = {"brand": Text("品牌", "brand"), "sales": Text("销售", "sales"), "": Text("未分", "not told")}
STREAM = Column("stream", Text("渠道流", "Stream"), "word", wide=True)
#: As the brief and the files of spend write it.
_WRITTEN = Column("written", Text("写法", "As written"), depth=3)


@section("budget_split", order=10, title=Text("预算分配", "Budget split"), needs="budget_split")
def budget_split(s: BudgetSplit) -> Iterator[Section]:
    yield Section(_message(s), (Facts("split-facts", tuple(_facts(s))), _chart(s), _streams(s)), _method(s))
    yield Section(
        _horizon_message(s), (_horizons(s),), name="split-horizons", title=Text("品牌与销售", "Brand and sales")
    )
    yield Section(
        _frontier_message(s), (_frontier(s),), name="split-frontier", title=Text("均值与风险", "Mean and risk")
    )
    yield Section(
        _test_message(s), (_tests(s),), _test_method(s), name="split-tests", title=Text("下一步测什么", "What to test")
    )
    if s.notes:
        yield Section(
            Text("读这些数字前要知道的。", "What to know before believing these figures."),
            (Paragraphs("split-notes", s.notes),),
            name="split-notes",
            title=Text("提示", "Notes"),
        )


def _span(i: Interval, currency: str) -> Text:
    value, bounds = _money(i.value, currency), _bounds(i)
    return Text(f"{value.zh} {bounds.zh}", f"{value.en} {bounds.en}")


def _bounds(i: Interval) -> Text:
    zh, en = (f"[{compact(i.low, lang)}, {compact(i.high, lang)}]" for lang in ("zh", "en"))
    return Text(zh, en)


def _money(amount: float, currency: str) -> Text:
    zh, en = (money(amount, currency, lang) for lang in ("zh", "en"))
    return Text(zh, en)


def _message(s: BudgetSplit) -> Text:
    top = s.streams.sort("money", descending=True).row(0, named=True)
    value, share = _span(s.value, s.currency), percent(top["share"], 0)
    spent = _money(s.spent, s.currency)
    return Text(
        f"{spent.zh} 在 {s.horizon_weeks} 周内带来 {value.zh}；{reads(top['stream'], 'zh')} 最多，占 {share}。",
        f"{spent.en} bring {value.en} within {s.horizon_weeks} weeks; {reads(top['stream'], 'en')} takes the most, "
        f"{share}.",
    )


def _facts(s: BudgetSplit) -> Iterator[Fact]:
    row = s.horizons.filter(pl.col("horizon_weeks") == s.horizon_weeks).row(0, named=True)
    yield Fact(
        Text("价值", "Value"),
        _money(s.value.value, s.currency),
        Text(
            f"{_bounds(s.value).zh}，{s.horizon_weeks} 周内", f"{_bounds(s.value).en}, within {s.horizon_weeks} weeks"
        ),
        exact=s.value.value,
    )
    gain, sure = _bounds(Interval(row["gain"], row["gain_low"], row["gain_high"])), percent(row["better"], 0)
    better = Text(f"{gain.zh}，更好的概率 {sure}", f"{gain.en}, better with probability {sure}")
    yield Fact(
        Text("比照旧多", "More than as before"),
        _money(row["gain"], s.currency),
        better, "good" if row["gain_low"] > 0 else "plain", row["gain"],
    )  # fmt: skip
    if s.marginal is not None:
        m = s.marginal
        yield Fact(
            Text("再花一元带回", "The next unit brings"),
            Text(f"{m.value:.2f}", f"{m.value:.2f}"),
            Text(
                f"区间 {m.low:.2f} 至 {m.high:.2f}，各自由渠道流相同",
                f"{m.low:.2f} to {m.high:.2f}; the same in all free streams",
            ),
            "care" if m.high < 1.0 else "plain",
            m.value,
        )
    if s.gap is not None:
        yield Fact(
            Text("离最优分配最多差", "From the best split, at most"),
            Text(percent(s.gap), percent(s.gap)),
            Text("凹包络上界，对选取所用的后验抽样成立", "bound by concave envelopes, on the draws that chose"),
            "good" if s.gap < 0.01 else "plain",
            s.gap,
        )


def _worded(s: BudgetSplit) -> pl.DataFrame:
    at = [_AT.get(a, Text(a, a)) for a in s.streams["at"].to_list()]
    return s.streams.with_columns(
        pl.col("stream").alias("written"),
        pl.Series("at_zh", [t.zh for t in at], dtype=pl.String),
        pl.Series("at_en", [t.en for t in at], dtype=pl.String),
        pl.col("side").replace_strict({k: t.zh for k, t in _SIDE.items()}).alias("side_zh"),
        pl.col("side").replace_strict({k: t.en for k, t in _SIDE.items()}).alias("side_en"),
        (pl.col("recent") / pl.col("recent").sum()).alias("recent_share"),
    ).sort("money", descending=True)


def _chart(s: BudgetSplit) -> BarChart:
    now = Column("share", Text("本分配", "This split"), "share")
    before = Column("recent_share", Text("近一年", "Last year"), "share")
    title = Text("各渠道流的预算占比", "Share of the budget by stream")
    return BarChart("split-streams", title, _worded(s).head(15), STREAM, (now, before))


def _streams(s: BudgetSplit) -> Table:
    return Table(
        "split-streams",
        Text("各渠道流", "Stream by stream"),
        _worded(s),
        (
            STREAM,
            Column("side_zh", Text("偏向", "Side"), key_en="side_en", depth=2),
            Column("money", Text("预算", "Money"), "money", total=True),
            Column("share", Text("占比", "Share"), "share", bar=True),
            Column("recent", Text("近一年同长档期", "Lately, a flight as long"), "money", depth=2),
            Column("value", Text("价值", "Value"), "money", low="value_low", high="value_high"),
            Column("roi", Text("每元回报", "Return per unit"), "number", low="roi_low", high="roi_high", depth=2),
            Column(
                "marginal", Text("下一元回报", "Next unit returns"), "number", low="marginal_low", high="marginal_high"
            ),
            Column("through_brand", Text("其中经由品牌", "Through the brand"), "share", depth=2),
            Column("at_zh", Text("位置", "Where it stands"), key_en="at_en", depth=2),
            Column("beyond", Text("超出历史", "Beyond history"), "flag", depth=3),
            _WRITTEN,
        ),
        Text("没有渠道流。", "No stream."),
        s.currency,
    )


def _method(s: BudgetSplit) -> tuple[Text, ...]:
    level, worst = percent(s.level, 0), percent(1 - s.cvar_level, 0)
    zh = "均值" if s.measure == "mean" else f"最差 {worst} 情形的均值"
    en = "the mean" if s.measure == "mean" else f"the mean of the worst {worst}"
    return (
        Text(
            f"按后验抽样最大化{zh}：一半抽样用来选，另一半用来报数；区间 {level}。"
            f"花费在 {s.flight_weeks} 周内平均投出。",
            f"Maximises {en} over posterior draws: one half chooses, the other tells; intervals {level}. "
            f"Money is spent evenly over {s.flight_weeks} weeks.",
        ),
    )


def _horizon_message(s: BudgetSplit) -> Text:
    if not (s.streams["side"] != "").any():
        return Text(
            "渠道流的名称没有写明阶段，品牌与销售分不开。",
            "No stream's name tells its stage, so brand and sales cannot be told apart.",
        )
    (near, a), (far, z) = ((r["horizon_weeks"], percent(r["brand_share"], 0)) for r in s.horizons[[0, -1]].to_dicts())
    return Text(
        f"看 {near} 周，品牌类占 {a}；看 {far} 周，占 {z}。",
        f"Over {near} weeks the brand streams take {a} of the money; over {far} weeks {z}.",
    )


def _horizons(s: BudgetSplit) -> Table:
    return Table(
        "split-horizons",
        Text("不同时段的最优分配", "The best split by horizon"),
        s.horizons,
        (
            Column("horizon_weeks", Text("周数", "Weeks"), "count"),
            Column("value", Text("价值", "Value"), "money", low="value_low", high="value_high"),
            Column("cvar", Text("最差情形均值", "Mean of the worst"), "money", depth=2),
            Column("brand_share", Text("品牌类占比", "Brand streams"), "share", bar=True),
            Column("sales_share", Text("销售类占比", "Sales streams"), "share"),
            Column("through_brand", Text("价值经由品牌", "Value through the brand"), "share"),
            Column("gain", Text("比照旧多", "More than as before"), "money", low="gain_low", high="gain_high", depth=2),
            Column("better", Text("更好的概率", "Better with probability"), "share", depth=2),
        ),
        Text("没有时段。", "No horizon."),
        s.currency,
    )


def _frontier_message(s: BudgetSplit) -> Text:
    a, z = s.frontier.row(0, named=True), s.frontier.row(-1, named=True)
    less, more = a["mean"] - z["mean"], z["cvar"] - a["cvar"]
    zh, en = ((money(less, s.currency, lang), money(more, s.currency, lang)) for lang in ("zh", "en"))
    moved = percent(z["moved"], 0)
    return Text(
        f"只看最差情形会少 {zh[0]} 均值，最差情形多 {zh[1]}，并挪动 {moved} 的预算。",
        f"Looking at the worst alone costs {en[0]} of the mean for {en[1]} there, and moves {moved} of the money.",
    )


def _frontier(s: BudgetSplit) -> LineChart:
    return LineChart(
        "split-frontier",
        Text("有效前沿", "Efficient frontier"),
        s.frontier.sort("cvar"),
        Column("cvar", Text("最差情形均值", "Mean of the worst"), "money"),
        (Column("mean", Text("均值", "Mean"), "money"),),
        s.currency,
        from_zero=False,
        y_title=Text("均值", "Mean"),
    )


def _test_message(s: BudgetSplit) -> Text:
    top = s.tests.row(0, named=True) if s.tests.height else None
    if top is None or top["testing"] <= 2 * top["testing_se"]:
        best = s.tests.sort("knowing", descending=True).row(0, named=True)["stream"] if s.tests.height else "–"
        return Text(
            f"这样的测试改变不了多少决定（误差太大）；最值得弄清的是 {reads(best, 'zh')}。",
            f"Such a test would hardly change the split (its error is too large); {reads(best, 'en')} is most worth "
            "knowing.",
        )
    worth = _money(top["testing"], s.currency)
    return Text(
        f"先测 {reads(top['stream'], 'zh')}：更好的分配预计值 {worth.zh}。",
        f"Test {reads(top['stream'], 'en')} first: a better split is worth {worth.en}.",
    )


def _tests(s: BudgetSplit) -> Table:
    return Table(
        "split-tests",
        Text("下一步测什么", "What to test"),
        s.tests,
        (
            STREAM,
            Column("testing", Text("测试的价值", "Worth of the test"), "money"),
            Column("testing_se", Text("标准误", "Standard error"), "money", depth=3),
            Column("knowing", Text("完全知道的价值", "Worth of knowing"), "money"),
            Column("knowing_se", Text("标准误", "Standard error"), "money", depth=3),
            Column("lift", Text("预计提升", "Expected lift"), "money", depth=2),
            Column("lift_sd", Text("提升的不确定", "Uncertainty of the lift"), "money", depth=2),
            Column("error", Text("测试误差", "Error of the test"), "money", depth=2),
            Column("test_spend", Text("测试多花", "Extra spend"), "money", depth=2),
        ),
        Text("没有渠道流可测。", "No stream to test."),
        s.currency,
    )


def _test_method(s: BudgetSplit) -> tuple[Text, ...]:
    zh, en = (compact(s.knowing_everything, lang) for lang in ("zh", "en"))
    return (
        Text(
            f"价值 = 知道结果后另选分配的期望增益（回归法，交叉拟合，偏保守）；全部知道值 {zh}。",
            "Worth: expected gain of choosing again with the result at hand (regression, cross-fitted, cautious); "
            f"knowing everything is worth {en}.",
        ),
    )
