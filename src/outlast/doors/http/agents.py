"""
`/mcp`: where agents call. What answers there is a door of its own, which this one knows by name only,
and makes once somebody asks for it: nobody else pays for its package.
"""

from __future__ import annotations

import asyncio
import logging
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from ...errors import Unavailable
from .refusals import NotInstalled

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as Asgi

    from .served import Served

log: Final = logging.getLogger("outlast.http")

PATH: Final = "/mcp"
MODULE: Final = "outlast.doors.mcp.mounted"
MISSING: Final = "this server was installed without what agents need"


class Agents:
    """Has the calls of agents answered. Plain ASGI."""

    path = PATH
    """Its route, as the meters name it."""

    def __init__(self, there: Served) -> None:
        self._there = there
        self._wanted = asyncio.Event()
        self._made = asyncio.Event()
        self._app: ASGIApp | None = None

    async def run(self) -> None:
        """Make what answers, once somebody calls, and keep it until cancelled."""
        await self._wanted.wait()
        there = self._there
        try:
            module = await asyncio.to_thread(import_module, MODULE)
            mount: Callable[..., AbstractAsyncContextManager[ASGIApp]] = module.mount
            async with mount(
                service=there.service,
                hub=there.hub,
                settings=there.settings,
                inherited=there.inherited,
                access=there.access,
            ) as app:
                self._app = app
                self._made.set()
                await asyncio.Event().wait()
        except Exception:
            log.exception("what answers agents broke")
        finally:
            self._app = None
            self._made.set()

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """Have one request answered. Raises `NotInstalled`."""
        scope["route"] = self
        if find_spec("mcp") is None:
            raise NotInstalled(
                MISSING, suggestion="Install it where the server runs: pip install 'outlast[mcp]'"
            )
        self._wanted.set()
        await self._made.wait()
        if self._app is None:
            raise Unavailable("this server is about to end, or its log says why it cannot answer")
        await self._app(scope, receive, send)
