"""A brand's market with known truth: spend by stream, short responses, a brand stock, a baseline, noisy brand series.

    sales_t = trend + season + holidays + demand + Σ_s short_s,t + effect · B_t + noise
    short_s,t = beta_s · S(a_s,t / half_s),   a = adstock of the stream's spend (geometric or delayed)
    S(x) = x^shape / (1 + x^shape)   or   tanh(x · atanh ½)   (both ½ at x = 1)
    B_t = d · B_{t−1} + Σ_s weight_s · spend_s,t + noise,   d = 2^(−1/half-life in weeks)

The stock is seen only through noisy series (search index, mentions, awareness). Over all later weeks one CNY of a
stream brings effect · weight_s / (1 − d) through the brand: the long return. Traits of streams are assumed, in the
direction the trade reports: purchase streams pay back soon, discovery and consideration feed the brand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

from tidegauge.errors import UsageError

Floats = npt.NDArray[np.float64]
Saturation = Literal["hill", "logistic"]

#: Long return per CNY of a stream with brand weight one, if `brand_effect` is one.
LONG_RETURN = 1.1
ORDER_VALUE_CNY = 42.0
#: Weeks of a delayed adstock's window.
_DELAY_WINDOW = 13
#: Mean long return of CNY one, mean short ROI at the mean spend, carry, by stage; assumed.
_STAGES: dict[str, tuple[float, float, float]] = {
    "discover": (1.1, 0.6, 0.35),
    "consider": (1.0, 0.9, 0.42),
    "purchase": (0.2, 1.7, 0.18),
    "advocate": (0.6, 1.3, 0.30),
}
#: role, format and stage by platform, from which `draw_traits` takes streams.
_KINDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "douyin": (
        ("KOL", "short_video", "discover"), ("KOL", "short_video", "purchase"),
        ("KOS", "live", "purchase"), ("KOC", "short_video", "advocate"),
    ),
    "xiaohongshu": (
        ("KOL", "image_text", "consider"), ("KOC", "image_text", "advocate"), ("KOS", "image_text", "purchase"),
    ),
    "bilibili": (("KOL", "mid_video", "consider"), ("KOL", "long_video", "discover")),
    "kuaishou": (("KOL", "short_video", "purchase"), ("KOS", "live", "purchase")),
    "weibo": (("KOL", "status", "discover"), ("KOB", "status", "advocate")),
    "zhihu": (("KOE", "question_answer", "consider"), ("KOL", "article", "consider")),
}  # fmt: skip
_TIERS = ("nano", "micro", "mid", "macro", "mega")


@dataclass(frozen=True)
class Traits:
    """What streams are like, one entry per stream.

    `mean_cny` is the spend of a usual week, `half_over_typical` the half-saturation as multiple of the adstock that a
    constant mean spend builds up, `roi_at_mean` the short return per CNY of that spend, `brand_weight` the long return
    per CNY in units of LONG_RETURN, `peak_week` where a delayed adstock peaks (0: geometric).
    """

    names: tuple[str, ...]
    mean_cny: Floats
    carry: Floats
    half_over_typical: Floats
    roi_at_mean: Floats
    brand_weight: Floats
    peak_week: Floats
    saturation: Saturation = "hill"
    shape: float = 1.0


@dataclass(frozen=True)
class Market:
    """A drawn history. `weeks` are Mondays; `spend` (weeks, streams) is in CNY, national.

    `parts` holds the true weekly components of national sales (CNY), `short:<stream>` among them; `outcomes` what is
    seen: sales, orders, brand series, controls. `geo_spend` (geos, weeks, streams) and `geo_sales` (geos, weeks) add
    up to the national ones. `weight` is stock points per CNY, `effect` CNY of weekly sales per point.
    """

    weeks: list[date]
    traits: Traits
    spend: Floats
    parts: dict[str, Floats]
    stock: Floats
    outcomes: dict[str, Floats]
    half_cny: Floats
    beta_cny: Floats
    weight: Floats
    effect: float
    decay: float
    geos: tuple[str, ...]
    geo_spend: Floats
    geo_sales: Floats

    @property
    def streams(self) -> tuple[str, ...]:
        return self.traits.names

    @property
    def carry(self) -> Floats:
        return self.traits.carry


def geometric_adstock(spend: Floats, carry: Floats) -> Floats:
    """a_t = spend_t + carry · a_{t−1}, per column; starts from nothing."""
    out = np.empty_like(spend)
    state = np.zeros(spend.shape[1])
    for t in range(spend.shape[0]):
        state = spend[t] + carry * state
        out[t] = state
    return out


def adstock(spend: Floats, traits: Traits) -> Floats:
    """Adstock of spend (weeks, streams) in CNY: geometric, or delayed with weights ∝ carry^((lag − peak)²).

    Delayed weights add up to 1/(1 − carry) as the geometric ones do, so that half-saturations mean the same.
    """
    out = geometric_adstock(spend, traits.carry)
    lags = np.arange(_DELAY_WINDOW)
    for j in np.flatnonzero(traits.peak_week > 0).tolist():
        weight = np.maximum(traits.carry[j], 1e-6) ** ((lags - traits.peak_week[j]) ** 2)
        weight *= 1.0 / (1.0 - traits.carry[j]) / weight.sum()
        out[:, j] = np.convolve(spend[:, j], weight)[: spend.shape[0]]
    return out


def saturated(x: Floats, traits: Traits) -> Floats:
    """The saturation curve of adstock over half-saturation: 0 at 0, ½ at 1, towards 1."""
    if traits.saturation == "logistic":
        return np.asarray(np.tanh(x * np.arctanh(0.5)))
    power = np.maximum(x, 0.0) ** traits.shape
    return np.asarray(power / (1.0 + power))


def draw_traits(
    rng: np.random.Generator,
    streams: int,
    *,
    saturation: Saturation = "hill",
    shape: float = 1.0,
    delayed: bool = False,
) -> Traits:
    """Random streams over platforms, tiers, roles, formats and stages, whose traits scatter around their stage's.

    Returns:
        Traits of `streams` streams with different names; half of them peak one to three weeks late where `delayed`.
    """
    if streams < 1:
        raise UsageError("a market needs at least one stream", mend="streams=1")
    kinds = [(p, *k) for p, known in _KINDS.items() for k in known]
    catalogue = [(p, tier, role, form, stage) for tier in _TIERS for p, role, form, stage in kinds]
    if streams > len(catalogue):
        raise UsageError(f"a market has at most {len(catalogue)} streams", mend=f"streams={len(catalogue)}")
    # One of each kind first: a small market should not be five tiers of one platform.
    order = np.argsort(rng.random((len(_TIERS), len(kinds))), axis=0)
    ranked = [
        catalogue[int(order[k, i]) * len(kinds) + i] for k in range(len(_TIERS)) for i in rng.permutation(len(kinds))
    ]
    chosen = ranked[:streams]
    stage = np.array([_STAGES[c[4]] for c in chosen])
    n = streams
    carry = 1.0 / (1.0 + np.exp(-(np.log(stage[:, 2] / (1.0 - stage[:, 2])) + 0.4 * rng.normal(size=n))))
    return Traits(
        names=tuple("/".join(c) for c in chosen),
        mean_cny=np.rint(130_000.0 * np.exp(0.45 * rng.normal(size=n)) * 8.0 / max(n, 4)),
        carry=carry,
        half_over_typical=1.3 * np.exp(0.3 * rng.normal(size=n)),
        roi_at_mean=stage[:, 1] * np.exp(0.35 * rng.normal(size=n)),
        brand_weight=stage[:, 0] * np.exp(0.35 * rng.normal(size=n)),
        peak_week=np.where(rng.random(n) < 0.5, rng.uniform(1.0, 3.0, size=n), 0.0) if delayed else np.zeros(n),
        saturation=saturation,
        shape=shape,
    )


def market_history(
    seed: int | np.random.Generator,
    *,
    weeks: int = 156,
    streams: int | Traits = 8,
    brand_effect: float = 1.0,
    brand_half_life_weeks: float = 26.0,
    confounding: float = 0.0,
    demand_walk_year: float = 0.0,
    demand_in_search: float = 0.0,
    geos: int = 1,
    sales_noise: float = 0.04,
    saturation: Saturation = "hill",
    shape: float = 1.0,
    delayed: bool = False,
    last_monday: date = date(2026, 3, 30),
) -> Market:
    """Draw the history of a market, its truth included, without writing a file.

    Args:
        seed: of one generator, or the generator itself; the same arguments give the same history.
        weeks: length of the history.
        streams: how many streams to draw, or their traits.
        brand_effect: 0 is a world in which the brand stock moves no sales (its series still move with it).
        brand_half_life_weeks: of the stock.
        confounding: correlation of (log) spend with demand, within ±1.
        demand_walk_year: sd over a year, as a share of base sales, of a permanent drift of demand (a random walk) that
            no placement causes; spend follows it as far as `confounding` says.
        demand_in_search: by how much log search index moves with one sd of demand (0: search shows the brand alone).
        geos: regions of unequal size; national figures are their sums.
        sales_noise: sd of the noise of national sales over sales; a region's is larger by the root of its share.
        saturation, shape, delayed: passed on to `draw_traits`.
        last_monday: the Monday that begins the last week.

    Raises:
        UsageError: no week, no stream, no region, or a correlation outside ±1.
    """
    if weeks < 1 or geos < 1 or abs(confounding) > 1.0 or brand_half_life_weeks <= 0.0:
        raise UsageError(
            "a market needs a week, a region, a half-life above zero, and confounding within ±1",
            mend="market_history(1, weeks=104)",
        )
    rng = np.random.default_rng(seed) if isinstance(seed, int) else seed
    # What was added later draws from children, which leave the parent's own sequence as it is.
    r_traits, r_walk, r_geo = rng.spawn(3)
    traits = (
        streams
        if isinstance(streams, Traits)
        else draw_traits(r_traits, streams, saturation=saturation, shape=shape, delayed=delayed)
    )
    mondays = [last_monday - timedelta(weeks=weeks - 1 - t) for t in range(weeks)]
    n = len(traits.names)
    mean = traits.mean_cny
    demand = _autoregressive(rng, weeks, 0.85)
    own = np.stack([_autoregressive(rng, weeks, 0.6) for _ in range(n)], axis=1)
    walk = np.cumsum(r_walk.normal(size=weeks)) * demand_walk_year / np.sqrt(52.18)
    common = demand if demand_walk_year == 0.0 else _standardised(0.06 * demand + walk)
    pulse = np.exp(0.55 * (confounding * common[:, None] + np.sqrt(1.0 - confounding**2) * own) - 0.15)
    # Flights: a stream is off in about one week of four, in blocks of four weeks.
    blocks = rng.random((weeks // 4 + 1, n)) < 0.75
    spend = np.rint(mean * pulse * np.repeat(blocks, 4, axis=0)[:weeks] * rng.uniform(0.8, 1.2, size=pulse.shape))

    typical = mean / (1.0 - traits.carry)
    half = traits.half_over_typical * typical
    beta = traits.roi_at_mean * mean / saturated(typical / half, traits)
    size, geo_spend, geo_lift = _regions(r_geo, geos, spend)
    geo_short = np.stack(
        [
            geo_lift[g] * size[g] * beta * saturated(adstock(geo_spend[g], traits) / (half * size[g]), traits)
            for g in range(geos)
        ]
    )
    short = geo_short.sum(axis=0)

    decay = 2.0 ** (-1.0 / brand_half_life_weeks)
    weight = traits.brand_weight / 1e5
    effect = brand_effect * LONG_RETURN * (1.0 - decay) * 1e5
    stock, steady = _brand_stock(rng, spend @ weight, decay)

    # Media bring a good third of sales at the usual spend, whatever the number of streams.
    base = 2.2e6 * float(mean.sum()) / 1_050_000.0
    t = np.arange(weeks)
    holiday = np.array([holiday_lift(m) for m in mondays])
    parts = {
        "trend": base * (1.0 + 0.06 * t / 52.0),
        "season": base * 0.10 * np.sin(2.0 * np.pi * (t - 12) / 52.18),
        "holiday": base * holiday,
        "demand": base * (0.06 * demand + walk),
        **{f"short:{s}": short[:, j] for j, s in enumerate(traits.names)},
        "brand": effect * stock,
    }
    clean = np.sum(list(parts.values()), axis=0)
    noise = clean * sales_noise * rng.normal(size=weeks)
    sales = np.rint(np.maximum(clean + noise, 0.0))
    geo_sales = sales[None, :]
    if geos > 1:
        rest = clean - short.sum(axis=1)
        geo_clean = size[:, None] * rest + geo_short.sum(axis=2)
        wobble = r_geo.normal(size=(geos, weeks)) * sales_noise / np.sqrt(size)[:, None]
        geo_sales = np.rint(np.maximum(geo_clean * (1.0 + wobble), 0.0))
        sales = geo_sales.sum(axis=0)
    parts["noise"] = sales - clean
    outcomes = {
        **_seen(rng, sales, stock / max(steady, 1e-9), demand_in_search * common),
        "control:holiday": holiday,
        "control:demand_survey": np.round(demand + 0.4 * rng.normal(size=weeks), 3),
    }
    names = ("",) if geos == 1 else tuple(f"region-{g + 1}" for g in range(geos))
    return Market(
        mondays, traits, spend, parts, stock, outcomes, half, beta, weight, effect, decay, names, geo_spend, geo_sales
    )


def _brand_stock(rng: np.random.Generator, inflow: Floats, decay: float) -> tuple[Floats, float]:
    """The stock (weeks,) from its inflow, and its steady level under the mean inflow, at which it starts."""
    steady = float(np.mean(inflow)) / (1.0 - decay)
    stock = np.empty(inflow.size)
    state = steady
    for k in range(inflow.size):
        state = max(decay * state + inflow[k] + 0.02 * steady * np.sqrt(1.0 - decay) * rng.normal(), 0.0)
        stock[k] = state
    return stock, steady


def _seen(rng: np.random.Generator, sales: Floats, relative: Floats, search_demand: Floats) -> dict[str, Floats]:
    """Sales, orders and the three brand series; `relative` is the stock over its steady level."""
    weeks = sales.size
    awareness = 1.0 / (1.0 + np.exp(-(-1.2 + 0.9 * relative + 0.08 * rng.normal(size=weeks))))
    return {
        "sales": sales,
        "orders": np.rint(sales / ORDER_VALUE_CNY * np.exp(0.02 * rng.normal(size=weeks))),
        "search_index": np.rint(9000.0 * (0.4 + relative) * np.exp(0.06 * rng.normal(size=weeks) + search_demand)),
        "mentions": rng.poisson(1500.0 * (0.3 + relative)).astype(np.float64),
        "awareness": np.round(awareness, 4),
    }


def _regions(rng: np.random.Generator, geos: int, spend: Floats) -> tuple[Floats, Floats, Floats]:
    """Shares of the market (geos,), spend (geos, weeks, streams), and how well streams work there (geos, streams)."""
    weeks, n = spend.shape
    if geos == 1:
        return np.ones(1), spend[None], np.ones((1, n))
    size = rng.dirichlet(np.full(geos, 6.0))
    # Budgets lean on size, with shifts of their own per region, stream and four weeks: what identifies effects.
    tilt = np.exp(0.35 * rng.normal(size=(geos, weeks // 4 + 1, n)))
    share = size[:, None, None] * np.repeat(tilt, 4, axis=1)[:, :weeks]
    share /= share.sum(axis=0, keepdims=True)
    lift = np.exp(0.15 * rng.normal(size=(geos, n)))
    lift /= np.einsum("g,gs->s", size, lift)
    return size, share * spend, lift


def _standardised(x: Floats) -> Floats:
    spread = float(x.std())
    return np.asarray((x - x.mean()) / spread if spread > 0 else x * 0.0)


def _autoregressive(rng: np.random.Generator, length: int, rho: float) -> Floats:
    noise = rng.normal(size=length)
    out = np.empty(length)
    out[0] = noise[0]
    for k in range(1, length):
        out[k] = rho * out[k - 1] + np.sqrt(1.0 - rho**2) * noise[k]
    return out


#: Eves of the Spring Festival (government calendar), 2016 to 2030.
_SPRING_EVES = (
    date(2016, 2, 7), date(2017, 1, 27), date(2018, 2, 15), date(2019, 2, 4), date(2020, 1, 24), date(2021, 2, 11),
    date(2022, 1, 31), date(2023, 1, 21), date(2024, 2, 9), date(2025, 1, 28), date(2026, 2, 16), date(2027, 2, 5),
    date(2028, 1, 25), date(2029, 2, 12), date(2030, 2, 2),
)  # fmt: skip


def holiday_lift(monday: date) -> float:
    """Relative lift of sales in the week that begins there: Spring Festival, 618, Double 11, National Day; assumed."""
    week = [monday + timedelta(days=k) for k in range(7)]
    if any(d in _SPRING_EVES for d in week):
        return 0.20
    marks = {(d.month, d.day) for d in week}
    if (11, 11) in marks:
        return 0.30
    if (6, 18) in marks:
        return 0.22
    return 0.10 if (10, 1) in marks else 0.0
