"""What planning tests share: the small workspace of `briefs.py`, open."""

from __future__ import annotations

import pytest
from briefs import workspace

from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.tables import duckdb_tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    directory = tmp_path_factory.mktemp("plan") / "ws"
    create(directory)
    assert load_frames(directory, workspace()).error is None
    lake = attach(directory)
    yield duckdb_tables(lake)
    lake.close()
