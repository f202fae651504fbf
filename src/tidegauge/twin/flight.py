"""What became of a plan in the artificial world: `fly` posts the roster after the window's end, with true views.

Every picked creator posts in the planned format on or near the planned day; views follow the world's own equation (see
`posts`), so that what a plan promised can be held against what is true. Some do not post, some are late, some cost
more than agreed. The creators' ordinary posts go on beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.errors import UsageError
from tidegauge.plan.result import Plan
from tidegauge.twin.ecosystem import Ecosystem
from tidegauge.twin.observe import epoch_s
from tidegauge.twin.posts import (
    ENGAGEMENTS,
    FORMAT_EFFECT,
    RATES,
    SECONDS_DAY,
    WORK_NOISE_CLIP,
    Distribution,
    affinity,
    grown_share,
)
from tidegauge.twin.world import FORMAT_NAMES, PLATFORM_NAMES, PLATFORMS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Ages (days) at which posts are looked at.
_LOOKS = (1.0, 3.0, 7.0, 14.0, 30.0)


@dataclass(frozen=True)
class Conduct:
    """How creators keep to a plan: shares of picks and sizes; all assumed.

    `reported` says whether the brand gets the views of its paid posts from platforms that show none to others.
    """

    not_posted_share: float = 0.05
    late_share: float = 0.15
    late_days: float = 12.0
    dearer_share: float = 0.10
    dearer_by: float = 0.25
    reported: bool = True


@dataclass(frozen=True)
class Flown:
    """`frames`: canonical tables (posts, post_snapshots, placements) as the brand comes to know them by `until`.

    `truth`: one row per pick: creator_id, post_id, posted, late_days, cost, published_day, views30, log_expected (the
    log of the median views before the chance of the single work), shock_log.
    """

    frames: dict[str, pl.DataFrame]
    truth: pl.DataFrame


def fly(
    eco: Ecosystem, plan: Plan, *, seed: int, until_day: float | None = None, conduct: Conduct | None = None
) -> Flown:
    """Let a plan's roster post.

    Args:
        eco: the world that the plan was made in (`grow` with the same arguments as the files).
        plan: a plan over creators of that world; days before the world's last are moved after it.
        seed: of everything that happens.
        until_day: how far the brand has looked, in days since the world's start; default 45 days after the last post.
        conduct: how creators keep to the plan.

    Raises:
        UsageError: the plan holds creators who are not of this world, or nobody.
    """
    keep = conduct or Conduct()
    accounts = {c: i for i, c in enumerate(eco.creator_ids.to_list())}
    strangers = [c for c in plan.picks["creator_id"].to_list() if c not in accounts]
    if strangers or plan.picks.is_empty():
        raise UsageError(
            f"the plan holds creators of another world: {', '.join(strangers[:3])}" if strangers else "nobody to fly",
            mend="grow the world with the arguments that wrote the plan's files",
        )
    rng = np.random.default_rng(seed)
    picks = plan.picks
    account = np.array([accounts[c] for c in picks["creator_id"]], dtype=np.int64)
    n = account.size
    planned = _planned_days(eco, picks)
    late = np.where(rng.random(n) < keep.late_share, np.rint(rng.exponential(keep.late_days, n)) + 1.0, 0.0)
    posted = rng.random(n) >= keep.not_posted_share
    dearer = np.where(rng.random(n) < keep.dearer_share, rng.exponential(keep.dearer_by, n), 0.0)
    price = picks["price"].cast(pl.Float64).to_numpy()
    cost = np.round(price * (1.0 + dearer), 2)
    form = np.array([FORMAT_NAMES.index(f) for f in picks["format"]], dtype=np.int64)
    span = (float(planned.min()), float((planned + late).max()) + 1.0)
    # Paid and ordinary posts live through the same weeks of the platforms.
    flow = _continued(eco, rng, span[1])
    paid = _Drawn.of(eco, rng, flow, account, planned + late + _hours(rng, n), form, sponsored=True)
    others = _ordinary(eco, rng, flow, account, span)
    look_until = until_day if until_day is not None else span[1] + 45.0
    brand = str(plan.brief.get("brand") or "")
    made = [("flight", paid, posted, True), ("daily", others, np.ones(others.account.size, dtype=bool), False)]
    posts = pl.concat([_post_rows(eco, name, d, on & (d.day <= look_until), brand, own) for name, d, on, own in made])
    counts = pl.concat(
        [_snapshots(eco, name, d, on, look_until, all_views=own and keep.reported) for name, d, on, own in made]
    )
    seen = posted & (paid.day <= look_until)
    ids = _ids(eco, "flight", paid)
    placements = pl.DataFrame(
        {
            "campaign_id": [str(plan.brief.get("campaign") or "flight")] * n,
            "brand": [brand or None] * n,
            "creator_id": picks["creator_id"],
            "post_id": [p if s else "" for p, s in zip(ids, seen.tolist(), strict=True)],
            "format": picks["format"],
            "role": picks["role"],
            "stage": picks["stage"],
            "cost": pl.Series([c if s else None for c, s in zip(cost.tolist(), posted.tolist(), strict=True)]),
            "published_at": _when(eco, paid.day).set(pl.Series(~seen), None),
        },
        schema_overrides={"brand": pl.String, "cost": pl.Float64},
    )
    truth = pl.DataFrame(
        {
            "creator_id": picks["creator_id"],
            "post_id": ids,
            "posted": posted,
            "late_days": late,
            "cost": cost,
            "published_day": paid.day,
            "views30": paid.views30,
            "log_expected": paid.log_expected,
            "shock_log": paid.shock,
        }
    )
    return Flown({"posts": posts, "post_snapshots": counts, "placements": placements}, truth)


@dataclass(frozen=True)
class _Drawn:
    """Posts that happened: arrays over posts."""

    account: Ints
    day: Floats
    form: Ints
    views30: Floats
    engaged30: Floats
    half_life: Floats
    evergreen: Floats
    log_expected: Floats
    shock: Floats

    @classmethod
    def of(
        cls,
        eco: Ecosystem,
        rng: np.random.Generator,
        flow: Distribution,
        account: Ints,
        day: Floats,
        form: Ints,
        *,
        sponsored: bool,
    ) -> _Drawn:
        """Views by the equation of `posts`, with the creator's own growth and engagement as its past posts had."""
        book, world, n = eco.accounts, eco.world, account.size
        platform = book.platform[account]
        last = np.clip(book.gone_day[account], 1, eco.days) - 1
        real = np.maximum(book.followers[account, last] * book.real_share[account, last], 1.0)
        shock = book.sensitivity[account] * flow.effect(platform, day, book.recovery_half_life_days[account])
        level = np.array([s.view_level for s in PLATFORMS])[platform] + affinity()[platform, book.category[account]]
        effect = np.array([FORMAT_EFFECT.get(f, 0.0) for f in FORMAT_NAMES])[form]
        expected = level + effect + world.follower_elasticity * np.log(real) + book.quality[account] + shock
        expected += world.sponsored_effect * sponsored
        emotional = rng.random(n) < world.emotion_share
        tail = rng.standard_t(world.tail_df, n) * np.sqrt((world.tail_df - 2.0) / world.tail_df)
        noise = world.work_sd * np.clip(0.7 * rng.normal(size=n) + 0.714 * tail, -WORK_NOISE_CLIP, WORK_NOISE_CLIP)
        ceiling = 0.5 * np.array([s.mau for s in PLATFORMS])[platform]
        views = np.rint(np.minimum(np.exp(expected + world.emotion_effect * emotional + noise), ceiling))
        half, evergreen, rate = _habits(eco, account, form)
        engaged = np.rint(views[:, None] * np.minimum(np.exp(rate + rng.normal(0.0, 0.25, size=rate.shape)), 0.6))
        half = np.clip(half * np.exp(rng.normal(0.0, 0.3, n)), 0.02, 20.0)
        return cls(account, day, form, views, engaged, half, evergreen, expected, shock)


