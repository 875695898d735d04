"""The same tools within a server over HTTP, which has seen to who asks before it comes here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from ...errors import Unauthorized
from .served import Served, Visitor
from .server import build

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as Asgi

    from ...access import Access
    from ...engine.hub import Hub
    from ...engine.service import Service
    from ...settings import ServersOwn, Settings

BODY_BYTES: Final = 16 << 20
"""The longest message that is read."""


@asynccontextmanager
async def mount(
    *, service: Service, hub: Hub, settings: Settings, inherited: ServersOwn, access: Access
) -> AsyncIterator[ASGIApp]:
    """
    Have the application that answers agents: one request at a time, nothing of which is kept, so
    that any server over this home can answer the next.
    """
    there = Served(
        service=service,
        hub=hub,
        settings=settings,
        inherited=inherited,
        access=access,
        who=visitor_of,
    )
    # By which name it is called, and from which page, was looked at by whoever let it in.
    manager = StreamableHTTPSessionManager(
        build(there), stateless=True, max_request_body_size=BODY_BYTES
    )
    try:
        async with manager.run():
            yield _without_blanks(manager.handle_request)
    finally:
        there.lease.close()


def _without_blanks(app: ASGIApp) -> ASGIApp:
    """Have the values of headers come as they are meant (RFC 9110, 5.5): uvicorn's quick parser leaves blanks."""

    async def take(scope: Asgi, receive: Receive, send: Send) -> None:
        headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        await app({**scope, "headers": headers}, receive, send)

    return take


def visitor_of(request: Any) -> Visitor:
    """Return whom the server has let in with *request*. Raises `Unauthorized` if it has nobody."""
    state = {} if request is None else request.scope.get("state", {})
    if (principal := state.get("principal")) is None:
        raise Unauthorized("There is no token with this request")
    return Visitor(
        principal=principal,
        facts=state.setdefault("audit", {}),
        traceparent=state.get("traceparent"),
    )
