"""
Jobs as spans: one for the job, below the request that submitted it, and one below for each node.

Their ids follow from the job's: a supervisor that comes after another, which may have been killed,
tells the same command of the same span, and tells of that span.
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from ..core.job import CONTAINER, Job, JobId, JobSpec, Node, attempt_key
from ..core.limits import to_epoch_ms
from ..core.state import JobStatus, NodeStatus
from ..shim import spool
from .spans import Attributes, Spans, parent_of, traceparent

if TYPE_CHECKING:
    from ..home import Home
    from ..ports.executor import Launch

NS_IN_MS: Final = 1_000_000


class JobTracing:
    """`Tracing`, by OpenTelemetry, of the jobs of *home*. For one thread, the supervisor's."""

    def __init__(self, spans: Spans, home: Home) -> None:
        self._spans = spans
        self._home = home

    def environment(self, launch: Launch) -> dict[str, str]:
        job_id = JobId(launch.key.partition("/")[0])
        job = self._begin_job(job_id, launch.traceparent, None, {})
        node = self._begin_node(launch.key, launch.node, job, None, {})
        return {"TRACEPARENT": traceparent(node.get_span_context())}

    def stored(self, before: Job, after: Job) -> None:
        over = [
            node
            for old, node in zip(before.nodes, after.nodes, strict=True)
            if node.is_terminal and not old.is_terminal
        ]
        if not over:
            return
        attributes = _attributes_of_job(after)
        job = self._begin_job(after.id, after.traceparent, after.created_at, attributes)
        for node in over:
            self._tell_node(after, node, job)
        if after.completed_at is not None:
            if after.started_at is not None:
                job.add_event("started", timestamp=_ns(after.started_at))
            if after.status in (JobStatus.FAILED, JobStatus.PARTIAL):
                _fail(job, after.reason or after.status)
            self._spans.end(job, at_ns=_ns(max(after.completed_at, after.created_at)))

    def close(self) -> None:
        """Hand over what is left, and do not stay for long."""
        self._spans.close()

    def _begin_job(
        self, job_id: JobId, parent: str | None, at: datetime | None, attributes: Attributes
    ) -> Span:
        return self._spans.begin(
            "job",
            parent=parent_of(parent),
            kind=SpanKind.CONSUMER,  # whoever asked does not wait for it
            ids=(_id(f"trace/{job_id}", 16), _id(job_id, 8)),
            at_ns=None if at is None else _ns(at),
            attributes=attributes,
        )

    def _begin_node(
        self, key: str, name: str, job: Span, at: datetime | None, attributes: Attributes
    ) -> Span:
        return self._spans.begin(
            "run",
            parent=job.get_span_context(),
            ids=(0, _id(key, 8)),
            at_ns=None if at is None else _ns(at),
            attributes={"outlast.node.name": name, **attributes},
        )

    def _tell_node(self, job: Job, node: Node, parent: Span) -> None:
        assert node.completed_at is not None  # noqa: S101 - it is terminal
        began = min(node.claimed_at or node.started_at or node.completed_at, node.completed_at)
        key = attempt_key(job.id, node.index, node.attempt)
        span = self._begin_node(key, node.name, parent, began, _attributes_of_node(job, node))
        if node.started_at is not None:
            span.add_event("started", timestamp=_ns(node.started_at))
        if node.status == NodeStatus.FAILED:
            _fail(span, node.reason or node.status)
        if node.executor == CONTAINER and node.attempt:
            self._tell_pull(self._home.attempt(key), node, span)
        self._spans.end(span, at_ns=_ns(node.completed_at))

    def _tell_pull(self, folder: str, node: Node, parent: Span) -> None:
        """Tell of the pull of its image, if there was one: the record of the start has its times."""
        try:
            record = spool.read_record(folder)
        except OSError:
            return  # no job is to hear of it
        pulled = None if record is None or record.began is None else spool.pulled(record.began)
        if pulled is not None:
            span = self._spans.begin(
                "pull",
                parent=parent.get_span_context(),
                at_ns=pulled[0] * NS_IN_MS,
                attributes=_known({"container.image.name": node.name}),
            )
            self._spans.end(span, at_ns=max(pulled) * NS_IN_MS)


def _attributes_of_job(job: Job) -> Attributes:
    return _known(
        {
            "outlast.job.id": job.id,
            "outlast.job.name": job.name,
            "outlast.job.executor": job.nodes[0].executor,
            "outlast.job.nodes": len(job.nodes),
            "outlast.job.status": job.status,
            "outlast.job.reason": job.reason,
            "outlast.job.retry_of": job.spec.retry_of,
            "process.exit.code": job.exit_code,
        }
    )


def _attributes_of_node(job: Job, node: Node) -> Attributes:
    return _known(
        {
            "outlast.job.id": job.id,
            "outlast.node.index": node.index,
            "outlast.node.executor": node.executor,
            "outlast.node.attempt": node.attempt,
            "outlast.node.status": node.status,
            "outlast.node.reason": node.reason,
            "outlast.node.signal": node.signal,
            "process.executable.name": _program(job.spec),
            "process.exit.code": node.exit_code,
            "container.image.id": node.image_id,
        }
    )


def _program(spec: JobSpec) -> str | None:
    """Return what is run, without its arguments: they may tell too much."""
    if spec.command and spec.script is None:
        return os.path.basename(spec.command[0])
    return None if spec.shell is None else "sh"


def _known(attributes: dict[str, str | int | None]) -> Attributes:
    return {
        # An enumeration's words are told as such.
        name: str(value) if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


def _fail(span: Span, reason: str) -> None:
    span.set_attribute("error.type", str(reason))
    span.set_status(Status(StatusCode.ERROR, str(reason)))


def _id(name: str, size: int) -> int:
    """Return an id of *size* bytes that is the same for the same name, and never 0."""
    digest = hashlib.sha256(f"outlast/{name}".encode()).digest()
    return int.from_bytes(digest[:size], "big") or 1


def _ns(at: datetime) -> int:
    return to_epoch_ms(at) * NS_IN_MS
