"""
Rows to jobs and nodes and back: the one mapping, for every database.

Times are whole milliseconds, as `Clock.now` gives them; a finer one is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from json import JSONDecoder, JSONEncoder
from typing import TYPE_CHECKING, Any, Final

from ..core.job import Job, JobId, Node
from ..core.limits import from_epoch_ms, to_epoch_ms
from ..core.spec import spec_from_json, spec_to_json
from ..core.state import JobStatus, NodeStatus

if TYPE_CHECKING:
    from ..core.attempt import Attempt

Row = Sequence[Any]

_encode: Final = JSONEncoder(separators=(",", ":")).encode
_decode: Final = JSONDecoder().decode


def job_to_row(job: Job) -> tuple[Any, ...]:
    """Return what a job's row holds beside its nodes, in the order of `JOB_COLUMNS`."""
    return (
        job.id,
        job.version,
        _encode(spec_to_json(job.spec)),
        job.capture,
        job.status,
        job.reason,
        to_epoch_ms(job.created_at),
        _ms(job.started_at),
        _ms(job.completed_at),
        _ms(job.stopped_at),
        job.traceparent,
        job.queue,
        job.priority,
        int(job.held),
    )


def job_from_row(row: Row, nodes: tuple[Node, ...]) -> Job:
    """Return the job of a row in the order of `JOB_COLUMNS`."""
    return Job(
        id=JobId(row[0]),
        version=row[1],
        spec=spec_from_json(_decode(row[2])),
        capture=row[3],
        status=JobStatus(row[4]),
        reason=row[5],
        created_at=from_epoch_ms(row[6]),
        started_at=_at(row[7]),
        completed_at=_at(row[8]),
        stopped_at=_at(row[9]),
        traceparent=row[10],
        queue=row[11],
        priority=row[12],
        held=bool(row[13]),
        nodes=nodes,
    )


def changes_to_row(job: Job) -> tuple[Any, ...]:
    """Return what may change in a job's row: from its capture to `expires_at`."""
    return (
        job.capture,
        job.status,
        job.reason,
        _ms(job.started_at),
        _ms(job.completed_at),
        _ms(job.stopped_at),
        _ms(job.expires_at),
        job.queue,
        job.priority,
        int(job.held),
    )


def expires_ms(job: Job) -> int | None:
    """Return when *job* becomes a tombstone; None before its end."""
    return _ms(job.expires_at)


def node_to_row(node: Node) -> tuple[Any, ...]:
    """Return a node's row, in the order of `NODE_COLUMNS`."""
    return (
        node.index,
        node.name,
        node.executor,
        node.status,
        node.reason,
        node.attempt,
        node.boot_id,
        node.exit_code,
        node.signal,
        _text(node.error),
        _ms(node.started_at),
        _ms(node.completed_at),
        _ms(node.stopped_at),
        _text(node.stop_error),
        node.late_exit_code,
        node.containment,
        int(node.degraded),
        node.stdout_bytes,
        node.stderr_bytes,
        node.progress_pct,
        _text(node.message),
        node.survives,
        node.image_id,
        node.image_digest,
        _ms(node.claimed_at),
        _earlier(node),
        _ms(node.retry_at),
    )


def node_from_row(row: Row) -> Node:
    """Return the node of a row in the order of `NODE_COLUMNS`."""
    return Node(
        index=row[0],
        name=row[1],
        executor=row[2],
        status=NodeStatus(row[3]),
        reason=row[4],
        attempt=row[5],
        boot_id=row[6],
        exit_code=row[7],
        signal=row[8],
        error=row[9],
        started_at=_at(row[10]),
        completed_at=_at(row[11]),
        stopped_at=_at(row[12]),
        stop_error=row[13],
        late_exit_code=row[14],
        containment=row[15],
        degraded=bool(row[16]),
        stdout_bytes=row[17],
        stderr_bytes=row[18],
        progress_pct=row[19],
        message=row[20],
        survives=row[21],
        image_id=row[22],
        image_digest=row[23],
        claimed_at=_at(row[24]),
        earlier=() if row[25] is None else _attempts(row[25]),
        retry_at=_at(row[26]),
    )


def _earlier(node: Node) -> str | None:
    if not node.earlier:
        return None
    from ..core.attempt import attempts_to_json  # here and below: most nodes are tried once

    return _encode(attempts_to_json(node.earlier))


def _attempts(text: str) -> tuple[Attempt, ...]:
    from ..core.attempt import attempts_from_json

    return attempts_from_json(_decode(text))


def _ms(at: datetime | None) -> int | None:
    return None if at is None else to_epoch_ms(at)


def _at(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_epoch_ms(milliseconds)


def _text(text: str | None) -> str | None:
    # What a command or the system said may hold NULs, and bytes that are no UTF-8 as lone
    # surrogates, which databases do not take. A verdict must not be lost over that.
    if text is None:
        return None
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
