"""How far the promised reach can be trusted: an independent panel, luck with the views, and a bound on the population.

The roster was chosen on one panel and looks a little too good there. A second panel of other persons, drawn for the
roster's creators alone, tells what it reaches for people whom the choice never saw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidegauge.plan.audience.luck import Outcomes, outcomes
from tidegauge.plan.audience.panel import build_panel
from tidegauge.plan.audience.people import People, model_of
from tidegauge.plan.audience.population import calibrated, population_gap
from tidegauge.plan.result import Interval
from tidegauge.plan.search import Search
from tidegauge.plan.solver.certificate import tight_bound
from tidegauge.plan.solver.problem import Float, Int, Panel, Problem
from tidegauge.plan.solver.roster import reach

#: Persons of the independent panel, as a multiple of the planning panel's: it holds the roster's creators alone.
CHECK_TIMES = 3
#: Confidence of the population gap, shared between the lower and the upper bound.
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Promise:
    """`luck`: reach per scenario on the independent panel; `independent`: its reach there at the expected views.

    `population_gap` compares, at 99 %, the least that the roster reaches in the modelled population with the most that
    any roster could: optimisation gap and sampling error of both panels together (see `population`).
    """

    luck: Outcomes
    independent: float
    population_gap: float

    def interval(self, value: float, level: float) -> Interval:
        """The promised value with the interval of luck and sampling; the value itself is always inside."""
        tail = (1 - level) / 2
        return Interval(value, min(value, self.luck.quantile(tail)), max(value, self.luck.quantile(1 - tail)))


def check_promise(found: Search, people: People, drawn: Panel | None, factors: Float, *, seed: int) -> Promise:
    """Check a roster on an independent panel and bound it against the population.

    Parameters: `drawn` is the planning panel before calibration (None for engagements, where nothing overlaps and
    nothing is drawn: the planning problem itself is looked at then); `factors` (scenarios, taken items).
    """
    problem, taken = found.problem, found.solution.items
    if drawn is None or len(taken) == 0:
        luck = outcomes(problem, taken, factors)
        return Promise(luck, found.solution.reach, found.certificate.gap)
    model = model_of(people.model, problem.creator[taken])
    persons = CHECK_TIMES * drawn.n_persons
    free = _alone(problem, taken, build_panel(model, persons, seed=seed + 7919, calibrate=False))
    fair = replace(free, panel=calibrated(model, free.panel))
    own = np.arange(len(taken), dtype=np.int64)
    planned = replace(problem, panel=drawn)
    bound = tight_bound(planned, replace(found.solution, reach=reach(planned, taken)))
    roster = replace(found.solution, items=own)
    population = population_gap(roster, bound, planned, free, level=CONFIDENCE)
    return Promise(outcomes(fair, own, factors), reach(fair, own), max(population.gap, found.certificate.gap))


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
