"""What stands between the network and the page: which hosts, who may ask, how much may be sent, what a browser may do.

Threats and answers: DNS rebinding → the Host header must be ours; another site's form → Origin and Sec-Fetch-Site are
checked here and every form carries a token (`forms.py`); scripts smuggled in data → templates escape, and the policy
allows no inline script or style; a wider network → a token, kept in a cookie that no script can read.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import socket
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "tidegauge"
#: Bytes that a form may hold, and an upload.
FORM_LIMIT, UPLOAD_LIMIT = 1 << 20, 512 << 20
UPLOAD_PATH = "/data/upload"
#: Pages need nothing from elsewhere: own styles, own script, own fetches, own forms.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: The address of a page goes to no other site; to our own it must, or a browser's forms would carry no origin.
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True)
class Rules:
    """`hosts`: names under which the page may be asked for (without port). `token`: None on loopback."""

    hosts: frozenset[str]
    token: str | None = None


def is_loopback(host: str) -> bool:
    """
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def known_hosts(host: str) -> frozenset[str]:
    """The names that lead to a server bound to `host`; on loopback only loopback's own."""
    own = {"localhost", "127.0.0.1", "::1", host.lower()}
    if not is_loopback(host):
        name = socket.gethostname().lower()
        own |= {name, socket.getfqdn().lower()}
        with contextlib.suppress(OSError):
            own |= {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    return frozenset(own - {"0.0.0.0", "::", ""})


class Guard:
    """ASGI middleware that applies the rules to every request and the headers to every answer."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no websockets here

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                held = {name.lower() for name, _ in message["headers"]}
                more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in held]
                cached = [] if b"cache-control" in held else [(b"cache-control", b"no-store")]
                message = {**message, "headers": [*message["headers"], *more, *cached]}
            await send(message)

        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        refused = self._refused(scope, headers)
        if refused is not None:
            await _answer(guarded, *refused)
            return
        if self.rules.token is not None and not self._has_cookie(headers):
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if scope["method"] == "GET" and hmac.compare_digest(given.encode(), self.rules.token.encode()):
                await _enter(guarded, scope, self.rules.token)
            else:
                await _answer(
                    guarded, 401, "This page needs the address with the token that `tidegauge serve` printed."
                )
            return
        limit = UPLOAD_LIMIT if scope["path"] == UPLOAD_PATH else FORM_LIMIT
        await self.app(scope, _limited(receive, limit), guarded)

    def _refused(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = _host_name(headers.get("host", ""))
        if host not in self.rules.hosts:
            return 421, "This host name is not one of this page's own."
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "Only GET and POST."
        if scope["method"] == "POST":
            if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                return 403, "Forms are taken from this page only."
            origin = headers.get("origin")
            if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
                return 403, "Forms are taken from this page only."
        size = headers.get("content-length", "0")
        limit = UPLOAD_LIMIT if scope["path"] == UPLOAD_PATH else FORM_LIMIT
        if not size.isdigit() or int(size) > limit:
            return 413, f"At most {limit >> 20} MB may be sent here. 这里最多可上传 {limit >> 20} MB。"
        return None

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        try:
            held = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        token = self.rules.token or ""
        return held is not None and hmac.compare_digest(held.value.encode(), token.encode())


def _host_name(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


class TooLargeError(Exception):
    """A body without a stated length went over its limit."""


def _limited(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise TooLargeError
        return message

    return counted


async def _answer(send: Send, status: int, text: str) -> None:
    body = text.encode()
    head = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def _enter(send: Send, scope: Scope, token: str) -> None:
    """Turn the token of the address into a cookie and lead to the same page without it."""
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query.pop("token", None)
    # A path of two slashes would lead to another host.
    path = "/" + scope["path"].lstrip("/\\")
    target = path + (f"?{urlencode(query, doseq=True)}" if query else "")
    head = [
        (b"location", target.encode("ascii", "ignore")),
        (b"set-cookie", f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict".encode()),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 303, "headers": head})
    await send({"type": "http.response.body", "body": b""})
