"""Looks back and ahead: a document for `--json`, a view for the terminal, and a report where one is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from tidegauge.plan.compare import Comparison
from tidegauge.plan.lookback.case_score import CaseScore
from tidegauge.plan.lookback.verify import Verification
from tidegauge.plan.split.limits import rules_toml
from tidegauge.plan.split.result import BudgetSplit, stream_limits, stream_worths
from tidegauge.report import write_look
from tidegauge.report.registry import Needs
from tidegauge.report.terminal import render_look
from tidegauge.response.reading import Response
from tidegauge.result import Provenance, Text
from tidegauge.vocab import Lang

Shown = tuple[dict[str, Any], RenderableType]


def show_verification(v: Verification, out: Path | None, lang: Lang) -> Shown:
    """The JSON document of a look back, and what the terminal shows; `out` is a directory for its report."""
    return _shown("verification", v, v.as_dict(), Text("投后核对", "After the flight"), _named(v.brand, v.campaign),
                  v.provenance, out, lang)  # fmt: skip


def show_case(c: CaseScore, out: Path | None, lang: Lang) -> Shown:
    """The same of a case score."""
    return _shown("case", c, c.as_dict(), Text("案例评分", "Case score"), _named(c.brand, c.campaign),
                  c.provenance, out, lang)  # fmt: skip


def show_response(r: Response, out: Path | None, lang: Lang) -> Shown:
    """The same of a fitted response."""
    return _shown("response", r, r.as_dict(), Text("投放效果", "Response"), _named(r.brand, r.metric),
                  r.provenance, out, lang)  # fmt: skip


def show_split(s: BudgetSplit, out: Path | None, lang: Lang) -> Shown:
    """The same of a budget split; beside its report go the rules for a roster's brief (rules.toml)."""
    kicker, title = Text("预算分配", "Budget split"), _named(s.brand, s.metric)
    document, shown = _shown("budget_split", s, s.as_dict(), kicker, title, s.provenance, out, lang)
    rules = stream_limits(s)
    if out is not None and rules:
        path = out / "rules.toml"
        path.write_text(rules_toml(rules, stream_worths(s)), encoding="utf-8")
        document["files"]["rules"] = str(path)
    return document, shown


def show_comparison(c: Comparison, out: Path | None, lang: Lang) -> Shown:
    """The same of briefs side by side; their plans' documents are kept beside the report."""
    title = Text(" / ".join(c.plans), " / ".join(c.plans))
    document, shown = _shown("comparison", c, c.as_dict(), Text("方案比较", "Plans compared"), title, c.provenance, out,
                             lang)  # fmt: skip
    if out is not None:
        file = Path(out) / "comparison.json"
        document["files"] = document["files"] | {"json": str(file)}
        file.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    return document, shown


def _named(*names: str) -> Text:
    told = [n for n in names if n]
    return Text("：".join(told) or "全部商单", ": ".join(told) or "All sponsored posts")


def _shown(
    kind: Needs, subject: object, document: dict[str, Any], kicker: Text, title: Text, provenance: Provenance,
    out: Path | None, lang: Lang,
) -> Shown:  # fmt: skip
    snapshot = "–" if provenance.snapshot is None else str(provenance.snapshot)
    meta = Text(f"数据快照 {snapshot}", f"snapshot {snapshot}")
    files = {} if out is None else write_look(kind, subject, kicker=kicker, title=title, meta=meta, out=out, lang=lang)
    return document | {"files": files}, render_look(kind, subject, lang, files)
