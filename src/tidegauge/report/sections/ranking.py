"""The ranking of creators as a table: for the terminal, and as the workbook that a planner filters on."""

from __future__ import annotations

import polars as pl

from tidegauge.report.blocks import Column, Depth, Kind, Section, Table
from tidegauge.report.content import short
from tidegauge.report.figures import clean, counted, known
from tidegauge.report.registry import section
from tidegauge.report.sections.roster import NAME, PLATFORM, TIER
from tidegauge.result import Text

#: Figures that come as {value, low, high}.
TRIPLES = ("views_next", "post_next", "price_fair", "dependence", "quality")


def _spread(column: str, zh: str, en: str, kind: Kind = "count", depth: Depth = 1) -> Column:
    return Column(
        column,
        Text(zh, en),
        kind,
        low=f"{column}_low",
        high=f"{column}_high",
        depth=depth,
    )


COLUMNS = (
    NAME,
    PLATFORM,
    TIER,
    Column("category", Text("类目", "Category"), "word", depth=2, facet=True),
    Column("followers", Text("粉丝", "Followers"), "count"),
    _spread("views_next", "未来 7 天播放", "Views next 7 days"),
    _spread("post_next", "下一条播放", "Views next post", depth=2),
    _spread("price_fair", "合理价", "Fair price", "money"),
    Column("price", Text("报价", "Price"), "money"),
    Column("over", Text("偏离", "Over"), "share"),
    Column("cpm", Text("CPM", "CPM"), "money", depth=2),
    Column("role_likely", Text("角色", "Role"), "word", depth=2, facet=True),
    _spread("role_chance", "角色的概率", "Chance of the role", "share", 3),
    _spread("cpm_post", "下一条的 CPM", "CPM of the next post", "money", 3),
    _spread("cpe", "每次互动", "Per engagement", "money", 3),
    _spread("income", "年收入估计", "Yearly income", "money", 3),
    _spread("dependence", "算法依赖", "Dependence", "number", 2),
    _spread("quality", "受众质量", "Quality", "number", 2),
    Column("reasons", Text("质量存疑之处", "Doubts of quality"), wide=True, depth=3),
    _spread("discount", "刊例折扣", "Discount from list", "share", 3),
    Column("audience", Text("受众", "Audience"), wide=True, depth=3),
    Column("audience_basis", Text("受众依据", "Audience from"), "word", depth=3),
    Column("role", Text("声明的角色", "Declared role"), "word", depth=3),
    Column("format", Text("常用形式", "Usual format"), "word", depth=3),
    Column("basis", Text("依据", "Basis"), "word", depth=3),
    Column("n", Text("作品数", "Posts"), "count", depth=3),
    Column("creator_id", Text("达人 ID", "Creator ID"), depth=3),
)


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Intervals as three columns, lists as text; a null name gives way to the id."""
    parts: list[pl.Expr] = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Struct):
            bounds = [f.name for f in kind.fields]
            parts += [pl.col(name).struct.field(b).alias(name if b == "value" else f"{name}_{b}") for b in bounds]
        elif isinstance(kind, pl.List):
            parts.append(pl.col(name).list.join(", "))
        else:
            parts.append(pl.col(name))
    return frame.select(parts)


@section("ranking", order=10, title=Text("达人排行", "Creators ranked"), needs="ranking")
def ranking(frame: pl.DataFrame) -> Section:
    """`frame` is what `Workspace.creators` gives."""
    rows = flat(frame).with_columns(pl.coalesce("name", "creator_id").alias("name"))
    # An estimate to the cent would look surer than it is.
    money = [c for c in ("price_fair", "price_fair_low", "price_fair_high") if c in rows.columns]
    unit = [f"{c}{b}" for c in ("dependence", "quality") for b in ("", "_low", "_high") if f"{c}{b}" in rows.columns]
    rows = rows.with_columns(pl.col(money).round(0), pl.col(unit).round(2))
    currencies = frame.get_column("currency").drop_nulls().unique().to_list() if "currency" in frame.columns else []
    table = Table(
        "ranking",
        Text("达人", "Creators"),
        rows,
        COLUMNS,
        Text("没有符合条件的达人。", "No creator fits."),
        currencies[0] if len(currencies) == 1 else "",
    )
    notes = (
        Text(
            "播放区间 80 %，其余 90 %。偏离 = 报价 ÷ 合理价 − 1。方法见 docs/methods：forecast、creator_worth。",
            "Views: 80 % intervals, the rest 90 %. Over = price / fair price - 1. Methods: forecast, creator_worth and "
            "quality in docs/methods.",
        ),
    )
    return Section(_message(rows), (table,), notes)


def _message(rows: pl.DataFrame) -> Text:
    if rows.is_empty():
        return Text("没有符合条件的达人。", "No creator fits.")
    n, top = rows.height, rows.row(0, named=True)
    name, views = short(clean(top["name"])), known(top.get("views_next"))
    if views is None:
        return Text(f"{n:,} 位达人，第一位是 {name}。", f"{n:,} creators; the first is {name}.")
    zh, en = counted(views, Text("次播放", "views"), "zh"), counted(views, Text("次播放", "views"), "en")
    return Text(
        f"{n:,} 位达人，第一位是 {name}：未来 7 天预计 {zh}。",
        f"{n:,} creators; the first is {name}: {en} expected in the next 7 days.",
    )
