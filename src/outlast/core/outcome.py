"""How a job ended, worked out from its nodes: status, reason, exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from .state import TERMINAL, TIMED_OUT, JobStatus, NodeStatus, Reason

if TYPE_CHECKING:
    from datetime import datetime

    from .job import Job, Node


MIXED: Final = "mixed"
"""A job's reason where its nodes' differ."""

TIMEOUT_EXIT_CODE: Final = -1
"""The exit code of a command that we killed at a limit of time."""


def job_outcome(nodes: Iterable[Node]) -> tuple[JobStatus, str | None]:
    """
    Return the status and reason of a job that has these nodes.

    Any node not terminal: `running`, or `queued` if none has started. All complete: `complete`.
    None complete and one cancelled: `cancelled`. Some complete and some not: `partial`. Else
    `failed`. The reason is the one that all nodes that did not complete share, or `mixed`.
    """
    nodes = tuple(nodes)
    statuses = {node.status for node in nodes}

    if not statuses <= TERMINAL:
        started = any(first_start(node) or node.status in TERMINAL for node in nodes)
        return (JobStatus.RUNNING if started else JobStatus.QUEUED), None
    if statuses <= {NodeStatus.COMPLETE}:
        return JobStatus.COMPLETE, None

    reasons = {node.reason for node in nodes if node.status != NodeStatus.COMPLETE}
    reason = next(iter(reasons)) if len(reasons) == 1 else MIXED
    if NodeStatus.COMPLETE in statuses:
        return JobStatus.PARTIAL, reason
    if NodeStatus.CANCELLED in statuses:
        return JobStatus.CANCELLED, reason
    return JobStatus.FAILED, reason


def first_start(node: Node) -> datetime | None:
    """Return when a node's command was started first, in whichever attempt; None: never so far."""
    times = (*(each.started_at for each in node.earlier), node.started_at)
    return next((time for time in times if time is not None), None)


class Exit:
    """The exit codes of `job status`, `job wait`, `job result` and `run`."""

    COMPLETE: Final = 0
    OUR_FAULT: Final = 1
    USAGE: Final = 2
    RUNNING: Final = 3
    FAILED: Final = 4
    NOT_FOUND: Final = 5
    PARTIAL: Final = 6
    TIMED_OUT: Final = 7
    CANCELLED: Final = 8


def exit_code(job: Job) -> int:
    """Return what `job status` exits with: 7 only if none completed and all of them timed out."""
    if job.status == JobStatus.FAILED and all(node.reason in TIMED_OUT for node in job.nodes):
        return Exit.TIMED_OUT
    return {
        JobStatus.QUEUED: Exit.RUNNING,
        JobStatus.RUNNING: Exit.RUNNING,
        JobStatus.COMPLETE: Exit.COMPLETE,
        JobStatus.PARTIAL: Exit.PARTIAL,
        JobStatus.FAILED: Exit.FAILED,
        JobStatus.CANCELLED: Exit.CANCELLED,
    }[job.status]


TIMED_OUT_STATUS: Final = 124
SIGNAL_BASE: Final = 128
OURS: Final = 125


def own_exit_status(job: Job) -> int:
    """
    Return what `--exit-status` exits with: the command's own code.

    As `timeout(1)` and shells have it: 124 timed out, 128+n a signal, and 125 for anything
    that is not the command's verdict (still running, cancelled, lost, could not start).
    """
    if exit_code(job) == Exit.TIMED_OUT:
        return TIMED_OUT_STATUS
    if len(job.nodes) != 1:
        return exit_code(job)
    node = job.nodes[0]
    if node.reason == Reason.SIGNAL and node.signal is not None:
        return SIGNAL_BASE + node.signal
    if node.reason in (None, Reason.EXIT_NONZERO) and node.exit_code is not None:
        return node.exit_code
    return OURS
