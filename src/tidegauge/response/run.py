"""From a workspace to a read response: history, fit, look back, figures; the posterior kept for the split."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from tidegauge.response.backtest import backtest
from tidegauge.response.fit import Progress, fit
from tidegauge.response.history import History
from tidegauge.response.history_tables import history
from tidegauge.response.posterior import Form, Posterior, load_posterior, save_posterior
from tidegauge.response.reading import Response, read_response
from tidegauge.workspace.tables import Tables

#: Where fitted responses lie inside a workspace directory.
FOLDER = "response"


def respond(
    tables: Tables,
    *,
    brand: str | None = None,
    metric: str = "sales",
    freq: Literal["D", "W"] | None = None,
    form: Form | None = None,
    value_per_unit: float = 1.0,
    known: dict[str, tuple[float, float]] | None = None,
    folds: int = 0,
    draws: int = 1000,
    chains: int = 4,
    seed: int = 1,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> Response:
    """What a brand's placements did.

    Parameters
    ----------
    tables : the workspace. brand, metric, freq, value_per_unit : see `history_tables.history`.
    form : curves and options. known : stream → (low, high) of a known short ROI. folds : origins to look back from.
    keep : workspace directory; the posterior is saved there for the budget split.

    Raises
    ------
    MeasureError : no outcome, no spend, too short. UsageError : the extra `response` is not installed.
    """
    form = form or Form()
    read = history(tables, brand=brand, metric=metric, freq=freq, value_per_unit=value_per_unit, regional=form.regional)
    found = respond_to(read, form, known=known, folds=folds, draws=draws, chains=chains, seed=seed, progress=progress)
    if keep is not None:
        save_posterior(found.posterior, posterior_path(keep, read.brand, read.metric))
    return found


def respond_to(
    read: History,
    form: Form | None = None,
    *,
    known: dict[str, tuple[float, float]] | None = None,
    folds: int = 0,
    draws: int = 1000,
    chains: int = 4,
    seed: int = 1,
    progress: Progress | None = None,
) -> Response:
    """The same for a history that is already at hand."""

    def part(first: float, last: float) -> Progress | None:
        if progress is None:
            return None
        told = progress
        return lambda done, what: told(first + (last - first) * done, what)

    main = 0.9 if not folds else 0.55
    posterior = fit(read, form, known=known, draws=draws, chains=chains, seed=seed, progress=part(0.0, main))
    looked_back = backtest(read, form, folds=folds, seed=seed, progress=part(main, 0.95)) if folds else None
    return read_response(posterior, seed=seed, looked_back=looked_back)


def posterior_path(workspace: Path, brand: str, metric: str) -> Path:
    """The file of a kept posterior; a brand's name may hold any character, a file's may not."""
    safe = re.sub(r"[^\w.-]+", "-", f"{brand}-{metric}").strip(".-") or "response"
    return workspace / FOLDER / f"{safe}.npz"


def kept_posterior(workspace: Path, brand: str, metric: str = "sales") -> Posterior:
    """The posterior that `respond` kept; WorkspaceError where there is none."""
    return load_posterior(posterior_path(workspace, brand, metric))
