"""One creator, continued: what a thousand views, an engagement and a view cost, and a year's income."""

from __future__ import annotations

import polars as pl

from tidegauge.creators import CreatorPage
from tidegauge.report.blocks import Column, Fact, Facts, Section, Table
from tidegauge.report.figures import in_unit, known, percent
from tidegauge.report.registry import section
from tidegauge.report.words import LANGUAGES, reads
from tidegauge.result import Text

_NONE = Text("数据不足以估计。", "Too little data to tell.")
_FORMAT = Column("format", Text("形式", "Format"), "word")
_COSTS = {
    "cpm": Text("CPM（千次播放）", "CPM (1,000 views)"),
    "cpe": Text("CPE（每次互动）", "CPE (one engagement)"),
    "cpv": Text("CPV（每次播放）", "CPV (one view)"),
}
_BASIS = {
    "offers": Text("刊例价减折扣", "rate card less discount"),
    "placements": Text("历史成交价", "bookings"),
    "fair": Text("合理价", "fair price"),
}


@section("creator-costs", order=32, title=Text("单位成本", "Unit costs"), needs="creator")
def costs(page: CreatorPage) -> Section | None:
    """CPM, CPE and CPV of the next post, at the offer or the fair price."""
    frame = page.costs
    if frame.is_empty():
        return None
    currency = str(frame.get_column("currency")[0] or page.summary.get("currency") or "")
    # An estimate to the cent would look surer than it is.
    figures_of = [f"{c}{b}" for c in _COSTS for b in ("", "_low", "_high")]
    frame = frame.with_columns(pl.col("price").round(0), pl.col(figures_of).round_sig_figs(3))
    figures = tuple(Column(c, w, "money", low=f"{c}_low", high=f"{c}_high") for c, w in _COSTS.items())
    table = Table(
        "creator-unit-costs",
        Text("下一条作品的单位成本 [80 %]", "Unit costs of the next post [80 %]"),
        frame,
        (_FORMAT, Column("terms", Text("条款", "Terms"), depth=2), Column("price", Text("价格", "Price"), "money"),
         Column("price_basis", Text("价格依据", "Price from"), "word", depth=2), *figures),
        _NONE,
        currency,
    )  # fmt: skip
    row = frame.sort("cpm", nulls_last=True).row(0, named=True)
    told = Text(*(in_unit(row["cpm"], row["cpm_low"], row["cpm_high"], currency, lang) for lang in LANGUAGES))
    form = Text(*(reads(str(row["format"]), lang) for lang in LANGUAGES))
    return Section(
        Text(
            f"最便宜的是{form.zh}：千次播放 {told.zh}（80 % 区间）。",
            f"Cheapest is {form.en}: {told.en} for a thousand views (80 % interval).",
        ),
        (table,),
    )


@section("creator-income", order=34, title=Text("年收入", "Income of a year"), needs="creator")
def income(page: CreatorPage) -> Section | None:
    """Estimated income from brands over a year, and what it is made of."""
    if page.income.is_empty():
        return None
    r = page.income.row(0, named=True)
    unit, basis = str(r["currency"]), _BASIS.get(r["basis"], Text(r["basis"], r["basis"]))
    told = Text(*(in_unit(r["value"], r["low"], r["high"], unit, lang) for lang in LANGUAGES))
    each = Text(*(in_unit(r["price_job"], None, None, unit, lang) for lang in LANGUAGES))
    jobs = f"{r['jobs_year']:.1f}"
    facts = [
        Fact(Text("年收入（品牌）", "Income from brands"), told, Text("90 % 区间", "90 % interval"),
             exact=known(r["value"])),
        Fact(Text("每年商单", "Paid posts a year"), Text(jobs, jobs),
             Text(f"依据 {r['n']} 条作品", f"from {r['n']} posts")),
        Fact(Text("单条价格", "Price of one"), each, basis),
    ]  # fmt: skip
    discount = page.summary.get("discount") or {}
    if known(discount.get("value")) is not None:
        bounds = [percent(discount.get(k), 0) for k in ("low", "high")]
        facts.append(
            Fact(Text("相对刊例的折扣", "Discount from list"), Text(*[percent(discount["value"], 0)] * 2),
                 Text(f"90 % 区间 {' 至 '.join(bounds)}", f"90 % interval {' to '.join(bounds)}"))
        )  # fmt: skip
    return Section(
        Text(f"按目前节奏，一年品牌收入约 {told.zh}。", f"At the present pace brands bring about {told.en} a year."),
        (Facts("creator-income-facts", tuple(facts)),),
        (
            Text(
                "未扣平台抽成、机构分成与税；平台分成、直播等仅在申报时计入（docs/methods/income.md）。",
                "Before commission, agency's part and tax; other sources only where declared (docs/methods/income.md).",
            ),
        ),
    )
