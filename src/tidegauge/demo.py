"""`tidegauge demo`: the whole way once, on a real creator panel and an artificial ecosystem, with nothing to set up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tidegauge as tg
from tidegauge.errors import WorkspaceError
from tidegauge.plan.result import Plan
from tidegauge.result import Result
from tidegauge.twin import write_twin
from tidegauge.vocab import Lang

Progress = Callable[[float, str], None]
_CREATORS, _DAYS = 3_000, 60


@dataclass(frozen=True)
class Headline:
    """One figure that the demo ends with: what it is (zh, en) and how it reads."""

    zh: str
    en: str
    figure: str


@dataclass(frozen=True)
class Demo:
    """Where the demo's files are, and its five headline figures."""

    workspace: str
    files: dict[str, str]
    headlines: tuple[Headline, ...]

    def as_dict(self) -> dict[str, Any]:
        lines = [{"zh": h.zh, "en": h.en, "figure": h.figure} for h in self.headlines]
        return {"workspace": self.workspace, "files": self.files, "headlines": lines}


def examples() -> Path:
    """The examples folder: inside an installed wheel, or beside the sources in a checkout."""
    here = Path(__file__).resolve()
    for place in (here.parent / "examples", here.parents[2] / "examples"):
        if (place / "brief.toml").exists():
            return place
    raise WorkspaceError("the examples are not installed", mend="install the wheel, or run from a checkout")


def run_demo(out: Path, *, lang: Lang = "zh", seed: int = 1, progress: Progress | None = None) -> Demo:
    """Build a workspace under `out`, fill it, measure it, plan the example brief, write both reports.

    Real: the weekly extract of a creator panel on YouTube and Twitch. Artificial: a twin with 3,000 creators on six
    Chinese platforms over 60 days. Running it again adds nothing to the workspace and writes the reports anew.
    """
    say = progress or (lambda _done, _what: None)
    sample = examples()
    out.mkdir(parents=True, exist_ok=True)
    say(0.02, "workspace 建立工作区")
    ws = tg.open(out / "ws")
    load_samples(ws, out / "twin", seed=seed, progress=lambda done, what: say(0.05 + 0.5 * done, what))
    say(0.55, "planning 规划")
    plan = ws.plan(sample / "brief.toml", out=out / "plan", lang=lang, seed=seed)
    say(0.75, "measuring 度量")
    tiers = ws.measure("tiers", by="platform")
    say(0.80, "report 报告")
    files = ws.report(out / "report", lang=lang)
    say(1.0, "done 完成")
    named = {f"plan {k}": v for k, v in plan.files.items()} | {f"report {k}": v for k, v in files.items()}
    return Demo(str(out / "ws"), named, headlines(plan, tiers))


def load_samples(ws: tg.Workspace, twin: Path, *, seed: int = 1, progress: Progress | None = None) -> None:
    """Bring the sample data into a workspace: the real panel's extract and an artificial ecosystem (into `twin`)."""
    say = progress or (lambda _done, _what: None)
    sample = examples()
    say(0.0, "real creator panel 真实达人面板")
    _ingest(ws, [sample / "data"], sample / "maps" / "demo.toml")
    if not (twin / "truth" / "meta.json").exists():
        say(0.1, "artificial ecosystem 人工生态")
        write_twin(twin, creators=_CREATORS, days=_DAYS, seed=seed)
    say(0.4, "reading collected files 导入采集文件")
    _ingest(ws, [twin], None)
    say(1.0, "done 完成")


def _ingest(ws: tg.Workspace, paths: list[Path], mapping: Path | None) -> None:
    report = ws.ingest(list(paths), mapping=mapping)
    for failed in report.failed:
        if failed.error is not None:
            raise failed.error


def headlines(plan: Plan, tiers: Result) -> tuple[Headline, ...]:
    """Reach, gap, cost per thousand, share of the plan's money in the mid tier; the real panel's mid-tier share."""
    per_thousand = plan.cost / plan.reach.value * 1000 if plan.reach.value > 0 else 0.0
    mid = plan.split.filter((plan.split["dimension"] == "tier") & (plan.split["bucket"] == "mid"))
    mid_share = float(mid["cost_share"].sum()) if mid.height else 0.0
    rows = tiers.rows.filter((tiers.rows["platform"] == "youtube") & (tiers.rows["tier"] == "mid"))
    rows = rows.filter(rows["quantity"] == "account_share")
    rows = rows.sort("at", descending=True)
    real = f"{rows['value'][0]:.1%} [{rows['low'][0]:.1%}, {rows['high'][0]:.1%}]" if rows.height else "–"
    r = plan.reach
    return (
        Headline(
            "触达人数（90% 区间）", "People reached (90 % interval)", f"{r.value:,.0f} [{r.low:,.0f}, {r.high:,.0f}]"
        ),
        Headline("距最优最多", "At most this far from the best roster", f"{plan.panel_gap:.1%}"),
        Headline("花费与预算", "Cost of budget", f"{plan.cost:,.0f} / {plan.budget:,.0f} {plan.currency}"),
        Headline("每千人成本", "Cost per thousand reached", f"{per_thousand:,.1f} {plan.currency}"),
        Headline(
            "腰部：方案花费占比；真实面板 YouTube 账号占比",
            "Mid tier: share of the plan's money; share of the real panel's YouTube accounts",
            f"{mid_share:.1%}; {real}",
        ),
    )
