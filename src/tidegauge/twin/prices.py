"""What creators ask: a fair list price from expected views, noise around it, and some who ask far too much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.twin.accounts import Accounts
from tidegauge.twin.posts import affinity
from tidegauge.twin.world import CATEGORIES, PLATFORM_NAMES, PLATFORMS, World

Floats = npt.NDArray[np.float64]

#: Offers on each platform's rate card: (format, terms, price relative to the base offer). A video note is 30 to 60 %
#: dearer than an image note (Building a China KOL roster, 2025); other relations are assumed.
CARD: dict[str, tuple[tuple[str, str, float], ...]] = {
    "douyin": (
        ("short_video", "1-20s", 0.7),
        ("short_video", "21-60s", 1.0),
        ("mid_video", "60s+", 1.35),
        ("image_text", "", 0.5),
    ),
    "xiaohongshu": (("image_text", "", 1.0), ("short_video", "", 1.45)),
    "bilibili": (("mid_video", "custom", 1.0), ("mid_video", "placement", 0.6), ("status", "dynamic", 0.2)),
    "weibo": (("status", "direct", 1.0), ("status", "repost", 0.55)),
    "kuaishou": (("short_video", "", 1.0),),
}
#: Dearer and cheaper categories (cars and technology earn more, comedy less); assumed.
CATEGORY_PRICE = {
    "auto": 1.5,
    "finance": 1.4,
    "tech": 1.3,
    "beauty": 1.2,
    "mother_baby": 1.15,
    "comedy": 0.7,
    "film_tv": 0.75,
}
ROLE_PRICE = {"KOC": 0.75, "KOB": 1.1}


def expected_views(book: Accounts, world: World, followers: Floats) -> Floats:
    """Median views at 30 days of a creator's next unsponsored post without any distribution shock, per account."""
    level = np.array([s.view_level for s in PLATFORMS])[book.platform] + affinity()[book.platform, book.category]
    return np.asarray(np.exp(level + world.follower_elasticity * np.log(np.maximum(followers, 1.0)) + book.quality))


def offers(rng: np.random.Generator, world: World, book: Accounts, days: int) -> pl.DataFrame:
    """One row per offer: account, format, terms, fair_price, list_price (CNY), expected_views, overpriced (planted).

    The fair price is expected views of the real audience × the platform's CPM × category × role × card relation. What
    is asked is computed from the followers that are shown, so inflated creators are too dear beside the planted ones.
    """
    n, last = book.count, days - 1
    shown = book.followers[:, last].astype(np.float64)
    offered = (rng.random(n) < world.offers_share) & (shown > 1000) & (book.stop_day >= days)
    offered &= np.isin(np.array(PLATFORM_NAMES)[book.platform], list(CARD))
    overpriced = rng.random(n) < world.overpriced_share
    dearer = np.where(overpriced, rng.uniform(1.4, 2.2, size=n), 1.0)
    noise = np.exp(rng.normal(0.0, world.price_sd, size=n))
    cpm = np.array([s.cpm_cny for s in PLATFORMS])[book.platform]
    factor = np.array([CATEGORY_PRICE.get(c, 1.0) for c, _ in CATEGORIES])[book.category]
    factor = factor * np.array([ROLE_PRICE.get(r, 1.0) for r in book.role.tolist()])
    real_views = expected_views(book, world, shown * book.real_share[:, last])
    asked_views = expected_views(book, world, shown)
    parts = []
    for p, name in enumerate(PLATFORM_NAMES):
        mine = np.flatnonzero(offered & (book.platform == p))
        for form, terms, relation in CARD.get(name, ()):
            fair = real_views[mine] / 1000.0 * cpm[mine] * factor[mine] * relation
            asked = asked_views[mine] / 1000.0 * cpm[mine] * factor[mine] * relation * noise[mine] * dearer[mine]
            parts.append(
                pl.DataFrame(
                    {
                        "account": mine.astype(np.int64),
                        "format": pl.Series([form] * mine.size, dtype=pl.String),
                        "terms": pl.Series([terms] * mine.size, dtype=pl.String),
                        "fair_price": fair,
                        "list_price": _as_people_write(asked),
                        "expected_views": np.rint(asked_views[mine]).astype(np.int64),
                        "overpriced": overpriced[mine],
                    }
                )
            )
    return pl.concat(parts).sort("account", "format", "terms", maintain_order=True)


def _as_people_write(price: Floats) -> Floats:
    """Prices end in zeros: two significant digits, at least 50."""
    price = np.maximum(price, 50.0)
    unit = 10.0 ** (np.floor(np.log10(price)) - 1.0)
    return np.asarray(np.rint(np.rint(price / unit) * unit))
