"""The jobs, nodes and news that the tests of the core are told with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from outlast.core import events as ev
from outlast.core.attempt import Attempt
from outlast.core.job import Job, JobId, JobSpec, Node
from outlast.core.parse import parse_spec
from outlast.core.state import NodeStatus, Reason
from outlast.errors import InvalidRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOOT = "boot-1"
CAUSES: dict[type[ev.Event], dict[str, Any]] = {
    ev.CancelRequested: {},
    ev.Claimed: {"boot_id": BOOT},
    ev.Started: {"containment": "subreaper", "survives": "session"},
    ev.ShimLost: {},
    ev.Completed: {},
    ev.Failed: {"reason": Reason.EXIT_NONZERO, "exit_code": 3},
    ev.Retried: {
        "reason": Reason.EXIT_NONZERO,
        "exit_code": 3,
        "stopped_at": NOW,
        "retry_at": NOW + timedelta(seconds=9),
    },
}
"""Every event there is, with what else it must say."""

AFTERMATHS: dict[type[ev.Aftermath], dict[str, Any]] = {
    ev.Stopped: {"at": NOW},
    ev.CameLate: {"exit_code": 37},
    ev.StopFailed: {"error": "unkillable: 4711"},
    ev.Measured: {"stdout_bytes": 7, "stderr_bytes": 9, "progress_pct": 60.0, "message": "linking"},
}
"""Every aftermath there is, with what else it must say."""


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_job(*nodes: Node, **given: Any) -> Job:
    """A job created at NOW; its spec is `true` unless *given* says otherwise."""
    given.setdefault("spec", JobSpec(command=("true",)))
    return Job(id=JobId("job_1"), nodes=nodes or (Node(),), created_at=NOW, **given)


def an_event(kind: type[ev.Event], node: Node, *, slip: int = 0, at: datetime = NOW) -> ev.Event:
    """News of *kind* for *node*, of its current attempt unless it slips."""
    said = dict(CAUSES[kind])
    if issubclass(kind, ev.AttemptEvent):
        said["attempt"] = node.attempt + (kind is ev.Claimed) + slip
    return kind(at=at, **said)


def an_aftermath(kind: type[ev.Aftermath], node: Node, *, slip: int = 0) -> ev.Aftermath:
    return kind(attempt=node.attempt + slip, **AFTERMATHS[kind])


def a_node(status: NodeStatus, *, attempt: int = 1, **given: Any) -> Node:
    """A node in *status* with the fields that such a node has; *given* overrides them."""
    had: dict[str, Any] = {"status": status, "attempt": attempt}
    if attempt:
        had |= {"boot_id": BOOT}
    if status in (NodeStatus.RUNNING, NodeStatus.COMPLETE):
        had |= {"started_at": later(1), "containment": "subreaper", "survives": "session"}
    if status not in (NodeStatus.PENDING, NodeStatus.RUNNING):
        had |= {"completed_at": later(2)}
    if status == NodeStatus.COMPLETE:
        had |= {"exit_code": 0}
    if status == NodeStatus.CANCELLED:
        had |= {"reason": Reason.CANCELLED}
    if status == NodeStatus.FAILED:
        had |= {"reason": Reason.SIGNAL, "signal": 9, "started_at": later(1)}
    return Node(**had | given)


def a_waiting_node(*, attempt: int = 1, **given: Any) -> Node:
    """A node whose last attempt failed, and is to be followed; *given* is of that attempt."""
    ended = {"reason": "signal", "signal": 9, "started_at": later(1), "completed_at": later(2)}
    return Node(
        attempt=attempt,
        boot_id=BOOT,
        containment="subreaper",
        earlier=(Attempt(**{"number": attempt} | ended | given),),
        retry_at=later(9),
    )


def faults_of(**given: Any) -> tuple[str, ...]:
    """What is wrong with this spec; nothing if it is accepted."""
    try:
        parse_spec(given)
    except InvalidRequest as refused:
        return refused.faults
    return ()
