"""Is the upper tail a power law, from where on, how heavy, and would a lognormal do as well? Arrays in, arrays out.

Clauset, Shalizi & Newman (2009), "Power-law distributions in empirical data", SIAM Review 51. The exponent here is that
of the survival function, P(X > x) = (x / x_min)^-a, so that a = 1 is Zipf's law and a <= 1 has no mean; the density's
exponent, which that paper calls alpha, is a + 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm

from tidegauge.measure.bootstrap import Array, percentile

#: A tail of fewer creators than this has no shape.
LEAST_TAIL = 30
#: Only the largest amounts can belong to the tail; of more than this many the smaller ones are left out.
MOST_VALUES = 20_000
_CANDIDATES = 80


@dataclass(frozen=True)
class Tail:
    """A fitted tail: it starts at `x_min`, holds `n` values and has the survival exponent `exponent`; `distance` is the
    largest gap between the fitted and the empirical distribution (Kolmogorov–Smirnov)."""

    x_min: float
    exponent: float
    n: int
    distance: float


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _scan(rising: Array, starts: Array) -> tuple[int, float, float]:
    """The start (index) with the smallest KS distance, its exponent and distance; `starts` are rising indices."""
    n = rising.size
    logs = np.log(rising)
    tail_sum = np.zeros(n + 1)
    for i in range(n - 1, -1, -1):
        tail_sum[i] = tail_sum[i + 1] + logs[i]
    best, best_exponent, best_distance = -1, np.nan, np.inf
    for s in starts:
        k = n - s
        spread = tail_sum[s] - k * logs[s]
        if spread <= 1e-9 * k:  # all equal, but for rounding
            continue
        exponent = k / spread
        distance = 0.0
        for i in range(s, n):
            fitted = 1.0 - np.exp(-exponent * (logs[i] - logs[s]))
            above, below = abs((i - s + 1) / k - fitted), abs((i - s) / k - fitted)
            distance = max(distance, above, below)
            if distance >= best_distance:
                break
        if distance < best_distance:
            best, best_exponent, best_distance = s, exponent, distance
    return best, best_exponent, best_distance


def starts(rising: Array) -> Array:
    """Indices at which a tail may start: the first of each run of equal values, about 80 of them, evenly by rank in
    log scale, each leaving at least `LEAST_TAIL` values above."""
    n = rising.size
    most = n - LEAST_TAIL
    if most < 0:
        return np.empty(0, dtype=np.int64)
    lengths = np.unique(np.geomspace(LEAST_TAIL, n, _CANDIDATES).astype(np.int64))
    first = np.searchsorted(rising, rising[n - lengths], side="left")
    return np.unique(first[first <= most]).astype(np.int64)


def fit_tail(values: Array) -> Tail | None:
    """Fit the tail of positive amounts (any order); None where fewer than `LEAST_TAIL` or all equal.

    The exponent has the factor (k - 1)/k that makes its inverse-sum estimate unbiased for a given start.
    """
    rising = np.sort(values[values > 0])[-MOST_VALUES:]
    possible = starts(rising)
    if possible.size == 0:
        return None
    s, exponent, distance = _scan(rising, possible)
    if s < 0:
        return None
    k = rising.size - s
    return Tail(float(rising[s]), float(exponent) * (k - 1) / k, k, float(distance))


def exponent_interval(values: Array, rng: np.random.Generator, replicates: int, level: float) -> tuple[float, float]:
    """Interval of the exponent when creators are drawn again, the start of the tail being chosen anew each time."""
    rising = np.sort(values[values > 0])[-MOST_VALUES:]
    out = np.full(replicates, np.nan)
    for b in range(replicates):
        again = fit_tail(rng.choice(rising, size=rising.size))
        if again is not None:
            out[b] = again.exponent
    low, high = percentile(out[:, None], level)
    return float(low[0]), float(high[0])


def goodness(values: Array, tail: Tail, rng: np.random.Generator, replicates: int) -> float:
    """The chance of a fit this bad if the tail were a power law: small means that it is not.

    Artificial data keep the values below the tail's start (drawn again) and have a fitted power law above.
    """
    rising = np.sort(values[values > 0])[-MOST_VALUES:]
    body = rising[rising < tail.x_min]
    n = rising.size
    worse = 0
    for _ in range(replicates):
        above = int(rng.binomial(n, tail.n / n)) if body.size else n
        drawn = tail.x_min * rng.random(above) ** (-1.0 / tail.exponent)
        rest = rng.choice(body, size=n - above) if body.size else np.empty(0)
        again = fit_tail(np.concatenate([rest, drawn]))
        worse += again is not None and again.distance >= tail.distance
    return (worse + 1.0) / (replicates + 1.0)


def against_lognormal(values: Array, tail: Tail) -> float:
    """Vuong's (1989) statistic of power law against lognormal on the tail: standard normal if both are equally far
    from the truth, positive in favour of the power law."""
    x = np.log(values[values >= tail.x_min])
    start = np.log(tail.x_min)
    power = np.log(tail.exponent) - tail.exponent * (x - start) - x

    def pointwise(theta: Array) -> Array:
        mean, spread = theta[0], np.exp(theta[1])
        return norm.logpdf(x, mean, spread) - x - norm.logsf(start, mean, spread)  # type: ignore[no-any-return]

    def loss(theta: Array) -> float:
        # A tail that falls like a power law pushes the mean to -infinity; held within what doubles can tell apart.
        value = -pointwise(theta).mean()
        return float(value) if np.isfinite(value) else 1e9

    guess = np.array([x.mean(), np.log(max(x.std(), 1e-3))])
    found = minimize(loss, guess, method="Nelder-Mead", options={"maxiter": 2_000, "xatol": 1e-6, "fatol": 1e-10})
    gain = power - pointwise(found.x)
    spread = float(gain.std())
    return float(gain.sum() / (np.sqrt(x.size) * spread)) if spread > 1e-12 else 0.0
