"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

WorkspaceOption = Annotated[Path, typer.Option("-w", "--workspace", help="The workspace directory. 工作区目录")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
LangOption = Annotated[str | None, typer.Option("--lang", help="zh or en; default: the workspace's language.")]
AtOption = Annotated[int | None, typer.Option("--at", help="Compute as of this snapshot of the lake (see status).")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of everything that is drawn at random.")]
