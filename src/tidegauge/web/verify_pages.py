"""Verify: what a plan promised against what was delivered, as of the newest data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from tidegauge.api import Workspace
from tidegauge.web.figures import Answer, Say, answer
from tidegauge.web.looks import look_of, write_look
from tidegauge.web.pages import NotFoundError, language_of, part_asked, render
from tidegauge.web.plan_store import Stored, find_plan, stored
from tidegauge.web.site import Site


def page(site: Site, request: Request) -> Response:
    """The plans that can be verified, newest first."""
    return render(site, request, "verify.html", view="verify", plans=stored(site))


def one(site: Site, request: Request) -> Response:
    """One plan held against what the workspace knows of its flight."""
    plan = find_plan(site, request.path_params["plan"])
    if plan is None:
        raise NotFoundError("plan", mend="see the list of plans")
    snapshot = site.snapshot()
    found = verified(site, snapshot, plan, again=request.query_params.get("again") == "1")
    template = "verify_part.html" if part_asked(request) else "verify_one.html"
    return render(
        site, request, template, view="verify", snapshot=snapshot, plan=plan, found=found,
        body=Markup(look_of(found, language_of(site, request))), part=f"/verify/{plan.id}",
    )  # fmt: skip


def verified(site: Site, snapshot: int, plan: Stored, *, again: bool = False) -> Answer:
    """The verification of a plan for a snapshot, or the job that makes it."""
    return answer(site, snapshot, "verify", plan.id, _verify, str(plan.folder / "plan.json"), again=again)


def _verify(say: Say, workspace: str, snapshot: int, place: str, plan: str) -> dict[str, Any]:
    say(0.1, "verify 复核")
    write_look(Path(place), "verification", lambda: Workspace(Path(workspace), snapshot).verify(plan))
    return {}
