"""How a post's count grows with its age: a curve per platform; cells, creators and posts differ from it.

    log count(b) − log count(a) = k ∫_a^b h(u) d log u + noise,    noise variance = dispersion × expected gain

h (gain of the log count per unit of log age) is constant on bins of age, one curve per platform leaning on that of all
platforms, and estimated from all pairs of consecutive
counts, whatever their ages (EM for gains that span several bins, as for counts with interval-censored times). k is a
multiplier with mean one: first of the cell (platform × format), then of the creator, then of the post, each shrunk
to the level above it by empirical Bayes (gamma prior, moments). Everything else follows: with
H(a) = ∫_a^30 h d log u, the share of the 30-day count that is there at age a is exp(−k H(a)).

Reference: the power-law and log-age view of popularity growth, Szabo and Huberman (2010), Comm. ACM 53(8); EM for
piecewise-constant intensities, Becker, Watson and Carlin (1991), Statistics in Medicine 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import gamma

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: Ages (days) between which h is constant. What is younger than half an hour counts as that old.
EDGES_DAYS: Float = np.array(
    [0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1, 1.5, 2, 3, 4, 5, 7, 10, 14, 20, 30, 45, 60, 90, 180, 365, 3650], dtype=float
)
REFERENCE_AGE_DAYS = 30.0
_LOG_EDGES = np.log(EDGES_DAYS)
#: h where a bin holds less than this exposure (unit: one post through one unit of log age) leans on the prior below.
_PRIOR_EXPOSURE = 3.0
#: Gain per unit of log age of 308 trending videos of TaiwanVtuberData (June and July 2026), estimated with this file
#: from ages 0.35 to 30 days; flat before and falling after is assumed. Used alone where a
#: workspace has no repeated counts.
PRIOR_RATE: Float = np.array(
    [0.6, 0.6, 0.6, 0.6, 0.58, 0.54, 0.46, 0.27, 0.31, 0.31, 0.29, 0.29, 0.23,
     0.22, 0.22, 0.21, 0.11, 0.08, 0.07, 0.06, 0.05, 0.05]
)  # fmt: skip


@dataclass(frozen=True)
class GrowthCurve:
    """The pooled curve: `rate` per bin (bins), `exposure` per bin that it rests on, `dispersion` of single gains."""

    rate: Float
    exposure: Float
    dispersion: float

    def remaining(self, age_days: Float) -> Float:
        """H(age): the log gain still to come up to 30 days; negative beyond 30 days."""
        return np.asarray(self._cumulated(np.array([REFERENCE_AGE_DAYS])) - self._cumulated(age_days))

    def expected(self, age_from: Float, age_to: Float) -> Float:
        return np.asarray(self._cumulated(age_to) - self._cumulated(age_from))

    def _cumulated(self, age_days: Float) -> Float:
        knots = np.concatenate([[0.0], np.cumsum(self.rate * np.diff(_LOG_EDGES))])
        return np.asarray(np.interp(np.log(np.clip(age_days, EDGES_DAYS[0], EDGES_DAYS[-1])), _LOG_EDGES, knots))

    def age_at_share(self, share: float, multiplier: Float) -> Float:
        """The age (days) at which `share` of the 30-day count is there, for each multiplier k (vector)."""
        ages = np.exp(np.linspace(_LOG_EDGES[0], np.log(REFERENCE_AGE_DAYS), 400))
        there = -self.remaining(ages)  # rising to zero
        wanted = np.log(share) / np.maximum(multiplier, 1e-9)
        return np.asarray(np.interp(wanted, there, ages))


@dataclass(frozen=True)
class Multipliers:
    """Posterior of k for groups (g): gamma with `shape` and `rate`; its mean is `mean`."""

    shape: Float
    rate: Float

    @property
    def mean(self) -> Float:
        return np.asarray(self.shape / self.rate)

    def quantile(self, level: float) -> Float:
        return np.asarray(gamma.ppf(level, self.shape) / self.rate)


def fit_curve(
    age_from: Float, age_to: Float, gain: Float, *, prior: Float = PRIOR_RATE, rounds: int = 40
) -> GrowthCurve:
    """The curve of pairs of counts (vectors of one length), leaning on `prior` (rate per bin) where they are few."""
    a = np.log(np.clip(age_from, EDGES_DAYS[0], EDGES_DAYS[-1]))
    b = np.log(np.clip(age_to, EDGES_DAYS[0], EDGES_DAYS[-1]))
    keep = b > a + 1e-9
    a, b, g = a[keep], b[keep], gain[keep]
    rate, exposure, expected = _em(a, b, g, _LOG_EDGES, np.asarray(prior, dtype=np.float64), _PRIOR_EXPOSURE, rounds)
    dispersion = float(np.mean(np.square(g - expected) / np.maximum(expected, 1e-3))) if g.size else 0.3
    return GrowthCurve(rate, exposure, max(dispersion, 1e-3))


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _em(
    a: Float, b: Float, gain: Float, edges: Float, prior: Float, prior_exposure: float, rounds: int
) -> tuple[Float, Float, Float]:
    """Rate and exposure per bin, expected gain per step; a step's gain is shared out over the bins that it spans."""
    bins, n = len(edges) - 1, len(a)
    first, last = np.empty(n, np.int64), np.empty(n, np.int64)
    exposure = np.zeros(bins)
    for i in range(n):
        first[i] = min(np.searchsorted(edges, a[i], side="right") - 1, bins - 1)
        last[i] = max(np.searchsorted(edges, b[i], side="left") - 1, first[i])
        for j in range(first[i], last[i] + 1):
            exposure[j] += max(min(b[i], edges[j + 1]) - max(a[i], edges[j]), 0.0)
    rate = prior.copy()
    expected = np.zeros(n)
    for r in range(rounds + 1):
        shared = np.zeros(bins)
        for i in range(n):
            total = 0.0
            for j in range(first[i], last[i] + 1):
                total += rate[j] * max(min(b[i], edges[j + 1]) - max(a[i], edges[j]), 0.0)
            expected[i] = total
            part = gain[i] / max(total, 1e-12)
            for j in range(first[i], last[i] + 1):
                shared[j] += part * max(min(b[i], edges[j + 1]) - max(a[i], edges[j]), 0.0)
        if r == rounds or n == 0:
            break
        for j in range(bins):
            rate[j] = (rate[j] * shared[j] + prior_exposure * prior[j]) / (exposure[j] + prior_exposure)
    return rate, exposure, expected


