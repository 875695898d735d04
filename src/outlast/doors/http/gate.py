"""Nobody is let in without a token: that of the home, which is made with the first start."""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders

from ...clock import SystemClock
from ...core.principal import Principal, Scope
from ...errors import Unauthorized
from .problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Send
    from starlette.types import Scope as Asgi

OPEN: Final = ("/healthz", "/readyz")
"""What anybody may ask."""


def home_token(home: str) -> str:
    """Return the token of whoever owns *home*; made, for that user's eyes alone, if there is none."""
    path = f"{home}/token"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    clock = SystemClock()
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(token := clock.new_token() + clock.new_token())
    return token


class Gate:
    """Stands before an application: gives each request its id, and whoever asks a name."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{SystemClock().new_token()}"
        state = scope["state"] = dict(scope.get("state") or {})
        state["request_id"] = request_id

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers["x-request-id"] = request_id
            await send(message)

        if scope["path"] not in OPEN:
            given = dict(scope["headers"]).get(b"authorization", b"")
            kind, _, token = given.partition(b" ")
            if kind.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self._token):
                error = Unauthorized("This takes a token: Authorization: Bearer TOKEN")
                refusal = problem(error, request_id, headers={"WWW-Authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
            state["principal"] = Principal(name="local", scope=Scope.ADMIN)
        await self._app(scope, receive, answer)
