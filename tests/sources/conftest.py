"""Files as collectors write them, and what a reader makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tidegauge.schema import check
from tidegauge.sources import Unreadable, open_readings
from tidegauge.workspace.batch import ReadContext, pseudonymiser
from tidegauge.workspace.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """What came of one file: good rows per table, rejects, number of source records."""

    reader: str
    tables: dict[str, pl.DataFrame]
    rejects: pl.DataFrame
    records: int


@pytest.fixture
def context() -> ReadContext:
    return ReadContext(Settings(), pseudonymiser(b"s" * 32))


@pytest.fixture
def ingest_file(context) -> Callable[..., Outcome]:
    """Read one file as the workspace would: every frame goes through the schema."""

    def run(path: Path, **options) -> Outcome:
        keep_text = options.pop("keep_text", False)
        used = ReadContext(context.settings, context.pseudonym, keep_text)
        (reading,) = open_readings([path], used, **options)
        assert not isinstance(reading, Unreadable)
        tables: dict[str, list[pl.DataFrame]] = {}
        rejects, records = [], 0
        for batch in reading.batches:
            records += batch.records
            rejects.append(batch.rejects)
            for table, frame in batch.tables.items():
                checked = check(table, frame)
                tables.setdefault(table, []).append(checked.good)
                rejects.append(checked.rejects)
        return Outcome(
            reading.reader, {t: pl.concat(f, how="diagonal") for t, f in tables.items()}, pl.concat(rejects), records
        )

    return run