def _continued(eco: Ecosystem, rng: np.random.Generator, last_day: float) -> Distribution:
    """The platforms' distribution, its weekly shocks carried on beyond the window."""
    flow, rho = eco.distribution, eco.world.shock_persistence
    weekly = flow.weekly
    while weekly.shape[1] <= last_day // 7:
        fresh = eco.world.shock_sd * np.sqrt(1.0 - rho**2) * rng.normal(size=(weekly.shape[0], 1))
        weekly = np.concatenate([weekly, rho * weekly[:, -1:] + fresh], axis=1)
    return Distribution(weekly, flow.change_day, flow.change_size)


def _habits(eco: Ecosystem, account: Ints, form: Ints) -> tuple[Floats, Floats, Floats]:
    """Half-life (days) and evergreen weight as each creator's past posts had, and its log engagement rates (posts, 4).

    A creator without past posts has its platform's half-life and the usual rates of the format.
    """
    made, count = eco.posts, eco.accounts.count
    base = np.array([s.half_life_h for s in PLATFORMS])[eco.accounts.platform] / 24.0
    usual = np.log(np.array([RATES[f] for f in FORMAT_NAMES]))
    counted = made.views30 > 100

    def mean(values: Floats, where: npt.NDArray[np.bool_], without: Floats) -> Floats:
        n = np.bincount(made.creator[where], minlength=count)
        total = np.bincount(made.creator[where], values[where], minlength=count)
        return np.where(n > 0, total / np.maximum(n, 1), without)

    half = np.exp(mean(np.log(made.half_life_days), np.ones(made.count, dtype=bool), np.log(base)))
    evergreen = mean(made.evergreen, np.ones(made.count, dtype=bool), np.full(count, 0.15))
    own = np.log((made.engaged30 + 0.5) / np.maximum(made.views30, 1.0)[:, None]) - usual[made.format]
    rate = np.stack([mean(own[:, k], counted, np.zeros(count)) for k in range(len(ENGAGEMENTS))], axis=1)
    return half[account], evergreen[account], usual[form] + rate[account]


