"""
What became of each request, refused ones included: for the meters, and for the log.

Plain ASGI, and before the guard. What only those behind it know (whose request, which route) is in
the scope that the guard leaves here as `visit`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, NamedTuple

from . import logs
from .login import LOGIN

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Send
    from starlette.types import Scope as Asgi

    from ...clock import SystemClock
    from .metrics import Metrics

NO_ROUTE: Final = "none"
"""What was refused before it reached one, or is not there."""

_JOB_ID: Final = re.compile(r"job_[0-9A-Z]{26}", re.ASCII)

OF_THE_GUARD: Final = frozenset({LOGIN, f"{LOGIN}/links"})


class Visit(NamedTuple):
    """One request, and the answer as far as it has come."""

    method: str
    route: str
    """As a template: `/jobs/{job_id}`."""

    status: int
    """0: it was never answered."""

    until_answer_s: float
    is_stream: bool


class Visits:
    """Has *app* answer, and tells of it. The application behind it leaves its route in the scope."""

    def __init__(self, app: ASGIApp, clock: SystemClock, metrics: Metrics) -> None:
        self._app = app
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """Have one request answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock.monotonic()
        visit: Visit | None = None
        location = ""

        def seen(status: int, kind: bytes = b"") -> Visit:
            is_stream = kind.startswith(b"text/event-stream")
            took = self._clock.monotonic() - began
            visit = Visit(scope["method"], route_of(scope), status, took, is_stream)
            self._metrics.answered(visit)
            return visit

        def sending(message: Message) -> Awaitable[None]:
            nonlocal visit, location
            if message["type"] == "http.response.start" and visit is None:
                kind = b""
                for name, text in message.get("headers", ()):
                    if name == b"content-type":
                        kind = text
                    elif name == b"location":
                        location = text.decode("latin-1")
                visit = seen(message["status"], kind)
            return send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            visit = visit or seen(0)
            if visit.is_stream:
                self._metrics.ended_stream()
            if logs.requests.isEnabledFor(logging.INFO):
                self._log(scope, visit, location, self._clock.monotonic() - began)

    def _log(self, scope: Asgi, visit: Visit, location: str, took_s: float) -> None:
        inside = scope.get("visit", scope)
        state = inside.get("state", {})
        principal = state.get("principal")
        facts = {
            "event": "request",
            "request_id": state.get("request_id"),
            "principal": None if principal is None else principal.name,
            "job_id": job_of(scope, location),
            "method": visit.method,
            "route": visit.route,
            "status": visit.status or None,
            "duration_ms": round(took_s * 1000, 3),
        }
        level = logging.ERROR if visit.status >= 500 else logging.INFO
        logs.requests.log(level, "request", extra={"facts": facts})


def route_of(scope: Asgi) -> str:
    """Return the template of the route that a request has reached, or that it reached none."""
    inside = scope.get("visit", scope)
    if (route := inside.get("route")) is not None:
        return str(route.path)
    return scope["path"] if scope["path"] in OF_THE_GUARD else NO_ROUTE


def job_of(scope: Asgi, location: str = "") -> str | None:
    """Return the id of the job that it was about, or that it began, at *location*."""
    inside = scope.get("visit", scope)
    job_id = inside.get("path_params", {}).get("job_id") or location.removeprefix("/jobs/")
    # What has not the form of an id is whatever somebody put there: not to be told.
    return job_id if _JOB_ID.fullmatch(job_id) else None
