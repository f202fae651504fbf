"""`tidegauge serve`: the page on this machine, or wider with a token."""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable

from tidegauge.api import Workspace
from tidegauge.errors import UsageError


def serve(
    workspace: Workspace,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    open_browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page until it is interrupted.

    `host`: an address of this machine; anything but loopback asks every visitor for the token in the printed address.
    `port`: 0 takes a free one; where the default is taken, the next free one. `say` is told the address.
    Raises UsageError where the extra `web` is not installed or the address cannot be bound.
    """
    try:
        import uvicorn

        from tidegauge.web.app import create_app
        from tidegauge.web.guard import Rules, is_loopback, known_hosts
        from tidegauge.web.site import open_site
        from tidegauge.web.warm import warm
    except ImportError as e:
        raise UsageError(f"the page needs '{e.name}'", mend="pip install 'tidegauge[web]'") from None
    bound = _bind(host, port)
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{bound.getsockname()[1]}/" + (f"?token={token}" if token else "")
    site = open_site(workspace)
    app = create_app(site, Rules(known_hosts(host), token))
    threading.Thread(target=warm, args=(site,), name="tidegauge-warm", daemon=True).start()
    say(address)
    if token:
        say("Not encrypted: use it within a network you trust, or through an SSH tunnel. 未加密，请仅在可信网络使用。")
    if open_browser:
        threading.Timer(1.0, lambda: webbrowser.open(address)).start()
    logging.getLogger("tidegauge.web").setLevel(logging.INFO)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
    )
    with contextlib.closing(bound), contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[bound])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, port + 20) if port else (0,):
        made = socket.socket(family)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, candidate))
        except OSError as e:
            made.close()
            if e.errno != 98:  # the address is in use: try the next
                raise UsageError(
                    f"cannot listen on {host}: {e.strerror}", mend="name an address of this machine"
                ) from e
            continue
        return made
    raise UsageError(f"no free port from {port} on", mend="name another with --port")
