"""What is true of an artificial market: returns, contributions, what a lift test or a plan would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidegauge.errors import UsageError
from tidegauge.twin.market import Market, adstock, geometric_adstock, saturated

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StreamReturns:
    """Returns of streams, arrays (streams,), in CNY or CNY per CNY.

    `short_cny` and `brand_cny` are contributions to sales inside the history; `brand_cny` is what this history's spend
    brought through the stock (what the stock held before belongs to no stream). `roi_long` counts all later weeks,
    `multiplier` = (roi_short + roi_long) / roi_short.
    """

    streams: tuple[str, ...]
    spend_cny: Floats
    short_cny: Floats
    brand_cny: Floats
    roi_short: Floats
    roi_long: Floats
    multiplier: Floats


def true_returns(market: Market) -> StreamReturns:
    """What the response model estimates, per stream, as it is."""
    total = market.spend.sum(axis=0)
    short = np.array([market.parts[f"short:{s}"].sum() for s in market.streams])
    brand = market.effect * geometric_adstock(market.spend * market.weight, np.full(total.size, market.decay)).sum(
        axis=0
    )
    roi_short = np.divide(short, total, out=np.zeros_like(short), where=total > 0)
    roi_long = market.effect * market.weight / (1.0 - market.decay)
    multiplier = np.divide(roi_short + roi_long, roi_short, out=np.ones_like(short), where=roi_short > 0)
    return StreamReturns(market.streams, total, short, brand, roi_short, roi_long, multiplier)


def true_lift(market: Market, stream: str, *, start: int, weeks: int, factor: float) -> float:
    """CNY of sales within the window that a test brings by multiplying one stream's spend there by `factor`.

    What a lift test over these weeks would see on average: the short response and the brand's part inside the window.
    """
    if stream not in market.streams:
        raise UsageError(f"there is no stream '{stream}'", mend="streams: " + ", ".join(market.streams))
    changed = market.spend.copy()
    j = market.streams.index(stream)
    changed[start : start + weeks, j] *= factor
    short = _short_cny(market, changed) - _short_cny(market, market.spend)
    extra = geometric_adstock((changed - market.spend) * market.weight, np.full(len(market.streams), market.decay))
    return float((short + market.effect * extra)[start : start + weeks].sum())


def true_gain(market: Market, plan: Floats | Sequence[float], *, flight_weeks: int, horizon_weeks: int) -> float:
    """CNY of sales over a horizon that a plan brings: CNY per week and stream during the flight, nothing afterwards.

    Starts from an empty adstock; counts the short response and the brand's part up to the horizon's end.
    """
    spend = np.zeros((horizon_weeks, len(market.streams)))
    spend[: min(flight_weeks, horizon_weeks)] = np.asarray(plan, dtype=np.float64)
    brand = market.effect * geometric_adstock(spend * market.weight, np.full(spend.shape[1], market.decay)).sum()
    return float(_short_cny(market, spend).sum() + brand)


def _short_cny(market: Market, spend: Floats) -> Floats:
    """Short responses to national spend (weeks, streams); regions count as one."""
    return market.beta_cny * saturated(adstock(spend, market.traits) / market.half_cny, market.traits)
