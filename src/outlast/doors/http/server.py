"""uvicorn, which leaves in an orderly way: streams are told to come back, no job is touched."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import uvicorn

from .listening import BACKLOG
from .patience import Patience

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ...engine.hub import Hub

LEAVE_S: Final = 10
"""How long requests are given to end, once the service is to."""

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Server(uvicorn.Server):
    """
    Serves one application until SIGTERM or SIGINT.

    *forwarded_allow* is the addresses of proxies, with commas, that are believed when they say who
    asks, and whether by TLS (`X-Forwarded-For`, `X-Forwarded-Proto`); None believes nobody.
    """

    def __init__(
        self,
        app: ASGIApp,
        hub: Hub,
        ready: Callable[[], None],
        *,
        forwarded_allow: str | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Patience,
                log_config=None,
                log_level="info",  # of its loggers; with none it would trace each connection
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                lifespan="on",
                ws="none",
                # uvicorn's own default is to believe whoever is on this machine.
                proxy_headers=forwarded_allow is not None,
                forwarded_allow_ips=forwarded_allow,
                timeout_graceful_shutdown=LEAVE_S,
            )
        )
        self._hub = hub
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Have whoever waits be answered, and leave."""
        self._hub.leave()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave when asked to, and end as one that did: uvicorn would die of the signal after all."""
        before = {each: signal.signal(each, self.handle_exit) for each in SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
