"""Which role serves which stage, per platform and industry."""

from __future__ import annotations

import polars as pl

from tidegauge.report.blocks import Column, Section, Table
from tidegauge.report.registry import section
from tidegauge.result import Text
from tidegauge.vocab import label

_SHARES = ("discover", "consider", "purchase", "advocate")


@section("role-fit", order=10, title=Text("角色与阶段", "Roles and stages"), needs="role_fit")
def role_fit(frame: pl.DataFrame) -> Section:
    """`frame` is `creators.role_fit`'s table; a row per cell, the stages side by side."""
    keys = ["role", "platform", "industry"]
    wide = frame.select(*keys).unique(maintain_order=True)
    for stage in _SHARES:
        part = frame.filter(stage=stage).select(
            *keys, *(pl.col(c).alias(f"{stage}_{c}") for c in ("value", "low", "high"))
        )
        wide = wide.join(part, on=keys, how="left")
    wide = wide.join(frame.group_by(keys).agg(pl.col("n", "source", "basis").first()), on=keys, how="left")
    wide = wide.with_columns((pl.col("basis") != "placements").alias("is_assumed"))
    shares = tuple(
        Column(f"{s}_value", Text(label(s, "zh"), label(s, "en")), "share", low=f"{s}_low", high=f"{s}_high",
               mark="is_assumed" if s == "discover" else "")
        for s in _SHARES
    )  # fmt: skip
    table = Table(
        "role-fit", Text("各阶段占比 [90 %]", "Share of stages [90 %]"), wide,
        (Column("role", Text("角色", "Role"), "word", facet=True), Column("platform", Text("平台", "Platform"), "word"),
         Column("industry", Text("行业", "Industry"), "word"), *shares,
         Column("n", Text("投放数", "Bookings"), "count", depth=2),
         Column("source", Text("来源", "Source"), depth=3, wide=True)),
        Text("没有符合的组合。", "No cell fits."),
    )  # fmt: skip
    own = wide.filter(pl.col("n") > 0).height
    return Section(
        Text(
            f"{wide.height} 个组合中 {own} 个有自己的投放记录，其余来自引用来源（标为假设）。",
            f"{own} of {wide.height} cells have bookings of their own, the others rest on cited views (assumed).",
        ),
        (table,),
    )
