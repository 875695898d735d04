"""A server over stdin and stdout, from its first message to the end of what it is given."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from ...engine.public import Address
from ...home import raise_limits
from ...settings import ServersOwn, Settings
from ...wiring import make_address, make_hub
from .served import Served, Visitor
from .server import build
from .stdio import streams, take_over

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from ...engine.hub import Hub


def stand(settings: Settings) -> None:
    """
    Serve until stdin ends, or SIGTERM or SIGINT comes.

    Raises:
        HomeRefused: The home or its database cannot be used from here, and why.
    """
    logging.basicConfig(format="outlast mcp: %(levelname)s %(message)s", level=logging.WARNING)
    # Before our own limits are another. The host starts us where its project is.
    inherited = ServersOwn(here=True)
    raise_limits()
    address: Address = make_address(settings)
    service, hub = make_hub(settings, address)
    there = Served(
        service=service,
        hub=hub,
        settings=settings,
        inherited=inherited,
        access=None,
        who=lambda _: Visitor(),
    )
    try:
        asyncio.run(_stand(build(there), hub))
    finally:
        service.close()


async def _stand(server: Server[object], hub: Hub) -> None:
    keeping = asyncio.create_task(hub.run())
    serving = asyncio.create_task(_serve(server))

    def leave() -> None:
        hub.leave()
        serving.cancel()

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, leave)
    try:
        with suppress(asyncio.CancelledError):
            await serving
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _serve(server: Server[object]) -> None:
    async with streams(*take_over()) as (read, write):
        await server.run(read, write, server.create_initialization_options())