def multipliers(gained: Float, expected: Float, dispersion: float) -> Multipliers:
    """k of every group (g) from its gained and expected log growth, shrunk to one by empirical Bayes.

    var(gained / expected) = 1 / a + dispersion / expected gives the prior gamma(a, a) by moments.
    """
    some = expected > 1e-6
    if some.sum() >= 2:
        ratio = gained[some] / expected[some]
        weight = expected[some] / (expected[some] + dispersion)
        between = np.sum(weight * (np.square(ratio - 1.0) - dispersion / expected[some])) / weight.sum()
        prior = 1.0 / float(np.clip(between, 0.01, 4.0))
    else:
        prior = 4.0
    return Multipliers(prior + gained / dispersion, prior + expected / dispersion)


@dataclass(frozen=True)
class Growth:
    """The curve with its hierarchy; frames hold the key columns, `gained`, `expected`, `shape`, `rate`, `k`, `n`.

    `cells` by platform and format, `creators` by creator_id, `posts` by post_id; `k` is the product of the levels'
    means down to that one; shape and rate describe the own level's posterior.
    """

    curve: GrowthCurve
    platforms: dict[str, GrowthCurve]
    cells: pl.DataFrame
    creators: pl.DataFrame
    posts: pl.DataFrame
    assumed: bool
    #: How far the shape of a cell's, a creator's, a post's growth departs from the pooled curve (sd of log k).
    shape_sd: dict[str, float]

    def curve_of(self, platform: str) -> GrowthCurve:
        return self.platforms.get(platform, self.curve)

    def remaining(self, platform: pl.Series, age_days: Float) -> Float:
        """H(age) under each post's platform's curve."""
        out = self.curve.remaining(age_days)
        for name, curve in self.platforms.items():
            mine = (platform == name).fill_null(False).to_numpy()
            out[mine] = curve.remaining(age_days[mine])
        return out


def later_gain(growth: Growth, posts: pl.DataFrame, mass: float = 0.8) -> pl.DataFrame:
    """How much a post's log count will still gain between two ages, with the central interval that holds `mass`.

    `posts` has post_id, platform, format, age_from, age_to (days). Returns them with gain (mean), low, high. A post
    that was seen to grow uses its own multiplier, another its cell's. The gain is gamma: how well k is known, how
    shapes of growth differ, and the chance in the gain itself.
    """
    own = growth.posts.select("post_id", "k", "shape")
    cells = growth.cells.select("platform", "format", pl.col("k").alias("cell_k"))
    frame = posts.join(own, on="post_id", how="left", maintain_order="left").join(
        cells, on=["platform", "format"], how="left", maintain_order="left"
    )
    k = frame.select(pl.coalesce("k", "cell_k", pl.lit(1.0))).to_series().to_numpy()
    loose = frame.get_column("shape").fill_null(4.0).to_numpy()
    platform = frame.get_column("platform")
    age = [frame.get_column(c).cast(pl.Float64).to_numpy() for c in ("age_from", "age_to")]
    mean = np.maximum(k * (growth.remaining(platform, age[0]) - growth.remaining(platform, age[1])), 1e-6)
    variance = mean**2 * (1 / loose + growth.shape_sd["post"] ** 2) + growth.curve.dispersion * mean
    shape, scale = mean**2 / variance, variance / mean
    low, high = (gamma.ppf(q, shape) * scale for q in ((1 - mass) / 2, (1 + mass) / 2))
    return posts.with_columns(gain=pl.Series(mean), low=pl.Series(low), high=pl.Series(high))


