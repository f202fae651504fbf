"""How far the promised reach can be trusted: an independent panel, luck with the views, and a bound on the population.

The roster was chosen on one panel and looks a little too good there. A second panel of other persons, drawn for the
roster's creators alone, tells what it reaches for people whom the choice never saw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from tidegauge.plan.luck import Outcomes, outcomes
from tidegauge.plan.panel import build_panel
from tidegauge.plan.people import People, model_of
from tidegauge.plan.problem import Float, Int, Panel, Problem
from tidegauge.plan.result import Interval
from tidegauge.plan.roster import reach
from tidegauge.plan.search import Search

#: Persons of the independent panel, as a multiple of the planning panel's: it holds the roster's creators alone.
CHECK_TIMES = 3
#: Confidence of the population bounds, shared between the lower and the upper one.
CONFIDENCE = 0.99
_Z = 2.576


@dataclass(frozen=True)
class Promise:
    """`luck`: reach per scenario on the independent panel; `independent`: its reach there at the expected views.

    `population_gap` compares, at 99 %, the least that the roster reaches in the modelled population with the most that
    any roster could: optimisation gap and sampling error of both panels together.
    """

    luck: Outcomes
    independent: float
    population_gap: float

    def interval(self, value: float, level: float) -> Interval:
        """The promised value with the interval of luck and sampling; the value itself is always inside."""
        tail = (1 - level) / 2
        return Interval(value, min(value, self.luck.quantile(tail)), max(value, self.luck.quantile(1 - tail)))


def check_promise(found: Search, people: People | None, factors: Float, *, seed: int) -> Promise:
    """Check a roster on an independent panel. `factors`: (scenarios, taken items). Without people (engagements, where
    nothing overlaps) there is no sampling, and the planning problem itself is looked at."""
    problem, taken = found.problem, found.solution.items
    if people is None or len(taken) == 0:
        luck = outcomes(problem, taken, factors)
        return Promise(luck, found.solution.reach, found.certificate.gap)
    columns = problem.creator[taken]
    model = model_of(people.model, columns)
    persons = CHECK_TIMES * problem.panel.n_persons
    fair = _alone(problem, taken, build_panel(model, persons, seed=seed + 7919))
    own = np.arange(len(taken), dtype=np.int64)
    free = replace(fair, panel=build_panel(model, persons, seed=seed + 7919, calibrate=False))
    gap = population_gap(reach(free, own), found.certificate.upper_bound, free.panel, problem.panel)
    return Promise(outcomes(fair, own, factors), reach(fair, own), max(gap, found.certificate.gap))


def _alone(problem: Problem, taken: Int, panel: Panel) -> Problem:
    """The roster as a problem of its own on another panel: one item per creator, nothing to decide."""
    return Problem(
        panel=panel,
        creator=np.arange(len(taken), dtype=np.int64),
        price=problem.price[taken],
        exposure=problem.exposure[taken],
        budget=float(problem.price[taken].sum()) + 1.0,
        frequency=problem.frequency,
    )


def population_gap(reached: float, upper_bound: float, check: Panel, planning: Panel) -> float:
    """1 - (least reach of the roster) / (most reach of any), both in the population, at 99 % together.

    Below: the mean on the independent panel less its standard error (a person's reach lies between 0 and 1, so its
    variance is at most m(1 - m)). Above: the bound of the planning panel plus the concentration of coverage, which is
    self-bounding: E Z <= Z + 2L + sqrt(2ZL) with L = ln(1 / delta) (Boucheron, Lugosi and Massart 2000). The planning
    panel is calibrated, which takes the chance out of creators' totals; the inequality is for independent persons and
    is used here as the larger, cautious allowance.
    """
    people = float(check.weight.sum())
    if people <= 0 or upper_bound <= 0:
        return 0.0
    mean = min(max(reached / people, 0.0), 1.0)
    low = people * (mean - _Z * math.sqrt(mean * (1 - mean) / check.n_persons))
    each = float(planning.weight.max())
    z, log = upper_bound / each, math.log(2 / (1 - CONFIDENCE))
    high = each * (z + 2 * log + math.sqrt(2 * z * log))
    return float(np.clip(1 - low / min(high, float(planning.weight.sum())), 0.0, 1.0))
