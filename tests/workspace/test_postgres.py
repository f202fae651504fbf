"""A team's catalogue in PostgreSQL is one line in tidegauge.toml; run against a real server where one is installed."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.settings import write_new
from tidegauge.workspace.status import status

BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


def as_owner(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root: there its own user runs it."""
    return ["su", "postgres", "-c", " ".join(command)] if os.geteuid() == 0 else list(command)


@pytest.fixture
def server() -> Iterator[str]:
    if BIN is None or importlib.util.find_spec("duckdb_extension_postgres_scanner") is None:
        pytest.skip("no PostgreSQL server or no extension wheel here")
    home = Path(tempfile.mkdtemp(prefix="tg-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(home, owner.pw_uid, owner.pw_gid)
    data = home / "data"
    subprocess.run(as_owner(str(BIN / "initdb"), "-D", str(data), "-A", "trust", "-U", "tide"), check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    options = f"\"-c listen_addresses='' -k {home}\"" if os.geteuid() == 0 else f"-c listen_addresses='' -k {home}"
    start = [str(BIN / "pg_ctl"), "-D", str(data), "-w", "-o", options, "-l", str(home / "log"), "start"]
    subprocess.run(as_owner(*start), check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"host={home} user=tide dbname=postgres"
    finally:
        subprocess.run(as_owner(str(BIN / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"), check=False,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        shutil.rmtree(home, ignore_errors=True)


def test_two_workspaces_share_one_postgres_catalogue(tmp_path, server):
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    places = []
    for name in ("ann", "bo"):
        directory = tmp_path / name
        directory.mkdir()
        write_new(directory)
        settings = directory / "tidegauge.toml"
        text = settings.read_text().replace('"sqlite:catalog.sqlite"', f'"postgres:{server}"')
        settings.write_text(text.replace('data = "data"', f'data = "{tmp_path / "shared"}"'))
        create(directory)
        places.append(directory)
    for k, directory in enumerate(places):
        rows = pl.DataFrame({"creator_id": [f"weibo:{k}"], "observed_at": [day], "followers": [k]})
        assert load_frames(directory, {"creator_snapshots": rows}).state == "done"
    for directory in places:
        lake = attach(directory)
        assert status(lake).tables["creator_snapshots"] == 2
        assert len(status(lake).ingests) == 2
        lake.close()
