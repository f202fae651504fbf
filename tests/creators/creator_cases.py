"""Small workspaces for the tests of this room, and a check that no figure is NaN or infinite."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def all_finite(frame: pl.DataFrame) -> bool:
    """No NaN and no infinity in any float column, structs included (nulls are allowed)."""
    structs = [c for c, t in frame.schema.items() if isinstance(t, pl.Struct)]
    flat = frame.drop(structs)
    floats = [c for c, t in flat.schema.items() if t == pl.Float64]
    inner = all(all_finite(frame.get_column(c).struct.unnest()) for c in structs)
    return inner and all(flat.get_column(c).is_finite().fill_null(True).all() for c in floats)


def creator(creator_id: str, **more: Any) -> dict[str, Any]:
    platform, native = creator_id.split(":")
    return {"creator_id": creator_id, "platform": platform, "native_id": native, "first_seen_at": NOW, **more}


def frames(**rows: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    return {k: pl.DataFrame(v, infer_schema_length=None) for k, v in rows.items() if v}


def posted(
    creator_id: str, log_views: np.ndarray, *, first: int = 0, every_days: float = 2.0, form: str = "short_video",
    likes: bool = True, columns: list[dict[str, Any]] | None = None,
    ends_days: float = 31.0,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:  # fmt: skip
    """Posts (one every so many days, the last `ends_days` before NOW) and a snapshot of each at the age of 30 days."""
    platform = creator_id.split(":", maxsplit=1)[0]
    posts, snapshots = [], []
    n = len(log_views)
    for k, y in enumerate(log_views):
        pid = f"{creator_id}_{first + k}"
        born = NOW - dt.timedelta(days=ends_days + every_days * (n - 1 - k))
        more = columns[k] if columns else {}
        posts.append(
            {"post_id": pid, "creator_id": creator_id, "platform": platform, "format": form, "published_at": born}
            | more
        )
        views = int(np.exp(y))
        seen = {"post_id": pid, "observed_at": born + dt.timedelta(days=30), "views": views}
        snapshots.append(seen | ({"likes": views // 25, "comments": views // 300} if likes else {}))
    return posts, snapshots
