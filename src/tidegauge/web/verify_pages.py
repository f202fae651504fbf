"""Verify: what a plan promised against what was delivered."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tidegauge.web.pages import render
from tidegauge.web.plan_store import stored
from tidegauge.web.site import Site


def page(site: Site, request: Request) -> Response:
    """The plans that can be verified."""
    return render(site, request, "verify.html", view="verify", plans=stored(site))
