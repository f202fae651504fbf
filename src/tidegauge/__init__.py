"""Tidegauge 验潮: measure the movement, value the creators, plan the roster, prove the gap.

>>> import tidegauge as tg                                   # doctest: +SKIP
>>> ws = tg.open("ws"); ws.ingest("export/")                 # doctest: +SKIP
>>> print(ws.measure("displacement", by="platform").rows)    # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegauge.api import IngestReport, Workspace, init, open
    from tidegauge.errors import TidegaugeError
    from tidegauge.result import Provenance, Result
    from tidegauge.vocab import Format, Platform, Role, Stage, Tier

__version__ = "0.1.0"
_HOMES = {
    "tidegauge.api": ("IngestReport", "Workspace", "init", "open"),
    "tidegauge.errors": ("TidegaugeError",),
    "tidegauge.result": ("Provenance", "Result"),
    "tidegauge.vocab": ("Format", "Platform", "Role", "Stage", "Tier"),
}
__all__ = [
    "Format",
    "IngestReport",
    "Platform",
    "Provenance",
    "Result",
    "Role",
    "Stage",
    "TidegaugeError",
    "Tier",
    "Workspace",
    "__version__",
    "init",
    "open",
]


def __getattr__(name: str) -> Any:
    # The data libraries take a second to import; `tidegauge --help` should not wait for them.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'tidegauge' has no attribute '{name}'")
