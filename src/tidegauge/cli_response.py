"""The command that reads what placements did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegauge.cli_options import AtOption, JsonOption, LangOption, SeedOption, WorkspaceOption
from tidegauge.console import emit, existing, language, pairs, stages


def respond(
    workspace: WorkspaceOption,
    brand: Annotated[str | None, typer.Option("--brand", help="Needed where several brands have outcomes.")] = None,
    metric: Annotated[str, typer.Option("--metric", help="The outcome to explain.")] = "sales",
    freq: Annotated[str | None, typer.Option("--freq", help="D or W; default: the outcome's own.")] = None,
    adstock: Annotated[str, typer.Option("--adstock", help="geometric or delayed")] = "geometric",
    saturation: Annotated[str, typer.Option("--saturation", help="hill or logistic")] = "hill",
    no_brand: Annotated[bool, typer.Option("--no-brand", help="Leave the brand stock out.")] = False,
    drift: Annotated[bool, typer.Option("--drift", help="Let short effects change slowly over time.")] = False,
    national: Annotated[bool, typer.Option("--national", help="Add regions up.")] = False,
    backtest: Annotated[int, typer.Option("--backtest", help="Origins to look back from.", min=0)] = 0,
    roi: Annotated[
        list[str] | None, typer.Option("--roi", help="Known short ROI: stream=low:high, repeatable.")
    ] = None,
    value: Annotated[float, typer.Option("--value-per-unit", help="Money per unit of the outcome.")] = 1.0,
    draws: Annotated[int, typer.Option("--draws", help="Draws per chain.", min=50)] = 1000,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Directory for a report.")] = None,
    seed: SeedOption = 1,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """What placements did to sales, now and through the brand, with a verdict. 投放效果

    Example: tidegauge respond -w ws --backtest 3 -o out
    """
    from tidegauge.report.looks import show_response
    from tidegauge.response.options import known_roi, make_form

    ws = existing(workspace, at)
    form = make_form(adstock, saturation, brand=not no_brand, drift=drift, regional=not national)
    with stages() as progress:
        read = ws.respond(brand=brand, metric=metric, freq=freq, form=form, known=known_roi(pairs(roi, "--roi")),
                          folds=backtest, value_per_unit=value, draws=draws, seed=seed, progress=progress)  # fmt: skip
    document, shown = show_response(read, out, language(lang, ws))
    emit(document, as_json, lambda: shown)
