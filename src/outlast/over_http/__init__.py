"""The verbs over HTTP: the same service as in this process, on a server."""

from __future__ import annotations

from ..clock import SystemClock
from ..core.server import parse_server
from ..engine.public import Address
from ..errors import Forbidden, InvalidRequest
from ..settings import Settings
from .service import HttpService
from .token import read_token
from .transport import Transport, check_token

__all__ = ["HttpService", "connect"]


def connect(
    settings: Settings,
    argv: tuple[str, ...] = ("outlast",),
    options: tuple[str, ...] = (),
    *,
    token: str | None = None,
) -> HttpService:
    """
    Return the verbs of the server that *settings* name. It is not asked for anything yet.

    *argv* and *options* are how a caller asks again; *token* comes before the one of the settings.

    Raises:
        InvalidRequest: The token cannot be read, or is none.

        Forbidden: A token would go over the wire for all to read.
    """
    if settings.server is None:
        raise InvalidRequest("no server is named")
    server = parse_server(settings.server)
    if server.is_open_to_eavesdroppers and not settings.allow_plain_http:
        raise Forbidden(
            f"{server} is another machine, and plain http: who listens on the way reads the token",
            suggestion="Use https, or an SSH tunnel; if the way is safe: OUTLAST_ALLOW_PLAIN_HTTP=yes",
        )
    if token is None:
        token = read_token(settings)
    if token is not None:
        token = check_token(token)
    clock = SystemClock()
    address = Address(argv, (*options, "--server", str(server)))
    return HttpService(Transport(server, token, clock), clock, address)
