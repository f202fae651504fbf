"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import settings

from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import Lake, attach, create
from tidegauge.workspace.tables import Tables, duckdb_tables

# Tests assert values, never seconds: a busy machine is no failure. CI draws the same examples every time.
settings.register_profile("tidegauge", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("tidegauge")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def make_tables(tmp_path: Path) -> Iterator[Callable[[dict[str, pl.DataFrame]], Tables]]:
    """A function: frames of canonical tables (missing columns are null) → `Tables` of a fresh workspace.

    Rows that break a rule make the test fail, so that a typo in a fixture is not silently dropped.
    """
    opened: list[Lake] = []

    def build(frames: dict[str, pl.DataFrame]) -> Tables:
        directory = tmp_path / f"ws{len(opened)}"
        create(directory)
        done = load_frames(directory, frames)
        assert done.error is None, done.error
        lake = attach(directory)
        opened.append(lake)
        bad = lake.con.execute("SELECT reason FROM lake.rejects LIMIT 3").fetchall()
        assert not bad, f"fixture rows were rejected: {bad}"
        return duckdb_tables(lake)

    yield build
    for lake in opened:
        lake.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data beside the checkout; tests that use it are skipped where it is absent."""
    if not SHARED_DATA.exists():
        pytest.skip("the real data of ../shared/data is not here")
    return SHARED_DATA
