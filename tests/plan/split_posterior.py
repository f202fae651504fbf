"""A posterior with known truth and no fitting: draws scattered around the parameters of the twin's market."""

from __future__ import annotations

import numpy as np

from tidegauge.response.history import make_history
from tidegauge.response.posterior import Form, Posterior
from tidegauge.twin.market import Market, market_history


def posterior_of(
    market: Market, *, draws: int = 240, spread: float = 0.15, brand: bool = True, seed: int = 1
) -> Posterior:
    """Hill curves of shape one, national; the brand's effect in proportion to money, as in the market."""
    rng = np.random.default_rng(seed)
    n = len(market.streams)
    history = make_history(
        market.weeks, market.streams, market.spend, market.outcomes["sales"],
        brand_series={"search_index": market.outcomes["search_index"]} if brand else {},
    )  # fmt: skip

    def around(value: np.ndarray, sd: float = spread) -> np.ndarray:
        return value * np.exp(sd * rng.normal(size=(1, draws, n)) - sd**2 / 2)

    half = market.half_cny * (1.0 - market.carry)
    made = {
        "half_life_days": around(-7.0 * np.log(2.0) / np.log(market.carry), 0.05),
        "half_saturation": around(half, spread / 2),
        "slope": np.ones((1, draws, n)),
        "short": around(market.beta_cny)[:, :, None, :],
    }
    if brand:
        made["long"] = around(market.effect * market.weight / (1 - market.decay))
        made["brand_half_life_days"] = np.full((1, draws), 7.0 * np.log(0.5) / np.log(market.decay))
    return Posterior(history, Form(saturation="hill"), made, np.ones(1))


def market(seed: int = 3, streams: int = 6, **kwargs) -> Market:
    return market_history(seed, weeks=120, streams=streams, **kwargs)
