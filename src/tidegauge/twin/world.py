"""The constants of an artificial world: what may be varied (`World`) and what the platforms are like (`PLATFORMS`).

Every default names where it comes from; "assumed" marks a figure that no source gave us. Rates are chosen to resemble
the Chinese platforms; nothing here is an estimate of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from tidegauge.errors import UsageError
from tidegauge.vocab import Platform, Tier

#: Bump when the same seed no longer gives the same world.
VERSION = 2

#: Names for the code and as every file and truth table writes them, so that one category has one name in a workspace.
CATEGORIES: tuple[tuple[str, str], ...] = (
    ("beauty", "美妆"),
    ("fashion", "时尚"),
    ("food", "美食"),
    ("mother_baby", "母婴"),
    ("travel", "旅行"),
    ("home", "家居"),
    ("tech", "科技"),
    ("auto", "汽车"),
    ("game", "游戏"),
    ("knowledge", "知识"),
    ("finance", "财经"),
    ("sports", "运动"),
    ("comedy", "搞笑"),
    ("film_tv", "影视"),
    ("pets", "宠物"),
    ("health", "健康"),
)

FORMAT_NAMES = (
    "short_video",
    "mid_video",
    "long_video",
    "image_text",
    "article",
    "question_answer",
    "status",
)


@dataclass(frozen=True)
class PlatformSpec:
    """One platform: its share of the creators, its size, habits and prices.

    `code` is the folder name that MediaCrawler uses. `mau` counts persons. `cpm_cny` is the list price for a thousand
    expected views. `half_life_h` is the time to half of a post's fast part. `views_shown` tells whether collectors see
    views there. `formats` are shares, `tier_tilt` shifts the tier mix (0 as the whole, positive towards the head).
    """

    platform: Platform
    code: str
    mau: float
    creators_share: float
    tier_tilt: float
    view_level: float
    half_life_h: float
    cpm_cny: float
    views_shown: bool
    formats: dict[str, float]
    favours: tuple[str, ...]
    hot_topics_per_day: int


#: MAU: 2024-09, 微播易 2025年社交媒体与KOL营销趋势 (read from extracted text); Xiaohongshu: Fortune, 2024;
#: Zhihu: assumed. CPM: Xiaohongshu from 小红书KOL报价怎么算 (2025, blog: 25 to 32 for image notes,
#: 80 and more elsewhere); others assumed around it. Half-lives: order of magnitude from Graffius (2018) for a feed of
#: statuses (Weibo) and of videos (Bilibili as YouTube), others between. Format mixes and view levels: assumed.
PLATFORMS: tuple[PlatformSpec, ...] = (
    PlatformSpec(
        Platform.DOUYIN, "dy", 786e6, 0.26, 0.12, 1.6, 20.0, 30.0, False,
        {"short_video": 0.70, "mid_video": 0.16, "image_text": 0.14}, ("comedy", "food", "film_tv", "auto"), 60,
    ),
    PlatformSpec(
        Platform.KUAISHOU, "ks", 714e6, 0.15, 0.12, 1.7, 22.0, 25.0, True,
        {"short_video": 0.82, "mid_video": 0.18}, ("comedy", "food", "home", "game"), 50,
    ),
    PlatformSpec(
        Platform.XIAOHONGSHU, "xhs", 300e6, 0.26, -0.35, 1.5, 48.0, 60.0, False,
        {"image_text": 0.62, "short_video": 0.38}, ("beauty", "fashion", "mother_baby", "travel"), 0,
    ),
    PlatformSpec(
        Platform.BILIBILI, "bili", 348e6, 0.13, 0.0, 1.3, 60.0, 55.0, True,
        {"short_video": 0.18, "mid_video": 0.50, "long_video": 0.32}, ("game", "knowledge", "tech", "film_tv"), 45,
    ),
    PlatformSpec(
        Platform.WEIBO, "wb", 587e6, 0.14, 0.22, 1.1, 8.0, 18.0, False,
        {"status": 0.58, "image_text": 0.25, "short_video": 0.17}, ("film_tv", "finance", "sports", "fashion"), 110,
    ),
    PlatformSpec(
        Platform.ZHIHU, "zhihu", 80e6, 0.06, -0.20, 1.2, 90.0, 70.0, False,
        {"question_answer": 0.62, "article": 0.30, "mid_video": 0.08}, ("knowledge", "finance", "tech", "health"), 50,
    ),
)  # fmt: skip
PLATFORM_NAMES: tuple[str, ...] = tuple(s.platform.value for s in PLATFORMS)

#: Follower bands (upper bounds) inside which followers are Pareto; above the last one a Pareto tail without end band.
BAND_EDGES = (500, 10_000, 50_000, 500_000, 3_000_000)


def _band_shares() -> tuple[float, ...]:
    return (0.372, 0.467, 0.144, 0.017)


def _growth() -> dict[str, float]:
    return {"nano": 0.15, "micro": 0.32, "mid": 0.30, "macro": 0.15, "mega": 0.05}


@dataclass(frozen=True)
class World:
    """What may be varied from one artificial world to the next.

    Sources: `band_shares` are the shares of accounts with 10k-50k, 50k-500k, 500k-3M and more followers among those of
    10k and more (克劳锐 report summary, 2023-12; 14.5 % is set to 14.4 % so that the four add up to one).
    `list_markup` 15 % over paid price (Building a China KOL roster, 2025). Growth by tier (head slow, mid faster:
    direction from 微播易 2023), half-lives, spreads and shares of overpriced and inflated creators: assumed.
    """

    start: date = date(2026, 1, 5)
    # accounts
    nano_share: float = 0.35
    band_shares: tuple[float, ...] = field(default_factory=_band_shares)
    tail_exponent: float = 1.3  # survival ~ followers^-tail_exponent above 3M
    multi_platform_share: float = 0.16  # of persons: more than one account
    entry_share: float = 0.08  # of accounts: born inside the window (of 90 days; scales with days)
    stop_rate_year: float = 0.25  # hazard of falling silent
    vanish_share: float = 0.3  # of those: the account disappears as well
    # followers
    followers: Literal["diffusion", "markov"] = "diffusion"
    growth_year: dict[str, float] = field(default_factory=_growth)  # mean log growth a year by tier
    growth_sd_year: float = 0.25  # between creators
    volatility_year: float = 0.20  # within a creator, diffusion per square-root year
    jumps_year: float = 0.6  # viral jumps
    markov_up_year: float = 0.5  # only followers="markov": rate to the next tier up
    markov_down_year: float = 0.3
    # posts
    posts_week: float = 1.35  # median of the creators' rates
    posts_spread: float = 0.75  # log sd between creators
    follower_elasticity: float = 0.85
    quality_sd: float = 0.45
    work_sd: float = 0.55  # log sd of one work
    tail_df: float = 4.0  # degrees of freedom of the work's noise
    shock_sd: float = 0.35  # of a platform's weekly distribution shocks
    shock_persistence: float = 0.5
    algorithm_changes: int = 1  # abrupt ones per platform
    algorithm_change_size: float = -0.7
    sensitivity_sd: float = 0.5  # log sd of a creator's sensitivity to distribution
    sponsored_share: float = 0.08
    sponsored_effect: float = -0.18
    emotion_share: float = 0.30
    emotion_effect: float = 0.15
    crosspost_share: float = 0.4  # of the main account's works, to each further account of the person
    # audiences
    communities_per_category: int = 3
    own_category_share: float = 0.72  # of an audience: from the category's communities
    enthusiasts: float = 0.1  # of a community's persons, who make up
    enthusiast_audience: float = 0.6  # of its part of every audience
    commenters: int = 0  # 0: eight for each creator, at least 20,000
    activity_shape: float = 2.0  # gamma shape of how often persons comment
    comments_post_share: float = 0.35  # of the posts: comments collected
    comments_mean: float = 5.0
    # planted faults
    inflated_share: float = 0.08
    overpriced_share: float = 0.12
    # prices
    offers_share: float = 0.55
    price_sd: float = 0.25
    list_markup: float = 0.15
    # collecting
    crawl_every_days: int = 7
    crawl_coverage: float = 0.76
    crawl_window_days: int = 28
    register_share: float = 0.7  # of creators and posts: known to the agency's own register
    # hot lists
    hotlist_form: Literal["json", "table"] = "json"
    topic_share: float = 0.10  # of a platform's own topics: cross to another one (scaled by the pair)
    topic_lag_h: float = 3.0
    # brand and sales
    campaign_weeks: int = 156
    brand_effect: float = 1.0  # 0: a world without a brand stock
    brand_half_life_weeks: float = 26.0
    confounding: float = 0.0  # correlation of spend with demand
    demand_walk_year: float = 0.0  # sd over a year, as a share of sales, of lasting demand that no placement causes
    sales_noise: float = 0.04

    def __post_init__(self) -> None:
        """Raises UsageError for a share outside 0 to 1 or a number that no world can have."""
        for name, value in vars(self).items():
            if name.endswith("_share") and not 0.0 <= value <= 1.0:
                raise UsageError(f"World.{name} is {value}, a share lies between 0 and 1")
        if len(self.band_shares) != len(BAND_EDGES) - 1 or abs(sum(self.band_shares) - 1.0) > 1e-6:
            raise UsageError("World.band_shares needs four shares that add up to one")
        if set(self.growth_year) != {t.value for t in Tier}:
            raise UsageError("World.growth_year needs a rate for each tier", mend=", ".join(t.value for t in Tier))
        positive = {
            "tail_exponent",
            "posts_week",
            "brand_half_life_weeks",
            "topic_lag_h",
            "activity_shape",
            "campaign_weeks",
        }
        for name in positive | {"crawl_every_days", "crawl_window_days", "communities_per_category"}:
            if not getattr(self, name) > 0:
                raise UsageError(f"World.{name} must be above zero")
        if not (self.tail_df > 2.0 and abs(self.confounding) <= 1.0 and abs(self.shock_persistence) < 1.0):
            raise UsageError("World: tail_df must be above 2, confounding within ±1, shock_persistence within ±1")
