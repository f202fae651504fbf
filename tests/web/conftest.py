"""A small artificial ecosystem in a workspace, and the page on it."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import tidegauge as tg
from tidegauge.twin import write_twin

pytest.importorskip("starlette")
pytest.importorskip("httpx2", reason="the test client needs it")

from starlette.testclient import TestClient

from tidegauge.web.app import create_app
from tidegauge.web.guard import Rules, known_hosts
from tidegauge.web.site import Site, open_site

#: A name as an attacker would choose it.
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 160 artificial creators over 30 days, and one creator with an evil name. Copy before writing."""
    home = tmp_path_factory.mktemp("page")
    write_twin(home / "twin", creators=160, days=30, seed=5)
    ws = tg.open(home / "ws")
    ws.ingest(home / "twin")
    seen = [dt.datetime(2026, 9, 1, tzinfo=dt.UTC)]
    ws.load(
        {
            "creators": pl.DataFrame(
                {"creator_id": ["douyin:evil"], "platform": ["douyin"], "native_id": ["evil"], "name": [EVIL],
                 "category": ["=1+1"], "first_seen_at": seen}
            ),
            "creator_snapshots": pl.DataFrame(
                {"creator_id": ["douyin:evil"], "observed_at": seen, "followers": [123_456]}
            ),
        }
    )  # fmt: skip
    return home / "ws"


@pytest.fixture(scope="module")
def workspace(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> tg.Workspace:
    """A copy of the small workspace that the tests of one file may write to."""
    home = tmp_path_factory.mktemp("copy") / "ws"
    shutil.copytree(filled, home)
    return tg.Workspace(home)


@pytest.fixture(scope="module")
def site(workspace: tg.Workspace) -> Iterator[Site]:
    opened = open_site(workspace)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[TestClient]:
    """A client of the page on loopback, redirects not followed."""
    app = create_app(site, Rules(known_hosts("127.0.0.1")))
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
