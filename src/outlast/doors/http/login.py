"""The route by which a browser is logged in, asked who it is, and logged out."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse

from ...core.principal import Principal, Scope
from ...errors import ClientError, Forbidden, InvalidRequest, Unauthorized
from .logins import Logins, set_cookie

if TYPE_CHECKING:
    from starlette.types import Receive, Send

LOGIN: Final = "/login"
MAX_BYTES: Final = 1000


class MethodNotAllowed(ClientError):
    """The route is there, and not for this method."""

    code, http_status = "method_not_allowed", 405


class Login:
    """
    `POST` with `{"once": CODE}`, what stands in the link, or with a token as a header, gives the
    cookie; `GET` tells who has it; `DELETE` takes it. `POST /login/links` makes another link.
    """

    def __init__(self, logins: Logins, state: MutableMapping[str, Any], *, tls: bool) -> None:
        self._logins = logins
        self._state = state
        self._tls = tls

    async def open(self, receive: Receive, send: Send) -> None:
        """Log in whoever has a link. Raises `Unauthorized` where it is no good, or not any more."""
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BYTES:
                raise InvalidRequest(f"the body is longer than {MAX_BYTES} bytes")
        try:
            code = json.loads(body)["once"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InvalidRequest('the body is {"once": CODE}, or there is a token') from None
        found = self._logins.open(code) if isinstance(code, str) else None
        if found is None:
            raise Unauthorized(
                "this link was opened before, or is too old",
                suggestion="Start the server again, or log in with a token",
            )
        principal, cookie = found
        self._state["principal"] = principal
        await self._told(principal, cookie, send)

    async def answer(self, method: str, path: str, cookie: str | None, send: Send) -> None:
        """Answer somebody who is known already: *cookie* is theirs, if it was that."""
        principal: Principal = self._state["principal"]
        if path != LOGIN:
            if method != "POST":
                raise MethodNotAllowed(f"{method} is not for {path}")
            if not principal.may(Scope.ADMIN):
                raise Forbidden("this token's scope is too small: a link is an administrator's")
            link = f"/#{self._logins.new_link(principal)}"
            await JSONResponse({"link": link}, 201)(_NO_SCOPE, _nothing, send)
        elif method in ("GET", "HEAD"):
            await self._told(principal, None, send)
        elif method == "POST":
            await self._told(principal, self._logins.begin(principal), send)
        elif method == "DELETE":
            if cookie is not None:
                self._logins.end(cookie)
            gone = {"set-cookie": set_cookie("", tls=self._tls)}
            await JSONResponse({"logged_out": True}, headers=gone)(_NO_SCOPE, _nothing, send)
        else:
            raise MethodNotAllowed(f"{method} is not for {path}")

    async def _told(self, principal: Principal, cookie: str | None, send: Send) -> None:
        headers = {} if cookie is None else {"set-cookie": set_cookie(cookie, tls=self._tls)}
        who = {"name": principal.name, "scopes": sorted(map(str, principal.scopes))}
        await JSONResponse(who, headers=headers)(_NO_SCOPE, _nothing, send)


_NO_SCOPE: Final[dict[str, Any]] = {"type": "http"}


async def _nothing() -> dict[str, Any]:
    return {"type": "http.disconnect"}
