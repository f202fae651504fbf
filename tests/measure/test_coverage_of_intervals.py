"""A small run of benchmarks/coverage.py: nominal 90 % intervals hold the truth about nine times in ten."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

WORLDS = Path(__file__).resolve().parents[2] / "benchmarks" / "worlds.py"


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("tidegauge_benchmark_worlds", WORLDS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {r["quantity"]: r for r in module.coverage(12, seed=1)}


def test_intervals_hold_the_truth_about_nine_times_in_ten(table):
    claims = sum(r["claims"] for r in table.values())
    held = sum(r["coverage"] * r["claims"] for r in table.values()) / claims
    assert claims > 900
    assert 0.85 <= held <= 0.95


@pytest.mark.parametrize(
    "quantity",
    ["share", "share_change", "growth", "growth.own", "tier account_share", "tier growth.stayers", "migration rate",
     "migration probability"],
)  # fmt: skip
def test_each_kind_of_figure_by_itself(table, quantity):
    # Twelve worlds: claims of one world hang together, so the band is wide; the benchmark judges with a hundred.
    assert 0.78 <= table[quantity]["coverage"] <= 1.0
    assert table[quantity]["claims"] >= 30


@pytest.mark.parametrize("quantity", ["gini", "tail_exponent", "displacement_index"])
def test_figures_of_which_a_world_has_one(table, quantity):
    assert table[quantity]["claims"] == 12
    assert table[quantity]["coverage"] >= 8 / 12
