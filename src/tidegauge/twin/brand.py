"""A brand's history: weekly spend by stream, sales with a short response and a slowly decaying brand stock.

    sales_t = trend + season + holidays + Σ_s short_s,t + effect · B_t + noise
    short_s,t = beta_s · a / (a + half_s),   a = adstock_s,t = spend_s,t + carry_s · adstock_s,t−1
    B_t = d · B_{t−1} + Σ_s weight_s · spend_s,t + noise,   d = 2^(−1/half-life in weeks)

The brand stock is seen only through noisy series (search index, mentions, awareness). Short return per CNY is the sum
of short_s over the spend; the long return per CNY that all later weeks bring is effect · weight_s / (1 − d).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.twin.world import World

Floats = npt.NDArray[np.float64]

BRAND = "拟海奶茶"
#: stream, mean spend a week (CNY), carry, half-saturation as multiple of the mean adstock, short ROI at the mean,
#: brand weight.
#: Purchase streams pay back soon, discovery and consideration feed the brand; all assumed.
STREAMS: tuple[tuple[str, float, float, float, float, float], ...] = (
    ("douyin/macro/KOL/short_video/discover", 260_000, 0.35, 1.5, 0.7, 1.2),
    ("douyin/mid/KOL/short_video/purchase", 180_000, 0.20, 1.2, 1.6, 0.3),
    ("douyin/mid/KOS/short_video/purchase", 90_000, 0.10, 1.0, 2.2, 0.0),
    ("xiaohongshu/mid/KOL/image_text/consider", 150_000, 0.40, 1.4, 1.0, 1.0),
    ("xiaohongshu/nano/KOC/image_text/advocate", 60_000, 0.30, 0.9, 1.4, 0.6),
    ("bilibili/mid/KOL/mid_video/consider", 120_000, 0.50, 1.6, 0.8, 1.3),
    ("kuaishou/mid/KOL/short_video/purchase", 80_000, 0.15, 1.1, 1.7, 0.2),
    ("weibo/mega/KOL/status/discover", 110_000, 0.25, 1.3, 0.5, 0.7),
)
#: Long return per CNY of a stream with brand weight one, if the effect of `World.brand_effect` is one.
LONG_RETURN = 1.1
ORDER_VALUE_CNY = 42.0


@dataclass(frozen=True)
class Brand:
    """`weeks` are Mondays; `spend` (weeks, streams) is in CNY; `parts` holds the true weekly components of sales."""

    weeks: list[date]
    spend: Floats
    parts: dict[str, Floats]
    stock: Floats
    outcomes: dict[str, Floats]
    carry: Floats
    half_cny: Floats
    beta_cny: Floats
    weight: Floats
    effect: float
    decay: float

    @property
    def streams(self) -> tuple[str, ...]:
        return tuple(s[0] for s in STREAMS)


def geometric_adstock(spend: Floats, carry: Floats) -> Floats:
    """a_t = spend_t + carry · a_{t−1}, per column; starts from nothing."""
    out = np.empty_like(spend)
    state = np.zeros(spend.shape[1])
    for t in range(spend.shape[0]):
        state = spend[t] + carry * state
        out[t] = state
    return out


def brand_history(rng: np.random.Generator, world: World, days: int) -> Brand:
    """Draw `World.campaign_weeks` weeks that end with the last whole week of the window."""
    weeks = max(world.campaign_weeks, 1)
    last = world.start + timedelta(days=days - 1)
    last_monday = last - timedelta(days=last.weekday() + (0 if last.weekday() == 6 else 7))
    mondays = [last_monday - timedelta(weeks=weeks - 1 - t) for t in range(weeks)]
    t = np.arange(weeks)
    demand = _autoregressive(rng, weeks, 0.85)
    mean = np.array([s[1] for s in STREAMS], dtype=np.float64)
    own = np.stack([_autoregressive(rng, weeks, 0.6) for _ in STREAMS], axis=1)
    rho = world.confounding
    pulse = np.exp(0.55 * (rho * demand[:, None] + np.sqrt(1.0 - rho**2) * own) - 0.15)
    # Flights: a stream is off in about one week of four, in blocks of four weeks.
    blocks = rng.random((weeks // 4 + 1, len(STREAMS))) < 0.75
    spend = np.rint(mean * pulse * np.repeat(blocks, 4, axis=0)[:weeks] * rng.uniform(0.8, 1.2, size=pulse.shape))

    carry = np.array([s[2] for s in STREAMS])
    typical = mean / (1.0 - carry)
    half = np.array([s[3] for s in STREAMS]) * typical
    beta = np.array([s[4] for s in STREAMS]) * mean * (typical + half) / typical
    stocked = geometric_adstock(spend, carry)
    short = beta * stocked / (stocked + half)

    decay = 2.0 ** (-1.0 / world.brand_half_life_weeks)
    weight = np.array([s[5] for s in STREAMS]) / 1e5
    effect = world.brand_effect * LONG_RETURN * (1.0 - decay) * 1e5
    inflow = spend @ weight
    steady = float(np.mean(inflow)) / (1.0 - decay)
    stock = np.empty(weeks)
    state = steady
    for k in range(weeks):
        state = max(decay * state + inflow[k] + 0.02 * steady * np.sqrt(1.0 - decay) * rng.normal(), 0.0)
        stock[k] = state

    base = 2.2e6
    holiday = np.array([_holiday(m) for m in mondays])
    parts = {
        "trend": base * (1.0 + 0.06 * t / 52.0),
        "season": base * 0.10 * np.sin(2.0 * np.pi * (t - 12) / 52.18),
        "holiday": base * holiday,
        "demand": base * 0.06 * demand,
        **{f"short:{s[0]}": short[:, j] for j, s in enumerate(STREAMS)},
        "brand": effect * stock,
    }
    clean = np.sum(list(parts.values()), axis=0)
    parts["noise"] = clean * world.sales_noise * rng.normal(size=weeks)
    sales = np.maximum(clean + parts["noise"], 0.0)
    parts["noise"] = sales - clean
    relative = stock / max(steady, 1e-9)
    awareness = 1.0 / (1.0 + np.exp(-(-1.2 + 0.9 * relative + 0.08 * rng.normal(size=weeks))))
    outcomes = {
        "sales": np.rint(sales),
        "orders": np.rint(sales / ORDER_VALUE_CNY * np.exp(0.02 * rng.normal(size=weeks))),
        "search_index": np.rint(9000.0 * (0.4 + relative) * np.exp(0.06 * rng.normal(size=weeks))),
        "mentions": rng.poisson(1500.0 * (0.3 + relative)).astype(np.float64),
        "awareness": np.round(awareness, 4),
        "control:holiday": holiday,
        "control:demand_survey": np.round(demand + 0.4 * rng.normal(size=weeks), 3),
    }
    return Brand(mondays, spend, parts, stock, outcomes, carry, half, beta, weight, effect, decay)


def _autoregressive(rng: np.random.Generator, length: int, rho: float) -> Floats:
    noise = rng.normal(size=length)
    out = np.empty(length)
    out[0] = noise[0]
    for k in range(1, length):
        out[k] = rho * out[k - 1] + np.sqrt(1.0 - rho**2) * noise[k]
    return out


#: Mondays' weeks that hold the eve of the Spring Festival (government calendar), 2020 to 2030.
_SPRING_EVES = (
    date(2020, 1, 24), date(2021, 2, 11), date(2022, 1, 31), date(2023, 1, 21), date(2024, 2, 9), date(2025, 1, 28),
    date(2026, 2, 16), date(2027, 2, 5), date(2028, 1, 25), date(2029, 2, 12), date(2030, 2, 2),
)  # fmt: skip


def _holiday(monday: date) -> float:
    """Relative lift of sales in a week: Spring Festival, 618, Double 11, National Day."""
    week = [monday + timedelta(days=k) for k in range(7)]
    if any(d in _SPRING_EVES for d in week):
        return 0.20
    marks = {(d.month, d.day) for d in week}
    if (11, 11) in marks:
        return 0.30
    if (6, 18) in marks:
        return 0.22
    return 0.10 if (10, 1) in marks else 0.0


def stream_truth(brand: Brand) -> pl.DataFrame:
    """Parameters and returns per stream over the history: ROI short, long (all later weeks) and the multiplier."""
    total = brand.spend.sum(axis=0)
    short = np.array([brand.parts[f"short:{s}"].sum() for s in brand.streams])
    roi_short = np.divide(short, total, out=np.zeros_like(short), where=total > 0)
    roi_long = brand.effect * brand.weight / (1.0 - brand.decay)
    multiplier = np.divide(roi_short + roi_long, roi_short, out=np.ones_like(short), where=roi_short > 0)
    return pl.DataFrame(
        {
            "stream": brand.streams,
            "spend_cny": total,
            "carry": brand.carry,
            "half_saturation_cny": brand.half_cny,
            "beta_cny": brand.beta_cny,
            "brand_weight": brand.weight,
            "short_cny": short,
            "roi_short": roi_short,
            "roi_long": roi_long,
            "multiplier": multiplier,
        }
    )


def weekly_truth(brand: Brand) -> pl.DataFrame:
    """Week, component, value (CNY; the stock in its own points). Components other than "stock" add up to sales."""
    names = [*brand.parts, "stock"]
    values = [*brand.parts.values(), brand.stock]
    return pl.concat(
        [pl.DataFrame({"week": brand.weeks, "component": n, "value": v}) for n, v in zip(names, values, strict=True)]
    ).sort("component", "week")
