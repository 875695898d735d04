"""`outlast serve`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from ...framework.lazy import verb

if TYPE_CHECKING:
    from ...framework.caller import Caller

PORT: Final = 8642
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
def serve(caller: Caller, host: str, port: int, unix: str | None, url: str | None) -> int:
    """
    Serve the jobs over HTTP, in the foreground, until SIGTERM or Ctrl-C. No job is touched by that.

    Whoever asks must show a token: that of the home is in its file `token`. The first line on
    stdout says where it listens, once it does.
    """
    import gc
    import importlib.util

    from ...errors import Unavailable

    if any(importlib.util.find_spec(each) is None for each in ("fastapi", "uvicorn")):
        raise Unavailable(MISSING)
    from ...engine.public import Address
    from ...home import Home
    from ...settings import ServersOwn
    from ...wiring import make_hub, raise_limits
    from .app import make_app
    from .gate import Gate, home_token
    from .listening import bind, bind_unix, url_of
    from .served import Served
    from .server import Server

    gc.enable()  # off for short commands; this is none
    inherited = ServersOwn()  # before our own limits are another
    raise_limits()
    listening = bind_unix(unix) if unix else bind(host, port)
    there = url or url_of(listening)
    service, hub = make_hub(caller.settings, Address(("outlast",), ("--server", there)))
    home = Home(caller.settings.home)
    home.prepare()
    app = make_app(
        Served(service=service, hub=hub, settings=caller.settings, inherited=inherited, url=there)
    )

    def ready() -> None:
        told = {"url": there, "pid": os.getpid(), "token_file": f"{home.path}/token"}
        caller.answer(
            lambda: told, lambda: f"listening on {there}; the token is in {told['token_file']}"
        )

    try:
        Server(Gate(app, home_token(home.path)), hub, ready).run([listening])
    finally:
        service.close()
        if unix:
            os.unlink(unix)
    return 0
