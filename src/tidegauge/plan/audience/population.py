"""From a panel to the population behind it: how far is the roster from the best one for everybody, with confidence.

Plan on a panel A, measure on an independent panel B. Let Z be the best reach of any roster on A in units of one
person's weight. Persons are independent draws, so E Z is at least the population optimum (Jensen; Mak, Morton and Wood
1999) and Z is self-bounding, which gives E Z <= Z + L + sqrt(L^2 + 2 Z L) with probability 1 - exp(-L) (Boucheron,
Lugosi and Massart 2000). Z itself is bounded by the certificate on A. The roster's own reach is the mean on B, less a
normal margin. Both errors share the level: each may fail with half of 1 - level. All of it holds for the audience
model; it says nothing about how well the model describes the world.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from tidegauge.plan.audience.model import AudienceModel
from tidegauge.plan.audience.panel import build_panel, expected_audience
from tidegauge.plan.solver.certificate import tight_bound
from tidegauge.plan.solver.flat import flatten
from tidegauge.plan.solver.kernels import apply_items, fresh_state
from tidegauge.plan.solver.problem import Certificate, Panel, Problem, Solution
from tidegauge.plan.solver.solve import Progress, solve, tell


@dataclass(frozen=True)
class PopulationGap:
    """How good a roster is for the whole population of the audience model.

    `reach` is its mean on panel B with the one-sided `low` and the two-sided `interval` at `level`; `upper_bound` holds
    for every roster; `gap` = 1 - low / upper_bound holds with probability `level`. `optimism` is what the planning
    panel promised over what B gives, minus 1. `persons` is the size of each panel.
    """

    reach: float
    low: float
    interval: tuple[float, float]
    upper_bound: float
    gap: float
    optimism: float
    persons: int
    level: float


def population_gap(
    solution: Solution, certificate: Certificate, planned: Problem, validation: Problem, *, level: float = 0.99
) -> PopulationGap:
    """Compare a roster with the best one possible for the population.

    Parameters: `certificate` bounds reach on `planned`, whose persons must be independent draws (a panel built with
    `calibrate=False`, or one whose draws do not depend on each other); `validation` is the same problem on a panel of
    another seed, not calibrated either. `solution` may come from anywhere but panel B.
    """
    per_person = person_reach(validation, solution)
    n = len(per_person)
    total = float(per_person.sum())
    error = float(per_person.std(ddof=1)) * math.sqrt(n) if n > 1 else total
    half = (1.0 - level) / 2.0
    low = max(0.0, total - float(norm.isf(half)) * error)
    unit = float(planned.panel.weight.max(initial=0.0))
    z = certificate.upper_bound / unit if unit > 0 else 0.0
    luck = math.log(1.0 / half)
    upper = unit * (z + luck + math.sqrt(luck**2 + 2.0 * z * luck))
    upper = max(min(upper, float(validation.panel.weight.sum())), low)
    two_sided = float(norm.isf(half)) * error
    return PopulationGap(
        reach=total,
        low=low,
        interval=(max(0.0, total - two_sided), min(total + two_sided, float(validation.panel.weight.sum()))),
        upper_bound=upper,
        gap=1.0 - low / upper if upper > 0 else 0.0,
        optimism=solution.reach / total - 1.0 if total > 0 else 0.0,
        persons=n,
        level=level,
    )


def person_reach(problem: Problem, solution: Solution) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Weighted chance of each person of the panel to be reached at the wanted frequency (float64, persons)."""
    flat = flatten(problem)
    state = fresh_state(len(flat.weight), flat.k)
    apply_items(flat, state, np.asarray(solution.items, dtype=np.int64))
    return np.asarray(flat.weight * np.maximum(0.0, 1.0 - state.sum(axis=1)))


def calibrated(model: AudienceModel, panel: Panel) -> Panel:
    """The same persons with every creator's total set to her expected audience in the target."""
    drawn = np.diff(panel.indptr) * float(panel.weight[0])
    expected = expected_audience(model)
    share = np.divide(expected, drawn, out=np.ones(model.n_creators), where=drawn > 0)
    return replace(panel, share=share)


def certify_population(
    model: AudienceModel,
    problem_on: Callable[[Panel], Problem],
    *,
    seed: int,
    target_gap: float = 0.05,
    level: float = 0.99,
    first_persons: int = 250_000,
    most_persons: int = 4_000_000,
    time_limit_s: float = 60.0,
    progress: Progress | None = None,
) -> tuple[Solution, Certificate, PopulationGap]:
    """Double both panels until the population gap meets the target or the panels are as large as allowed.

    `problem_on(panel)` states the brief on a panel; its limits must not depend on the panel. The roster is chosen on
    the calibrated panel A, bounded on the same persons without calibration, measured on panel B. The level holds for
    the last round only if the rounds are few: each further look at a fresh pair shares out the error, so round r of R
    possible ones is judged at 1 - (1 - level) / R.
    """
    rounds = max(1, 1 + math.ceil(math.log2(max(most_persons / first_persons, 1.0))))
    each = 1.0 - (1.0 - level) / rounds
    persons = min(first_persons, most_persons)
    for look in range(rounds):
        drawn = build_panel(model, persons, seed=_seed(seed, look, 0), calibrate=False)
        solution, _ = solve(problem_on(calibrated(model, drawn)), seed=seed, time_limit_s=time_limit_s / 2)
        planned = problem_on(drawn)
        certificate = tight_bound(planned, solution, time_limit_s=time_limit_s)
        del drawn
        validation = problem_on(build_panel(model, persons, seed=_seed(seed, look, 1), calibrate=False))
        found = population_gap(solution, certificate, planned, validation, level=each)
        tell(progress, "population", found.gap)
        if found.gap <= target_gap or persons >= most_persons:
            break
        persons = min(2 * persons, most_persons)
    return solution, certificate, replace(found, level=level)


def _seed(seed: int, look: int, side: int) -> int:
    """Independent panels by round and side."""
    return int(np.random.SeedSequence([seed, look, side]).generate_state(1)[0])
