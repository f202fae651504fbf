"""The shortlist: creators that a person sets aside, kept in the workspace so that it outlives the browser."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from pathlib import Path

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from tidegauge.web.pages import see
from tidegauge.web.site import Site

MOST = 500
_LOCK = threading.Lock()


def shortlisted(site: Site) -> tuple[str, ...]:
    """Creator ids in the order in which they were added."""
    try:
        found = json.loads(_file(site).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return tuple(str(i) for i in found[:MOST]) if isinstance(found, list) else ()


def change(site: Site, _request: Request, form: FormData) -> Response:
    """Add or remove creators, or clear the list; then show the page that the form came from."""
    ids = [str(v)[:300] for v in form.getlist("id")][:MOST]
    with _LOCK:
        held = [] if form.get("do") == "clear" else list(shortlisted(site))
        if form.get("do") == "remove":
            held = [i for i in held if i not in ids]
        elif form.get("do") == "add":
            held = list(dict.fromkeys([*held, *ids]))[:MOST]
        _write(_file(site), held)
    return see(own_page(str(form.get("back") or "/creators")))


def own_page(target: str) -> str:
    """The target if it is a page of ours; anything that could lead elsewhere becomes the list.

    >>> own_page("/creators?q=a"), own_page("//evil.example"), own_page("https://evil.example")
    ('/creators?q=a', '/creators', '/creators')
    """
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain else "/creators"


def _file(site: Site) -> Path:
    return site.path / "shortlist.json"


def _write(file: Path, ids: list[str]) -> None:
    handle, fresh = tempfile.mkstemp(prefix=".shortlist-", dir=file.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(ids, out, ensure_ascii=False)
    Path(fresh).replace(file)
