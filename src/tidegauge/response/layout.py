"""The model's coordinates: each is a standard normal a priori, so the prior needs no code of its own and can be drawn.

A quantity is a location plus a scale times its coordinate, in logs where it must be positive. Hierarchies are
non-centred: a stream's efficiency is the pool's, times its platform's, its tier's and its own deviation.

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
- spend to brand and brand to sales: a spike and a slab. Each is a normal quantity cut off at zero, so that a good third
  of the prior mass says "exactly none": effects that the data do not show go to zero, and an interval can reach it
  (Mitchell and Beauchamp 1988, J. American Statistical Association 83). The slab keeps the elasticity of sales to the
  brand series below one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

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
    """Locations and scales; each pair is (location, scale) of the log unless the name says otherwise."""

    pool: tuple[float, float] = (math.log(0.15), 1.0)
    spread: tuple[float, float] = (math.log(0.4), 0.5)
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
    lift_spread: tuple[float, float] = (math.log(0.5), 0.5)
    drift: tuple[float, float] = (math.log(0.15), 0.7)


PRIORS = Priors()


@dataclass(frozen=True)
class Layout:
    """Where each quantity's coordinates stand. `at[name]` is the first of `size[name]` places; `z` has `dims`."""

    at: dict[str, int]
    size: dict[str, int]
    dims: int
    short_groups: tuple[Grouping, ...] = ()
    brand_groups: tuple[Grouping, ...] = ()
    names: tuple[str, ...] = field(default=())

    def take(self, z: Floats, name: str) -> Floats:
        """The coordinates of one quantity: the last axis of `z`, cut."""
        cut: Floats = z[..., self.at[name] : self.at[name] + self.size[name]]
        return cut


def own_level(streams: tuple[str, ...]) -> Grouping:
    """Each stream for itself: the finest level."""
    return Grouping("stream", streams, np.arange(len(streams), dtype=np.int64))


def make_layout(streams: tuple[str, ...], geos: int, series: int, knots: int, form: Form) -> Layout:
    """The coordinates that this history and form need.

    Parameters
    ----------
    streams : names. geos : number of regions. series : number of brand series in use (0: no brand stock).
    knots : support points of drifting effects (0: effects do not drift).
    """
    s = len(streams)
    several = s > 1
    short = (*groupings(streams, SHORT_LEVELS), own_level(streams)) if several else ()
    brand = (*groupings(streams, BRAND_LEVELS), own_level(streams)) if several and series else ()
    sizes: dict[str, int] = {"pool": 1}
    for g in short:
        sizes[f"short_spread.{g.kind}"], sizes[f"short.{g.kind}"] = 1, len(g.names)
    if geos > 1:
        sizes["geo_spread"], sizes["geo"] = 1, geos * s
    for name in ("half_life", "half_saturation"):
        if several:
            sizes[f"{name}_mean"] = 1
        sizes[name] = s
    if form.saturation == "hill":
        sizes["slope"] = s
    if form.adstock == "delayed":
        sizes["delay"] = s
    sizes["noise"] = sizes["level_step"] = 1
    if series:
        sizes |= {"brand_half_life": 1, "brand_step": 1, "to_sales": 1, "loading": series - 1, "brand_noise": series}
        sizes["lift"] = 1
        for g in brand:
            sizes[f"lift_spread.{g.kind}"], sizes[f"lift.{g.kind}"] = 1, len(g.names)
    if knots:
        sizes["drift_spread"], sizes["drift"] = 1, s * knots
    at, place = {}, 0
    for name, n in sizes.items():
        at[name] = place
        place += n
    names = tuple(f"{n}[{i}]" if k > 1 else n for n, k in sizes.items() for i in range(k))
    return Layout(at, sizes, place, short, brand, names)


@dataclass(frozen=True)
class Places:
    """The layout as the kernel reads it: numbered places and group tables (absent quantities stand at -1)."""

    at: npt.NDArray[np.int64]
    short_groups: npt.NDArray[np.int64]
    short_at: npt.NDArray[np.int64]
    brand_groups: npt.NDArray[np.int64]
    brand_at: npt.NDArray[np.int64]


#: The order of `Places.at`.
ORDER = (
    "pool", "geo_spread", "geo", "half_life_mean", "half_life", "half_saturation_mean", "half_saturation", "slope",
    "delay", "noise", "level_step", "brand_half_life", "brand_step", "to_sales", "loading", "brand_noise", "lift",
    "drift_spread", "drift",
)  # fmt: skip


def places(layout: Layout) -> Places:
    """Numbered places for the kernel."""

    def table(groups: tuple[Grouping, ...], word: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        if not groups:
            return np.zeros((0, 1), dtype=np.int64), np.zeros((0, 2), dtype=np.int64)
        index = np.stack([g.index for g in groups])
        where = [[layout.at[f"{word}_spread.{g.kind}"], layout.at[f"{word}.{g.kind}"]] for g in groups]
        return index, np.array(where, dtype=np.int64)

    short, short_at = table(layout.short_groups, "short")
    brand, brand_at = table(layout.brand_groups, "lift")
    at = np.array([layout.at.get(n, -1) for n in ORDER], dtype=np.int64)
    return Places(at, short, short_at, brand, brand_at)
