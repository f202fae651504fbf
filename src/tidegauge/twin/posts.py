"""The posts: when, what, how many views they come to have, and how views and engagement grow with age.

    log views30 = level(platform) + affinity(platform, category) + elasticity · log(real followers) + quality(creator)
                  + format + sensitivity(creator) · distribution(platform, week) + sponsored + emotion + work noise

`views30` are the views at an age of 30 days. At age a (days) a post has views30 · A(a),

    A(a) = (1 − w) (1 − 2^(−a/h)) / (1 − 2^(−30/h)) + w log(1 + a) / log(31),

with fast half-life h and evergreen weight w; A(30) = 1 and it goes on growing after that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.twin.accounts import Accounts
from tidegauge.twin.world import CATEGORIES, FORMAT_NAMES, PLATFORM_NAMES, PLATFORMS, World

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Engagements a view by format (likes, comments, shares, saves); assumed, mid-long video is saved and shared more.
RATES: dict[str, tuple[float, float, float, float]] = {
    "short_video": (0.035, 0.003, 0.004, 0.006),
    "mid_video": (0.045, 0.005, 0.008, 0.014),
    "long_video": (0.050, 0.006, 0.010, 0.020),
    "image_text": (0.040, 0.004, 0.003, 0.015),
    "article": (0.020, 0.003, 0.004, 0.012),
    "question_answer": (0.030, 0.004, 0.003, 0.012),
    "status": (0.012, 0.003, 0.002, 0.001),
}
ENGAGEMENTS = ("likes", "comments", "shares", "saves")
FORMAT_EFFECT = {"mid_video": 0.10, "long_video": -0.05, "image_text": -0.10, "article": -0.30, "status": -0.35}
#: log of the median duration in seconds and its spread.
DURATION = {"short_video": (3.6, 0.5), "mid_video": (5.6, 0.4), "long_video": (7.1, 0.4)}
SAVE_DURATION_ELASTICITY = 0.15
BRANDS = ("拟海奶茶", "仿真车业", "潮汐护肤", "验潮数码", "澜岸家居", "浦屿母婴", "舟灯旅行", "锚湾运动")
WORK_NOISE_CLIP = 6.0
SECONDS_DAY = 86_400


@dataclass(frozen=True)
class Distribution:
    """What the platforms' distribution did: `weekly` (platforms, weeks) in log views, abrupt changes and their days."""

    weekly: Floats
    change_day: Ints
    change_size: Floats

    def effect(self, platform: Ints, day: Floats, recovery_half_life_days: Floats) -> Floats:
        """Log effect for a creator of sensitivity one: the week's shock plus what is left of abrupt changes."""
        week = np.clip((day // 7).astype(np.int64), 0, self.weekly.shape[1] - 1)
        total = self.weekly[platform, week]
        for k in range(self.change_day.shape[1]):
            since = day - self.change_day[platform, k]
            left = np.exp2(-np.maximum(since, 0.0) / recovery_half_life_days)
            total = total + np.where(since >= 0, self.change_size[platform, k] * left, 0.0)
        return total

    def frame(self) -> pl.DataFrame:
        """One row per platform and week, with the change (if any) that began in it."""
        p, w = self.weekly.shape
        change = np.zeros((p, w))
        np.add.at(change, (np.arange(p)[:, None], np.minimum(self.change_day // 7, w - 1)), self.change_size)
        return pl.DataFrame(
            {
                "platform": np.repeat(np.array(PLATFORM_NAMES), w),
                "week": np.tile(np.arange(w), p),
                "shock_log": self.weekly.ravel(),
                "change_log": change.ravel(),
            }
        )


@dataclass(frozen=True)
class Posts:
    """Arrays over posts, ordered by creator and time. Days count from the world's start; counts are at 30 days of age.

    `half_life_days` is h and `evergreen` is w of the module's formula; `engaged30` is (posts, 4) as in ENGAGEMENTS.
    """

    creator: Ints
    published_day: Floats
    format: Ints
    duration_s: Floats
    work: Ints
    sponsored: Flags
    brand: Ints
    emotional: Flags
    distribution_log: Floats
    work_log: Floats
    views30: Floats
    half_life_days: Floats
    evergreen: Floats
    engaged30: Floats

    @property
    def count(self) -> int:
        return int(self.creator.size)


def grown_share(age_days: Floats, half_life_days: Floats, evergreen: Floats) -> Floats:
    """A(a): the part of the 30-day views that a post has at an age; zero before publication."""
    age = np.maximum(age_days, 0.0)
    fast = (1.0 - np.exp2(-age / half_life_days)) / (1.0 - np.exp2(-30.0 / half_life_days))
    return np.asarray((1.0 - evergreen) * fast + evergreen * np.log1p(age) / np.log(31.0))


def half_time_days(half_life_days: Floats, evergreen: Floats) -> Floats:
    """Age at which a post has half of its 30-day views, by bisection to within a second."""
    low, high = np.zeros_like(half_life_days), np.full_like(half_life_days, 30.0)
    for _ in range(24):
        middle = 0.5 * (low + high)
        short = grown_share(middle, half_life_days, evergreen) < 0.5
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return 0.5 * (low + high)


def counts_at(posts: Posts, which: Ints, day: Floats) -> tuple[Ints, Ints]:
    """Whole views (k,) and engagements (k, 4) of posts `which` at times `day`."""
    share = grown_share(day - posts.published_day[which], posts.half_life_days[which], posts.evergreen[which])
    views = np.floor(posts.views30[which] * share).astype(np.int64)
    return views, np.floor(posts.engaged30[which] * share[:, None]).astype(np.int64)


def distribution(rng: np.random.Generator, world: World, days: int) -> Distribution:
    """Weekly shocks per platform (AR(1), stationary) and abrupt changes in the middle half of the window."""
    weeks, p = days // 7 + 1, len(PLATFORMS)
    rho = world.shock_persistence
    noise = rng.normal(size=(p, weeks))
    weekly = np.empty((p, weeks))
    weekly[:, 0] = noise[:, 0]
    for w in range(1, weeks):
        weekly[:, w] = rho * weekly[:, w - 1] + np.sqrt(1.0 - rho**2) * noise[:, w]
    change = np.sort(
        rng.integers(days // 4, max(days // 4 + 1, 3 * days // 4), size=(p, world.algorithm_changes)), axis=1
    )
    size = world.algorithm_change_size * rng.uniform(0.6, 1.4, size=change.shape)
    return Distribution(world.shock_sd * weekly, change.astype(np.int64), size)


def posts(rng: np.random.Generator, world: World, book: Accounts, flow: Distribution, days: int) -> Posts:
    """Draw every post of the window, the copies on other platforms included."""
    when_rng, kind_rng, views_rng, engage_rng = rng.spawn(4)
    creator, day, work, common = _publish(when_rng, world, book)
    copy_of, copy_day = _crossposts(when_rng, world, book, creator, day)
    owner = np.concatenate([creator, copy_of[1]])
    day = np.concatenate([day, copy_day])
    work = np.concatenate([work, work[copy_of[0]]])
    common = np.concatenate([common, common[copy_of[0]]])
    order = np.lexsort((day, owner))
    owner, day, work, common = owner[order], day[order], work[order], common[order]

    form = _formats(kind_rng, book, owner)
    duration = np.full(owner.size, np.nan)
    for name, (center, spread) in DURATION.items():
        mine = form == FORMAT_NAMES.index(name)
        duration[mine] = np.rint(np.exp(kind_rng.normal(center, spread, size=int(mine.sum()))))
    # A work has one subject and one sponsor wherever it appears.
    works = int(work.max()) + 1 if work.size else 0
    brand_of = np.where(
        kind_rng.random(works) < world.sponsored_share, kind_rng.integers(0, len(BRANDS), size=works), -1
    )
    brand = brand_of[work]
    emotional = (kind_rng.random(works) < world.emotion_share)[work]

    platform = book.platform[owner]
    at = np.minimum(day.astype(np.int64), days - 1)
    real = np.maximum(book.followers[owner, at] * book.real_share[owner, at], 1.0)
    shock = book.sensitivity[owner] * flow.effect(platform, day, book.recovery_half_life_days[owner])
    own = views_rng.standard_t(world.tail_df, size=owner.size) * np.sqrt((world.tail_df - 2.0) / world.tail_df)
    noise = world.work_sd * np.clip(0.7 * common + 0.714 * own, -WORK_NOISE_CLIP, WORK_NOISE_CLIP)
    level = np.array([s.view_level for s in PLATFORMS])[platform] + affinity()[platform, book.category[owner]]
    effect = np.array([FORMAT_EFFECT.get(f, 0.0) for f in FORMAT_NAMES])[form]
    log_views = level + effect + world.follower_elasticity * np.log(real) + book.quality[owner] + shock + noise
    log_views += world.sponsored_effect * (brand >= 0) + world.emotion_effect * emotional
    ceiling = 0.5 * np.array([s.mau for s in PLATFORMS])[platform]
    views30 = np.rint(np.minimum(np.exp(log_views), ceiling))

    base_h = np.array([s.half_life_h for s in PLATFORMS])[platform] / 24.0
    creator_h = np.exp(views_rng.normal(0.0, 0.3, size=book.count))[owner]
    half = np.clip(base_h * creator_h * np.exp(views_rng.normal(0.0, 0.3, size=owner.size)), 0.02, 20.0)
    durable = np.where(
        np.isin(form, [FORMAT_NAMES.index("question_answer"), FORMAT_NAMES.index("long_video")]), 6.0, 2.0
    )
    evergreen = views_rng.beta(durable, 12.0)
    engaged = _engagement(engage_rng, book, owner, real, form, duration, views30)
    return Posts(
        owner, day, form, duration, work, brand >= 0, brand, emotional, shock, noise, views30, half, evergreen, engaged
    )


def affinity() -> Floats:
    """Log views a platform adds to a category (platforms, categories): 0.3 where it favours the category, else 0."""
    return np.array([[0.3 if c in s.favours else 0.0 for c, _ in CATEGORIES] for s in PLATFORMS])


def _publish(rng: np.random.Generator, world: World, book: Accounts) -> tuple[Ints, Floats, Ints, Floats]:
    span = np.maximum(book.stop_day - book.entry_day, 0)
    count = rng.poisson(book.posts_week * span / 7.0)
    creator = np.repeat(np.arange(book.count), count)
    day = book.entry_day[creator] + np.floor(rng.random(creator.size) * span[creator])
    # Hours: few at night, peaks at noon and in the evening (Beijing time); the clock of the world runs in Beijing time.
    hour_weight = np.array(
        [1, 1, 0.5, 0.3, 0.3, 0.5, 1, 2, 3, 3, 4, 5, 6, 4, 3, 3, 4, 6, 8, 9, 9, 8, 5, 2], dtype=float
    )
    hour = np.searchsorted(np.cumsum(hour_weight / hour_weight.sum()), rng.random(creator.size))
    second = np.minimum(hour, 23) * 3600 + rng.integers(0, 3600, size=creator.size)
    return creator, day + second / SECONDS_DAY, np.arange(creator.size), rng.normal(size=creator.size)


def _crossposts(
    rng: np.random.Generator, world: World, book: Accounts, creator: Ints, day: Floats
) -> tuple[tuple[Ints, Ints], Floats]:
    """Copies: (row of the original, creator that copies) and the day, for further accounts of the same person."""
    main_of = np.zeros(int(book.person.max()) + 1, dtype=np.int64)
    main_of[book.person[book.main]] = np.flatnonzero(book.main)
    further = np.flatnonzero(~book.main)
    original = main_of[book.person[further]]
    start = np.searchsorted(creator, np.arange(book.count + 1))
    length = (start[original + 1] - start[original]).astype(np.int64)
    within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    row = np.repeat(start[original], length) + within
    copier = np.repeat(further, length)
    later = day[row] + np.rint(rng.exponential(0.5, size=row.size) * SECONDS_DAY) / SECONDS_DAY
    keep = (
        (rng.random(row.size) < world.crosspost_share)
        & (later >= book.entry_day[copier])
        & (later < book.stop_day[copier])
    )
    return (row[keep], copier[keep]), later[keep]


def _formats(rng: np.random.Generator, book: Accounts, owner: Ints) -> Ints:
    """A format per post from the creator's own mix: the platform's, tilted by the creator's taste."""
    base = np.array([[s.formats.get(f, 0.0) for f in FORMAT_NAMES] for s in PLATFORMS])
    mix = base[book.platform] * np.exp(0.7 * rng.normal(size=(book.count, len(FORMAT_NAMES))))
    cdf = np.cumsum(mix / mix.sum(axis=1, keepdims=True), axis=1)[owner]
    drawn = (rng.random(owner.size)[:, None] * cdf[:, -1:] >= cdf).sum(axis=1)
    return np.asarray(np.minimum(drawn, len(FORMAT_NAMES) - 1), dtype=np.int64)


def _engagement(
    rng: np.random.Generator, book: Accounts, owner: Ints, real: Floats, form: Ints, duration: Floats, views30: Floats
) -> Floats:
    """Engagements at 30 days: rates by format; smaller accounts engage more, inflated ones add bought likes."""
    rate = np.log(np.array([RATES[f] for f in FORMAT_NAMES]))[form]
    creator_part = rng.normal(0.0, 0.3, size=(book.count, len(ENGAGEMENTS)))[owner]
    size_part = -0.08 * (np.log(real) - np.log(50_000.0))
    log_rate = rate + creator_part + size_part[:, None] + rng.normal(0.0, 0.25, size=rate.shape)
    longer = np.where(np.isnan(duration), 0.0, SAVE_DURATION_ELASTICITY * np.log(np.maximum(duration, 1.0) / 60.0))
    log_rate[:, 3] += longer
    bought = 1.0 + 0.8 * book.inflation_rate[owner]
    log_rate[:, :2] += np.log(bought)[:, None]
    return np.asarray(np.rint(views30[:, None] * np.minimum(np.exp(log_rate), 0.6)))
