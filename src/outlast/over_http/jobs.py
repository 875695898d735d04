"""A job as a server tells it, read back: the public JSON, and the spec beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ..core.attempt import Attempt
from ..core.frozen import frozen
from ..core.job import Job, JobId, JobSpec, Node, SessionId, nodes_of
from ..core.limits import RETENTION, from_ms
from ..core.session import Session
from ..core.spec import spec_from_json
from ..core.state import JobStatus, NodeStatus
from ..errors import BadAnswer

if TYPE_CHECKING:
    from ..core.hindrance import Hindrance
    from ..core.needs import Need

WITH_SPEC: Final = "view=full"
"""The preference (RFC 7240) for a job with its spec. One that does not know it leaves that out."""

BESIDE: Final = ("spec", "version")
"""What only `view=full` has of a job; of a node, see below."""

BESIDE_NODES: Final = ("attempt", "progress_pct")
SPEC_KEYS: Final = frozenset(each.name for each in fields(JobSpec))


@frozen
class RemoteJob(Job):
    """A job of a server's."""

    answer: Mapping[str, Any] = field(repr=False, compare=False)
    """Its public JSON, as the server has given it."""


def read_job(told: Mapping[str, Any], before: Job | None = None) -> RemoteJob:
    """
    Return the job that a server tells of. What we do not know of it is left out; what this answer
    leaves out is as it was in the one *before*.

    Raises:
        BadAnswer: It is none, or in a state that this version does not know.
    """
    try:
        return _job(told, before)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswer(
            f"the server tells of a job that this version does not understand:"
            f" {type(error).__name__}: {error!s:.80}",
            suggestion="It is of another version: use an Outlast like the server's",
        ) from None


def read_session(told: Mapping[str, Any]) -> Session:
    """
    Return the session that a server tells of; what is known of the way there stays with it.

    Raises:
        BadAnswer: It is none.
    """
    try:
        running, last = told["running"], told["last_job"]
        queued = tuple(map(JobId, told["queued"]))
        left = _time(told.get("async_since"))  # older servers say neither this nor the next
        first = [JobId(running)] if running is not None else queued[:1]
        return Session(
            id=SessionId(told["session_id"]),
            name=told["session"],
            host=told["host"],
            created_at=_needed(told["created_at"]),
            last_used_at=_time(told["last_used_at"]),
            closed_at=_time(told["closed_at"]),
            running=None if running is None else JobId(running),
            queued=queued,
            last_job=None if last is None else JobId(last),
            left_at={} if left is None else dict.fromkeys(first, left),
            must_connect=bool(told.get("must_connect")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(
            f"the server tells of a session that this version does not understand:"
            f" {type(error).__name__}: {error!s:.80}"
        ) from None


def _job(told: Mapping[str, Any], before: Job | None) -> RemoteJob:
    spec = before.spec if before is not None and "spec" not in told else _spec(told)
    made = nodes_of(spec)
    nodes = tuple(
        _node(told, index, made[index].executor if index < len(made) else made[0].executor)
        for index in range(len(told["nodes"]))
    )
    return RemoteJob(
        id=JobId(told["job_id"]),
        spec=spec,
        nodes=nodes,
        status=JobStatus(told["status"]),
        reason=told["reason"],
        queue=told.get("queue"),
        held=told.get("held", False),
        priority=told.get("priority", 0),
        created_at=_needed(told["created_at"]),
        started_at=_time(told["started_at"]),
        completed_at=_time(told["completed_at"]),
        stopped_at=_time(told["stopped_at"]),
        version=told.get("version", 0),
        waiting_for=_hindrances(told.get("waiting_for", ())),
        answer=_public(told),
    )


def _public(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is public: without what was told beside it."""
    public = {name: value for name, value in told.items() if name not in BESIDE}
    public["nodes"] = [
        {name: value for name, value in node.items() if name not in BESIDE_NODES}
        for node in told["nodes"]
    ]
    return public


def _spec(told: Mapping[str, Any]) -> JobSpec:
    given = told.get("spec")
    if given is not None:
        known = {
            name: value for name, value in given.items() if name.removesuffix("_ms") in SPEC_KEYS
        }
        return spec_from_json(known)
    # It knows no such view: what the public JSON has of it.
    created, ended = _time(told["completed_at"]), _time(told["expires_at"])
    return JobSpec(
        name=told["name"],
        labels=told["labels"],
        timeout=from_ms(told["timeout_ms"]),
        retention=RETENTION if created is None or ended is None else ended - created,
        priority=told.get("priority", 0),
        after=_needs(told.get("after", ())),
        start_at=_time(told.get("start_at")),
        session=told.get("session"),
        retry_of=told.get("retry_of"),
        resources=told.get("resources", {}),
    )


def _needs(told: Sequence[Mapping[str, str]]) -> tuple[Need, ...]:
    if not told:
        return ()
    from ..core.needs import needs_from_json

    return needs_from_json([f"{each['on']}:{each['job_id']}" for each in told])


def _hindrances(told: Sequence[Mapping[str, Any]]) -> tuple[Hindrance, ...]:
    if not told:
        return ()
    from ..core.hindrance import from_json

    return tuple(map(from_json, told))


def _node(job: Mapping[str, Any], index: int, executor: str) -> Node:
    told = job["nodes"][index]
    image = told.get("image") or {}
    progress = job["progress_pct"] if len(job["nodes"]) == 1 else None
    earlier = tuple(map(_attempt, told.get("attempts", ())))
    return Node(
        index=index,
        name=told["node"],
        executor=executor,
        status=NodeStatus(told["status"]),
        reason=told["reason"],
        attempt=told.get("attempt", len(earlier) + (told["started_at"] is not None)),
        exit_code=told["exit_code"],
        signal=told["signal"],
        error=told["error"],
        started_at=_time(told["started_at"]),
        completed_at=_time(told["completed_at"]),
        stopped_at=_time(told["stopped_at"]),
        stop_error=told.get("stop_error"),
        late_exit_code=told.get("late_exit_code"),
        containment=told["containment"],
        survives=told.get("survives"),
        image_id=image.get("id"),
        image_digest=image.get("digest"),
        degraded=told.get("degraded", False),
        stdout_bytes=told["output"]["stdout_bytes"],
        stderr_bytes=told["output"]["stderr_bytes"],
        progress_pct=told.get("progress_pct", progress),
        message=told.get("message"),
        phase=told["phase"],
        earlier=earlier,
        retry_at=_time(told.get("next_attempt_at")),
    )


def _attempt(told: Mapping[str, Any]) -> Attempt:
    return Attempt(
        number=told["attempt"],
        reason=told["reason"],
        exit_code=told["exit_code"],
        signal=told["signal"],
        error=told["error"],
        started_at=_time(told["started_at"]),
        completed_at=_needed(told["completed_at"]),
        stopped_at=_time(told["stopped_at"]),
        stdout_bytes=told["output"]["stdout_bytes"],
        stderr_bytes=told["output"]["stderr_bytes"],
    )


def _time(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)


def _needed(told: str) -> datetime:
    return datetime.fromisoformat(told)
