"""The whole artificial ecosystem in memory: `grow` draws it, piece by piece, from one seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.errors import UsageError
from tidegauge.twin.accounts import TIER_NAMES, Accounts, accounts, tier_index
from tidegauge.twin.brand import BRAND, STREAMS, brand_history
from tidegauge.twin.market import Market
from tidegauge.twin.observe import Observations, observe
from tidegauge.twin.population import (
    Cores,
    Population,
    community_mix,
    cores,
    membership,
    people,
    true_overlap,
    true_reach,
)
from tidegauge.twin.posts import BRANDS, Distribution, Posts, distribution, posts
from tidegauge.twin.prices import offers
from tidegauge.twin.shown import account_ids, post_ids
from tidegauge.twin.topics import topics
from tidegauge.twin.world import FORMAT_NAMES, PLATFORM_NAMES, World

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Progress = Callable[[float, str], None]

#: Unique people over followers who can be reached at all (dormant followers left out); assumed.
ACTIVE_FOLLOWERS = 0.6


@dataclass(frozen=True)
class Ecosystem:
    """Everything that generated the files, as arrays and frames. Accounts and posts are numbered from zero.

    `audience` is the real, active audience (persons) at the window's end, `mix` (accounts, communities) its make-up and
    `chance` (accounts, communities) the probability that a person of the community on that platform is in it.
    """

    world: World
    seed: int
    days: int
    accounts: Accounts
    posts: Posts
    distribution: Distribution
    population: Population
    audience: Floats
    mix: Floats
    chance: Floats
    cores: Cores
    offers: pl.DataFrame
    topics: pl.DataFrame
    brand: Market
    placements: pl.DataFrame
    observed: Observations
    native_ids: pl.Series
    post_native_ids: pl.Series
    registered_accounts: npt.NDArray[np.bool_]
    registered_posts: npt.NDArray[np.bool_]

    @property
    def creator_ids(self) -> pl.Series:
        """`platform:native_id` per account."""
        return _joined(self.accounts.platform, self.native_ids)

    @property
    def post_ids(self) -> pl.Series:
        """`platform:native_id` per post."""
        return _joined(self.accounts.platform[self.posts.creator], self.post_native_ids)

    @property
    def work_roles(self) -> npt.NDArray[np.str_]:
        """The role in which each post's work speaks: that of the account of its first post, wherever it is copied."""
        first = np.unique(self.posts.work, return_index=True)
        owner = self.posts.creator[first[1]]
        return np.asarray(self.accounts.role[owner][np.searchsorted(first[0], self.posts.work)])

    def reach(self, chosen: Sequence[int], viewers: Floats | None = None) -> float:
        """Expected persons reached by at least one of the chosen accounts, each counted once.

        `viewers` (one per chosen account) are the unique viewers each reaches alone, drawn with its audience's make-up;
        without them each reaches its whole active audience.
        """
        chance = self.chance
        if viewers is not None:
            wanted = np.zeros(self.accounts.count)
            wanted[np.asarray(chosen, dtype=np.int64)] = viewers
            chance = membership(self.population, self.accounts.platform, wanted, self.mix)
        return true_reach(self.population, self.accounts.platform, chance, chosen)

    def overlap(self, a: int, b: int) -> float:
        """Expected persons in the audiences of both accounts."""
        return true_overlap(self.population, self.accounts.platform, self.chance, a, b)


def _joined(platform: Ints, native: pl.Series) -> pl.Series:
    names = pl.Series(np.array(PLATFORM_NAMES)[platform].tolist(), dtype=pl.String)
    return pl.select(pl.format("{}:{}", names, native)).to_series()


