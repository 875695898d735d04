"""
A service that may be sent anything at all: it takes one token, and runs nothing but `true`.

`python limited.py` serves the home of the environment, and prints where it listens.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from outlast.core.policy import Policy
from outlast.core.principal import Principal, Scope
from outlast.doors.http.app import make_app
from outlast.doors.http.listening import bind, url_of
from outlast.doors.http.served import Served
from outlast.doors.http.server import Server
from outlast.engine.public import Address
from outlast.network import make_access
from outlast.settings import ServersOwn, load_settings
from outlast.wiring import make_hub

Message = MutableMapping[str, Any]

HARMLESS = Policy(name="harmless", executors=("local",), commands=(("true",),))


class OneToken:
    """Knows one name, who may run next to nothing."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._principal = Principal(name="anybody", scope=Scope.RUN, policy=HARMLESS)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        is_known = (b"authorization", b"Bearer anybody") in scope.get("headers", ())
        principal = self._principal if is_known else None
        scope["state"] = {**scope.get("state", {}), "principal": principal}
        await self._app(scope, receive, send)


def main() -> None:
    settings = load_settings()
    listening = bind("127.0.0.1", 0)
    url = url_of(listening)
    service, hub = make_hub(settings, Address(("outlast",), ("--server", url)))
    access = make_access(settings)
    app = make_app(
        Served(
            service=service,
            hub=hub,
            access=access,
            settings=settings,
            inherited=ServersOwn(),
            url=url,
        )
    )

    def tell() -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    Server(OneToken(app), hub, tell).run([listening])
    service.close()
    access.close()


if __name__ == "__main__":
    main()
