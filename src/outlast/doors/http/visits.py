"""
What became of each request, refused ones included: for the meters.

Plain ASGI, and before the guard. What only those behind it know (whose request, which route) is in
the scope that the guard leaves here as `visit`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .login import LOGIN

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Send
    from starlette.types import Scope as Asgi

    from ...clock import SystemClock
    from .metrics import Metrics

NO_ROUTE: Final = "none"
"""What was refused before it reached one, or is not there."""

OF_THE_GUARD: Final = frozenset({LOGIN, f"{LOGIN}/links"})


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, and the answer as far as it has come."""

    method: str
    route: str
    """As a template: `/jobs/{job_id}`."""

    status: int
    """0: it was never answered."""

    until_answer_s: float
    is_stream: bool


class Visits:
    """Has *app* answer, and tells of it. *routes* are those of the application behind it."""

    def __init__(
        self, app: ASGIApp, routes: Iterable[BaseRoute], clock: SystemClock, metrics: Metrics
    ) -> None:
        self._app = app
        self._clock = clock
        self._metrics = metrics
        # FastAPI leaves its route in the scope; of those that go past it there is the function.
        self._templates: dict[Callable[..., Any], str] = {
            route.endpoint: route.path
            for route in routes
            if hasattr(route, "endpoint") and hasattr(route, "path")
        }

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """Have one request answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock.monotonic()
        visit: Visit | None = None

        def seen(status: int, kind: bytes = b"") -> Visit:
            is_stream = kind.startswith(b"text/event-stream")
            took = self._clock.monotonic() - began
            visit = Visit(scope["method"], self._route(scope), status, took, is_stream)
            self._metrics.answered(visit)
            return visit

        async def sending(message: Message) -> None:
            nonlocal visit
            if message["type"] == "http.response.start" and visit is None:
                headers = dict(message.get("headers", ()))
                visit = seen(message["status"], headers.get(b"content-type", b""))
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            visit = visit or seen(0)
            if visit.is_stream:
                self._metrics.ended_stream()

    def _route(self, scope: Asgi) -> str:
        inside = scope.get("visit", scope)
        if (route := inside.get("route")) is not None:
            return str(route.path)
        if (template := self._templates.get(inside.get("endpoint"))) is not None:
            return template
        return scope["path"] if scope["path"] in OF_THE_GUARD else NO_ROUTE
