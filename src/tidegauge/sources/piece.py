"""What the record readers hand to the sources: raw records, not yet interpreted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tidegauge.schema import no_rejects

_RAW_LIMIT = 2_000


@dataclass(frozen=True)
class Piece:
    """A bounded run of records of one part (sheet, table; "" where the file has one) of a file.

    `frame` has the asked-for columns that exist, as text or in the type the container gives, and `_locator`, which says
    where a person finds the record. `rejects` (locator, reason, raw) are records that could not be read at all.
    """

    part: str
    frame: pl.DataFrame
    rejects: pl.DataFrame
    bytes_done: int

    @property
    def records(self) -> int:
        return self.frame.height + self.rejects.height


def rejects_of(rows: Sequence[tuple[str, str, str]]) -> pl.DataFrame:
    """Rejects from (locator, reason, raw) rows; raw is cut to a readable length."""
    if not rows:
        return no_rejects()
    return pl.DataFrame(
        {"locator": [r[0] for r in rows], "reason": [r[1] for r in rows], "raw": [r[2][:_RAW_LIMIT] for r in rows]},
        schema=no_rejects().schema,
    )
