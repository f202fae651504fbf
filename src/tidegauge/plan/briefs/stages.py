"""Which role an offer plays and which stage of the funnel it serves.

Role: the account's own where the workspace knows it (a seller stays one); else what the offer says beyond
the plain "KOL" that every rate card means; else KOC below a cited follower bound, KOL above it. Stage: the rule below,
which a brief may override with [[stage_rule]].
"""

from __future__ import annotations

import polars as pl

from tidegauge.plan.briefs.brief import StageRule
from tidegauge.reference import facts
from tidegauge.vocab import Format, Role, Stage

#: Who says it decides first: sellers and live rooms close the sale, consumers vouch, the rest depends on the form:
#: quick forms are met by chance (discover), forms that are read or watched at length are weighed (consider).
_BY_ROLE = {Role.KOS: Stage.PURCHASE, Role.KOC: Stage.ADVOCATE, Role.KOE: Stage.CONSIDER}
_QUICK = (Format.SHORT_VIDEO, Format.LIVE_PHOTO, Format.SHORT_DRAMA, Format.STATUS)


def koc_bound_followers() -> int:
    """Below this many followers an account counts as a consumer's: the upper end of the cited range."""
    rows = facts().filter(
        (pl.col("topic") == "role") & (pl.col("segment") == "KOC") & (pl.col("metric") == "followers")
    )
    return int(rows.select("value_high").item())


def role_expr(koc_below_followers: int | None) -> pl.Expr:
    """The role of items with columns account_role, offer_role (either may be null) and followers."""
    bound = koc_bound_followers() if koc_below_followers is None else koc_below_followers
    said = pl.when(pl.col("offer_role") != Role.KOL.value).then(pl.col("offer_role"))
    by_size = pl.when(pl.col("followers") < bound).then(pl.lit(Role.KOC.value)).otherwise(pl.lit(Role.KOL.value))
    return pl.coalesce("account_role", said, by_size)


def stage_expr(rules: list[StageRule]) -> pl.Expr:
    """The stage of items with columns role and format: the brief's rules in their order, then the default."""
    own = []
    for r in rules:
        fits = pl.lit(True)
        if r.role is not None:
            fits = fits & (pl.col("role") == r.role)
        if r.format is not None:
            fits = fits & (pl.col("format") == r.format)
        own.append(pl.when(fits).then(pl.lit(r.stage)))
    default = [
        pl.when(pl.col("format") == Format.LIVE.value).then(pl.lit(Stage.PURCHASE.value)),
        *(pl.when(pl.col("role") == role.value).then(pl.lit(stage.value)) for role, stage in _BY_ROLE.items()),
        pl.when(pl.col("format").is_in([f.value for f in _QUICK])).then(pl.lit(Stage.DISCOVER.value)),
        pl.lit(Stage.CONSIDER.value),
    ]
    return pl.coalesce(*own, *default)
