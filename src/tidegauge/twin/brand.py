"""The twin's own brand: its eight streams, its weekly history, and the truth tables of both."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from tidegauge.twin.market import Market, Traits, geometric_adstock, market_history
from tidegauge.twin.market_truth import true_returns
from tidegauge.twin.world import World

BRAND = "拟海奶茶"
#: stream, mean spend a week (CNY), carry, half-saturation as multiple of the mean adstock, short ROI at the mean,
#: brand weight.
#: Purchase streams pay back soon, discovery and consideration feed the brand; all assumed.
STREAMS: tuple[tuple[str, float, float, float, float, float], ...] = (
    ("douyin/macro/KOL/short_video/discover", 260_000, 0.35, 1.5, 0.7, 1.2),
    ("douyin/mid/KOL/short_video/purchase", 180_000, 0.20, 1.2, 1.6, 0.3),
    ("douyin/mid/KOS/short_video/purchase", 90_000, 0.10, 1.0, 2.2, 0.0),
    ("xiaohongshu/mid/KOL/image_text/consider", 150_000, 0.40, 1.4, 1.0, 1.0),
    ("xiaohongshu/nano/KOC/image_text/advocate", 60_000, 0.30, 0.9, 1.4, 0.6),
    ("bilibili/mid/KOL/mid_video/consider", 120_000, 0.50, 1.6, 0.8, 1.3),
    ("kuaishou/mid/KOL/short_video/purchase", 80_000, 0.15, 1.1, 1.7, 0.2),
    ("weibo/mega/KOL/status/discover", 110_000, 0.25, 1.3, 0.5, 0.7),
)


def brand_traits() -> Traits:
    """The traits of the eight streams."""
    mean, carry, half, roi, weight = (np.array([s[k] for s in STREAMS], dtype=np.float64) for k in range(1, 6))
    return Traits(tuple(s[0] for s in STREAMS), mean, carry, half, roi, weight, np.zeros(len(STREAMS)))


def brand_history(rng: np.random.Generator, world: World, days: int) -> Market:
    """Draw `World.campaign_weeks` weeks that end with the last whole week of the window."""
    last = world.start + timedelta(days=days - 1)
    return market_history(
        rng,
        weeks=max(world.campaign_weeks, 1),
        streams=brand_traits(),
        brand_effect=world.brand_effect,
        brand_half_life_weeks=world.brand_half_life_weeks,
        confounding=world.confounding,
        demand_walk_year=world.demand_walk_year,
        sales_noise=world.sales_noise,
        last_monday=last - timedelta(days=last.weekday() + (0 if last.weekday() == 6 else 7)),
    )


def stream_truth(market: Market) -> pl.DataFrame:
    """Parameters, contributions and returns per stream: ROI short, long (all later weeks) and the multiplier."""
    found = true_returns(market)
    return pl.DataFrame(
        {
            "stream": market.streams,
            "spend_cny": found.spend_cny,
            "carry": market.carry,
            "half_saturation_cny": market.half_cny,
            "beta_cny": market.beta_cny,
            "brand_weight": market.weight,
            "short_cny": found.short_cny,
            "brand_cny": found.brand_cny,
            "roi_short": found.roi_short,
            "roi_long": found.roi_long,
            "multiplier": found.multiplier,
        }
    )


def weekly_truth(market: Market) -> pl.DataFrame:
    """Week, component, value (CNY; the stock in its own points). Components other than "stock" add up to sales."""
    values = market.parts | {"stock": market.stock}
    return pl.concat(
        [pl.DataFrame({"week": market.weeks, "component": n, "value": v}) for n, v in values.items()]
    ).sort("component", "week")


def contribution_truth(market: Market) -> pl.DataFrame:
    """Week, stream, spend, and its two contributions to sales in that week (CNY): short, and through the brand stock.

    `brand_cny` is what the spend of this history brought; the component `brand` of `weekly_truth` holds besides it
    what was in the stock before, and the stock's own noise.
    """
    through = market.effect * geometric_adstock(
        market.spend * market.weight, np.full(len(market.streams), market.decay)
    )
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "week": market.weeks,
                    "stream": [s] * len(market.weeks),
                    "spend_cny": market.spend[:, j],
                    "short_cny": market.parts[f"short:{s}"],
                    "brand_cny": through[:, j],
                }
            )
            for j, s in enumerate(market.streams)
        ]
    )
