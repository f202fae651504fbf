"""Reports from one register of sections: terminal, HTML, XLSX, PPTX, in zh and en."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tidegauge.vocab import Lang

if TYPE_CHECKING:
    from tidegauge.plan.result import Plan
    from tidegauge.report.content import WorkspaceReport
    from tidegauge.report.registry import Needs
    from tidegauge.result import Text


def write_plan(plan: Plan, out: Path, *, lang: Lang, name: str = "plan") -> dict[str, str]:
    """Write a plan as one offline page, a workbook and a deck; returns their paths by kind (html, xlsx, pptx).

    `out` is a directory and is made where missing; `lang` is the language of the workbook and the deck and the one
    in which the page opens (it holds both).
    """
    from tidegauge.report.writing import write_plan_files

    return write_plan_files(plan, Path(out), lang=lang, name=name)


def write_workspace(content: WorkspaceReport, out: Path, *, lang: Lang, name: str = "report") -> dict[str, str]:
    """Write a workspace's measurements (and its plan, where it has one) likewise."""
    from tidegauge.report.writing import write_workspace_files

    return write_workspace_files(content, Path(out), lang=lang, name=name)


def write_look(
    kind: Needs, subject: object, *, kicker: Text, title: Text, meta: Text, out: Path, lang: Lang
) -> dict[str, str]:
    """Write a look back ("verification", "case") or ahead ("budget_split") likewise; `subject` is what its sections
    are built from, the texts stand in the report's head."""
    from tidegauge.report.writing import write_look_files

    return write_look_files(kind, subject, kicker, title, meta, Path(out), lang=lang)


__all__ = ["write_look", "write_plan", "write_workspace"]
