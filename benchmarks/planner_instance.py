"""The artificial market that the planner's benchmark runs on: creators, prices, formats, audiences by seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegauge.plan.audience.model import AudienceModel, platform_patterns
from tidegauge.plan.solver.problem import Float, GroupRow, Int, Panel, Problem

POPULATION = 200e6
#: Part of the population on each of the four platforms.
PLATFORM_SHARE = np.array([0.7, 0.45, 0.35, 0.3])
COMMUNITIES = 200
#: Median share of the audience that sees one placement, by format: image and text, short video, live.
FORMAT_EXPOSURE = np.array([0.12, 0.22, 0.40])


@dataclass(frozen=True)
class Market:
    """Creators with three formats each; `platform` and `tier` per creator, everything else per item."""

    model: AudienceModel
    creator: Int
    price: Float
    exposure: Float
    platform: Int
    tier: Int
    followers: Float


def make_market(
    n_creators: int, seed: int, population: float = POPULATION, *, tail: float = 1.2, price_sd: float = 0.5
) -> Market:
    """Followers Pareto(`tail`) from 1,500, 200 communities of uneven size, 4 platforms.

    Prices scatter around 0.15 x contacts^0.95 with a log spread of `price_sd` by creator (0.5 is +-65 %).
    """
    rng = np.random.default_rng([seed, 7])
    people = PLATFORM_SHARE * population
    platform = rng.choice(4, n_creators, p=[0.4, 0.25, 0.2, 0.15])
    followers = 1500.0 * (1.0 + rng.pareto(tail, n_creators))
    followers = np.minimum(followers, 0.4 * people[platform])
    size = rng.pareto(1.5, COMMUNITIES) + 1.0
    first = rng.choice(COMMUNITIES, n_creators, p=size / size.sum())
    second = (first + rng.integers(1, COMMUNITIES, n_creators)) % COMMUNITIES
    pair = np.sort(np.stack([first, second], axis=1), axis=1)
    own = rng.uniform(0.3, 0.7, n_creators)
    shares = np.where(pair == first[:, None], own[:, None], 0.15)
    patterns, pattern_share = platform_patterns(population, people)
    model = AudienceModel(
        platform=platform,
        audience=followers,
        mix_indptr=np.arange(0, 2 * n_creators + 1, 2),
        mix_community=pair.ravel().astype(np.int32),
        mix_share=shares.ravel(),
        population=population,
        patterns=patterns,
        pattern_share=pattern_share,
        community_share=size / size.sum(),
    )
    creator = np.repeat(np.arange(n_creators), 3)
    exposure = np.tile(FORMAT_EXPOSURE, n_creators) * rng.lognormal(0.0, 0.35, n_creators)[creator]
    exposure = np.clip(exposure * rng.lognormal(0.0, 0.15, 3 * n_creators), 0.01, 0.9)
    contacts = followers[creator] * exposure
    price = (
        0.15
        * contacts**0.95
        * rng.lognormal(0.0, price_sd, n_creators)[creator]
        * rng.lognormal(0.0, 0.2, 3 * n_creators)
    )
    tier = np.searchsorted([5e3, 5e4, 5e5], followers)
    return Market(model, creator, np.round(price, 2), exposure, platform, tier, followers)


def group_rows(market: Market, budget: float) -> tuple[GroupRow, ...]:
    """Eight rows as briefs have them: spend caps and floors by platform, floors by tier, a cap by format, a count."""
    platform, tier = market.platform[market.creator], market.tier[market.creator]
    kind = np.arange(len(market.creator)) % 3

    def spend(inside: np.ndarray, label: str, low: float, high: float) -> GroupRow:
        return GroupRow(label, np.where(inside, market.price, 0.0), low * budget, high * budget)

    one = np.ones(len(market.creator))
    return (
        spend(platform == 0, "platform 0: at most 30 % of spend", 0.0, 0.3),
        spend(platform == 1, "platform 1: at least 20 % of spend", 0.2, np.inf),
        spend(platform == 3, "platform 3: 10 to 30 % of spend", 0.1, 0.3),
        spend(tier == 0, "nano: at most 20 % of spend", 0.0, 0.2),
        spend(tier == 1, "micro: at least 15 % of spend", 0.15, np.inf),
        spend(tier == 3, "head: 10 to 35 % of spend", 0.1, 0.35),
        spend(kind == 2, "live: at most 40 % of spend", 0.0, 0.4),
        GroupRow("live on platform 2: at least 5", one * ((kind == 2) & (platform == 2)), 5.0, np.inf),
    )


def make_problem(market: Market, panel: Panel, budget: float, groups: int, frequency: int = 1) -> Problem:
    rows = group_rows(market, budget)[:groups]
    return Problem(panel, market.creator, market.price, market.exposure, budget, rows, frequency=frequency)