def fit_growth(steps: pl.DataFrame) -> Growth:
    """Fit curve and multipliers to `post_frame.growth_steps`."""
    age_from, age_to, gain = (steps.get_column(c).to_numpy() for c in ("age_from", "age_to", "gain"))
    curve = fit_curve(age_from, age_to, gain)
    platforms: dict[str, GrowthCurve] = {}
    expected = curve.expected(age_from, age_to)
    platform = steps.get_column("platform").to_numpy()
    for name in np.unique(platform).tolist():
        mine = platform == name
        platforms[name] = fit_curve(age_from[mine], age_to[mine], gain[mine], prior=curve.rate)
        expected[mine] = platforms[name].expected(age_from[mine], age_to[mine])
    gains = steps.with_columns(pl.Series("expected", expected, dtype=pl.Float64))
    posts = (
        gains.group_by("post_id", "creator_id", "platform", "format")
        .agg(pl.col("gain").sum().alias("gained"), pl.col("expected").sum(), pl.col("age_to").max())
        .sort("post_id")
    )
    cells = _level(posts, ["platform", "format"], curve.dispersion)
    posts = _scaled(posts, cells, ["platform", "format"], curve.dispersion, "cell_k")
    creators = _level(posts, ["creator_id", "platform"], curve.dispersion)
    posts = _scaled(posts, creators, ["creator_id", "platform"], curve.dispersion, "creator_k")
    own = multipliers(posts.get_column("gained").to_numpy(), posts.get_column("expected").to_numpy(), curve.dispersion)
    above = posts.get_column("cell_k") * posts.get_column("creator_k")
    posts = posts.with_columns(
        pl.Series("shape", own.shape),
        pl.Series("rate", own.rate),
        pl.Series("above", above),
        k=pl.Series(own.mean) * above,
    )
    shape_sd = {
        "platform": _shape_sd(gains, ["platform"]) if steps.is_empty() else _PLATFORM_SHAPE_SD,
        "format": _shape_sd(gains, ["platform", "format"]),
        "creator": _shape_sd(gains, ["creator_id"]),
        "post": _shape_sd(gains, ["post_id"]),
    }
    return Growth(curve, platforms, cells, creators, posts, steps.is_empty(), shape_sd)


#: Early and late growth are told apart here; the assumed departure where no group was seen both early and late.
_EARLY_DAYS, _ASSUMED_SHAPE_SD = 5.0, 0.35
#: A platform has its own curve; what is left is that posts seen often may differ from the others (assumed).
_PLATFORM_SHAPE_SD = 0.1


def _shape_sd(gains: pl.DataFrame, by: list[str]) -> float:
    """The robust spread of log(late k / early k) over groups that were seen both early and late."""
    late = pl.col("age_from") >= _EARLY_DAYS
    early = pl.col("age_to") <= _EARLY_DAYS
    sums = gains.group_by(by).agg(
        *(
            pl.col(c).filter(side).sum().alias(f"{c}_{name}")
            for c in ("gain", "expected")
            for side, name in ((early, "early"), (late, "late"))
        )
    )
    seen = sums.filter((pl.col("expected_early") > 0.1) & (pl.col("expected_late") > 0.1))
    if seen.is_empty():
        return _ASSUMED_SHAPE_SD
    k = [((pl.col(f"gain_{s}") + 0.02) / (pl.col(f"expected_{s}") + 0.02)).log() for s in ("late", "early")]
    off = seen.select((k[0] - k[1]).abs().alias("off")).get_column("off")
    # Around zero, not around the median: a common departure is an error of the curve for that level all the same.
    return max(float(off.quantile(0.68) or 0.0), 0.05)


def _level(posts: pl.DataFrame, by: list[str], dispersion: float) -> pl.DataFrame:
    groups = posts.group_by(by).agg(pl.col("gained").sum(), pl.col("expected").sum(), pl.len().alias("n")).sort(by)
    # Posts of one group differ among themselves, so that a group's sum is less certain than its single gains suggest.
    between = _between_posts(posts, dispersion)
    spread = dispersion + between * (groups.get_column("expected") / groups.get_column("n")).to_numpy()
    gained, expected = groups.get_column("gained").to_numpy(), groups.get_column("expected").to_numpy()
    m = multipliers(gained, expected, float(np.median(spread)) if spread.size else dispersion)
    return groups.with_columns(pl.Series("shape", m.shape), pl.Series("rate", m.rate), pl.Series("k", m.mean))


def _between_posts(posts: pl.DataFrame, dispersion: float) -> float:
    gained, expected = posts.get_column("gained").to_numpy(), posts.get_column("expected").to_numpy()
    own = multipliers(gained, expected, dispersion)
    return float(1.0 / max((own.shape - gained / dispersion)[0], 1e-6)) if len(gained) else 0.25


def _scaled(posts: pl.DataFrame, groups: pl.DataFrame, by: list[str], dispersion: float, name: str) -> pl.DataFrame:
    joined = posts.join(groups.select(*by, pl.col("k").alias(name)), on=by, how="left", maintain_order="left")
    return joined.with_columns(pl.col("expected") * pl.col(name))
