"""Fair price: what the market asks for such a creator, how far an offer is from it, and what a view costs."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegauge.creators.next_post import forecast_next_post
from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.price_model import PriceModel, fit_price_model
from tidegauge.creators.reference_prices import reference_price
from tidegauge.creators.shared import shared
from tidegauge.workspace.tables import Tables

#: Below so many offers the model is not fitted; the shipped reference prices stand in.
MIN_OFFERS = 30
_Z90, _Z80 = 1.6449, 1.2816
#: Said of an offer that costs nothing.
FREE = "an offer at no cost is no price on the market: judged as if none were asked"
COLUMNS = (
    "creator_id", "platform", "tier", "category", "format", "role", "terms", "price", "currency", "fair", "fair_low",
    "fair_high", "ask_low", "ask_high", "over", "over_low", "over_high", "views", "cpm", "cpm_low", "cpm_high",
    "basis", "assumed",
)  # fmt: skip


@shared
def fair_prices(
    tables: Tables, *, forecasts: pl.DataFrame | None = None, facts: pl.DataFrame | None = None, seed: int = 0
) -> pl.DataFrame:
    """Fair price of every offer, and of the usual format of creators without an offer.

    Parameters: `forecasts` is `forecast_next_post`'s table and `facts` `creator_facts`' (computed when not given).

    Returns `COLUMNS`, money in the offer's currency (the workspace's, where there is no offer): fair with its 90 %
    interval (the level that the market's offers imply for that platform, format, tier, category, role and predicted
    views; how uncertain the level and the views are), ask_low and ask_high (where 80 % of single asks lie), over =
    price / fair − 1 with its 90 % interval, cpm = price per 1,000 predicted views,
    basis "offers" or "reference", assumed (what was assumed, with its source).

    An offer that costs nothing (barter, a gift, a price not told) keeps its row with a fair price and a null price, and
    `assumed` says so; it teaches the market's level nothing. The own offer is left out of its own yardstick
    (leave-one-out by leverage). What the model cannot tell: why a market pays more for one category; fair means usual
    among comparable offers, not right.
    """
    forecasts = forecast_next_post(tables, seed=seed) if forecasts is None else forecasts
    facts = creator_facts(tables) if facts is None else facts
    rows = _rows(tables, forecasts, facts)
    offered = rows.filter(pl.col("price").is_not_null())
    if offered.height >= MIN_OFFERS:
        model, leverage = fit_price_model(offered)
        unseen = _unseen_value(offered, model, leverage)
        priced = pl.concat(
            [
                _judged(offered, model, leverage, unseen),
                _judged(rows.filter(pl.col("price").is_null()), model, None, unseen),
            ]
        )
    else:
        priced = reference_price(rows)
    said = pl.concat_str("assumed", pl.when("free").then(pl.lit(FREE)), separator="; ", ignore_nulls=True)
    priced = priced.with_columns(pl.when(said != "").then(said).alias("assumed"))
    return _costs(priced).select(COLUMNS).sort("creator_id", "format", "role", "terms", nulls_last=True)


def price_rationality(tables: Tables, *, forecasts: pl.DataFrame | None = None, seed: int = 0) -> pl.DataFrame:
    """How much of the spread of log prices the data explains, per platform (`platform` "all" for the whole).

    Returns platform, value (share of variance explained out of sample, leave-one-out), low and high (90 %, bootstrap
    over creators), n (offers). Empty where there are fewer than 30 offers. Not below 0: a market whose prices the data
    cannot tell at all.
    """
    forecasts = forecast_next_post(tables, seed=seed) if forecasts is None else forecasts
    rows = _rows(tables, forecasts, creator_facts(tables)).drop_nulls("price")
    empty = pl.DataFrame(
        schema={"platform": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}
    )
    if rows.height < MIN_OFFERS:
        return empty
    model, leverage = fit_price_model(rows)
    y = np.log(rows.get_column("price").to_numpy())
    off = (y - model.predict(rows)[0]) / (1.0 - leverage)
    rng = np.random.default_rng(seed)
    platform = rows.get_column("platform").to_numpy()
    creator = rows.get_column("creator_id").rank("dense").cast(pl.Int64).to_numpy() - 1
    draws = rng.poisson(1.0, size=(300, int(creator.max()) + 1)).astype(float)
    found = [empty]
    for name in ["all", *np.unique(platform).tolist()]:
        mine = np.ones(len(y), dtype=bool) if name == "all" else platform == name
        if mine.sum() < 10:
            continue
        sampled = np.array([_explained(y[mine], off[mine], w[creator[mine]]) for w in draws])
        low, high = np.quantile(sampled, [0.05, 0.95])
        value = _explained(y[mine], off[mine], np.ones(mine.sum()))
        found.append(
            pl.DataFrame({"platform": [name], "value": [value], "low": [low], "high": [high], "n": [int(mine.sum())]})
        )
    return pl.concat(found)


def _explained(y: np.ndarray, off: np.ndarray, weight: np.ndarray) -> float:
    total = weight.sum()
    if total <= 0:
        return 0.0
    spread = float(np.sum(weight * (y - np.sum(weight * y) / total) ** 2))
    return float(np.clip(1.0 - np.sum(weight * off**2) / max(spread, 1e-12), 0.0, 1.0))


def _rows(tables: Tables, forecasts: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The newest offer per creator, format, role and terms, and one row without a price for creators with no offer."""
    offers = tables["offers"]
    listed: pl.DataFrame = tables.frame(
        offers.select("creator_id", "format", "role", "terms", "price", "currency", "valid_from")
    )
    keys = ["creator_id", "format", "role", "terms"]
    listed = listed.sort(*keys, "valid_from").unique(keys, keep="last", maintain_order=True).drop("valid_from")
    usual = forecasts.sort("creator_id", "n", "format", descending=[False, True, False])
    usual = usual.unique("creator_id", keep="first", maintain_order=True).join(listed, on="creator_id", how="anti")
    bare = usual.select("creator_id", "format").with_columns(
        pl.lit("KOL").alias("role"), pl.lit("").alias("terms"), pl.lit(None, pl.Float64).alias("price"),
        pl.lit(tables.settings.currency).alias("currency"),
    )  # fmt: skip
    rows = pl.concat([listed, bare], how="diagonal_relaxed").with_columns(
        pl.when(pl.col("price") > 0).then("price").alias("price"), (pl.col("price") <= 0).fill_null(False).alias("free")
    )
    own = forecasts.select("creator_id", "format", pl.col("log_mean").alias("log_views"), "level_sd", "log_sd", "value")
    rows = rows.join(own, on=["creator_id", "format"], how="left")
    rows = rows.join(
        facts.select("creator_id", "platform", "tier", "category", "followers"), on="creator_id", how="inner"
    )
    middle = float(np.median(forecasts.get_column("log_mean").to_numpy())) if forecasts.height else 0.0
    return rows.with_columns(
        pl.col("log_views").fill_null(middle),
        pl.col("level_sd").fill_null(1.5),
        pl.col("value").fill_null(float(np.expm1(middle))),
    )