def _planned_days(eco: Ecosystem, picks: pl.DataFrame) -> Floats:
    """Days since the world's start on which the picks should post; plans without a calendar post a week after it ends.

    A flight that begins inside the window is moved to its end: the world is drawn up to there.
    """
    if "publish_on" not in picks.columns or picks["publish_on"].null_count() == picks.height:
        return np.full(picks.height, eco.days + 7.0)
    day = (picks["publish_on"].cast(pl.Date) - eco.world.start).dt.total_days().fill_null(strategy="mean")
    days = day.cast(pl.Float64).to_numpy()
    return np.asarray(days + max(0.0, eco.days - float(days.min())))


def _hours(rng: np.random.Generator, n: int) -> Floats:
    """A time of the day between noon and ten in the evening, as a fraction of it."""
    return np.asarray(rng.integers(12 * 3600, 22 * 3600, size=n) / SECONDS_DAY)


def _ordinary(
    eco: Ecosystem, rng: np.random.Generator, flow: Distribution, account: Ints, span: tuple[float, float]
) -> _Drawn:
    """The unsponsored posts of the picked creators between two days, at their own pace and in their own formats."""
    count = rng.poisson(eco.accounts.posts_week[account] * (span[1] - span[0]) / 7.0)
    owner = np.repeat(account, count)
    day = span[0] + rng.random(owner.size) * (span[1] - span[0])
    first = np.searchsorted(eco.posts.creator, owner)
    own = np.searchsorted(eco.posts.creator, owner, side="right") - first
    drawn = first + np.floor(rng.random(owner.size) * np.maximum(own, 1)).astype(np.int64)
    usual = {p: FORMAT_NAMES.index(max(s.formats, key=lambda f: s.formats[f])) for p, s in enumerate(PLATFORMS)}
    fallback = np.array([usual[p] for p in eco.accounts.platform[owner].tolist()], dtype=np.int64)
    past = eco.posts.format[np.minimum(drawn, max(eco.posts.count - 1, 0))] if eco.posts.count else fallback
    return _Drawn.of(eco, rng, flow, owner, day, np.where(own > 0, past, fallback), sponsored=False)


def _ids(eco: Ecosystem, name: str, drawn: _Drawn) -> list[str]:
    platform = np.array(PLATFORM_NAMES)[eco.accounts.platform[drawn.account]]
    return [f"{p}:{name}-{i}" for i, p in enumerate(platform.tolist())]


def _when(eco: Ecosystem, day: Floats) -> pl.Series:
    seconds = pl.Series(np.rint(day * SECONDS_DAY).astype(np.int64) + epoch_s(eco.world.start))
    return pl.from_epoch(seconds, time_unit="s").dt.replace_time_zone("UTC").cast(pl.Datetime("us", "UTC"))


def _post_rows(
    eco: Ecosystem, name: str, drawn: _Drawn, there: npt.NDArray[np.bool_], brand: str, paid: bool
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "post_id": _ids(eco, name, drawn),
            "creator_id": eco.creator_ids.gather(pl.Series(drawn.account, dtype=pl.Int64)),
            "platform": np.array(PLATFORM_NAMES)[eco.accounts.platform[drawn.account]].tolist(),
            "published_at": _when(eco, drawn.day),
            "format": np.array(FORMAT_NAMES)[drawn.form].tolist(),
            "sponsored": [paid] * drawn.account.size,
            "brand": [(brand or None) if paid else None] * drawn.account.size,
        },
        schema_overrides={"brand": pl.String, "platform": pl.String, "format": pl.String, "post_id": pl.String},
    ).filter(pl.Series(there))


def _snapshots(
    eco: Ecosystem, name: str, drawn: _Drawn, there: npt.NDArray[np.bool_], until_day: float, *, all_views: bool
) -> pl.DataFrame:
    """Counts at the usual ages, and at `until_day` for posts younger than the last of them."""
    shows = np.array([s.views_shown for s in PLATFORMS])[eco.accounts.platform[drawn.account]]
    ids = pl.Series(_ids(eco, name, drawn), dtype=pl.String)
    parts = []
    for age in _LOOKS:
        look = np.minimum(drawn.day + age, until_day)
        fresh = there & (look > drawn.day + (0.0 if age == _LOOKS[0] else _before(age)))
        share = grown_share(look - drawn.day, drawn.half_life, drawn.evergreen)
        engaged = np.floor(drawn.engaged30 * share[:, None]).astype(np.int64)
        views = pl.Series(np.floor(drawn.views30 * share).astype(np.int64))
        parts.append(
            pl.DataFrame(
                {
                    "post_id": ids,
                    "observed_at": _when(eco, look),
                    "views": views.set(pl.Series(~(shows | all_views)), None),
                    **{m: engaged[:, k] for k, m in enumerate(ENGAGEMENTS)},
                    "censored": [False] * len(ids),
                }
            ).filter(pl.Series(fresh))
        )
    return pl.concat(parts).unique(["post_id", "observed_at"], maintain_order=True)


def _before(age: float) -> float:
    return _LOOKS[_LOOKS.index(age) - 1]
