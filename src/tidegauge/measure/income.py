"""What creators earned from brands: booked costs where they are known, else rate card times sponsored posts."""

from __future__ import annotations

import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure.amounts import Asked
from tidegauge.measure.segments import ACCOUNT_COLUMNS, UNKNOWN, accounts
from tidegauge.result import Text
from tidegauge.workspace.tables import Tables


def incomes(tables: Tables, asked: Asked) -> tuple[pl.DataFrame, str, tuple[Text, ...]]:
    """Income per creator over the asked range: frame of creator_id, segments, amount; the currency; what was assumed.

    Booked costs (placements) count in full. For creators without any, the middle of their listed prices times their
    sponsored posts; a creator with neither is left out, since an unknown income is not a zero one. Raises MeasureError
    where nobody has either, or where the rate cards are in another currency than the workspace.
    """
    if "tier" in asked.by:
        raise MeasureError("income cannot be split by tier", mend="possible: " + ", ".join(ACCOUNT_COLUMNS))
    currency = tables.settings.currency
    placements = tables["placements"]
    booked = tables.between(placements.filter(placements.cost.notnull()), "published_at", asked.start, asked.end)
    paid: pl.DataFrame = tables.frame(booked.group_by("creator_id").agg(amount=booked.cost.sum()))
    offers = tables["offers"]
    cards = offers.filter((offers.price > 0) & (offers.currency == currency))
    prices: pl.DataFrame = tables.frame(cards.group_by("creator_id", "format").agg(price=cards.price.mean()))
    price = prices.sort("creator_id", "format").group_by("creator_id").agg(pl.col("price").median())
    posts = tables["posts"]
    sponsored = posts.filter(posts.sponsored & posts.creator_id.notnull())
    sponsored = tables.between(sponsored, "published_at", asked.start, asked.end)
    jobs: pl.DataFrame = tables.frame(sponsored.group_by("creator_id").agg(jobs=sponsored.count()))
    guessed = price.join(jobs, on="creator_id").select("creator_id", amount=pl.col("price") * pl.col("jobs"))
    rest = guessed.join(paid, on="creator_id", how="anti")
    both = pl.concat([paid.cast({"amount": pl.Float64}), rest.cast({"amount": pl.Float64})])
    both = both.filter(pl.col("amount") > 0)
    if both.is_empty():
        raise MeasureError(
            "no income can be told",
            mend=f"ingest placements with cost, or offers in {currency} together with posts marked as sponsored",
        )
    known: pl.DataFrame = tables.frame(accounts(tables, asked.by))
    frame = both.join(known, on="creator_id", how="left").with_columns(pl.col(c).fill_null(UNKNOWN) for c in asked.by)
    share = rest.height / both.height
    note = Text(
        f"收入：已知投放费用全额计入；{share:.0%} 的达人按刊例价中位数×商单作品数估算（不含折扣与平台抽成）。",
        f"Income: booked costs in full; for {share:.0%} of the creators the middle of the listed prices times "
        "sponsored posts (no discount, no commission taken off).",
    )
    return frame.sort("creator_id"), currency, (note,)
