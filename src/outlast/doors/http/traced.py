"""
Each request as a span, by the [conventions](https://opentelemetry.io/docs/specs/semconv/http/http-spans/).

Before everything else, and only where somebody asked for traces. No path as it was asked for, no
query, header or body is told: only the route, and the job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind, Status, StatusCode

from ...core.trace import read_traceparent
from ...tracing.spans import parent_of, traceparent
from .metrics import METHODS
from .visits import NO_ROUTE, job_of, route_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span
    from starlette.types import ASGIApp, Message, Receive, Send
    from starlette.types import Scope as Asgi

    from ...tracing.spans import Spans

BROKEN: Final = 500


class Traced:
    """
    Has *app* answer, in a span that goes on with the caller's. It leaves the span in the state, as
    `traceparent`: what a request begins belongs to it.
    """

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app = app
        self._spans = spans

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """Have one request answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_known = scope["method"] in METHODS
        given = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        span = self._spans.begin(
            scope["method"] if is_known else "HTTP",
            parent=parent_of(read_traceparent(given)),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": scope["method"] if is_known else "_OTHER",
                "url.scheme": scope["scheme"],
                "network.protocol.version": scope["http_version"],
            },
        )
        scope["state"] = {
            **scope.get("state", {}),
            "traceparent": traceparent(span.get_span_context()),
        }
        status, location = 0, ""

        async def sending(message: Message) -> None:
            nonlocal status, location
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, text in message.get("headers", ()):
                    if name == b"location":
                        location = text.decode("latin-1")
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            if span.is_recording():
                _tell(span, scope, status, location)
            self._spans.end(span)


def _tell(span: Span, scope: Asgi, status: int, location: str) -> None:
    """Tell what became of it."""
    route = route_of(scope)
    if route != NO_ROUTE:
        span.set_attribute("http.route", route)
        method = scope["method"] if scope["method"] in METHODS else "HTTP"
        span.update_name(f"{method} {route}")
    if job_id := job_of(scope, location):
        span.set_attribute("outlast.job.id", job_id)
    request_id = scope.get("visit", scope).get("state", {}).get("request_id")
    if request_id is not None:
        span.set_attribute("outlast.request.id", request_id)
    if status:
        span.set_attribute("http.response.status_code", status)
    if status >= BROKEN:
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))
