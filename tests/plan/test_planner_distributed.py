"""The planner in parts: the same bound to the last digits, nearly the same roster; on Spark the same as here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planner_cases import random_problem

from tidegauge.errors import WorkspaceError
from tidegauge.plan.solver.certificate import tight_dual
from tidegauge.plan.solver.distributed import Pricing, here, solve_in_parts, whole_bound
from tidegauge.plan.solver.flat import flatten
from tidegauge.plan.solver.greedy import violations
from tidegauge.plan.solver.parts import joined, part_of, read_part, split, write_parts
from tidegauge.plan.solver.problem import Problem
from tidegauge.plan.solver.solve import solve, start_roster


def case(**options) -> Problem:
    return random_problem(6, creators=300, persons=1500, budget_share=0.05, **options)


def assert_same(one: Problem, other: Problem) -> None:
    for name in ("creator", "price", "exposure"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.panel.indptr, other.panel.indptr)
    np.testing.assert_array_equal(one.panel.persons, other.panel.persons)
    for a, b in zip(one.rows, other.rows, strict=True):
        assert (a.label, a.low, a.high) == (b.label, b.low, b.high)
        np.testing.assert_array_equal(a.coefficient, b.coefficient)
    assert one.must == other.must


@pytest.mark.parametrize("member", [False, True])
def test_parts_joined_are_the_whole(member):
    problem = case(rows=2, member=member, must=(5, 200))
    parts = split(problem, 4, seed=1)
    assert sum(len(p.creators) for p in parts) == 300
    whole = joined([*parts, parts[2]])
    assert_same(whole.problem, problem)
    np.testing.assert_array_equal(whole.items, np.arange(900))


@pytest.mark.parametrize("k", [1, 2])
def test_the_split_bound_is_the_whole_bound(k):
    problem = case(rows=2, frequency=k, floors=False)
    flat = flatten(problem)
    dual, _ = tight_dual(flat, start_roster(problem, flat), sweeps=10)
    parts = split(problem, 5, seed=2)
    replies = here(parts)(Pricing(dual.theta, dual.z, dual.prices))
    one = part_of(problem, np.arange(300))
    assert whole_bound(one, dual, replies) == pytest.approx(dual.bound, rel=1e-9)


@pytest.mark.parametrize("rows", [0, 3])
def test_a_plan_in_parts_is_as_good_as_a_plan_at_once(rows):
    problem = case(rows=rows, must=(7,))
    solution, certificate = solve_in_parts(here(split(problem, 4, seed=3)), time_limit_s=10)
    at_once, bound = solve(problem, time_limit_s=4)
    assert violations(problem, solution.items) == ()
    assert solution.reach >= 0.985 * at_once.reach
    assert certificate.upper_bound >= at_once.reach * (1 - 1e-9)
    assert certificate.upper_bound <= bound.upper_bound * 1.02
    assert set(certificate.row_prices) == {r.label for r in problem.rows}


def test_parts_survive_the_disk(tmp_path: Path):
    problem = replace(case(rows=2, must=(3,)), allowed=np.arange(900) % 7 > 0)
    write_parts(problem, tmp_path, 3, seed=4)
    assert_same(joined([read_part(tmp_path, n) for n in range(3)]).problem, problem)
    with pytest.raises(WorkspaceError) as caught:
        read_part(tmp_path / "elsewhere", 0)
    assert "write_parts" in caught.value.mend


SPARK_SCRIPT = """
import sys
from pathlib import Path
from pyspark.sql import SparkSession
from tidegauge.plan.solver.distributed import on_spark, solve_in_parts

try:
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
except Exception as e:
    sys.exit(f"no spark: {e}")
solution, certificate = solve_in_parts(on_spark(spark, Path(sys.argv[1])), rounds=1)
spark.stop()
print(solution.items.tolist(), certificate.upper_bound)
"""


@pytest.mark.spark
def test_spark_gives_the_same_plan_as_this_process(tmp_path: Path):
    """In a process of its own: Spark fixes the workers' interpreter when it starts, and others may have started it."""
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("no Java here")
    problem = random_problem(6, creators=40, persons=300, budget_share=0.1, rows=1, floors=False)
    write_parts(problem, tmp_path, 2, seed=5)
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, "-c", SPARK_SCRIPT, str(tmp_path)],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    there, bound = done.stdout.strip().splitlines()[-1].rsplit(" ", 1)
    local = solve_in_parts(here([read_part(tmp_path, n) for n in range(2)]), rounds=1)
    assert there == str(local[0].items.tolist())
    assert float(bound) == pytest.approx(local[1].upper_bound, rel=1e-9)
