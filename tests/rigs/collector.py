"""A collector of traces: OTLP over HTTP, as it is sent. It can also be slow, refuse, or be away."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
ERROR = 2


class Told(NamedTuple):
    """A span as it came."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    begin_ns: int
    end_ns: int
    events: tuple[tuple[str, int], ...]
    is_error: bool
    attributes: dict[str, Any]
    service: str


class Collector:
    """What came, by a server on loopback."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.answer = 200
        self.holds = threading.Event()
        """Set: answers are given at once. Else they wait for it."""

        self.holds.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.holds.wait()
                if collector.answer == 200:
                    assert "application/x-protobuf" == self.headers["content-type"]
                    assert "/v1/traces" == self.path
                    collector.bodies.append(body)
                try:
                    self.send_response(collector.answer)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:
                    pass  # who sent it has left

            def log_message(self, *words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who left is none
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def spans(self) -> list[Told]:
        """All spans that have come."""
        return [
            _told(span, resource.resource)
            for body in tuple(self.bodies)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str, **attributes: Any) -> list[Told]:
        """The spans of that name that have these attributes; `__` stands for a dot."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return [
            span
            for span in self.spans
            if span.name == name and wanted.items() <= span.attributes.items()
        ]

    def close(self) -> None:
        self.holds.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector for as long as a test."""
    collector = Collector()
    try:
        yield collector
    finally:
        collector.close()


@contextmanager
def nobody() -> Iterator[str]:
    """The address of a collector that is away: connections are refused, and by nobody else."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def _told(span: Any, resource: Any) -> Told:
    return Told(
        name=span.name,
        kind=KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        begin_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        events=tuple((event.name, event.time_unix_nano) for event in span.events),
        is_error=span.status.code == ERROR,
        attributes=_attributes(span.attributes),
        service=_attributes(resource.attributes)["service.name"],
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
