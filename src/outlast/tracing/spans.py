"""The spans of one process: made here, handed over by a thread that nobody waits for."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Span, SpanContext, SpanKind, TraceFlags

from ..version import __version__

log = logging.getLogger("outlast.tracing")

CLOSE_S: Final = 3.0
"""What is left at the end is tried for so long: whoever is to have it may be away."""

NAME: Final = "outlast"

Attributes = Mapping[str, str | int | bool]


class Spans:
    """
    Configured by the variables of the standard alone: where to, as whom, how many of them.

    Whoever is to have the spans may be slow or away: then they are kept for a while
    (`OTEL_BSP_MAX_QUEUE_SIZE`), and lost beyond it. Nothing here waits but `close`, and that not long.
    """

    def __init__(self) -> None:
        self._delivery = _Delivery(OTLPSpanExporter())
        self._ids = _Ids()
        self._provider = TracerProvider(
            resource=_resource(), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._delivery))
        self._tracer = self._provider.get_tracer(NAME, __version__)
        self._handed = 0

    def begin(
        self,
        name: str,
        *,
        parent: SpanContext | None,
        kind: SpanKind = SpanKind.INTERNAL,
        ids: tuple[int, int] | None = None,
        at_ns: int | None = None,
        attributes: Attributes | None = None,
    ) -> Span:
        """
        Return a new span, from now on or since *at_ns*; *ids* are those of its trace, where it has no
        parent, and its own. One that is never ended is told to nobody. For one thread.
        """
        self._ids.next = ids
        context = None
        if parent is not None:
            context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        return self._tracer.start_span(
            name, context=context, kind=kind, attributes=attributes, start_time=at_ns
        )

    def end(self, span: Span, *, at_ns: int | None = None) -> None:
        """Hand it over, as over now or at *at_ns*."""
        self._handed += span.is_recording()
        span.end(end_time=at_ns)

    def close(self, within_s: float = CLOSE_S) -> None:
        """Hand over what is left, and do not stay for longer than that. Idempotent."""
        closing = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        closing.start()
        closing.join(within_s)
        if closing.is_alive():
            self._delivery.shutdown()
        lost = self._handed - self._delivery.delivered
        if lost:
            log.warning("of %d spans %d were not delivered", self._handed, lost)


def _resource() -> Resource:
    """Return as whom we tell: what OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say comes first."""
    resource = Resource({"service.version": __version__}).merge(Resource.create())
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": NAME}))
    return resource


class _Ids(IdGenerator):
    """By chance; or what is given, for a span that other processes know by name."""

    def __init__(self) -> None:
        self.next: tuple[int, int] | None = None
        self._chance = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        return self._chance.generate_trace_id() if self.next is None else self.next[0]

    def generate_span_id(self) -> int:
        return self._chance.generate_span_id() if self.next is None else self.next[1]


class _Delivery(SpanExporter):
    """
    Hands over by *exporter*, and counts. A collector that is away is told of once, and once it is
    back: with each failure of days it would fill the log.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0
        self.delivered = 0
        self._words = _Words()
        theirs = logging.getLogger("opentelemetry")
        theirs.addHandler(self._words)
        theirs.propagate = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.delivered += len(spans)
            if self._lost:
                log.warning("spans are delivered again; %d were lost meanwhile", self._lost)
            self._lost = 0
        else:
            if not self._lost:
                log.warning("spans are not delivered, and lost: %s", self._words.last)
            self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Words(logging.Handler):
    """Keeps the last thing that was said, without what may be secret in an address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = re.sub(r"url: \S+", "url", record.getMessage())[:300]


def traceparent(context: SpanContext) -> str:
    """Return how the span of *context* is told to others."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parent_of(text: str | None) -> SpanContext | None:
    """Return the span that *text* tells of; one that `read_traceparent` has passed."""
    if text is None:
        return None
    _, trace_id, span_id, flags = text.split("-")
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )
