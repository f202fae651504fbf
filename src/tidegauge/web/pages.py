"""From a view to an answer: language and look of the reader, templates, forms with their token."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tidegauge.errors import TidegaugeError
from tidegauge.report import cells
from tidegauge.report.figures import bound_percent, clean, compact, day, in_unit, interval, money, percent, plain
from tidegauge.report.words import CURRENCIES, reads
from tidegauge.result import Text
from tidegauge.vocab import Lang
from tidegauge.web.site import Site
from tidegauge.web.words import VIEWS, said

#: A view answers a GET; an action answers a POST and also gets the checked form.
View = Callable[[Site, Request], Response]
Action = Callable[[Site, Request, FormData], Response]
LOOKS = ("auto", "light", "dark")
_YEAR_S = 365 * 86_400


class NotFoundError(TidegaugeError):
    """There is no such page, plan, job or creator."""


class FormError(TidegaugeError):
    """A form without this page's token: from another site, or from before the server was started anew."""


def language_of(site: Site, request: Request) -> Lang:
    """The language asked for, else that of the last visit, else the workspace's."""
    asked = request.query_params.get("lang") or request.cookies.get("lang") or site.settings.language
    return "en" if asked == "en" else "zh"


def look_of(request: Request) -> str:
    asked = request.query_params.get("look") or request.cookies.get("look") or "auto"
    return asked if asked in LOOKS else "auto"


def render(site: Site, request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page (or a part of one) in the reader's language."""
    lang = language_of(site, request)
    shared = {
        "lang": lang,
        "look": look_of(request),
        "t": lambda key, **values: said(key, lang, **values),
        "site_name": site.path.resolve().name,
        "csrf": site.csrf,
        "path": request.url.path,
        "query": list(request.query_params.multi_items()),
        "views": VIEWS,
        "currency": site.settings.currency,
        **helpers(lang),
    }
    if "snapshot" not in context:
        context["snapshot"] = site.snapshot()
    answer = HTMLResponse(environment().get_template(template).render({**shared, **context}), status_code=status)
    answer.headers["x-tidegauge-snapshot"] = str(context["snapshot"])
    for name in ("lang", "look"):
        if name in request.query_params:
            answer.set_cookie(name, shared[name], max_age=_YEAR_S, samesite="strict", httponly=True)
    return answer


def part_asked(request: Request) -> bool:
    """Whether the page's script asks for the changing part alone."""
    return "x-part" in request.headers


def see(target: str) -> RedirectResponse:
    """After a form: show another page of ours."""
    return RedirectResponse(target, status_code=303)


def checked(site: Site, form: FormData) -> FormData:
    """The form, if it carries this server's token. Raises FormError."""
    given = form.get("csrf")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), site.csrf.encode()):
        raise FormError(
            "this form is not from this page, or the server was started anew",
            mend="load the page again and repeat 请刷新页面后重试",
        )
    return form


def number(text: object) -> float | None:
    """A number that a person typed ("1.5万", "20k"), None where it is none."""
    from tidegauge.plan.briefs.values import money as read

    try:
        found = read(str(text).strip()) if str(text or "").strip() else None
    except Exception:
        return None
    return float(found) if isinstance(found, int | float) else None


@cache
def environment() -> Environment:
    """The templates; every value is escaped, an unknown name is an error."""
    made = Environment(
        loader=PackageLoader("tidegauge.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters["clean"] = clean
    return made


def helpers(lang: Lang) -> dict[str, Any]:
    """What templates may call: figures, words and links in one language."""

    def figure(row: dict[str, Any], key: str, unit: str = "") -> Markup:
        """Value over interval, from the columns key, key_low, key_high."""
        return small(in_unit(row.get(key), row.get(f"{key}_low"), row.get(f"{key}_high"), unit, lang))

    def small(text: str) -> Markup:
        value, bracket, rest = text.partition(" [")
        return Markup("{} <small>[{}</small>").format(value, rest) if bracket else Markup("{}").format(value)

    def both(text: Text | dict[str, str]) -> str:
        return clean(text[lang])

    def link(path: str, **values: Any) -> str:
        kept = {k: v for k, v in values.items() if v not in (None, "", False)}
        return path + (f"?{urlencode(kept, doseq=True)}" if kept else "")

    return {
        "figure": figure,
        "small": small,
        "both": both,
        "link": link,
        "compact": lambda x: compact(x, lang),
        "interval": lambda v, lo, hi: interval(v, lo, hi, lang),
        "in_unit": lambda v, lo, hi, unit: in_unit(v, lo, hi, unit, lang),
        "percent": percent,
        "bound_percent": bound_percent,
        "money": lambda x, c: money(x, c, lang),
        "plain": plain,
        "day": day,
        "word": lambda w: reads(str(w), lang) if w else "–",
        "currency_word": lambda c: CURRENCIES.get(c, c) if lang == "zh" else c,
        "cell": lambda column, row: cells.cell(column, row, lang),
        "heading": lambda column, c: cells.heading(column, c, lang),
        "marked": cells.marked,
        "sort_key": cells.sort_key,
        "safe": Markup,
    }
