"""From a plan or a workspace to files: build the sections once, render them three times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import Head, Section
from tidegauge.report.content import WorkspaceReport, plan_title
from tidegauge.report.figures import clean, money
from tidegauge.report.html import made_at, page
from tidegauge.report.pptx import write_deck
from tidegauge.report.registry import Needs, build
from tidegauge.report.words import WORDS, goal_words
from tidegauge.report.xlsx import write_workbook
from tidegauge.result import Provenance, Text
from tidegauge.vocab import Lang


def write_plan_files(plan: Plan, out: Path, *, lang: Lang, name: str) -> dict[str, str]:
    """See `tidegauge.report.write_plan`."""
    return _write(build({"plan": plan}), plan_head(plan), out, lang=lang, name=name)


def write_workspace_files(content: WorkspaceReport, out: Path, *, lang: Lang, name: str) -> dict[str, str]:
    """See `tidegauge.report.write_workspace`."""
    sections = build({"plan": content.plan, "workspace": content, "response": content.responses})
    return _write(sections, workspace_head(content), out, lang=lang, name=name)


def write_look_files(
    kind: Needs, subject: object, kicker: Text, title: Text, meta: Text, out: Path, *, lang: Lang
) -> dict[str, str]:
    """See `tidegauge.report.write_look`."""
    product = WORDS["product"]
    head = Head(Text(f"{product.zh} · {kicker.zh}", f"{product.en} · {kicker.en}"), title, meta)
    return _write(build({kind: subject}), head, out, lang=lang, name=kind)


def plan_head(plan: Plan) -> Head:
    """The title lines of a plan's report: what it is, what it wants, the flight, the data it rests on."""
    c, goal = plan.currency, goal_words(plan.goal)[0]
    flight = plan.brief.get("flight") or {}
    days = " – ".join(clean(flight[k]) for k in ("start", "end") if isinstance(flight, dict) and flight.get(k))
    snapshot = "–" if plan.provenance.snapshot is None else str(plan.provenance.snapshot)
    at = made_at(plan.provenance.computed_at)
    zh = [f"目标 {goal.zh}", f"预算 {money(plan.budget, c, 'zh')}", days, f"数据快照 {snapshot}", f"生成于 {at}"]
    en = [
        f"goal: {goal.en.lower()}",
        f"budget {money(plan.budget, c, 'en')}",
        days,
        f"snapshot {snapshot}",
        f"made {at}",
    ]
    return Head(
        _kicker("plan_report"), plan_title(plan), Text(" · ".join(p for p in zh if p), " · ".join(p for p in en if p))
    )


def workspace_head(content: WorkspaceReport) -> Head:
    """The title lines of a workspace's report."""
    sources: list[Provenance] = [r.provenance for r in content.results.values()]
    snapshot = content.status.get("snapshot", sources[0].snapshot if sources else None)
    at = max((p.computed_at for p in sources), default=None)
    zh = [f"数据快照 {snapshot if snapshot is not None else '–'}", f"生成于 {made_at(at)}" if at else ""]
    en = [f"snapshot {snapshot if snapshot is not None else '–'}", f"made {made_at(at)}" if at else ""]
    meta = Text(" · ".join(p for p in zh if p), " · ".join(p for p in en if p))
    return Head(_kicker("workspace_report"), content.title, meta)


def _kicker(kind: str) -> Text:
    product, what = WORDS["product"], WORDS[kind]
    return Text(f"{product.zh} · {what.zh}", f"{product.en} · {what.en}")


def _write(sections: Sequence[Section], head: Head, out: Path, *, lang: Lang, name: str) -> dict[str, str]:
    out.mkdir(parents=True, exist_ok=True)
    # A brief's name may become the file's: no path leaves the directory.
    stem = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "report"
    files = {kind: out / f"{stem}.{kind}" for kind in ("html", "xlsx", "pptx")}
    files["html"].write_text(page(sections, head, lang=lang), encoding="utf-8")
    write_workbook(sections, head, files["xlsx"], lang=lang)
    write_deck(sections, head, files["pptx"], lang=lang)
    return {kind: str(path) for kind, path in files.items()}
