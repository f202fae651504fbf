"""Every error Tidegauge raises on purpose. Each says what is wrong, where, and how to mend it."""

from __future__ import annotations


class TidegaugeError(Exception):
    """The one base. `mend` tells the reader what to do, `where` names the file, row or setting.

    >>> str(TidegaugeError("no column 'views'", mend="name it in the mapping file", where="a.csv, row 1"))
    "a.csv, row 1: no column 'views'. name it in the mapping file"
    """

    exit_code = 1

    def __init__(self, message: str, *, mend: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message, self.mend, self.where = message, mend, where

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        stop = "" if head.endswith((".", "?", "!")) else "."
        return f"{head}{stop} {self.mend}" if self.mend else head

    def as_dict(self) -> dict[str, dict[str, str]]:
        """The shape that `--json` prints."""
        kind = type(self).__name__
        return {"error": {"type": kind, "message": self.message, "mend": self.mend, "where": self.where}}


class WorkspaceError(TidegaugeError):
    """The workspace is missing, damaged, locked by another writer, or of another version."""


class SourceError(TidegaugeError):
    """A file cannot be read at all: unknown kind, wrong encoding, missing columns, empty."""


class MappingError(TidegaugeError):
    """A mapping file is wrong: unknown table or column, bad unit, bad time zone."""


class MeasureError(TidegaugeError):
    """A measure cannot be computed: unknown name, unknown segment column, too little data."""


class BriefError(TidegaugeError):
    """A brief is wrong; `where` names its line."""


class InfeasibleError(TidegaugeError):
    """No roster can satisfy the brief; `clash` names a minimal set of rows that cannot hold together."""

    def __init__(self, message: str, *, clash: tuple[str, ...] = (), mend: str = "", where: str = "") -> None:
        super().__init__(message, mend=mend, where=where)
        self.clash = clash


class UsageError(TidegaugeError):
    """The call itself is wrong (an unknown option value, a missing extra); exit code 2."""

    exit_code = 2
