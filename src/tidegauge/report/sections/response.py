"""What placements did: verdict, returns per stream now and later, decomposition, fit, look back, words of caution."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import altair as alt
import polars as pl

from tidegauge.report.blocks import BarChart, Column, Fact, Facts, LineChart, Paragraphs, Picture, Section, Table
from tidegauge.report.charts import SERIES, axis, styled
from tidegauge.report.figures import compact, percent
from tidegauge.report.registry import section
from tidegauge.report.words import LANGUAGES, reads
from tidegauge.response.reading import Figure, Response
from tidegauge.result import Text
from tidegauge.vocab import Lang

_VERDICTS = {
    "usable": Text("可用", "usable"),
    "care": Text("谨慎使用", "use with care"),
    "do-not-use": Text("不可用", "do not use"),
}
#: As many streams have a colour of their own beside baseline, brand and the others.
_MOST_AREAS, _MOST_DATES = len(SERIES) - 3, 160
_SUM = Column("value", Text("合计", "Sum"), "count", total=True)
_KINDS = {
    "base": Text("基线", "Baseline"),
    "short": Text("短期", "Short"),
    "long": Text("经由品牌", "Through the brand"),
    "rest": Text("未解释", "Unexplained"),
    "others": Text("其他渠道", "Other streams"),
}
_PARTS = {
    "level": Text("基线水平", "level"),
    "season": Text("季节", "seasons"),
    "festivals": Text("节庆大促", "festivals"),
    "brand": Text("品牌自身", "brand's own movement"),
}


@section("response", order=10, title=Text("投放效果", "What placements did"), needs="response")
def response(r: Response) -> Iterator[Section]:
    yield _headline(r)
    yield _streams(r)
    yield _decomposition(r)
    yield _trust(r)


def _headline(r: Response) -> Section:
    judged = _VERDICTS[r.verdict]
    share, roi = r.total.contribution_share, r.total.roi_short
    facts = [
        Fact(Text("结论", "Verdict"), judged, r.reasons[0], "good" if r.verdict == "usable" else "care"),
        Fact(
            Text("短期贡献", "Short-term share"),
            _both(percent(share.value)),
            _span(share, share=True),
            exact=share.value,
        ),
        Fact(Text("短期回报", "Short ROI"), _both(f"{roi.value:.2f}"), _span(roi), exact=roi.value),
    ]
    if r.brand_stock is not None:
        m, h = r.brand_stock.long_multiplier, r.brand_stock.half_life_days
        facts.append(Fact(Text("长期倍数", "Long-term multiplier"), _both(f"{m.value:.2f}"), _span(m), exact=m.value))
        weeks = Figure(h.value / 7, h.low / 7, h.high / 7)
        facts.append(
            Fact(
                Text("品牌半衰期（周）", "Brand half-life, weeks"),
                _both(f"{weeks.value:.0f}"),
                _span(weeks),
                exact=h.value,
            )
        )
    return Section(
        Text(
            f"投放带来{reads(r.metric, 'zh')}的 {percent(share.value)}（90% {_span(share, share=True).zh}）；"
            f"结论：{judged.zh}。",
            f"Placements brought {percent(share.value)} of {reads(r.metric, 'en')} (90 % interval "
            f"{_span(share, share=True).en}); verdict: {judged.en}.",
        ),
        (Facts("response-facts", tuple(facts)), Paragraphs("response-words", _worded(r, (*r.reasons, *r.notes)))),
    )


def _worded(r: Response, told: tuple[Text, ...]) -> tuple[Text, ...]:
    """What is told, its streams in words; a name that holds another comes first."""
    names = sorted((s.stream for s in r.streams), key=len, reverse=True)
    out = []
    for text in told:
        zh, en = text.zh, text.en
        for name in names:
            zh, en = zh.replace(name, reads(name, "zh")), en.replace(name, reads(name, "en"))
        out.append(Text(zh, en))
    return tuple(out)


def _both(text: str) -> Text:
    return Text(text, text)


def _span(f: Figure, *, share: bool = False) -> Text:
    low, high = (percent(f.low), percent(f.high)) if share else (f"{f.low:.2f}", f"{f.high:.2f}")
    return Text(f"区间 {low} 至 {high}", f"{low} to {high}")


_FIGURES = (
    "contribution", "contribution_share", "roi_short", "roi_marginal", "roi_long", "long_multiplier",
    "half_life_days", "saturation", "saturated",
)  # fmt: skip


def _streams(r: Response) -> Section:
    rows = []
    for s in r.streams:
        row: dict[str, object] = {
            "stream": s.stream,
            "written": s.stream,
            "spend": s.spend,
            "no_claim": not s.claim_short,
        }
        row["no_long_claim"] = s.roi_long is not None and not s.claim_long
        for name in _FIGURES:
            f = getattr(s, name)
            for bound in ("value", "low", "high"):
                row[f"{name}_{bound}"] = None if f is None else getattr(f, bound)
        rows.append(row)
    frame = pl.DataFrame(rows, infer_schema_length=None).sort("spend", descending=True)
    unsure = Text("不下结论", "no claim")

    def column(name: str, title: Text, kind: str, **more: object) -> Column:
        return Column(f"{name}_value", title, kind, low=f"{name}_low", high=f"{name}_high", **more)  # type: ignore[arg-type]

    short = column("roi_short", Text("短期回报", "Short ROI"), "number", mark="no_claim", mark_word=unsure)
    long = column("roi_long", Text("长期回报", "Long ROI"), "number", mark="no_long_claim", mark_word=unsure)
    columns = (
        Column("stream", Text("渠道", "Stream"), "word", wide=True),
        Column("spend", Text("花费", "Spend"), "money", total=True),
        column("contribution_share", Text("短期贡献占比", "Short-term share"), "share"),
        short,
        column("roi_marginal", Text("边际回报", "Marginal ROI"), "number"),
        *((long, column("long_multiplier", Text("长期倍数", "Long-term multiplier"), "number", depth=2))
          if r.brand_stock else ()),
        column("half_life_days", Text("延续半衰期（天）", "Carry-over half-life, days"), "number", depth=2),
        column("saturation", Text("半饱和花费/期", "Half-saturation per period"), "money", depth=2),
        column("saturated", Text("已用响应", "Share of full effect"), "share", depth=2),
        Column("written", Text("写法", "As written"), depth=3),
    )  # fmt: skip
    stream = columns[0]
    chart = BarChart(
        "response-roi", Text("每一元花费的回报", "Return per unit of spend"), frame, stream,
        (short, *((long,) if r.brand_stock else ())), r.currency, "dot",
    )  # fmt: skip
    table = Table("response-streams", Text("各渠道", "Streams"), frame, columns, Text("无", "none"), r.currency)
    best = max(r.streams, key=lambda s: s.roi_marginal.value)
    message = Text(
        f"再花一份钱，{reads(best.stream, 'zh')} 的短期边际回报最高：{best.roi_marginal.value:.2f}"
        f"（{best.roi_marginal.low:.2f} 至 {best.roi_marginal.high:.2f}）。",
        f"The next unit of money returns most, in the short term, in {reads(best.stream, 'en')}: "
        f"{best.roi_marginal.value:.2f} "
        f"({best.roi_marginal.low:.2f} to {best.roi_marginal.high:.2f}).",
    )
    notes = (
        Text(
            "短期：历史期内由延续与饱和曲线得出；长期：经品牌存量、花费之后全部年月的效果。",
            "Short: by carry-over and saturation within the history. Long: through the brand stock, over all the time "
            "after the spend.",
        ),
        Text(
            "“不下结论”：数据没有比先验多说多少，或区间含零。",
            "“No claim”: the data say little more than the prior, or the interval holds zero.",
        ),
    )
    return Section(message, (chart, table), notes, title=Text("各渠道回报", "Returns per stream"))


def _decomposition(r: Response) -> Section:
    d = r.decomposition
    sums = d.group_by("kind", "part").agg(pl.col("value").sum()).sort("value", descending=True)
    largest = sums.filter(pl.col("kind") == "short").head(_MOST_AREAS).get_column("part").to_list()
    is_base = pl.col("kind") == "base"
    named = (
        pl.when(is_base).then(pl.lit("base"))
        .when(pl.col("kind") == "long").then(pl.lit("long"))
        .when(pl.col("part").is_in(largest)).then(pl.col("part"))
        .otherwise(pl.lit("others"))
    )  # fmt: skip
    shown = d.filter(pl.col("kind") != "rest").with_columns(named.alias("part"))
    every = max(1, -(-shown.get_column("date").n_unique() // _MOST_DATES))
    dates = shown.get_column("date").unique().sort()
    # Many periods are drawn as means over neighbouring ones.
    place = pl.DataFrame({"date": dates, "slot": pl.int_range(len(dates), eager=True) // every})
    shown = (
        shown.join(place, on="date").group_by("slot", "part")
        .agg(pl.col("date").min(), (pl.col("value").sum() / every).alias("value")).sort("slot", "part")
    )  # fmt: skip
    zh, en = (_areas(shown, ["base", "long", *largest, "others"], lang) for lang in LANGUAGES)
    parts = sums.with_columns(
        *(
            pl.struct("kind", "part").map_elements(partial(_part, lang=lang), return_dtype=pl.String).alias(lang)
            for lang in LANGUAGES
        ),
        (pl.col("value") / pl.col("value").sum()).alias("share"),
    )
    table = Table(
        "response-parts",
        Text("构成", "Parts"),
        parts,
        (
            Column("zh", Text("部分", "Part"), key_en="en", wide=True),
            Column("kind", Text("类别", "Kind"), depth=3),
            _SUM,
            Column("share", Text("占比", "Share"), "share"),
        ),
        Text("无", "none"),
    )
    short = float(sums.filter(pl.col("kind") == "short").get_column("value").sum())
    return Section(
        Text(
            f"各部分逐期相加等于观测值；短期部分合计 {compact(short, 'zh')}。",
            f"The parts add up to the observed series in every period; the short part sums to {compact(short, 'en')}.",
        ),
        (Picture("response-decomposition", Text("销售由什么构成", "What sales are made of"), zh, en), table),
        title=Text("构成", "Decomposition"),
    )


def _part(row: dict[str, str], lang: Lang) -> str:
    """A part of the decomposition with its kind: 短期：抖音 · 腰部 · KOL."""
    if row["kind"] == "rest":
        return _KINDS["rest"][lang]
    part = _PARTS[row["part"]][lang] if row["part"] in _PARTS else reads(row["part"], lang)
    return f"{_KINDS[row['kind']][lang]}{'：' if lang == 'zh' else ': '}{part}"


def _areas(shown: pl.DataFrame, order: list[str], lang: Lang) -> alt.TopLevelMixin:
    words = {k: _KINDS[k][lang] if k in _KINDS else reads(k, lang) for k in order}
    return styled(
        alt.Chart(shown.select("date", pl.col("part").replace(words), "value"))
        .mark_area()
        .encode(
            x=alt.X("date:T", title=None, axis=alt.Axis(format="%Y-%m", grid=False)),
            y=alt.Y("value:Q", title=None, stack="zero", axis=axis(_SUM, shown, lang)),
            color=alt.Color(
                "part:N", sort=list(words.values()), title=None, scale=alt.Scale(range=list(SERIES)),
                legend=alt.Legend(columns=2),
            ),
            order=alt.Order("color_part_sort_index:Q"),
        )
        .properties(width=940, height=320)
    )  # fmt: skip


def _trust(r: Response) -> Section:
    d = r.diagnostics
    facts = [
        Fact(Text("R-hat 最大", "Largest R-hat"), _both(f"{d.rhat_max:.3f}"), exact=d.rhat_max),
        Fact(Text("有效样本最少", "Fewest effective draws"), _both(f"{d.ess_min:,.0f}"), exact=d.ess_min),
        Fact(Text("发散", "Divergences"), _both(str(d.divergences)), exact=d.divergences),
        Fact(
            Text("复制区间覆盖", "Replicated coverage"),
            _both(percent(d.covered, 0)),
            Text("应近 90%", "should be near 90 %"),
            exact=d.covered,
        ),
    ]
    blocks: list[Facts | LineChart | Table] = [Facts("response-diagnostics", tuple(facts))]
    frame = r.fit_rows.with_columns(pl.col("date").cast(pl.String))
    blocks.append(
        LineChart(
            "response-fit",
            Text("观测与模型", "Observed and expected"),
            frame,
            Column("date", Text("日期", "Date"), "date"),
            (
                Column("expected", Text("模型", "Expected"), "count", low="low", high="high"),
                Column("observed", Text("观测", "Observed"), "count"),
            ),
        )
    )  # fmt: skip
    message = Text(
        f"最少 {d.ess_min:,.0f} 个有效样本，{d.divergences} 次发散；{r.permanence.words().zh}",
        f"{d.ess_min:,.0f} effective draws at least, {d.divergences} divergences. {r.permanence.words().en}",
    )
    if r.backtest is not None:
        folds = pl.DataFrame([vars(f) for f in r.backtest.folds])
        blocks.append(
            Table(
                "response-backtest",
                Text("回测", "Look back"),
                folds,
                (
                    Column("date", Text("起点", "Origin"), "date"),
                    Column("periods", Text("期数", "Periods"), "count"),
                    Column("error", Text("平均误差", "Mean error"), "share"),
                    Column("error_naive", Text("季节朴素误差", "Seasonal naive error"), "share"),
                    Column("covered", Text("90% 区间覆盖", "Covered by 90 %"), "share"),
                    Column("crps", Text("CRPS", "CRPS"), "count", depth=2),
                    Column("crps_naive", Text("朴素 CRPS", "Naive CRPS"), "count", depth=2),
                ),
                Text("无", "none"),
            )
        )
    return Section(message, tuple(blocks), title=Text("可信度", "Trust"))
