"""What a reader hands over: canonical rows, rejects and how far it is. The border between sources and workspace."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tidegauge.schema import no_rejects
from tidegauge.workspace.settings import Settings


@dataclass(frozen=True)
class Batch:
    """A bounded piece of one file (some tens of thousands of records).

    `tables` maps a canonical table's name to rows with any of its columns (missing ones become null), and optionally
    `_locator` (row or path in the file, for rejects), `_seen_at` (when the attributes were true; newer wins on merge)
    and `_raw` (text shown if the row is rejected). `rejects` (locator, reason, raw) are records that could not even
    be turned into a row. `records` counts source records, `bytes_done` how much of the file has been read so far.
    """

    tables: dict[str, pl.DataFrame]
    records: int
    bytes_done: int = 0
    rejects: pl.DataFrame = field(default_factory=no_rejects)


@dataclass(frozen=True)
class ReadContext:
    """What a reader may know about where its rows go.

    `pseudonym` turns user ids or nicknames of commenters into audience keys: a keyed hash, the same for the same text
    in one workspace, useless without its salt.
    """

    settings: Settings
    pseudonym: Callable[[pl.Series], pl.Series]
    keep_text: bool = False


@dataclass(frozen=True)
class Reading:
    """One file about to be ingested: what read it (name and version), and its batches, not yet consumed.

    `fingerprint_extra` is what besides the file's bytes decides the rows (a mapping file's text).
    """

    path: Path
    reader: str
    batches: Iterator[Batch]
    fingerprint_extra: bytes = b""


def pseudonymiser(salt: bytes) -> Callable[[pl.Series], pl.Series]:
    """A function from a text series to a series of 24 hex digits (BLAKE2b keyed by the salt); null stays null."""

    def one(value: str) -> str:
        return hashlib.blake2b(value.encode(), key=salt, digest_size=12).hexdigest()

    def many(values: pl.Series) -> pl.Series:
        distinct = values.cast(pl.String).drop_nulls().unique()
        table = pl.DataFrame({"v": distinct, "h": [one(v) for v in distinct]}, schema={"v": pl.String, "h": pl.String})
        found = pl.DataFrame({"v": values.cast(pl.String)}).join(table, on="v", how="left", maintain_order="left")
        return found.get_column("h").alias(values.name)

    return many
