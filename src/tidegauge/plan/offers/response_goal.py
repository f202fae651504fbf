"""The goal "response": what a roster's posts are expected to bring, by the streams they belong to.

A stream's worth w is what a unit of its money returned in the budget split (value over money at the split's point). A
post counts as so much of the stream's money as its expected views would cost at the usual price per view of the brief's
own candidates in that stream:

    response_j = w_s · views_j · median price per view of the stream's candidates

so that who is cheap for their views brings more per yuan than the stream does on average, and who is dear brings less.
Returns diminish within a stream only through the split's rules, which keep it near its money.
"""

from __future__ import annotations

import polars as pl

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import Brief

#: An item's dimensions that a worth may name.
DIMENSIONS = ("platform", "tier", "role", "format", "stage")


def expected_response(items: pl.DataFrame, brief: Brief) -> pl.DataFrame:
    """The items with their expected response in the column `engagements`, which goals without overlap make large.

    `items`: platform, tier, role, format, stage, price, views (nulls bring nothing). The first worth of the brief that
    meets an item counts; items of none bring nothing. Raises BriefError where the brief names no worth, or none of its
    worths meets a candidate.
    """
    if not brief.worth:
        raise BriefError(
            "the goal 'response' needs what streams are worth",
            mend="run `tidegauge split BRIEF -w WS -o DIR` and put the [[worth]] of DIR/rules.toml into the brief",
            where=brief.where("goal", "kind"),
        )
    which = pl.lit(None, pl.Int64)
    for i, w in reversed(list(enumerate(brief.worth))):
        meets = pl.lit(True)
        for dimension, words in w.chosen().items():
            meets = meets & pl.col(dimension).is_in([str(x) for x in words]).fill_null(False)
        which = pl.when(meets).then(pl.lit(i, pl.Int64)).otherwise(which)
    rows = items.with_columns(which.alias("_worth"))
    if rows["_worth"].null_count() == rows.height and rows.height:
        raise BriefError(
            "no candidate belongs to a stream of [[worth]]",
            mend="candidates have a platform, tier, role, format and stage: leave out what a stream cannot tell",
            where=brief.where("worth"),
        )
    returns = pl.col("_worth").replace_strict(
        {i: w.per_unit for i, w in enumerate(brief.worth)}, default=None, return_dtype=pl.Float64
    )
    usable = (pl.col("price") > 0) & (pl.col("views") > 0)
    per_view = pl.when(usable).then(pl.col("price") / pl.col("views")).median().over("_worth")
    response = returns * pl.col("views") * per_view
    return rows.with_columns(response.fill_null(0.0).fill_nan(0.0).alias("engagements")).drop("_worth")
