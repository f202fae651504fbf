"""Attach a workspace's DuckLake: for reading (any number of processes) or for writing (one at a time)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tidegauge.errors import WorkspaceError
from tidegauge.schema import TABLES, ddl
from tidegauge.workspace.settings import Settings, read_settings, write_new

LAKE = "lake"
_LOCK = ".write.lock"
#: DuckDB may use this much before it spills to the workspace's `tmp`; the rest of a process needs some too. Writing
#: keeps to less: a file of any size is to be ingested within 1 GB in all.
READ_MEMORY = os.environ.get("TIDEGAUGE_MEMORY", "2GB")
WRITE_MEMORY = os.environ.get("TIDEGAUGE_WRITE_MEMORY", "450MB")


@dataclass(frozen=True)
class Lake:
    """An attached lake. `con` is a DuckDB connection in which the lake's database is called `lake`."""

    directory: Path
    settings: Settings
    con: duckdb.DuckDBPyConnection
    snapshot: int
    at: int | None = None

    @property
    def data_directory(self) -> Path | None:
        """Where the lake's Parquet files are, if on this machine."""
        return None if "://" in self.settings.data else self.directory / self.settings.data

    def close(self) -> None:
        self.con.close()


def create(directory: Path) -> None:
    """Make an empty workspace; harmless on an existing one."""
    if directory.exists() and not directory.is_dir():
        raise WorkspaceError("this is a file, not a directory", where=str(directory), mend="name a new directory")
    directory.mkdir(parents=True, exist_ok=True)
    foreign = [p.name for p in directory.iterdir() if not p.name.startswith(".")]
    if foreign and not (directory / "tidegauge.toml").exists():
        raise WorkspaceError("the directory holds other files", where=str(directory), mend="name an empty directory")
    write_new(directory)
    with writer(directory, wait_s=30) as lake:
        have = {
            r[0]
            for r in lake.con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [LAKE]
            ).fetchall()
        }
        lake.con.execute("BEGIN")
        for table in TABLES:
            if table not in have:
                lake.con.execute(ddl(table).replace(f"CREATE TABLE {table}", f"CREATE TABLE {LAKE}.{table}"))
        lake.con.execute("COMMIT")
        # Long texts: a reader unpacks one row group at a time.
        lake.con.execute(f"CALL {LAKE}.set_option('parquet_row_group_size', 40_000, table_name => 'posts')")


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the lake's extensions loaded; never goes to the network on its own."""
    con = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    for name in ("ducklake", "sqlite_scanner", "icu", "json", "parquet"):
        _load(con, name)
    con.execute("SET TimeZone = 'UTC'")
    # In a notebook without ipywidgets DuckDB refuses to touch the bar, and shows none.
    with contextlib.suppress(duckdb.InvalidInputException):
        con.execute("SET enable_progress_bar = false")
    con.execute("SET preserve_insertion_order = false")
    return con


def _load(con: duckdb.DuckDBPyConnection, name: str) -> None:
    try:
        con.load_extension(name)
    except duckdb.Error:
        try:
            from duckdb_extensions import import_extension

            import_extension(name, con=con)
            con.load_extension(name)
        except (ImportError, duckdb.Error, OSError) as e:
            raise WorkspaceError(
                f"DuckDB's extension '{name}' cannot be loaded ({e})",
                mend=f"install its wheel (duckdb-extension-{name.replace('_', '-')}) or, once, with a network: "
                f"python -c \"import duckdb; duckdb.sql('INSTALL {name}')\"",
            ) from None


def attach(directory: Path, *, at: int | None = None, write: bool = False, catalogue: Path | None = None) -> Lake:
    """Attach the lake of a workspace, as of snapshot `at` where given.

    `catalogue` names a copy of the SQLite catalogue to read instead of the live one: many readers of one snapshot then
    neither wait for a writer nor make it wait.
    """
    directory = directory.resolve()
    settings = read_settings(directory)
    con = connect()
    tmp = directory / "tmp"
    if write:
        tmp.mkdir(exist_ok=True)
    con.execute(f"SET memory_limit = '{WRITE_MEMORY if write else READ_MEMORY}'")
    con.execute(f"SET temp_directory = '{_quote(str(tmp))}'")
    kind, _, place = settings.catalog.partition(":")
    if kind == "postgres":
        _load(con, "postgres_scanner")
    if catalogue is not None and not write:
        place = str(catalogue.resolve())
    catalog = f"sqlite:{directory / place}" if kind == "sqlite" else f"postgres:{place}"
    data = settings.data if "://" in settings.data else str(directory / settings.data) + "/"
    options = [f"DATA_PATH '{_quote(data)}'", "OVERRIDE_DATA_PATH true"]
    if not write:
        if kind == "sqlite" and not (directory / place).exists():
            raise WorkspaceError(
                "the catalogue is missing", where=str(directory / place), mend="restore it, or init anew"
            )
        options.append("READ_ONLY")
    if at is not None:
        options.append(f"SNAPSHOT_VERSION {int(at)}")
    try:
        con.execute(f"ATTACH 'ducklake:{_quote(catalog)}' AS {LAKE} ({', '.join(options)})")
        last = con.execute(f"SELECT max(snapshot_id) FROM {LAKE}.snapshots()").fetchone()
    except duckdb.Error as e:
        con.close()
        if at is not None:
            raise WorkspaceError(
                f"there is no snapshot {at}", where=str(directory), mend="`tidegauge status` names the latest one"
            ) from None
        raise WorkspaceError(
            f"the lake cannot be opened: {e}", where=str(directory), mend="tidegauge check --repair"
        ) from e
    newest = int(last[0]) if last and last[0] is not None else 0
    return Lake(directory, settings, con, at if at is not None else newest, at)


@contextlib.contextmanager
def writer(directory: Path, *, wait_s: float) -> Iterator[Lake]:
    """The lake, to be written; waits up to `wait_s` seconds for another writer, then says who holds it."""
    with _locked(directory, wait_s):
        lake = attach(directory, write=True)
        try:
            yield lake
        finally:
            lake.close()


@contextlib.contextmanager
def _locked(directory: Path, wait_s: float) -> Iterator[None]:
    # An advisory lock dies with its process, so a kill never leaves a workspace locked.
    read_settings(directory)
    with (directory / _LOCK).open("a+") as handle:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    handle.seek(0)
                    raise WorkspaceError(
                        f"another process is writing ({handle.read().strip() or 'unknown'})",
                        where=str(directory),
                        mend="wait until it is done and try again; reading is possible meanwhile",
                    ) from None
                time.sleep(0.1)
        handle.truncate(0)
        handle.write(f"process {os.getpid()}")
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)
            fcntl.flock(handle, fcntl.LOCK_UN)


def _quote(text: str) -> str:
    return text.replace("'", "''")
