"""Luck: what a roster reaches when views turn out otherwise than expected, over many scenarios.

A scenario multiplies each item's exposure by a log-normal factor of mean 1: an own part (this post does well or badly),
a part that all items of a platform with the same kind of estimate share (a wrong like rate hits all), the viewer ratio.
Risk measures are taken over scenarios: CVaR is the mean of the worst share of them (Rockafellar and Uryasev 2000).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from tidegauge.plan.briefs.brief import Risk
from tidegauge.plan.offers.expected import MAX_SD_IN_MEAN
from tidegauge.plan.solver.flat import flatten
from tidegauge.plan.solver.kernels import kernel
from tidegauge.plan.solver.problem import Float, Int, Problem, Solution

SCENARIOS = 200
#: Rounds of reweighting scenarios towards the bad ones, for plans that weigh risk.
ROUNDS = 6


@dataclass(frozen=True)
class Outcomes:
    """Reach of one roster in each scenario (float64, scenarios)."""

    reach: Float

    def quantile(self, q: float) -> float:
        return float(np.quantile(self.reach, q))

    def cvar(self, level: float) -> float:
        """Mean of the worst (1 - level) of the scenarios."""
        worst = max(1, round((1 - level) * len(self.reach)))
        return float(np.sort(self.reach)[:worst].mean())

    def chance(self, target: float) -> tuple[float, float, float]:
        """Share of scenarios that reach the target, with its 95 % Wilson interval."""
        n, hits = len(self.reach), int((self.reach >= target).sum())
        interval = stats.binomtest(hits, n).proportion_ci(0.95, "wilson")
        return hits / n, float(interval.low), float(interval.high)


def scenario_factors(items: pl.DataFrame, viewer_sd: Float, seed: int, scenarios: int = SCENARIOS) -> Float:
    """Factors (scenarios, items) of mean 1.

    `items`: platform, views_basis, views_log_sd, views_shared_sd. The spread is capped as in the expected views, so
    that both speak of the same mean.
    """
    rng = np.random.default_rng([seed, 11])
    sd = np.minimum(items.get_column("views_log_sd").to_numpy().astype(np.float64), MAX_SD_IN_MEAN)
    common = np.minimum(items.get_column("views_shared_sd").to_numpy().astype(np.float64), sd)
    own = np.sqrt(np.maximum(sd**2 - common**2, 0.0))
    group = items.select(pl.struct("platform", "views_basis").rank("dense") - 1).to_series().to_numpy().astype(np.int64)
    platform = items.select(pl.col("platform").rank("dense") - 1).to_series().to_numpy().astype(np.int64)
    by_group = rng.standard_normal((scenarios, int(group.max(initial=0)) + 1))[:, group]
    by_platform = rng.standard_normal((scenarios, int(platform.max(initial=0)) + 1))[:, platform]
    log = own * rng.standard_normal((scenarios, items.height)) + common * by_group + viewer_sd * by_platform
    factors: Float = np.exp(log - (sd**2 + viewer_sd**2) / 2)
    return factors


def outcomes(problem: Problem, taken: Int, factors: Float) -> Outcomes:
    """Reach of the taken items in each scenario; `factors` (scenarios, taken items). Exposure never exceeds 1."""
    flat = flatten(problem)
    chance = np.minimum(flat.p[taken] * factors, 1.0)
    creators = flat.creator[taken]
    reach = _reach_in_each(
        np.ascontiguousarray(chance), creators, flat.ptr, flat.persons, flat.member, flat.weight, problem.frequency
    )
    return Outcomes(reach)


@kernel
def _reach_in_each(
    chance: Float,
    creators: Int,
    ptr: Int,
    persons: NDArray[np.int32],
    member: NDArray[np.float32],
    weight: Float,
    frequency: int,
) -> Float:
    """Expected weight of persons with at least `frequency` contacts, per scenario (row of `chance`)."""
    out = np.zeros(chance.shape[0])
    touched = np.zeros(len(weight), dtype=np.bool_)
    for c in creators:
        for e in range(ptr[c], ptr[c + 1]):
            touched[persons[e]] = True
    place = np.full(len(weight), -1, dtype=np.int64)
    count = 0
    for i in range(len(weight)):
        if touched[i]:
            place[i] = count
            count += 1
    # below[i, n]: chance of exactly n contacts, n < frequency
    below = np.empty((count, frequency))
    for s in range(chance.shape[0]):
        below[:, :] = 0.0
        below[:, 0] = 1.0
        for n in range(len(creators)):
            c = creators[n]
            for e in range(ptr[c], ptr[c + 1]):
                i = place[persons[e]]
                p = chance[s, n] if member.size == 0 else chance[s, n] * member[e]
                p = min(p, 1.0)
                for k in range(frequency - 1, 0, -1):
                    below[i, k] = below[i, k] * (1.0 - p) + below[i, k - 1] * p
                below[i, 0] *= 1.0 - p
        total = 0.0
        for i in range(len(weight)):
            if touched[i]:
                missed = 0.0
                for k in range(frequency):
                    missed += below[place[i], k]
                total += weight[i] * (1.0 - missed)
        out[s] = total
    return out


def cautious(
    problem: Problem, start: Solution, factors: Float, risk: Risk, resolve: Callable[[Problem], Solution]
) -> Solution:
    """A roster that does better by the brief's risk measure, found by reweighting scenarios towards the bad ones.

    Each round plans for the exposures that the weighted scenarios expect and raises the weight of scenarios in which
    the roster does badly (multiplicative weights; for CVaR none may weigh more than 1 / (1 - level) of the average).
    The best roster by the measure is returned, the starting one included: the measure never gets worse.
    """

    def worth(solution: Solution) -> float:
        result = outcomes(problem, solution.items, factors[:, solution.items])
        if risk.measure == "cvar":
            return result.cvar(risk.level)
        assert risk.target is not None
        # Scenarios short of the target count a little by how short they are, so that ties have a direction.
        return float((result.reach >= risk.target).mean() + 1e-6 * np.minimum(result.reach / risk.target, 1).mean())

    best, best_worth = start, worth(start)
    weight = np.full(len(factors), 1 / len(factors))
    current = start
    for _ in range(ROUNDS):
        reach = outcomes(problem, current.items, factors[:, current.items]).reach
        loss = (reach.mean() - reach) / max(float(reach.std()), 1e-12)
        weight = weight * np.exp(0.7 * loss)
        weight = _capped(weight / weight.sum(), risk.level if risk.measure == "cvar" else 0.5)
        current = resolve(replace(problem, exposure=np.minimum(problem.exposure * (weight @ factors), 1.0)))
        if (now := worth(current)) > best_worth:
            best, best_worth = current, now
    return best


def _capped(weight: Float, level: float) -> Float:
    """Weights that sum to 1 with none above 1 / ((1 - level) S); what is cut goes to the others in proportion."""
    most = 1 / ((1 - level) * len(weight))
    for _ in range(50):
        over = weight > most
        if not over.any():
            break
        rest = weight[~over].sum()
        weight = np.where(over, most, weight * (1 - most * over.sum()) / rest if rest > 0 else most)
    return np.asarray(weight / weight.sum(), dtype=np.float64)
