"""Where the page keeps computed figures: one folder per (snapshot, question), written whole or not at all.

A snapshot of the lake never changes, so what was computed from it stays right; a change of the program itself starts
a new cache, since its figures might differ.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Snapshots whose figures are kept: the newest ones.
KEPT_SNAPSHOTS = 3


@dataclass(frozen=True)
class Cache:
    """A folder of outcomes. `root` is inside the workspace, or in the temporary directory of a read-only one."""

    root: Path

    def place(self, snapshot: int, kind: str, key: object = "") -> Path:
        """The folder of one outcome; `key` is hashed, so no text from a request becomes a path."""
        mark = hashlib.blake2b(json.dumps(key, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()
        return self.root / f"s{snapshot}" / f"{kind}-{mark}"

    def sweep(self, newest: int) -> None:
        """Drop what belongs to another version of the program or to snapshots long past."""
        for other in self.root.parent.glob("v*"):
            if other != self.root:
                shutil.rmtree(other, ignore_errors=True)
        for folder in self.root.glob("s*"):
            number = folder.name[1:]
            if number.isdigit() and int(number) <= newest - KEPT_SNAPSHOTS:
                shutil.rmtree(folder, ignore_errors=True)


def open_cache(workspace: Path) -> Cache:
    """The cache of a workspace for this version of the program."""
    root = workspace / "cache" / f"v{_version()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        return Cache(root)
    except OSError:
        return Cache(Path(tempfile.mkdtemp(prefix="tidegauge-cache-")) / f"v{_version()}")


def write_whole(place: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new folder, then put it in its place at once; a reader never sees half of it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    try:
        fill(fresh)
        with contextlib.suppress(OSError):  # another process may have put the same outcome there meanwhile
            fresh.rename(place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_about(place: Path) -> dict[str, Any] | None:
    """The outcome's `about.json`, or None where there is no such outcome yet."""
    try:
        found: dict[str, Any] = json.loads((place / "about.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def write_about(folder: Path, about: dict[str, Any]) -> None:
    text = json.dumps(about, ensure_ascii=False, default=str, allow_nan=False)
    (folder / "about.json").write_text(text, encoding="utf-8")


def _version() -> str:
    home = Path(__file__).resolve().parents[1]
    files = (p for p in home.rglob("*") if p.suffix in (".py", ".html", ".csv"))
    marks = sorted(f"{p.relative_to(home)}:{(s := p.stat()).st_size}:{s.st_mtime_ns}" for p in files)
    return hashlib.blake2b("\n".join(marks).encode(), digest_size=6).hexdigest()
