"""The creators: who they are, how their followers move, when they come and go, and which of them are inflated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.linalg import expm
from scipy.special import ndtr

from tidegauge.twin.world import BAND_EDGES, CATEGORIES, PLATFORM_NAMES, PLATFORMS, World
from tidegauge.vocab import Tier, thresholds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

TIER_NAMES: tuple[str, ...] = tuple(t.value for t in Tier)
#: Lower follower bounds by platform (rows) and tier (columns), from the vocabulary.
TIER_BOUNDS: Ints = np.array([[low for _, low in thresholds(p).bounds()] for p in PLATFORM_NAMES], dtype=np.int64)
REGIONS = ("广东", "浙江", "北京", "上海", "四川", "江苏", "湖北", "山东", "河南", "湖南", "福建", "陕西")
MAX_FOLLOWERS = 120e6
YEAR = 365.0


@dataclass(frozen=True)
class Accounts:
    """Arrays over accounts (n), except `followers` and `real_share` (n, days).

    `followers` is what the platform shows, −1 where the account is not there; `real_share` is the part of them that are
    people. Days count from the world's start. `entry_day` is 0 for accounts that were there before, `stop_day` the
    first day without posts (the window's length where they never stop), `gone_day` the first day on which the account
    is no more. `inflation_day` is −1 where followers were bought before the window (or never; see `inflated`).
    """

    platform: Ints
    category: Ints
    person: Ints
    main: Flags
    quality: Floats
    drift_year: Floats
    sensitivity: Floats
    recovery_half_life_days: Floats
    posts_week: Floats
    entry_day: Ints
    stop_day: Ints
    gone_day: Ints
    inflated: Flags
    inflation_rate: Floats
    inflation_day: Ints
    role: npt.NDArray[np.str_]
    verified: Flags
    mcn: Ints
    region: Ints
    followers: Ints
    real_share: Floats

    @property
    def count(self) -> int:
        return int(self.platform.size)


def tier_index(followers: Ints | Floats, platform: Ints) -> Ints:
    """Tier number (0 nano … 4 mega) by the vocabulary's thresholds of each account's platform."""
    bounds = TIER_BOUNDS[platform]
    return np.asarray((np.asarray(followers)[..., None] >= bounds).sum(axis=-1) - 1, dtype=np.int64).clip(0)


def generator_year(world: World, platform_number: int) -> Floats:
    """Rates a year between the five tiers when `world.followers` is "markov"; an empty tier is stepped over."""
    bounds = TIER_BOUNDS[platform_number]
    upper = np.append(bounds[1:], np.iinfo(np.int64).max)
    filled = [t for t in range(bounds.size) if upper[t] > bounds[t]]
    rates = np.zeros((bounds.size, bounds.size))
    for low, high in pairwise(filled):
        rates[low, high], rates[high, low] = world.markov_up_year, world.markov_down_year
    np.fill_diagonal(rates, -rates.sum(axis=1))
    return rates


def band_mix(world: World) -> Floats:
    """Share of each follower band by platform (platforms, bands): tilted per platform, the whole as in `World`."""
    target = np.array([world.nano_share, *((1.0 - world.nano_share) * np.array(world.band_shares))])
    weight = np.array([s.creators_share for s in PLATFORMS])
    table = weight[:, None] * target * np.exp(np.outer([s.tier_tilt for s in PLATFORMS], np.arange(target.size)))
    for _ in range(200):  # iterative proportional fitting to both margins
        table *= (target / table.sum(axis=0))[None, :]
        table *= (weight / table.sum(axis=1))[:, None]
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def draw_followers(world: World, mix: Floats, platform: Ints, u: Floats) -> Floats:
    """Follower counts from uniforms: Pareto pieces between the bands' edges (survival is continuous), a Pareto tail."""
    cdf = np.cumsum(mix, axis=1)[platform]
    band = np.minimum((u[:, None] >= cdf).sum(axis=1), mix.shape[1] - 1)
    before = np.where(band > 0, np.take_along_axis(cdf, np.maximum(band - 1, 0)[:, None], 1)[:, 0], 0.0)
    share = np.take_along_axis(mix[platform], band[:, None], 1)[:, 0]
    low = np.array(BAND_EDGES, dtype=np.float64)[band]
    top_survival = np.maximum(1.0 - before, 1e-12)
    bottom_survival = np.maximum(top_survival - share, 1e-12)
    high = np.array([*BAND_EDGES[1:], np.inf])[band]
    survival = np.clip(1.0 - u, 1e-12, top_survival)
    inner = np.log(top_survival / survival) / np.log(top_survival / bottom_survival)
    body = low * np.exp(inner * np.log(np.where(np.isfinite(high), high, low) / low))
    tail = low * (survival / top_survival) ** (-1.0 / world.tail_exponent)
    return np.asarray(np.minimum(np.where(np.isfinite(high), body, tail), MAX_FOLLOWERS))


def accounts(rng: np.random.Generator, world: World, creators: int, days: int) -> Accounts:
    """Draw all accounts and their follower paths."""
    person_rng, trait_rng, path_rng, fault_rng = rng.spawn(4)
    platform, category, person, main = _persons(person_rng, world, creators)
    n, persons = creators, int(person.max()) + 1
    z = 0.6 * trait_rng.normal(size=persons)[person] + 0.8 * trait_rng.normal(size=n)
    start = draw_followers(world, band_mix(world), platform, ndtr(z))
    quality = world.quality_sd * (0.7 * trait_rng.normal(size=persons)[person] + 0.714 * trait_rng.normal(size=n))
    drift = world.growth_sd_year * trait_rng.normal(size=n)
    sensitivity = np.exp(trait_rng.normal(-0.5 * world.sensitivity_sd**2, world.sensitivity_sd, size=n))
    recovery = np.exp(trait_rng.normal(np.log(18.0), 0.4, size=n))
    posts_week = np.minimum(world.posts_week * np.exp(world.posts_spread * trait_rng.normal(size=n)), 21.0)

    entry_share = min(0.5, world.entry_share * days / 90.0)
    entered = trait_rng.random(n) < entry_share
    entry = np.where(entered & (days > 1), trait_rng.integers(0, max(days, 1), size=n), 0)
    newcomers = entered & (trait_rng.random(n) < 0.8)
    start = np.where(newcomers, np.exp(trait_rng.uniform(np.log(500.0), np.log(10_000.0), size=n)), start)
    life = trait_rng.exponential(YEAR / max(world.stop_rate_year, 1e-9), size=n)
    stop = np.minimum(entry + 1 + np.floor(life), days).astype(np.int64)
    vanished = (stop < days) & (trait_rng.random(n) < world.vanish_share)
    gone = np.where(vanished, np.minimum(stop + trait_rng.integers(1, 15, size=n), days), days)

    real = _diffusion if world.followers == "diffusion" else _markov
    path = real(path_rng, world, platform, start, drift, days)
    day = np.arange(days)
    present = (day >= entry[:, None]) & (day < gone[:, None])

    inflated = fault_rng.random(n) < world.inflated_share
    rate = np.where(inflated, fault_rng.uniform(0.3, 0.7, size=n), 0.0)
    jump = np.where(fault_rng.random(n) < 0.5, -1, fault_rng.integers(0, max(days, 1), size=n))
    inflation_day = np.where(inflated, np.where(jump >= 0, np.maximum(jump, entry), -1), -1)
    real_share = np.where(inflated[:, None] & (day >= inflation_day[:, None]), 1.0 - rate[:, None], 1.0)
    # Bought followers stand beside the real ones; the platform shows the sum.
    shown = np.where(present, np.rint(path / real_share), -1).astype(np.int64)

    role = _roles(trait_rng, shown[np.arange(n), np.minimum(entry, days - 1)], platform, category)
    verified = (trait_rng.random(n) < 0.25 + 0.12 * tier_index(start, platform)) | (role == "KOB")
    mcn = np.where(trait_rng.random(n) < 0.3, trait_rng.integers(0, max(2, n // 60 + 2), size=n), -1)
    region = trait_rng.integers(0, len(REGIONS), size=n)
    return Accounts(
        platform, category, person, main, quality, drift, sensitivity, recovery, posts_week,
        entry.astype(np.int64), stop, gone.astype(np.int64), inflated, rate, inflation_day.astype(np.int64),
        role, verified, mcn, region, shown, real_share,
    )  # fmt: skip


def _persons(rng: np.random.Generator, world: World, creators: int) -> tuple[Ints, Ints, Ints, Flags]:
    """Platform, category, person and whether it is the person's main account, one entry per account."""
    extra = 1 + (rng.random(creators) < world.multi_platform_share) * (1 + (rng.random(creators) < 0.3))
    persons = int(np.searchsorted(np.cumsum(extra), creators)) + 1
    size = extra[:persons].astype(np.int64)
    category = rng.integers(0, len(CATEGORIES), size=persons)
    weight = np.array([s.creators_share for s in PLATFORMS])
    favoured = np.array([[1.0 if c in s.favours else 0.0 for s in PLATFORMS] for c, _ in CATEGORIES])
    # Categories gather on the platforms that favour them; the platforms' shares stay (fitting to both margins).
    table = np.exp(0.9 * favoured) * weight
    for _ in range(200):
        table /= table.sum(axis=1, keepdims=True)
        table *= weight / table.mean(axis=0)
    key = np.log(table[category] + 1e-12) + rng.gumbel(size=(persons, len(PLATFORMS)))
    order = np.argsort(-key, axis=1)
    slot = np.arange(len(PLATFORMS))
    chosen = slot < size[:, None]
    person = np.repeat(np.arange(persons), size)[:creators]
    platform = order[chosen][:creators]
    main = np.broadcast_to(slot == 0, chosen.shape)[chosen][:creators]
    return platform.astype(np.int64), category[person], person, main


def _diffusion(
    rng: np.random.Generator, world: World, platform: Ints, start: Floats, drift: Floats, days: int
) -> Floats:
    """Geometric growth whose mean depends on the current tier, own drift, diffusion and rare viral jumps."""
    mean = np.array([world.growth_year[t] for t in TIER_NAMES])
    log_path = np.empty((start.size, days))
    level = np.log(start)
    for d in range(days):
        log_path[:, d] = level
        tier = tier_index(np.exp(level), platform)
        step = (mean[tier] + drift) / YEAR + world.volatility_year / np.sqrt(YEAR) * rng.normal(size=start.size)
        jumped = rng.random(start.size) < world.jumps_year / YEAR
        level = level + step + np.where(jumped, rng.exponential(0.12, size=start.size), 0.0)
    return np.minimum(np.exp(log_path), MAX_FOLLOWERS)


def _markov(rng: np.random.Generator, world: World, platform: Ints, start: Floats, drift: Floats, days: int) -> Floats:
    """Tiers follow the generator exactly (seen daily); within a tier the count stays where a move has put it.

    `drift` has no say here: the tier process is to be known without remainder.
    """
    step = np.array([np.cumsum(expm(generator_year(world, p) / YEAR), axis=1) for p in range(len(PLATFORMS))])
    tier = tier_index(start, platform)
    count = start.copy()
    path = np.empty((start.size, days))
    upper = np.append(TIER_BOUNDS[:, 1:], np.full((len(PLATFORMS), 1), 20_000_000), axis=1)
    for d in range(days):
        path[:, d] = count
        row = step[platform, tier]
        new = np.minimum((rng.random(start.size)[:, None] >= row / row[:, -1:]).sum(axis=1), row.shape[1] - 1)
        low = np.maximum(TIER_BOUNDS[platform, new], 500).astype(np.float64)
        place = low * (0.999 * upper[platform, new] / low) ** rng.random(start.size)
        count = np.where(new != tier, np.maximum(np.ceil(place), low), count)
        tier = new
    return path


def _roles(rng: np.random.Generator, followers: Ints, platform: Ints, category: Ints) -> npt.NDArray[np.str_]:
    """Roles by size and category: small accounts are often consumers, technology and cars have more employees."""
    u = rng.random(followers.size)
    tier = tier_index(np.maximum(followers, 0), platform)
    names = np.array([c for c, _ in CATEGORIES])[category]
    expert = np.isin(names, ["tech", "auto"])
    kob, koe, kos = 0.02, np.where(expert, 0.09, 0.02), np.where(np.isin(names, ["beauty", "fashion"]), 0.08, 0.04)
    koc = np.array([0.45, 0.15, 0.0, 0.0, 0.0])[tier]
    return np.select(
        [u < kob, u < kob + koe, u < kob + koe + kos, u < kob + koe + kos + koc], ["KOB", "KOE", "KOS", "KOC"], "KOL"
    )


def tier_moves(book: Accounts, days: int) -> pl.DataFrame:
    """What happened: days spent in each tier and moves between tiers, from the true daily paths, per platform.

    `rate_month` = moves / (days in the tier) × 30.4375 is the full-information estimate of the migration rate.
    """
    rows = []
    tiers = tier_index(np.maximum(book.followers, 0), book.platform[:, None].repeat(days, axis=1))
    here = book.followers >= 0
    pair = here[:, :-1] & here[:, 1:]
    for p, name in enumerate(PLATFORM_NAMES):
        mine = book.platform == p
        if not mine.any():
            continue
        table = np.zeros((5, 5), dtype=np.int64)
        np.add.at(table, (tiers[mine, :-1][pair[mine]], tiers[mine, 1:][pair[mine]]), 1)
        for a in range(5):
            exposure = int(table[a].sum())
            rows += [
                (name, TIER_NAMES[a], TIER_NAMES[b], int(table[a, b]), exposure, table[a, b] / exposure * 30.4375)
                for b in range(5)
                if a != b and exposure
            ]
    schema = ("platform", "from_tier", "to_tier", "moves", "days_exposed", "rate_month")
    return pl.DataFrame(rows, schema=list(schema), orient="row")
