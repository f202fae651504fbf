"""What a collector gets to see: crawls on irregular days, a part of the creators each time, comments of some posts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from tidegauge.twin.accounts import Accounts
from tidegauge.twin.population import Cores, Population
from tidegauge.twin.posts import SECONDS_DAY, Posts, counts_at
from tidegauge.twin.world import PLATFORMS, World

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Accounts made by machines that write comments for inflated creators; numbered after the last person.
BOTS = 200
BEIJING_S = 8 * 3600


@dataclass(frozen=True)
class Observations:
    """Crawled rows. `*_s` are whole seconds since the world's start (midnight in Beijing), `*_file_day` the file's day.

    Post rows: `post`, `post_s`, `views`, `engaged` (rows, 4). Creator rows: `account`, `account_s`, `followers`,
    `posts_total`, `likes_total`, `following`. Comment rows: `comment_post`, `commenter` (a core person, or persons
    + bot), `comment_s` (written at), `comment_seen_s`.
    """

    post: Ints
    post_s: Ints
    post_file_day: Ints
    views: Ints
    engaged: Ints
    account: Ints
    account_s: Ints
    account_file_day: Ints
    followers: Ints
    posts_total: Ints
    likes_total: Ints
    following: Ints
    comment_post: Ints
    comment_s: Ints
    comment_seen_s: Ints
    comment_file_day: Ints
    commenter: Ints


def epoch_s(start: date) -> int:
    """Epoch seconds of the world's start: midnight in Beijing."""
    midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
    return int(midnight.timestamp()) - BEIJING_S


def bilibili_extras(engaged: Ints) -> tuple[Ints, Ints]:
    """Danmaku and coins of Bilibili posts from their engagements (rows, 4): two a comment, one for three likes."""
    return engaged[:, 1] * 2, engaged[:, 0] // 3


def file_date(start: date, day: int) -> str:
    return (start + timedelta(days=day)).isoformat()


def crawl_times(rng: np.random.Generator, world: World, days: int) -> list[float]:
    """Days (hour as fraction) on which one platform is crawled: about weekly, with gaps and repeats, and the last."""
    step = max(1, world.crawl_every_days)
    times: list[float] = []
    for day in range(int(rng.integers(0, step)), days, step):
        shifted = int(np.clip(day + rng.integers(-1, 2), 0, days - 1))
        hour = int(rng.integers(8, 15))
        fate = rng.random()
        if fate >= 0.08:
            times.append(shifted + hour / 24.0)
        if fate > 0.90:  # crawled a second time on the same day
            times.append(shifted + (hour + 6) / 24.0)
    return sorted({*times, days - 1 + 21 / 24.0})


def observe(
    rng: np.random.Generator, world: World, book: Accounts, made: Posts, crowd: Population, core: Cores, days: int
) -> Observations:
    """Crawl every platform over the window."""
    crawl_rng, comment_rng, trait_rng = rng.spawn(3)
    following = np.rint(np.exp(trait_rng.normal(5.0, 0.8, size=book.count))).astype(np.int64)
    platform_of_post = book.platform[made.creator]
    posts_seen: list[tuple[Ints, Ints, Ints]] = []
    accounts_seen: list[tuple[Ints, Ints, Ints]] = []
    for p in range(len(PLATFORMS)):
        mine, own = np.flatnonzero(book.platform == p), np.flatnonzero(platform_of_post == p)
        times = crawl_times(crawl_rng, world, days)
        for time in times:
            day = int(time)
            covered = crawl_rng.random(mine.size) < world.crawl_coverage
            there = (book.entry_day[mine] <= day) & (book.gone_day[mine] > day)
            second = np.zeros(book.count, dtype=np.int64)
            second[mine] = np.rint(time * SECONDS_DAY) + crawl_rng.integers(0, 7200, size=mine.size)
            hit = np.zeros(book.count, dtype=bool)
            hit[mine] = covered & there
            found = mine[covered & there]
            accounts_seen.append((found, second[found], np.full(found.size, day)))
            age = second[made.creator[own]] / SECONDS_DAY - made.published_day[own]
            recent = age <= world.crawl_window_days
            if time == times[-1]:  # the last crawl also goes back to a part of the old posts
                recent |= crawl_rng.random(own.size) < 0.25
            rows = own[hit[made.creator[own]] & (age > 0) & recent]
            posts_seen.append((rows, second[made.creator[rows]], np.full(rows.size, day)))
    post, post_s, post_day = (np.concatenate(c).astype(np.int64) for c in zip(*posts_seen, strict=True))
    account, account_s, account_day = (np.concatenate(c).astype(np.int64) for c in zip(*accounts_seen, strict=True))
    views, engaged = counts_at(made, post, post_s / SECONDS_DAY)
    total, likes = _account_totals(trait_rng, book, made, account, account_s)
    comments = _comments(comment_rng, world, book, made, crowd, core, (post, post_s, post_day, engaged[:, 1]))
    return Observations(
        post, post_s, post_day, views, engaged, account, account_s, account_day,
        book.followers[account, account_day], total, likes, following[account], *comments,
    )  # fmt: skip


