"""From a workspace and a brief to a split: the response that `respond` kept, or a new one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.split.budget import MOST_DRAWS, Progress, split_budget
from tidegauge.plan.split.result import BudgetSplit
from tidegauge.response.posterior import Posterior, load_posterior
from tidegauge.response.run import FOLDER, posterior_path, respond
from tidegauge.result import Text
from tidegauge.workspace.tables import Tables


def split_workspace(
    tables: Tables,
    workspace: Path,
    brief: Brief,
    *,
    refit: bool = False,
    seed: int = 1,
    most_draws: int = MOST_DRAWS,
    progress: Progress | None = None,
) -> BudgetSplit:
    """Split a brief's budget by the response of its brand.

    The response that `respond` kept in the workspace is used, and told where the data are newer than it; `refit`, or a
    workspace without one, fits it first (needs the extra `response`). Raises what `split_budget` and `respond` raise.
    """
    kept = None if refit else kept_response(workspace, brief)
    fitted = kept or _fit(tables, workspace, brief, seed, progress)
    made = split_budget(fitted, brief, seed=seed, most_draws=most_draws, progress=_part(progress, 0.0 if kept else 0.7))
    stale = _stale(fitted, tables)
    return replace(made, notes=(*made.notes, stale)) if stale else made


def kept_response(workspace: Path, brief: Brief) -> Posterior | None:
    """The kept response of the brief's brand; a brief without a brand takes the one that is there, where it is one."""
    if brief.brand:
        path = posterior_path(workspace, brief.brand, brief.split.metric)
        return load_posterior(path) if path.exists() else None
    there = sorted((workspace / FOLDER).glob(f"*-{brief.split.metric}.npz"))
    if len(there) > 1:
        raise BriefError(
            "several brands have a fitted response: " + ", ".join(p.stem for p in there),
            mend='name one: brand = "…"', where=brief.where("brand"),
        )  # fmt: skip
    return load_posterior(there[0]) if there else None


def _fit(tables: Tables, workspace: Path, brief: Brief, seed: int, progress: Progress | None) -> Posterior:
    told = progress
    inner = (lambda done, what: told(0.7 * done, what)) if told is not None else None
    read = respond(
        tables, brand=brief.brand or None, metric=brief.split.metric, seed=seed, keep=workspace, progress=inner
    )
    return read.posterior


def _part(progress: Progress | None, first: float) -> Progress | None:
    if progress is None:
        return None
    return lambda done, what: progress(first + (1.0 - first) * done, what)


def _stale(fitted: Posterior, tables: Tables) -> Text | None:
    made_on = fitted.history.provenance.snapshot if fitted.history.provenance else None
    if made_on is None or tables.snapshot is None or made_on == tables.snapshot:
        return None
    return Text(
        f"响应模型拟合于快照 {made_on}，数据现为 {tables.snapshot}：加 --refit 重新拟合。",
        f"The response was fitted on snapshot {made_on}, the data are at {tables.snapshot}: --refit fits it again.",
    )
