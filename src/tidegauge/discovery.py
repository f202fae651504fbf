"""How registers find their entries: importing a room imports each of its files, and a file's decorator registers it."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache


@cache
def import_files(package: str) -> None:
    """Import every module directly in a package, once per process."""
    room = importlib.import_module(package)
    for module in pkgutil.iter_modules(room.__path__):
        importlib.import_module(f"{package}.{module.name}")
