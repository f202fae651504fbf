"""The second engine: the same canonical tables on Spark, from the lake's own Parquet files or from an export.

Spark knows nothing of the lake's catalogue. A table whose rows in the snapshot all stand in plain files is read in
place; a table with rows deleted or still inlined in the catalogue is first written out by DuckDB, which knows them.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from tidegauge.errors import UsageError, WorkspaceError
from tidegauge.schema import DATA_TABLES, TABLES
from tidegauge.workspace.lake import LAKE, Lake, attach
from tidegauge.workspace.settings import SETTINGS_FILE, Settings
from tidegauge.workspace.tables import Tables

MANIFEST = "manifest.json"
_FORMAT = 1
#: Spark's default of 200 shuffle partitions is for clusters; on one machine most of them are empty.
_LOCAL_CONF = {
    "spark.master": "local[*]",
    "spark.sql.shuffle.partitions": "8",
    "spark.driver.memory": "2g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
_PARTITIONS = {
    "creator_snapshots": "strftime(observed_at, '%Y-%m')",
    "post_snapshots": "strftime(observed_at, '%Y-%m')",
    "topics": "strftime(observed_at, '%Y-%m')",
    "audience_samples": "strftime(observed_at, '%Y-%m')",
    "posts": "coalesce(strftime(published_at, '%Y-%m'), 'unknown')",
}
#: Not a column of any table, so that partition folders never shadow one.
_PARTITION_COLUMN = "part_month"


def export(lake: Lake, out: Path) -> dict[str, Any]:
    """Write the attached snapshot to a new directory: a folder of Parquet files per table, and a manifest.

    Snapshots, posts, topics and audience samples are partitioned by month (UTC). The directory appears whole or not at
    all. Returns the manifest: format, snapshot, settings, ingests, rows per table.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("the export needs a new or empty directory", where=str(out), mend="name another with -o")
    out.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        rows = {t: _write(lake.con, t, building / t) for t in TABLES}
        ingests = [r[0] for r in lake.con.execute(f"SELECT ingest_id FROM {LAKE}.ingests ORDER BY 1").fetchall()]
        manifest = {
            "format": _FORMAT,
            "snapshot": lake.snapshot,
            "settings": lake.settings.model_dump(mode="json", exclude={"catalog", "data"}),
            "ingests": ingests,
            "tables": rows,
        }
        (building / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
        building.chmod(0o755)
        if out.exists():
            out.rmdir()
        building.rename(out)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return manifest


def _write(con: duckdb.DuckDBPyConnection, table: str, folder: Path) -> int:
    folder.mkdir()
    count = con.execute(f"SELECT count(*) FROM {LAKE}.{table}").fetchone()
    rows = int(count[0]) if count else 0
    place = str(folder).replace("'", "''")
    if rows and table in _PARTITIONS:
        con.execute(
            f"COPY (SELECT *, {_PARTITIONS[table]} AS {_PARTITION_COLUMN} FROM {LAKE}.{table}) TO '{place}' "
            f"(FORMAT parquet, COMPRESSION zstd, PARTITION_BY ({_PARTITION_COLUMN}), OVERWRITE_OR_IGNORE)"
        )
    else:
        con.execute(f"COPY {LAKE}.{table} TO '{place}/rows.parquet' (FORMAT parquet, COMPRESSION zstd)")
    return rows


def spark_tables(place: Path, *, at: int | None = None, conf: dict[str, str] | None = None) -> Tables:
    """Tables on Spark, of a workspace (as of snapshot `at`, where given) or of an exported directory.

    `conf` goes to the Spark session: `spark.master` names a cluster; without it Spark runs inside this process. Raises
    UsageError where the extra `spark` or Java is missing, or where `place` is neither workspace nor export.
    """
    session = _session(conf or {})
    import ibis

    if (place / MANIFEST).exists():
        return _of_export(ibis, session, place, at)
    if (place / SETTINGS_FILE).exists():
        return _of_workspace(ibis, session, place, at)
    raise UsageError(
        "this is neither a workspace nor an export",
        where=str(place),
        mend="name a directory written by `tidegauge export`, or leave --data away",
    )


def _of_export(ibis: Any, session: Any, place: Path, at: int | None) -> Tables:
    manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    if manifest.get("format") != _FORMAT:
        raise WorkspaceError("the export is of another version", where=str(place / MANIFEST), mend="export it again")
    if at is not None and at != manifest["snapshot"]:
        raise UsageError(
            f"this export holds snapshot {manifest['snapshot']}, not {at}", where=str(place), mend="leave --at away"
        )
    for table in TABLES:
        _view(session, table, [str(place / table)])
    settings = Settings.model_validate(manifest["settings"])
    backend = ibis.pyspark.connect(session)
    return Tables(backend, None, "spark", settings, manifest["snapshot"], tuple(manifest["ingests"]))


def _of_workspace(ibis: Any, session: Any, place: Path, at: int | None) -> Tables:
    lake = attach(place, at=at)
    try:
        scratch: Path | None = None
        for table in TABLES:
            files = _plain_files(lake, table)
            if files is None:
                if scratch is None:
                    scratch = Path(tempfile.mkdtemp(prefix="tidegauge-spark-"))
                    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
                _write(lake.con, table, scratch / table)
                files = [str(scratch / table)]
            _view(session, table, files)
        ids = tuple(r[0] for r in lake.con.execute(f"SELECT ingest_id FROM {LAKE}.ingests ORDER BY 1").fetchall())
        return Tables(ibis.pyspark.connect(session), None, "spark", lake.settings, lake.snapshot, ids)
    finally:
        lake.close()


def _plain_files(lake: Lake, table: str) -> list[str] | None:
    """The snapshot's files of a table, where together they hold exactly its rows; else None.

    Counting catches what a list of files does not tell: rows inlined in the catalogue, and merged files that also hold
    rows of later snapshots.
    """
    listed = lake.con.execute(
        f"SELECT data_file, delete_file FROM ducklake_list_files('{LAKE}', '{table}', "
        f"snapshot_version => {lake.snapshot})"
    ).fetchall()
    if not listed or any(deleted is not None for _, deleted in listed):
        return None
    files = [str(f) for f, _ in listed]
    in_files = lake.con.execute("SELECT sum(num_rows) FROM parquet_file_metadata(?)", [files]).fetchone()
    in_table = lake.con.execute(f"SELECT count(*) FROM {LAKE}.{table}").fetchone()
    return files if in_files and in_table and int(in_files[0]) == int(in_table[0]) else None


def _view(session: Any, table: str, files: list[str]) -> None:
    """A temporary view of exactly the table's columns (not the partition's), named like the table."""
    columns = [*TABLES[table].columns(), *(["ingest_id"] if table in DATA_TABLES else [])]
    session.read.parquet(*files).select(*dict.fromkeys(columns)).createOrReplaceTempView(table)


def _session(conf: dict[str, str]) -> Any:
    try:
        from pyspark.errors import PySparkException, PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise UsageError("the engine spark needs an extra", mend="pip install 'tidegauge[spark]'") from None
    builder = SparkSession.builder.appName("tidegauge")
    for key, value in (_LOCAL_CONF | conf).items():
        builder = builder.config(key, value)
    try:
        session = builder.getOrCreate()
    except (PySparkRuntimeError, FileNotFoundError, RuntimeError) as e:
        raise UsageError(
            f"Spark does not start ({str(e).splitlines()[0]})",
            mend="install Java 17 (Debian: apt-get install openjdk-17-jre-headless) and set JAVA_HOME",
        ) from None
    except PySparkException as e:
        raise UsageError(f"Spark refuses its settings: {e}", mend="check --spark-conf") from None
    session.sparkContext.setLogLevel("ERROR")
    # Times in the lake are UTC; a session in another zone would shift what has no zone of its own.
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session
