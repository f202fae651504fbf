"""A newcomer adds one file with one decorated function: it shows up in its register, and nothing else changes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tidegauge.measure import registry as measure_register
from tidegauge.measure.registry import measures, run

MEASURE = """
from tidegauge.measure.registry import measure
from tidegauge.result import Explanation, Result, Text

WORDS = Explanation(Text("多少？", "How many?"), "n", Text("无", "none"), Text("无", "none"), "a textbook")

@measure("headcount", explanation=WORDS, by=("platform",))
def headcount(tables, *, by, start, end):
    import polars as pl
    n = tables
    rows = pl.DataFrame({"value": [float(n)], "low": [float(n)], "high": [float(n)], "n": [n], "unit": ["persons"]})
    from tidegauge.result import Provenance
    return Result("headcount", by, rows, Provenance("duckdb", None, ()), WORDS)
"""


def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> str:
    home = tmp_path / name
    home.mkdir()
    (home / "__init__.py").touch()
    (home / "added.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_a_measure_in_a_file_of_its_own_shows_up_and_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_register, "_MEASURES", dict(measure_register._MEASURES))
    found = measures(package(tmp_path, monkeypatch, "more_measures", MEASURE))
    assert "headcount" in found
    assert run("headcount", 3, start=None, end=None).rows["value"].to_list() == [3.0]
    assert "more_measures.added" in sys.modules
