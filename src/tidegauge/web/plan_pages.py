"""Plan: write or upload a brief, run it, read the roster with its evidence, change a constraint, compare, download."""

from __future__ import annotations

import tomllib
from typing import Any

from markupsafe import Markup
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from tidegauge.demo import examples
from tidegauge.errors import BriefError
from tidegauge.vocab import Lang, Platform, Tier, platform
from tidegauge.web.brief_form import BOUNDS, DIMENSIONS, document_of, fields_of, toml_text
from tidegauge.web.pages import NotFoundError, language_of, render, see
from tidegauge.web.plan_diff import difference
from tidegauge.web.plan_store import FILES, Stored, find_plan, start_plan, stored
from tidegauge.web.shortlist import shortlisted
from tidegauge.web.site import Site
from tidegauge.web.words import said

_MOST_BRIEF_BYTES = 200_000


def page(site: Site, request: Request) -> Response:
    """All plans, newest first, and those being made."""
    running = [j for j in site.jobs.recent() if j.kind == "plan" and not j.over]
    return render(site, request, "plans.html", view="plans", plans=stored(site), running=running)


def new(site: Site, request: Request) -> Response:
    """The form: empty, from the example, from a plan, or with the shortlist as must-haves."""
    parent = request.query_params.get("from", "")
    plan = find_plan(site, parent)
    document: dict[str, Any] = {"currency": site.settings.currency, "budget": "30万", "goal": {"kind": "reach"}}
    if plan is not None:
        document = tomllib.loads(plan.brief_text())
    elif request.query_params.get("example") == "1":
        document = tomllib.loads((examples() / "brief.toml").read_text(encoding="utf-8"))
    if request.query_params.get("shortlist") == "1":
        document["must_include"] = list(shortlisted(site))
    return _form(site, request, document, parent=plan.id if plan else "")


def make(site: Site, request: Request, form: FormData) -> Response:
    """Start a plan from the form, or load an uploaded brief into it; errors name their lines."""
    parent = str(form.get("parent") or "")
    if form.get("do") == "load":
        try:
            return _form(site, request, _uploaded(form), parent="")
        except BriefError as e:
            return _form(site, request, {"budget": "30万"}, parent="", error=e, status=422)
    try:
        document = document_of(form)
    except BriefError as e:
        return _form(site, request, {}, parent=parent, error=e, status=422, given=form)
    text = toml_text(document)
    try:
        known = find_plan(site, parent)
        job = start_plan(site, text, parent=known.id if known else "", lang=language_of(site, request))
    except BriefError as e:
        return _form(site, request, document, parent=parent, error=e, text=text, status=422)
    return see(f"/jobs/{job.id}")


def one(site: Site, request: Request) -> Response:
    """A plan: its evidence as the report tells it, the map of overlap, the difference to its parent."""
    plan, lang = _plan(site, request.path_params["plan"]), language_of(site, request)
    parent = find_plan(site, plan.parent) if plan.parent else None
    others = [p for p in stored(site) if p.id != plan.id][:30]
    return render(
        site, request, "plan.html", view="plans", plan=plan, body=Markup(plan.part("page", lang)),
        map=Markup(plan.part("map", lang)), files=FILES, others=others, parent=parent,
        diff=difference(parent.data, plan.data, lang) if parent else None,
    )  # fmt: skip


def compare(site: Site, request: Request) -> Response:
    """Any two plans."""
    a, b = (_plan(site, request.query_params.get(k, "")) for k in ("a", "b"))
    diff = difference(a.data, b.data, language_of(site, request))
    return render(site, request, "plan_compare.html", view="plans", a=a, b=b, diff=diff)


def download(site: Site, request: Request) -> Response:
    """One of a plan's files."""
    plan, file = _plan(site, request.path_params["plan"]), request.path_params["file"]
    if file not in FILES or not (plan.folder / file).is_file():
        raise NotFoundError("file")
    # Never shown within our own address: a report has a policy of its own.
    return FileResponse(plan.folder / file, media_type=FILES[file], filename=f"tidegauge-{plan.id}-{file}")


def _plan(site: Site, plan_id: str) -> Stored:
    plan = find_plan(site, plan_id)
    if plan is None:
        raise NotFoundError("plan", mend="see the list of plans")
    return plan


def _uploaded(form: FormData) -> dict[str, Any]:
    file = form.get("file")
    raw = file.file.read(_MOST_BRIEF_BYTES + 1) if isinstance(file, UploadFile) else b""
    if not raw:
        raise BriefError("no file was chosen, or it is empty", mend="choose a TOML file")
    if len(raw) > _MOST_BRIEF_BYTES:
        raise BriefError("this file is too long for a brief", mend="choose a TOML file of less than 200 kB")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return tomllib.loads(raw.decode(encoding).replace("\r\n", "\n"))
        except UnicodeDecodeError:
            continue
        except tomllib.TOMLDecodeError as e:
            raise BriefError(f"not valid TOML: {e}", mend="correct that line; the example shows the layout") from None
    raise BriefError("the text is neither UTF-8 nor GB18030", mend="save it as UTF-8")


def _form(
    site: Site, request: Request, document: dict[str, Any], *, parent: str, error: BriefError | None = None,
    text: str = "", status: int = 200, given: FormData | None = None,
) -> Response:  # fmt: skip
    lang: Lang = language_of(site, request)
    fields = fields_of(document)
    if given is not None:
        # The further settings are no TOML: show them as they were typed.
        fields |= {
            k: str(v) for k, v in given.items() if k in fields and k not in ("rules", "platforms_word", "tiers_word")
        }
        fields["rest"] = str(given.get("rest") or "")
    # Chosen platforms that are written as people write them ("B站") become the words of the boxes.
    fields["platforms_word"] = [p.value if (p := platform(w)) else w for w in fields["platforms_word"]]
    fields["others_platforms"] = [w for w in fields["platforms_word"] if w not in set(Platform)]
    told = {"message": error.message, "mend": error.mend, "where": error.where} if error else None
    return render(
        site, request, "brief.html", status=status, view="plans", f=fields, parent=parent, error=told,
        numbered=list(enumerate(text.splitlines(), 1)) if text else [], platforms=list(Platform), tiers=list(Tier),
        dimensions=DIMENSIONS, bounds=BOUNDS, title=said("brief_title", lang),
    )  # fmt: skip
