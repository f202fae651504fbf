"""Response: what placements did, now and for years; where it is not fitted, what it takes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tidegauge.web.pages import render
from tidegauge.web.site import Site
from tidegauge.web.tide import counts


def page(site: Site, request: Request) -> Response:
    """What the workspace holds of spend and outcomes, and what is missing."""
    snapshot = site.snapshot()
    return render(site, request, "response.html", view="response", snapshot=snapshot, held=counts(site, snapshot))
