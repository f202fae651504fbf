"""Plans of a workspace: a folder each with brief, data, reports and page parts; made in another process."""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegauge.api import Workspace
from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import parse_brief
from tidegauge.report import write_plan
from tidegauge.report.registry import build
from tidegauge.report.tables import write_csv
from tidegauge.report.words import LANGUAGES
from tidegauge.result import Text
from tidegauge.web.blocks import sections_html
from tidegauge.web.cache import write_whole
from tidegauge.web.figures import Say
from tidegauge.web.jobs import Job
from tidegauge.web.overlap_map import overlap_svg
from tidegauge.web.site import Site

#: What may be downloaded from a plan's folder.
FILES = {
    "report.html": "text/html; charset=utf-8",
    "report.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "report.pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "picks.csv": "text/csv; charset=utf-8",
    "plan.json": "application/json",
    "brief.toml": "text/plain; charset=utf-8",
}
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
#: How the page's own parts are called in a plan's folder.
_PARTS = ("page", "map")


@dataclass(frozen=True)
class Stored:
    """A finished plan: its id, `Plan.as_dict()`, its brief as text, and the plan it was changed from."""

    id: str
    folder: Path
    data: dict[str, Any]
    parent: str
    #: Name and title (zh, en) of each section of its page.
    sections: tuple[tuple[str, Text], ...] = ()

    @property
    def title(self) -> str:
        brief = self.data.get("brief", {})
        named = " ".join(str(brief[k]) for k in ("brand", "campaign") if brief.get(k))
        return named or self.id

    @property
    def made(self) -> str:
        return f"{self.id[:4]}-{self.id[4:6]}-{self.id[6:8]} {self.id[9:11]}:{self.id[11:13]} UTC"

    def brief_text(self) -> str:
        return (self.folder / "brief.toml").read_text(encoding="utf-8")

    def part(self, name: str, lang: str) -> str:
        try:
            return (self.folder / f"{name}-{lang}.html").read_text(encoding="utf-8") if name in _PARTS else ""
        except FileNotFoundError:
            return ""


def stored(site: Site) -> list[Stored]:
    """All finished plans, newest first."""
    home = _home(site)
    names = sorted((p.name for p in home.iterdir() if _ID.fullmatch(p.name)), reverse=True) if home.is_dir() else []
    return [plan for name in names if (plan := find_plan(site, name)) is not None]


def find_plan(site: Site, plan_id: str) -> Stored | None:
    """The plan of an id; anything that is no id of ours finds nothing."""
    if not _ID.fullmatch(plan_id):
        return None
    folder = _home(site) / plan_id
    try:
        stat = (folder / "plan.json").stat()
    except OSError:
        return None
    return site.kept(("plan", plan_id, stat.st_mtime_ns), lambda: _load(folder))


def start_plan(site: Site, brief: str, *, parent: str = "", lang: str = "zh") -> Job:
    """Check a brief and plan it in the desk's process. Raises BriefError that names every wrong line."""
    checked_brief(site, brief)
    plan_id = f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    place = _home(site) / plan_id
    return site.jobs.submit(
        "plan", f"plan:{plan_id}", _make, str(site.path), site.snapshot(), str(place), brief, parent, lang, lane="desk"
    )


def checked_brief(site: Site, brief: str) -> None:
    """A brief that may run here: `[keep]` can name plans of this workspace only, since a brief comes from a browser."""
    parsed = parse_brief(brief, folder=_home(site))
    if parsed.keep is not None:
        plan_id, _, file = parsed.keep.plan.partition("/")
        if file != "plan.json" or find_plan(site, plan_id) is None:
            raise BriefError(
                "here [keep] takes plans of this workspace",
                mend='write plan = "20260901-120000-ab12/plan.json" with the id that the plan\'s address shows',
                where=parsed.where("keep", "plan"),
            )


def _home(site: Site) -> Path:
    return site.path / "plans"


def _load(folder: Path) -> Stored:
    data = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    sections = tuple((name, Text(zh, en)) for name, zh, en in about.get("sections", []))
    return Stored(folder.name, folder, data, str(about.get("parent", "")), sections)


def _make(say: Say, workspace: str, snapshot: int, place: str, brief: str, parent: str, lang: str) -> dict[str, Any]:
    home = Path(place)
    parsed = parse_brief(brief, source="brief.toml", folder=home.parent)
    plan = Workspace(Path(workspace), snapshot).plan(parsed, progress=lambda done, what: say(0.9 * done, what))
    say(0.9, "报告 report")

    def fill(folder: Path) -> None:
        sections = build({"plan": plan})
        (folder / "brief.toml").write_text(brief, encoding="utf-8")
        (folder / "plan.json").write_text(
            json.dumps(plan.as_dict(), ensure_ascii=False, default=str, allow_nan=False), encoding="utf-8"
        )
        (folder / "about.json").write_text(
            json.dumps(
                {"parent": parent, "sections": [[s.name, s.title.zh, s.title.en] for s in sections]}, ensure_ascii=False
            ),
            encoding="utf-8",
        )
        for tongue in LANGUAGES:
            (folder / f"page-{tongue}.html").write_text(sections_html(sections, tongue), encoding="utf-8")
            (folder / f"map-{tongue}.html").write_text(overlap_svg(plan.picks, tongue), encoding="utf-8")
        say(0.95, "报告 report")
        write_csv(plan.picks, folder / "picks.csv")
        write_plan(plan, folder, lang="en" if lang == "en" else "zh", name="report")

    write_whole(home, fill)
    return {"page": f"/plans/{home.name}", "plan": home.name}
