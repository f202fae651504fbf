"""The model's coordinates: each is a standard normal a priori, some of them correlated; their priors and sources.

A quantity is a location plus a scale times its coordinate, in logs where it must be positive. Streams of one platform,
tier, role or stage are alike: their coordinates are correlated a priori (the pool's, the platform's and the tier's
common deviations are integrated out), so that thin streams borrow. The spreads between streams are set, not fitted: a
handful of streams cannot tell them, and fitting them makes funnels in which samplers diverge.

Sources of the priors
- carry-over: half-life of a sales response about a week, 90 % between 2 days and 4 weeks (Broadbent 1979, One way TV
  advertisements work, J. Market Research Society 21; Jin et al. 2017 as the form of the curve).
- brand: half-life about 20 weeks, 90 % between 7 and 55: advertising's effects on brands last for months and fade
  within two years (Clarke 1976, J. Marketing Research 13: 3-15 months; Lodish et al. 1995, J. Marketing Research 32:
  effects carried into the two following years; Leone 1995, Marketing Science 14: 6-9 months).
- efficiency: paid streams together bring 15 % of sales at the median, 90 % between 3 and 75 %; one stream's return
  differs from the pool's by a factor of 2 or so (the spread of elasticities around 0.1 in Sethuraman, Tellis and
  Briesch 2011, J. Marketing Research 48).
- half-saturation: near the stream's own mean active spend, within a factor of 3.
- steepness of the Hill curve: around 1.2, 90 % between 0.7 and 2.2, from strictly diminishing returns to a mild S: the
  shapes of Jin et al. 2017, who leave it free; fixing it would be a claim that no history of this length supports.
- spend to brand and brand to sales: a spike and a slab. Each is a normal quantity cut off at zero, so that a good third
  of the prior mass says "exactly none": effects that the data do not show go to zero, and an interval can reach it
  (Mitchell and Beauchamp 1988, J. American Statistical Association 83). The slab keeps the elasticity of sales to the
  brand series below one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidegauge.response.history import Floats
from tidegauge.response.posterior import Form
from tidegauge.response.streams import Grouping, groupings

SHORT_LEVELS = ("platform", "platform+tier")
BRAND_LEVELS = ("role", "stage")
WEEK = 7.0


@dataclass(frozen=True)
class Priors:
    """Locations and scales; each pair is (location, scale) of the log unless the name says otherwise.

    half_life and half_saturation: location, deviation common to all streams, the stream's own deviation.
    """

    pool: tuple[float, float] = (math.log(0.15), 1.0)
    between_groups: float = 0.3
    between_streams: float = 0.45
    geo_spread: tuple[float, float] = (math.log(0.2), 0.6)
    half_life: tuple[float, float, float] = (math.log(0.85 * WEEK), 0.4, 0.55)
    half_saturation: tuple[float, float, float] = (math.log(1.3), 0.4, 0.6)
    slope: tuple[float, float] = (0.2, 0.35)
    delay: tuple[float, float] = (math.log(0.8 * WEEK), 0.6)
    noise: tuple[float, float] = (math.log(0.7), 0.7)
    level_step: tuple[float, float] = (math.log(0.07), 1.0)
    brand_half_life: tuple[float, float] = (math.log(20 * WEEK), 0.6)
    brand_step: tuple[float, float] = (math.log(0.1), 1.0)
    brand_noise: tuple[float, float] = (math.log(0.7), 0.7)
    to_sales_middle: float = 0.15
    to_sales_scale: float = 0.4
    loading_scale: float = 0.7
    lift_middle: float = 0.4
    lift_scale: float = 0.7
    lift_between_groups: float = 0.5
    lift_between_streams: float = 0.5
    drift: tuple[float, float] = (math.log(0.15), 0.7)


PRIORS = Priors()


@dataclass(frozen=True)
class Layout:
    """Where each quantity's coordinates stand: `at[name]` is the first of `size[name]` places.

    `correlation[dims, dims]` of the coordinates a priori (each has variance one); `names` of the places.
    """

    at: dict[str, int]
    size: dict[str, int]
    dims: int
    correlation: Floats
    names: tuple[str, ...]

    def prior_draws(self, rng: np.random.Generator, n: int) -> Floats:
        """[n, dims] coordinates from the prior."""
        made: Floats = rng.standard_normal((n, self.dims)) @ np.linalg.cholesky(self.correlation).T
        return made


def alike(groups: tuple[Grouping, ...], streams: int, common: float, between_groups: float, own: float) -> Floats:
    """Covariance [S, S] of streams' deviations: common to all, per level of grouping, and each stream's own."""
    cov = np.full((streams, streams), common**2)
    for g in groups:
        cov += between_groups**2 * (g.index[:, None] == g.index[None])
    return cov + (own**2 if streams > 1 else 0.0) * np.eye(streams)


def covariances(streams: tuple[str, ...], priors: Priors) -> dict[str, Floats]:
    """Prior covariance [S, S] of log contribution, log half-life, log half-saturation and brand lift."""
    s = len(streams)
    short, brand = groupings(streams, SHORT_LEVELS), groupings(streams, BRAND_LEVELS)
    return {
        "short": alike(short, s, priors.pool[1], priors.between_groups, priors.between_streams),
        "half_life": alike((), s, priors.half_life[1], 0.0, priors.half_life[2]),
        "half_saturation": alike((), s, priors.half_saturation[1], 0.0, priors.half_saturation[2]),
        "lift": alike(brand, s, 1.0, priors.lift_between_groups, priors.lift_between_streams),
    }


def make_layout(
    streams: tuple[str, ...], geos: int, series: int, knots: int, form: Form, priors: Priors = PRIORS
) -> Layout:
    """The coordinates that this history and form need.

    Parameters
    ----------
    streams : names. geos : number of regions. series : number of brand series in use (0: no brand stock).
    knots : support points of drifting effects (0: effects do not drift).
    """
    s = len(streams)
    sizes: dict[str, int] = {"short": s}
    if geos > 1:
        sizes["geo_spread"], sizes["geo"] = 1, geos * s
    sizes["half_life"] = sizes["half_saturation"] = s
    if form.saturation == "hill":
        sizes["slope"] = s
    if form.adstock == "delayed":
        sizes["delay"] = s
    sizes["noise"] = sizes["level_step"] = 1
    if series:
        sizes |= {"brand_half_life": 1, "brand_step": 1, "to_sales": 1, "loading": series - 1, "brand_noise": series}
        sizes["lift"] = s
    if knots:
        sizes["drift_spread"], sizes["drift"] = 1, s * knots
    at, place = {}, 0
    for name, n in sizes.items():
        at[name] = place
        place += n
    correlation = np.eye(place)
    for name, cov in covariances(streams, priors).items():
        if name in at:
            span = slice(at[name], at[name] + s)
            correlation[span, span] = cov / cov[0, 0]
    names = tuple(f"{n}[{i}]" if k > 1 else n for n, k in sizes.items() for i in range(k))
    return Layout(at, sizes, place, correlation, names)


#: The order of `Data.at`, which the density reads by number.
ORDER = (
    "short", "geo_spread", "geo", "half_life", "half_saturation", "slope", "delay", "noise", "level_step",
    "brand_half_life", "brand_step", "to_sales", "loading", "brand_noise", "lift", "drift_spread", "drift",
)  # fmt: skip


def places(layout: Layout) -> npt.NDArray[np.int64]:
    """First places in the order of ORDER; absent quantities stand at -1."""
    return np.array([layout.at.get(n, -1) for n in ORDER], dtype=np.int64)
