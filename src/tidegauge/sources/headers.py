"""Header rows of sheets and CSV files, which need not come first and need not be unique."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"^[-+¥￥$€£]?\s*[\d.,，]+\s*[%万亿wkWK+]*$")
_LOOK_AT = 15


def guess_header(rows: Sequence[Sequence[str]]) -> int:
    """The index of the header among the first rows: the first of those with the most words in them.

    The first row is left only for a clearly wider one, so a table without titles above it keeps its own first row.
    """

    def words(row: Sequence[str]) -> int:
        return len({c.strip() for c in row if c.strip() and not _NUMBER.match(c.strip())})

    scores = [words(r) for r in rows[:_LOOK_AT]]
    if not scores:
        return 0
    first = next((i for i, r in enumerate(rows[:_LOOK_AT]) if any(c.strip() for c in r)), 0)
    best = max(range(len(scores)), key=lambda i: (scores[i], -i))
    width = max(len([c for c in r if c.strip()]) for r in rows[:_LOOK_AT])
    filled = len([c for c in rows[first] if c.strip()])
    return best if filled <= max(2, width // 2) and scores[best] > scores[first] and width > 2 else first


def unique_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Column names without blanks around, numbered where they repeat, made up where they are missing."""
    seen: dict[str, int] = {}
    names = []
    for i, cell in enumerate(cells, 1):
        name = re.sub(r"\s+", " ", cell.replace("\ufeff", "")).strip() or f"column {i}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(names)
