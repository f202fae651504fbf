"""Tidegauge 验潮: measure the movement, value the creators, plan the roster, prove the gap.

>>> import tidegauge as tg                                   # doctest: +SKIP
>>> ws = tg.open("ws"); ws.ingest("export/")                 # doctest: +SKIP
>>> print(ws.measure("displacement", by="platform").rows)    # doctest: +SKIP
"""

from tidegauge.api import IngestReport, Workspace, init, open
from tidegauge.errors import TidegaugeError
from tidegauge.result import Provenance, Result
from tidegauge.vocab import Format, Platform, Role, Stage, Tier

__version__ = "0.1.0"
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
