"""A search's time is for searching: what compiles, compiles before the clock starts."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from planner_cases import random_problem

import tidegauge.plan
from tidegauge.plan.solver.solve import compiled, solve


def signatures() -> dict[str, int]:
    """How many versions of every kernel of the planner are compiled."""
    found = {}
    for module in pkgutil.walk_packages(tidegauge.plan.__path__, "tidegauge.plan."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if hasattr(value, "signatures"):
                found[f"{value.py_func.__module__}.{name}"] = len(value.signatures)
    return found


@pytest.mark.parametrize(("rows", "frequency"), [(0, 1), (3, 1), (2, 2)])
def test_a_search_compiles_nothing_once_the_toy_was_solved(rows, frequency):
    compiled()
    before = signatures()
    solve(random_problem(5, creators=40, persons=80, rows=rows, frequency=frequency, budget_share=0.2))
    assert len(before) > 20
    assert signatures() == before
