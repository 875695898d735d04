"""`outlast serve`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from ...framework.lazy import verb

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ...access import Access
    from ...core.principal import Principal
    from ...framework.caller import Caller
    from .guard import Guard

PORT: Final = 8642
FORMATS: Final = ("text", "json")
"""Of the log on stderr."""

MISSING: Final = "serve needs an extra that is not installed: pip install 'outlast[http]'"


@verb(
    "serve",
    here=True,
    epilog="""
    outlast serve
    outlast serve --port 0 --json
    outlast serve --unix /run/user/1000/outlast.sock
    """,
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True,
              help="The port; 0 is any that is free.")  # fmt: skip
@click.option("--unix", metavar="PATH", help="A socket in the file system, in their place.")
@click.option("--url", help="Where callers reach it, if not there: behind a proxy, say.")
@click.option("--allow-host", "allowed", metavar="NAME", multiple=True,
              help="A name by which it may be asked for, besides its address; may be repeated.")  # fmt: skip
@click.option("--forwarded-allow", metavar="ADDRESS,..",
              help="Proxies that are believed when they say who asks, and whether by TLS.")  # fmt: skip
@click.option("--log-format", type=click.Choice(FORMATS),
              help="Log each request to stderr; without it, only what is wrong is told there.")  # fmt: skip
def serve(
    caller: Caller,
    *,
    host: str,
    port: int,
    unix: str | None,
    url: str | None,
    allowed: tuple[str, ...],
    forwarded_allow: str | None,
    log_format: str | None,
) -> int:
    """
    Serve the jobs over HTTP, in the foreground, until SIGTERM or Ctrl-C. No job is touched by that.

    Whoever asks must show a token: that of the home is in its file `token`, and outlast token
    makes others. An address that other machines reach takes one of those. The first line on stdout
    says where it listens, once it does; on a terminal there is also a link that opens the page once.
    """
    import gc
    import importlib.util

    from ...errors import Unavailable

    if any(
        importlib.util.find_spec(each) is None
        for each in ("fastapi", "prometheus_client", "uvicorn")
    ):
        raise Unavailable(MISSING)
    from ...clock import SystemClock
    from ...engine.public import Address
    from ...home import Home, raise_limits
    from ...network import make_access, make_version
    from ...settings import ServersOwn
    from ...tracing import open_spans
    from ...wiring import make_hub
    from . import logs
    from .app import make_app
    from .guard import Guard
    from .listening import bind, bind_unix, is_exposed, names_of, url_of
    from .metrics import Metrics
    from .served import Served
    from .server import Server
    from .visits import Visits

    if log_format is not None:
        logs.begin(log_format)
    gc.enable()  # off for short commands; this is none
    inherited = ServersOwn()  # before our own limits are another
    raise_limits()
    version = make_version(caller.settings)
    access = make_access(caller.settings, version)
    access.check_address(None if unix else host)
    listening = bind_unix(unix) if unix else bind(host, port)
    there = url or url_of(listening)
    metrics = Metrics()
    address = Address(("outlast",), ("--server", there))
    service, hub = make_hub(caller.settings, address, timed=metrics.stored, version=version)
    home = Home(caller.settings.home)
    home.prepare()
    owner = access.authenticate(access.local_token().encode())
    app = make_app(
        Served(
            service=service,
            hub=hub,
            access=access,
            settings=caller.settings,
            inherited=inherited,
            url=there,
            metrics=metrics,
        )
    )
    guard = Guard(app, access, SystemClock(), names=names_of(listening, there, allowed))

    serving: ASGIApp = Visits(guard, SystemClock(), metrics)
    if (spans := open_spans()) is not None:
        from .traced import Traced

        serving = Traced(serving, spans)

    def ready() -> None:
        told = {"url": there, "pid": os.getpid(), "token_file": f"{home.path}/token"}
        words = _warnings(access, is_exposed(None if unix else host, url))
        caller.answer(lambda: told, lambda: "\n".join(_words(told, guard, owner)), warnings=words)

    try:
        Server(serving, hub, ready, forwarded_allow=forwarded_allow).run([listening])
    finally:
        service.close()
        access.close()
        if spans is not None:
            spans.close()
        if unix:
            os.unlink(unix)
    return 0


def _warnings(access: Access, exposed: bool) -> list[str]:
    """Return what whoever lets other machines ask must have heard."""
    names = access.unbounded() if exposed else ()
    if not names:
        return []
    said = f"without a policy, {', '.join(names)} can run anything as this user from other machines"
    return [f"{said}, and read the home's own token: outlast token create NAME --policy SECTION"]


def _words(told: dict[str, Any], guard: Guard, owner: Principal) -> list[str]:
    """Return what a person at a terminal is told: there is nobody else to read the link."""
    words = [f"listening on {told['url']}; the token is in {told['token_file']}"]
    if told["url"].startswith("http"):
        link = f"{told['url'].rstrip('/')}/#{guard.logins.new_link(owner)}"
        words.append(f"open the page, once and within ten minutes: {link}")
    return words
