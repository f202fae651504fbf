"""How a post's count grows with its age: one pooled curve, and by how much cells, creators and posts differ from it.

    log count(b) − log count(a) = k ∫_a^b h(u) d log u + noise,    noise variance = dispersion × expected gain

h (gain of the log count per unit of log age) is constant on bins of age and estimated from all pairs of consecutive
counts, whatever their ages (EM for gains that span several bins, as for counts with interval-censored times). k is a
multiplier with mean one: first of the cell (platform × format), then of the creator, then of the post, each shrunk
to the level above it by empirical Bayes (gamma prior, moments). Everything else follows: with
H(a) = ∫_a^30 h d log u, the share of the 30-day count that is there at age a is exp(−k H(a)).

Reference: the power-law and log-age view of popularity growth, Szabo and Huberman (2010), Comm. ACM 53(8); EM for
piecewise-constant intensities, Becker, Watson and Carlin (1991), Statistics in Medicine 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
        from scipy.stats import gamma

        return np.asarray(gamma.ppf(level, self.shape) / self.rate)


def fit_curve(age_from: Float, age_to: Float, gain: Float, *, rounds: int = 40) -> GrowthCurve:
    """The pooled curve from pairs of counts (vectors of one length); the prior curve where there are none."""
    a = np.log(np.clip(age_from, EDGES_DAYS[0], EDGES_DAYS[-1]))
    b = np.log(np.clip(age_to, EDGES_DAYS[0], EDGES_DAYS[-1]))
    keep = b > a + 1e-9
    a, b, g = a[keep], b[keep], gain[keep]
    overlap = np.maximum(np.minimum(b[:, None], _LOG_EDGES[1:]) - np.maximum(a[:, None], _LOG_EDGES[:-1]), 0.0)
    exposure = overlap.sum(axis=0)
    rate = PRIOR_RATE.copy()
    for _ in range(rounds if g.size else 0):
        expected = np.maximum(overlap @ rate, 1e-12)
        gained = rate * (overlap.T @ (g / expected))
        rate = (gained + _PRIOR_EXPOSURE * PRIOR_RATE) / (exposure + _PRIOR_EXPOSURE)
    expected = overlap @ rate
    dispersion = float(np.mean(np.square(g - expected) / np.maximum(expected, 1e-3))) if g.size else 0.3
    return GrowthCurve(rate, exposure, max(dispersion, 1e-3))


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
    cells: pl.DataFrame
    creators: pl.DataFrame
    posts: pl.DataFrame
    assumed: bool


def fit_growth(steps: pl.DataFrame) -> Growth:
    """Fit curve and multipliers to `post_frame.growth_steps`."""
    age_from, age_to, gain = (steps.get_column(c).to_numpy() for c in ("age_from", "age_to", "gain"))
    curve = fit_curve(age_from, age_to, gain)
    posts = (
        steps.with_columns(pl.Series("expected", curve.expected(age_from, age_to), dtype=pl.Float64))
        .group_by("post_id", "creator_id", "platform", "format")
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
    return Growth(curve, cells, creators, posts, assumed=steps.is_empty())


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
