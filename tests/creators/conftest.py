"""An artificial ecosystem with known truth, read into a workspace once for all tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
import pytest

from tidegauge.twin import canonical, grow, truth
from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.tables import Tables, duckdb_tables


@dataclass(frozen=True)
class Twin:
    tables: Tables
    frames: dict[str, pl.DataFrame]
    truth: dict[str, pl.DataFrame]


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    eco = grow(700, 110, seed=8)
    frames = canonical(eco)
    directory = tmp_path_factory.mktemp("creators") / "ws"
    create(directory)
    done = load_frames(directory, frames)
    assert done.error is None
    lake = attach(directory)
    yield Twin(duckdb_tables(lake), frames, truth(eco))
    lake.close()


def all_finite(frame: pl.DataFrame) -> bool:
    """No NaN and no infinity in any float column (nulls are allowed)."""
    floats = [c for c, t in frame.schema.items() if t == pl.Float64]
    return all(frame.get_column(c).is_finite().fill_null(True).all() for c in floats)
