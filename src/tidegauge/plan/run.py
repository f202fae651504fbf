"""The pipeline: a brief and a workspace → a plan with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegauge.errors import BriefError
from tidegauge.plan.audience.luck import scenario_factors
from tidegauge.plan.audience.model import AudienceModel, same
from tidegauge.plan.audience.panel import build_panel, expected_audience, met
from tidegauge.plan.audience.people import People, audience_of
from tidegauge.plan.audience.population import calibrated
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.briefs.names import Named, find_named
from tidegauge.plan.explain import PICK_COLUMNS, UNITS, near_misses, pick_rows
from tidegauge.plan.kept_limits import constraint_rows
from tidegauge.plan.mix import placements_before, split_of
from tidegauge.plan.offers.candidates import Found, find_candidates
from tidegauge.plan.offers.constraints import Limit, limits_of
from tidegauge.plan.offers.filters import Kept, apply_filters
from tidegauge.plan.offers.posts_read import as_of, weekday_rhythm
from tidegauge.plan.promise import Promise, check_promise
from tidegauge.plan.result import Plan
from tidegauge.plan.schedule import schedule
from tidegauge.plan.search import Search, engagement_panel, problem_of, search
from tidegauge.plan.sensitivity import curve, what_if
from tidegauge.plan.solver.problem import Panel, Problem
from tidegauge.plan.telling import assumptions, notes_of
from tidegauge.workspace.tables import Tables

Progress = Callable[[float, str], None]

#: Persons of the planning panel where the brief does not say.
PANEL_PERSONS = 600_000
#: Entries (person in an audience) of a panel whose size the brief leaves open: crowded markets get fewer persons.
PANEL_ENTRIES = 5_000_000
#: Probability that the interval of the reach covers, given the audience model.
LEVEL = 0.9
#: A stop for pathological cases: the search is bounded by work and mostly ends within seconds.
SEARCH_S = 60.0


@dataclass(frozen=True)
class _Asked:
    """The brief with what it means in this workspace."""

    brief: Brief
    found: Found
    named: Named
    kept: Kept
    people: People
    problem: Problem
    limits: tuple[Limit, ...]
    #: The planning panel before calibration, whose persons are independent draws; None where nothing is drawn.
    drawn: Panel | None


@dataclass
class Panels:
    """The panel that several briefs share: the number of persons, and the last panel with the model it was drawn from.

    A creator's persons depend on its id and the seed alone, so that briefs with other candidates meet the same people.
    """

    persons: int | None = None
    model: AudienceModel | None = None
    drawn: Panel | None = None

    def of(self, people: People, persons: int | None, seed: int) -> Panel:
        """The panel of these people as drawn, without calibration; `persons` is what the brief asks for.

        It is drawn again only where the model or the number of persons changed.
        """
        self.persons = self.persons or persons or _persons(people)
        wanted = persons or self.persons
        known = self.model is not None and self.drawn is not None and self.drawn.n_persons == wanted
        if self.drawn is None or self.model is None or not known or not same(self.model, people.model):
            self.drawn = build_panel(people.model, wanted, seed=seed, calibrate=False)
            self.model = people.model
        return self.drawn


def run_plan(
    tables: Tables, brief: Brief, *, seed: int = 1, progress: Progress | None = None, panels: Panels | None = None
) -> Plan:
    """Plan the roster of a brief.

    Parameters: `seed` fixes every random draw (panels, scenarios); `progress(share done, stage)` is told each stage;
    `panels` is handed from brief to brief where several are planned on the same persons.
    Raises BriefError (nobody left, unknown names), InfeasibleError (limits that clash, named by line).
    """

    def tell(done: float, stage: str) -> None:
        if progress is not None:
            progress(done, stage)

    tell(0.02, "候选 candidates")
    asked = _read(tables, brief, seed, tell, panels or Panels())
    items = asked.kept.items
    tell(0.4, "名单与上界 roster and bound")
    spread = asked.people.viewer_sd
    risky = brief.risk.measure != "mean"
    solved = search(
        asked.problem,
        asked.limits,
        brief,
        asked.named,
        asked.people.creators,
        seed=seed,
        time_limit_s=SEARCH_S,
        factors=scenario_factors(items, spread, seed) if risky else None,
    )
    taken = solved.solution.items
    tell(0.6, "独立面板检验 independent panel")
    factors = scenario_factors(items[taken], spread[taken], seed + 1)
    promise = check_promise(solved, asked.people, asked.drawn, factors, seed=seed)
    tell(0.7, "预算曲线 budget curve")
    bends = curve(solved, asked.limits, progress=lambda done: tell(0.7 + 0.15 * done, "预算曲线 budget curve"))
    tell(0.86, "假如 what if")
    wishes = what_if(solved, asked.limits)
    tell(0.95, "理由与排期 reasons and calendar")
    plan = _assembled(tables, asked, solved, promise, bends, wishes, seed)
    tell(1.0, "完成 done")
    return plan


def _read(tables: Tables, brief: Brief, seed: int, tell: Callable[[float, str], None], panels: Panels) -> _Asked:
    now = as_of(tables, brief.candidates.platforms)
    if now is None:
        raise BriefError(
            "the workspace holds no observation of any creator", mend="ingest creators and rate cards first"
        )
    found = find_candidates(tables, brief, now)
    named = find_named(found.accounts, brief)
    kept = apply_filters(tables, found, brief, named)
    items = kept.items
    tell(0.25, f"受众 audience of {items.height:,} offers")
    people = audience_of(tables, items, brief)
    if not brief.goal.counts_people:
        panel, exposure = engagement_panel(items, people.creator)
        drawn = None
    else:
        drawn = panels.of(people, brief.panel_persons, seed)
        panel = met(calibrated(people.model, drawn))
        exposure = people.exposure
    limits = limits_of(brief, items, named)
    problem = problem_of(items, people, panel, exposure, brief, limits, named)
    return _Asked(brief, found, named, kept, people, problem, limits, drawn)


def _persons(people: People) -> int:
    """Persons of the planning panel: the usual number, fewer where everybody is in many audiences."""
    audiences_each = float(expected_audience(people.model).sum()) / people.model.population
    return max(20_000, min(PANEL_PERSONS, int(PANEL_ENTRIES / max(audiences_each, 1e-9))))


def _assembled(
    tables: Tables,
    asked: _Asked,
    solved: Search,
    promise: Promise,
    bends: pl.DataFrame,
    wishes: pl.DataFrame,
    seed: int,
) -> Plan:
    brief, items, taken = asked.brief, asked.kept.items, solved.solution.items
    unit = UNITS[brief.goal.kind]
    picks = pick_rows(items, solved.problem, taken, asked.named, unit)
    picks = picks.with_columns(schedule(picks, weekday_rhythm(tables, asked.found.now), brief, asked.found.now))
    misses = near_misses(items, solved.problem, taken, asked.limits, solved.certificate, asked.kept, unit)
    goal = f"frequency {brief.goal.frequency}" if brief.goal.kind == "frequency" else brief.goal.kind
    prices = {"budget": solved.certificate.budget_price} | {
        label: value for label, value in solved.certificate.row_prices.items() if value != 0
    }
    return Plan(
        brief=brief.as_dict(),
        reach=promise.interval(solved.solution.reach, LEVEL),
        upper_bound=max(solved.certificate.upper_bound, solved.solution.reach),
        panel_gap=solved.certificate.gap,
        population_gap=promise.population_gap,
        cost=float(picks["price"].sum()),
        budget=brief.budget,
        currency=brief.currency,
        goal=goal,
        picks=picks.select(PICK_COLUMNS),
        near_misses=misses,
        curve=bends,
        split=split_of(picks, placements_before(tables, brief.brand, asked.found.accounts)),
        constraints=constraint_rows(brief, asked.limits, asked.named, solved, picks),
        shadow_prices={label: float(value) for label, value in prices.items() if np.isfinite(value)},
        provenance=tables.provenance(seed=seed, assumed=assumptions(picks, asked.people)),
        candidates=items.get_column("creator_id").n_unique(),
        level=LEVEL,
        what_if=wishes,
        notes=notes_of(brief, asked.found, asked.kept, solved, promise, picks),
    )
