"""The register of sources: one file per exporter; each detects its files by content and yields Batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegauge.discovery import import_files
from tidegauge.errors import UsageError
from tidegauge.workspace.batch import Batch, ReadContext


@dataclass(frozen=True)
class Sample:
    """The first records of a file, as a detector sees them: the kind of container, column names, a few raw rows.

    `kind` is one of json, jsonl, csv, xlsx, sqlite, parquet; `parts` maps sheet or table names to (columns, rows) where
    a file holds several, else holds one part named "".
    """

    path: Path
    kind: str
    parts: dict[str, tuple[tuple[str, ...], tuple[dict[str, Any], ...]]]

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(c for columns, _ in self.parts.values() for c in columns)


@dataclass(frozen=True)
class Source:
    """`detect(sample)`: confidence from 0 (not mine) to 1 (mine); `read(path, sample, context)` yields batches."""

    name: str
    title_zh: str
    title_en: str
    detect: Callable[[Sample], float]
    read: Callable[[Path, Sample, ReadContext], Iterator[Batch]]


_SOURCES: dict[str, Source] = {}

Reader = Callable[[Path, Sample, ReadContext], Iterator[Batch]]


def source(name: str, *, title_zh: str, title_en: str, detect: Callable[[Sample], float]) -> Callable[[Reader], Reader]:
    """Register a reading function under a name; its file is one exporter."""

    def register(read: Reader) -> Reader:
        _SOURCES[name] = Source(name, title_zh, title_en, detect, read)
        return read

    return register


def sources(package: str = "tidegauge.sources") -> dict[str, Source]:
    """All sources by name."""
    import_files(package)
    return dict(sorted(_SOURCES.items()))


def find(name: str) -> Source:
    known = sources()
    if name not in known:
        raise UsageError(f"there is no reader '{name}'", mend="readers: " + ", ".join(known))
    return known[name]
