"""What every view works with: the workspace, its newest snapshot, the jobs, the cache, the secrets of this server."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from tidegauge.api import Workspace
from tidegauge.errors import WorkspaceError
from tidegauge.web.cache import Cache, open_cache, write_whole
from tidegauge.web.jobs import Jobs
from tidegauge.workspace.lake import Lake, attach
from tidegauge.workspace.settings import Settings
from tidegauge.workspace.tables import Tables, duckdb_tables

Made = TypeVar("Made")
#: Snapshots whose lake stays attached, and in-memory frames that are kept.
_OPEN_LAKES, _KEPT = 2, 24
#: While another process commits, the catalogue may be locked for a moment.
_TRIES, _PAUSE_S = 40, 0.05


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: bool = False
    value: Any = None


@dataclass(frozen=True)
class Site:
    """One server's state. Methods may be called from any thread."""

    workspace: Workspace
    jobs: Jobs
    cache: Cache
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _lakes: OrderedDict[int, Lake] = field(default_factory=OrderedDict, repr=False)
    _kept: OrderedDict[Any, Any] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def path(self) -> Path:
        return self.workspace.path

    @property
    def settings(self) -> Settings:
        return self.workspace.settings

    def snapshot(self) -> int:
        """The newest snapshot of the lake (or the one at which the workspace is pinned)."""
        if self.workspace.at is not None:
            return self.workspace.at
        kind, _, place = self.settings.catalog.partition(":")
        if kind == "sqlite":
            # The file's time changes with every commit, and only then is there anything new to ask for.
            file = self.path / place
            seen = file.stat()
            return self.kept(("newest", seen.st_mtime_ns, seen.st_size), lambda: patient(lambda: _newest(file)))
        return self.kept(("newest", int(time.monotonic() / 2)), self._attached_newest)

    @contextlib.contextmanager
    def lake(self, snapshot: int) -> Iterator[tuple[Lake, duckdb.DuckDBPyConnection]]:
        """The lake as of a snapshot, with a connection of one's own for this thread."""
        with self._lock:
            lake = self._lakes.get(snapshot)
            if lake is None:
                lake = patient(lambda: attach(self.path, at=snapshot, catalogue=self._own_catalogue(snapshot)))
                self._lakes[snapshot] = lake
                while len(self._lakes) > _OPEN_LAKES:
                    # Left to the collector: another thread may still be reading from it.
                    self._lakes.popitem(last=False)
            con = lake.con.cursor()
        try:
            con.execute("SET TimeZone = 'UTC'")
            yield lake, con
        finally:
            con.close()

    @contextlib.contextmanager
    def tables(self, snapshot: int) -> Iterator[Tables]:
        """The canonical tables as of a snapshot, as Ibis tables."""
        with self.lake(snapshot) as (lake, con):
            yield duckdb_tables(Lake(lake.directory, lake.settings, con, lake.snapshot, lake.at))

    def rows(self, snapshot: int, sql: str, values: list[object] | None = None) -> list[dict[str, Any]]:
        """Rows of a query on the lake as of a snapshot, by column."""

        def read() -> list[dict[str, Any]]:
            with self.lake(snapshot) as (_, con):
                done = con.execute(sql, values or [])
                names = [c[0] for c in done.description or []]
                return [dict(zip(names, row, strict=True)) for row in done.fetchall()]

        return patient(read)

    def kept(self, key: object, make: Callable[[], Made]) -> Made:
        """What `make` gives, made once per key (however many ask at once) and kept in memory for a while."""
        with self._lock:
            slot = self._kept.setdefault(key, _Slot())
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        with slot.lock:
            if not slot.made:
                slot.value, slot.made = make(), True
        found: Made = slot.value
        return found

    def close(self) -> None:
        self.jobs.close()
        with self._lock:
            for lake in self._lakes.values():
                lake.close()
            self._lakes.clear()

    def _own_catalogue(self, snapshot: int) -> Path | None:
        """A copy of the catalogue for this snapshot: readers of the page never meet a writer's locks."""
        kind, _, place = self.settings.catalog.partition(":")
        if kind != "sqlite":
            return None
        copy = self.cache.root / f"s{snapshot}" / "catalogue" / "copy.sqlite"
        if not copy.exists():
            write_whole(copy.parent, lambda folder: _copied(self.path / place, folder / copy.name))
        return copy

    def _attached_newest(self) -> int:
        lake = attach(self.path)
        lake.close()
        return lake.snapshot


def open_site(workspace: Workspace) -> Site:
    """The state of a new server for a workspace; figures of versions and snapshots long past are dropped."""
    site = Site(workspace, Jobs(), open_cache(workspace.path))
    site.cache.sweep(site.snapshot())
    return site


def patient(read: Callable[[], Made]) -> Made:
    """Read again for a while where a writer holds the catalogue at this moment."""
    for attempt in range(_TRIES):
        try:
            return read()
        except (duckdb.Error, sqlite3.OperationalError, WorkspaceError) as e:
            if attempt == _TRIES - 1 or not any(w in str(e).lower() for w in ("locked", "busy", "readonly")):
                raise
            time.sleep(_PAUSE_S)
    raise AssertionError("unreachable")


def _newest(catalogue: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"{catalogue.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as con:
        row = con.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _copied(catalogue: Path, to: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"{catalogue.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as live,
        contextlib.closing(sqlite3.connect(to)) as copy,
    ):
        live.backup(copy)
