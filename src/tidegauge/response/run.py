"""From a workspace to a read response: history, fit, look back, figures; the posterior kept for the split."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np

from tidegauge.errors import TidegaugeError
from tidegauge.response.backtest import backtest
from tidegauge.response.fit import Progress, fit
from tidegauge.response.history import History
from tidegauge.response.history_tables import history
from tidegauge.response.posterior import Form, Posterior, load_posterior, save_posterior
from tidegauge.response.reading import Response, read_response
from tidegauge.workspace.tables import Tables

#: Where fitted responses lie inside a workspace directory.
FOLDER = "response"
_FREQUENCIES: dict[float, Literal["D", "W"]] = {1: "D", 7: "W"}


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


def kept_responses(workspace: Path, tables: Tables) -> tuple[tuple[Response, ...], dict[str, str]]:
    """Kept fits of the very data that the workspace holds now, read anew; and for the others why they do not count.

    The reasons go by "response" and the file's name.
    """
    found, stale = [], {}
    for path in sorted((workspace / FOLDER).glob("*.npz")):
        try:
            posterior = load_posterior(path)
            h = posterior.history
            now = history(
                tables, brand=h.brand, metric=h.metric, freq=_FREQUENCIES.get(h.period_days),
                value_per_unit=h.value_per_unit, regional=posterior.form.regional,
            )  # fmt: skip
        except TidegaugeError as e:
            stale[f"response {path.stem}"] = str(e)
            continue
        if same_data(h, now):
            found.append(read_response(posterior, seed=int(posterior.sampling["seed"])))
        else:
            stale[f"response {path.stem}"] = "the data have changed since it was fitted: tidegauge respond"
    return tuple(found), stale


def same_data(a: History, b: History) -> bool:
    """Whether two histories hold the same spend, outcomes, brand series and controls over the same periods."""
    series = ({**h.brand_series, **{f"control:{k}": v for k, v in h.controls.items()}} for h in (a, b))
    mine, theirs = series
    return (
        (a.streams, a.geos) == (b.streams, b.geos)
        and np.array_equal(a.dates, b.dates)
        and np.array_equal(a.spend, b.spend)
        and np.array_equal(a.outcome, b.outcome, equal_nan=True)
        and mine.keys() == theirs.keys()
        and all(np.array_equal(v, theirs[k], equal_nan=True) for k, v in mine.items())
    )
