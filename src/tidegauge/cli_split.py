"""The command that splits a budget over streams."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegauge.cli_options import AtOption, JsonOption, LangOption, SeedOption, WorkspaceOption
from tidegauge.console import emit, existing, language, stages


def split(
    brief: Annotated[Path, typer.Argument(help="The brief (TOML); its table named split says how.")],
    workspace: WorkspaceOption,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Directory for a report and the roster's rules.")
    ] = None,
    refit: Annotated[bool, typer.Option("--refit", help="Fit the response again, also where one is kept.")] = False,
    seed: SeedOption = 1,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Split a budget over streams, and between brand and sales, by what placements did; what to test next. 分配预算

    Example: tidegauge split examples/split.toml -w ws -o out
    """
    from tidegauge.report.looks import show_split

    ws = existing(workspace, at)
    with stages() as progress:
        made = ws.split(brief, refit=refit, seed=seed, progress=progress)
    document, shown = show_split(made, out, language(lang, ws))
    emit(document, as_json, lambda: shown)