def _account_totals(
    rng: np.random.Generator, book: Accounts, made: Posts, account: Ints, second: Ints
) -> tuple[Ints, Ints]:
    """Posts and likes ever, as the profile shows them: those before the window plus the window's posts so far."""
    old_posts = rng.poisson(book.posts_week * 80.0)
    first = np.maximum(
        book.followers[np.arange(book.count), np.minimum(book.entry_day, book.followers.shape[1] - 1)], 1
    )
    old_likes = np.rint(first * np.exp(rng.normal(1.0, 0.6, size=book.count))).astype(np.int64)
    # Posts are ordered by creator and time: a search over (creator, time) counts those before the moment.
    span = float(book.followers.shape[1] + 2)
    key = made.creator * span + made.published_day
    upto = np.searchsorted(key, account * span + second / SECONDS_DAY)
    begin = np.searchsorted(made.creator, account)
    running = np.concatenate([[0.0], np.cumsum(made.engaged30[:, 0])])
    likes = running[upto] - running[begin]
    return old_posts[account] + upto - begin, old_likes[account] + np.rint(likes).astype(np.int64)


def _comments(
    rng: np.random.Generator, world: World, book: Accounts, made: Posts, crowd: Population, core: Cores,
    seen: tuple[Ints, Ints, Ints, Ints],
) -> tuple[Ints, Ints, Ints, Ints, Ints]:  # fmt: skip
    """Comments of a part of the posts, collected when the post is first seen; commenters by activity from the core."""
    post, post_s, post_day, comments = seen
    order = np.lexsort((post_s, post))
    first = order[np.r_[True, post[order][1:] != post[order][:-1]]] if post.size else order
    first = first[rng.random(first.size) < world.comments_post_share]
    wanted = 1 + rng.poisson(max(world.comments_mean - 1.0, 0.0), size=first.size)
    count = np.minimum(np.minimum(wanted, 30), comments[first])
    row = np.repeat(first, count)
    owner = made.creator[post[row]]
    lengths = core.start[1:] - core.start[:-1]
    has_core = lengths[owner] > 0
    bot = (rng.random(row.size) < 0.6 * book.inflation_rate[owner]) | ~has_core
    running = np.concatenate([[0.0], np.cumsum(crowd.core_activity[core.person])])
    low, high = running[core.start[owner]], running[core.start[owner + 1]]
    place = np.searchsorted(running, low + rng.random(row.size) * (high - low), side="right") - 1
    last = np.maximum(core.start[owner + 1] - 1, core.start[owner])
    place = np.clip(place, core.start[owner], np.minimum(last, core.person.size - 1)) if core.person.size else place
    persons = crowd.core_community.size
    person = core.person[place] if core.person.size else np.zeros(row.size, dtype=np.int64)
    who = np.where(bot, persons + rng.integers(0, BOTS, size=row.size), person)
    published = np.rint(made.published_day[post[row]] * SECONDS_DAY).astype(np.int64)
    delay = np.floor((post_s[row] - published) * rng.random(row.size) ** 2).astype(np.int64)
    return post[row], published + delay, post_s[row], post_day[row], who