def _unseen_value(offered: pl.DataFrame, model: PriceModel, leverage: np.ndarray) -> dict[str, float]:
    """Per platform the variance of log fair price that the model cannot see: half of creators' residual spread.

    A creator who asks more than the model says may be dear, or worth more in a way that no column tells. Offers alone
    cannot split the two; half and half is assumed, on a robust scale so that planted prices do not widen it.
    """
    off = (np.log(offered.get_column("price").to_numpy()) - model.predict(offered)[0]) / (1.0 - leverage)
    typical = offered.select("platform", "creator_id").with_columns(pl.Series("off", off))
    typical = typical.group_by("platform", "creator_id").agg(pl.col("off").median())
    spread = typical.group_by("platform").agg((1.4826 * pl.col("off").abs().median()).alias("sd"), pl.len())
    whole = float(np.square(1.4826 * np.median(np.abs(off))))
    known = spread.filter(pl.col("len") >= 8)
    found = {name: 0.5 * sd**2 for name, sd in known.select("platform", "sd").iter_rows()}
    return {"": 0.5 * whole, **found}


def _judged(
    rows: pl.DataFrame, model: PriceModel, leverage: np.ndarray | None, unseen: dict[str, float]
) -> pl.DataFrame:
    mean, error = model.predict(rows)
    if leverage is not None:
        y = np.log(rows.get_column("price").to_numpy())
        mean = y - (y - mean) / (1.0 - leverage)
        error = error / np.sqrt(1.0 - leverage)
    error = np.sqrt(error**2 + np.square(model.slope(rows) * rows.get_column("level_sd").to_numpy()))
    error = np.sqrt(error**2 + np.array([unseen.get(p, unseen[""]) for p in rows.get_column("platform")]))
    spread = np.sqrt(error**2 + model.noise)
    return _with_price(rows, mean, error, spread).with_columns(
        pl.lit("offers").alias("basis"), pl.lit(None, pl.String).alias("assumed")
    )


def _with_price(rows: pl.DataFrame, mean: np.ndarray, error: np.ndarray, spread: np.ndarray) -> pl.DataFrame:
    def money(log_price: np.ndarray) -> pl.Series:
        return pl.Series(np.exp(np.clip(log_price, -5.0, 25.0)), dtype=pl.Float64)

    return rows.with_columns(
        money(mean).alias("fair"),
        money(mean - _Z90 * error).alias("fair_low"),
        money(mean + _Z90 * error).alias("fair_high"),
        money(mean - _Z80 * spread).alias("ask_low"),
        money(mean + _Z80 * spread).alias("ask_high"),
    )


def _costs(priced: pl.DataFrame) -> pl.DataFrame:
    paid = pl.coalesce("price", "fair")
    thousand = (pl.col("value").clip(lower_bound=1.0)) / 1000.0
    wide = (_Z90 * pl.col("level_sd")).clip(0.0, 10.0).exp()
    return priced.with_columns(
        (pl.col("price") / pl.col("fair") - 1).alias("over"),
        (pl.col("price") / pl.col("fair_high") - 1).alias("over_low"),
        (pl.col("price") / pl.col("fair_low") - 1).alias("over_high"),
        pl.col("value").alias("views"),
        (paid / thousand).alias("cpm"),
        (paid / thousand / wide).alias("cpm_low"),
        (paid / thousand * wide).alias("cpm_high"),
    )
