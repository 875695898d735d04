"""What the guard answers in place of the service."""

from __future__ import annotations

from ...errors import ClientError, Forbidden, InvalidRequest, Unavailable


class BodyTooLarge(InvalidRequest):
    """The body is longer than anybody may send."""

    code, http_status = "body_too_large", 413


class HeadTooLarge(InvalidRequest):
    """The headers are longer than anybody needs."""

    code, http_status = "headers_too_large", 431


class BodyTooSlow(ClientError):
    """The body did not come in time."""

    code, exit_code, http_status, retryable = "request_timeout", 1, 408, True


class TooManyRequests(ClientError):
    """Somebody asks more often than they may."""

    code, exit_code, http_status, retryable = "too_many_requests", 1, 429, True


class HostRefused(Forbidden):
    """The name by which the server was called is none of its own."""

    code, http_status = "host_refused", 421


class OriginRefused(Forbidden):
    """A page of somebody else's asks."""

    code = "origin_refused"


class NotInstalled(Unavailable):
    """The server lacks an extra that this takes."""

    code, http_status, retryable = "not_installed", 501, False
