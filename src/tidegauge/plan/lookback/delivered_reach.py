"""The reach that delivered views amount to, by the audience model that made the promise."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegauge.creators.post_frame import creator_facts
from tidegauge.plan.audience.luck import outcomes, scenario_factors
from tidegauge.plan.audience.panel import build_panel
from tidegauge.plan.audience.people import audience_of
from tidegauge.plan.lookback.promised import Promised
from tidegauge.plan.result import Interval
from tidegauge.plan.solver.problem import Problem
from tidegauge.plan.solver.roster import reach
from tidegauge.workspace.tables import Tables

PERSONS = 400_000


def reach_of_views(tables: Tables, plan: Promised, views: pl.DataFrame, *, seed: int) -> Interval | None:
    """People of the target reached by posts with these views, each counted once (as often as the goal asks).

    `views`: creator_id, platform, format, views (above zero), log_sd (how well they are known), views_from. Contacts
    of several posts of one creator count as one post with all their views. The interval holds what is not known about
    views and the viewers per view, not whether the audience model is right. None where the goal counts no people, or
    nobody posted.
    """
    if not plan.brief.goal.counts_people or views.is_empty():
        return None
    facts = creator_facts(tables).select("creator_id", "followers", "category", "mcn", "name")
    items = (
        views.join(facts, on="creator_id", how="left")
        .with_columns(
            pl.col("followers").cast(pl.Int64),
            pl.col("log_sd").fill_null(0.0).alias("views_log_sd"),
            pl.when(pl.col("views_from") == "likes").then(0.2).otherwise(0.0).alias("views_shared_sd"),
            pl.col("views_from").alias("views_basis"),
        )
        .sort("creator_id")
    )
    people = audience_of(tables, items, plan.brief)
    panel = build_panel(people.model, PERSONS, seed=seed)
    problem = Problem(
        panel=panel,
        creator=people.creator,
        price=np.ones(items.height),
        exposure=people.exposure,
        budget=float(items.height) + 1.0,
        frequency=plan.brief.goal.frequency if plan.brief.goal.kind == "frequency" else 1,
    )
    taken = np.arange(items.height, dtype=np.int64)
    luck = outcomes(problem, taken, scenario_factors(items, people.viewer_sd, seed))
    value, tail = reach(problem, taken), (1.0 - plan.level) / 2.0
    return Interval(value, min(value, luck.quantile(tail)), max(value, luck.quantile(1.0 - tail)))
