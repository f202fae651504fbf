"""Assistants: a read-only MCP server that answers from a workspace with figures, intervals and sources."""

from __future__ import annotations

from pathlib import Path

from tidegauge.errors import UsageError
from tidegauge.vocab import Lang


def serve_assistants(workspace: Path, *, at: int | None = None, lang: Lang = "zh") -> None:
    """Serve a workspace to an assistant over standard input and output until the assistant hangs up.

    `at` pins every answer to one snapshot of the lake; `lang` is the language of answers where a call names none.
    """
    try:
        from tidegauge.assistants.server import build_server
    except ModuleNotFoundError as e:
        if e.name is None or not e.name.startswith("mcp"):
            raise
        raise UsageError(
            "the assistants' server needs the MCP SDK", mend="install it: pip install 'tidegauge[mcp]'"
        ) from None
    build_server(workspace, at=at, lang=lang).run("stdio")


__all__ = ["serve_assistants"]