def grow(
    creators: int = 2000,
    days: int = 90,
    seed: int = 1,
    *,
    world: World | None = None,
    progress: Progress | None = None,
) -> Ecosystem:
    """Draw an artificial ecosystem; the same arguments give the same one.

    Args:
        creators: accounts over six platforms.
        days: length of the window.
        seed: of the one generator; each piece has a child of it, so that pieces do not disturb each other.
        world: what to vary; the defaults are documented in `World`.
        progress: called with (share of the work done, what is done now).

    Raises:
        UsageError: fewer than one creator or one day.
    """
    if creators < 1 or days < 1:
        raise UsageError("an ecosystem needs at least one creator and one day", mend="--creators 10 --days 7")
    world = world or World()
    tell = progress or (lambda done, what: None)
    r_account, r_people, r_core, r_flow, r_post, r_offer, r_topic, r_brand, r_see, r_know = np.random.default_rng(
        seed
    ).spawn(10)
    tell(0.0, "creators")
    book = accounts(r_account, world, creators, days)
    tell(0.15, "people")
    crowd = people(r_people, world, creators)
    mix = community_mix(r_people, world, crowd, book.platform, book.category)
    last = np.minimum(book.gone_day, days) - 1
    rows = np.arange(creators)
    real = np.maximum(book.followers[rows, np.maximum(last, book.entry_day)], 0) * book.real_share[rows, last]
    chance = membership(crowd, book.platform, ACTIVE_FOLLOWERS * real, mix)
    audience = np.einsum("jc,jc->j", crowd.on_platform().T[book.platform], chance)
    core = cores(r_core, crowd, book.platform, audience, mix)
    tell(0.35, "posts")
    flow = distribution(r_flow, world, days)
    made = posts(r_post, world, book, flow, days)
    tell(0.6, "prices, topics, sales")
    asked = offers(r_offer, world, book, days)
    history = brand_history(r_brand, world, days)
    native, post_native = _native_ids(book, made)
    listed = topics(r_topic, world, days)
    tell(0.75, "collecting")
    seen = observe(r_see, world, book, made, crowd, core, days)
    known_accounts = r_know.random(creators) < world.register_share
    known_posts = (r_know.random(made.count) < world.register_share) & known_accounts[made.creator]
    booked = _placements(r_know, world, book, made, asked, history)
    tell(1.0, "grown")
    return Ecosystem(
        world, seed, days, book, made, flow, crowd, audience, mix, chance, core, asked, listed, history, booked, seen,
        native, post_native, known_accounts, known_posts,
    )  # fmt: skip


def _native_ids(book: Accounts, made: Posts) -> tuple[pl.Series, pl.Series]:
    """Ids in each platform's form; accounts and posts are numbered over all platforms, so ids never meet."""
    own: list[str] = [""] * book.count
    posted: list[str] = [""] * made.count
    platform_of_post = book.platform[made.creator]
    for p, name in enumerate(PLATFORM_NAMES):
        mine = np.flatnonzero(book.platform == p)
        for i, text in zip(mine.tolist(), account_ids(name, mine), strict=True):
            own[i] = text
        theirs = np.flatnonzero(platform_of_post == p)
        for i, text in zip(theirs.tolist(), post_ids(name, theirs), strict=True):
            posted[i] = text
    return pl.Series("native_id", own, dtype=pl.String), pl.Series("native_id", posted, dtype=pl.String)


def _placements(
    rng: np.random.Generator, world: World, book: Accounts, made: Posts, asked: pl.DataFrame, history: Market
) -> pl.DataFrame:
    """The brand's posts by creators with an offer: post, account, format, role, stage, cost (CNY).

    Paid is the list price without the usual markup. Per week and platform bookings stop where the spend is used up:
    the rest of the spend went to creators outside the sample.
    """
    price = asked.group_by("account").agg(pl.col("list_price").max())
    mine = np.flatnonzero(made.brand == BRANDS.index(BRAND))
    tier = tier_index(book.followers[:, -1], book.platform)
    budget: dict[tuple[int, str], float] = {}
    first = (history.weeks[0] - world.start).days
    for t in range(len(history.weeks)):
        for j, stream in enumerate(STREAMS):
            key = (first + 7 * t, stream[0].split("/")[0])
            budget[key] = budget.get(key, 0.0) + float(history.spend[t, j])
    limits = pl.DataFrame(
        {
            "week_day": [k[0] for k in budget],
            "platform": [k[1] for k in budget],
            "limit": list(budget.values()),
        },
        schema={"week_day": pl.Int64, "platform": pl.String, "limit": pl.Float64},
    )
    role = book.role[made.creator[mine]]
    upper = np.where(rng.random(mine.size) < 0.5, "discover", "consider")
    stage = np.select([role == "KOC", role == "KOS", role == "KOB"], ["advocate", "purchase", "advocate"], upper)
    weekday = history.weeks[0].weekday() - world.start.weekday()
    return (
        pl.DataFrame(
            {
                "post": mine.astype(np.int64),
                "account": made.creator[mine],
                "platform": np.array(PLATFORM_NAMES)[book.platform[made.creator[mine]]],
                "format": np.array(FORMAT_NAMES)[made.format[mine]],
                "tier": np.array(TIER_NAMES)[tier[made.creator[mine]]],
                "role": role,
                "stage": stage,
                "bargain": np.exp(rng.normal(0.0, 0.08, size=mine.size)),
                "week_day": ((made.published_day[mine] - weekday) // 7).astype(np.int64) * 7 + weekday,
            }
        )
        .join(price, on="account", how="inner")
        .with_columns((pl.col("list_price") / (1.0 + world.list_markup) * pl.col("bargain")).round(0).alias("cost"))
        .join(limits, on=["week_day", "platform"], how="inner")
        .sort("post")
        .filter(pl.col("cost").cum_sum().over("week_day", "platform") <= pl.col("limit"))
        .select("post", "account", "platform", "format", "tier", "role", "stage", "cost")
    )
