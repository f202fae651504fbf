"""The page as an ASGI application: every route in one table, every POST behind the form's token."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidegauge.errors import TidegaugeError
from tidegauge.web import (
    creator_pages,
    data_pages,
    first_run,
    job_pages,
    method_pages,
    plan_pages,
    platform_pages,
    response_pages,
    shortlist,
    tide,
    uploads,
    verify_pages,
)
from tidegauge.web.guard import Guard, Rules, TooLargeError
from tidegauge.web.pages import Action, FormError, NotFoundError, View, checked, language_of, render
from tidegauge.web.site import Site
from tidegauge.web.words import said

_LOG = logging.getLogger("tidegauge.web")

VIEWS: dict[str, View] = {
    "/": tide.page,
    "/tide/{trend}": tide.trend_part,
    "/measures": method_pages.measures_page,
    "/measures/{name}": method_pages.measure_page,
    "/measures/{name}/part": method_pages.measure_part,
    "/measures/{name}/rows.{form}": method_pages.measure_rows,
    "/methods/{name}": method_pages.method,
    "/platforms": platform_pages.page,
    "/platforms/profile": platform_pages.profile_part,
    "/platforms/opportunity": platform_pages.opportunity_part,
    "/creators": creator_pages.page,
    "/creators/export.{form}": creator_pages.export,
    "/creators/compare": creator_pages.compare,
    "/creators/one": creator_pages.one,
    "/creators/one/audience": creator_pages.audience_part,
    "/plans": plan_pages.page,
    "/plans/new": plan_pages.new,
    "/plans/compare": plan_pages.compare,
    "/plans/{plan}": plan_pages.one,
    "/plans/{plan}/files/{file}": plan_pages.download,
    "/jobs/{job}": job_pages.page,
    "/response": response_pages.page,
    "/response/split": response_pages.split_part,
    "/verify": verify_pages.page,
    "/verify/{plan}": verify_pages.one,
    "/data": data_pages.page,
    "/data/rows/{table}": data_pages.rows,
    "/data/ingests/{ingest}": data_pages.ingest,
    "/start": first_run.page,
}
ACTIONS: dict[str, Action] = {
    "/plans/new": plan_pages.make,
    "/creators/shortlist": shortlist.change,
    "/data/upload": uploads.take,
    "/response/fit": response_pages.start_fit,
    "/start/demo": first_run.make_demo,
}
_ASSETS = {
    "page.css": ("tidegauge.report", "text/css"),
    "tip.js": ("tidegauge.report", "text/javascript"),
    "web.css": ("tidegauge.web", "text/css"),
    "web.js": ("tidegauge.web", "text/javascript"),
    "mark.svg": ("tidegauge.web", "image/svg+xml"),
}


def create_app(site: Site, rules: Rules) -> Starlette:
    """The application for one workspace. Views run in threads; the event loop only passes bytes."""

    def viewed(view: View) -> Any:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(_calm, site, request, lambda: view(site, request))

        return endpoint

    def acted(action: Action) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                async with request.form(max_files=20, max_fields=400, max_part_size=1 << 20) as form:
                    return await run_in_threadpool(
                        _calm, site, request, lambda: action(site, request, checked(site, form))
                    )
            except TooLargeError:
                return Response("too large", status_code=413)

        return endpoint

    async def failed(request: Request, error: Exception) -> Response:
        # Unknown addresses and bad forms; what a view raises is answered in `_calm`.
        return await run_in_threadpool(_failed, site, request, error)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        site.close()

    actions = [Route(path, acted(a), methods=["POST"]) for path, a in ACTIONS.items()]
    views = [Route(path, viewed(v), methods=["GET"]) for path, v in VIEWS.items()]
    return Starlette(
        routes=[Route("/static/{name}", _asset, methods=["GET"]), *actions, *views],
        middleware=[Middleware(Guard, rules=rules)],
        exception_handlers={TidegaugeError: failed, HTTPException: failed},
        lifespan=lifespan,
    )


def _calm(site: Site, request: Request, work: Callable[[], Response]) -> Response:
    """The answer, or a page that says that something of ours broke (the log has the traceback, the page has not)."""
    try:
        return work()
    except (TidegaugeError, HTTPException) as e:
        return _failed(site, request, e)
    except Exception:
        mark = secrets.token_hex(4)
        _LOG.exception("error %s at %s", mark, request.url.path)
        lang = language_of(site, request)
        told = {"message": said("broken", lang, mark=mark), "mend": said("broken_mend", lang), "where": ""}
        return render(site, request, "error.html", status=500, error=told, view="", snapshot=0)


def _failed(site: Site, request: Request, error: Exception) -> Response:
    """An error in words, with its mend; never a traceback."""
    if isinstance(error, HTTPException):
        status = error.status_code
        told = {"message": str(error.detail), "mend": "", "where": ""}
    elif isinstance(error, TidegaugeError):
        status = 404 if isinstance(error, NotFoundError) else 403 if isinstance(error, FormError) else 400
        told = {"message": error.message, "mend": error.mend, "where": error.where}
    else:
        raise error
    if language_of(site, request) == "zh" and status == 404:
        told["message"] = f"没有这个页面：{told['message']}"
    return render(site, request, "error.html", status=status, error=told, view="")


async def _asset(request: Request) -> Response:
    found = _ASSETS.get(request.path_params["name"])
    if found is None:
        return Response("not found", status_code=404)
    body = resources.files(found[0]).joinpath("assets", request.path_params["name"]).read_bytes()
    return Response(body, media_type=found[1], headers={"cache-control": "no-cache"})
