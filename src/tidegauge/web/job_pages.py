"""Long work as a page: what is being done, how far it is, what came of it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tidegauge.web.pages import NotFoundError, part_asked, render, see
from tidegauge.web.site import Site


def page(site: Site, request: Request) -> Response:
    """A job; the page's script asks for its state alone and moves on to the result."""
    job = site.jobs.get(request.path_params["job"])
    if job is None:
        raise NotFoundError("this job is long past, or the server was started anew", mend="see the plans and the data")
    target = str(job.result.get("page", "")) if job.state == "done" else ""
    if request.headers.get("accept", "").startswith("application/json"):
        return JSONResponse({"state": job.state, "share": job.share, "stage": job.stage, "page": target})
    if target and "stay" not in request.query_params:
        return see(target)
    template = "job_state.html" if part_asked(request) else "job.html"
    return render(site, request, template, view="plans" if job.kind == "plan" else "data", job=job)
