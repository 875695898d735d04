"""A job as every door shows it: the public JSON, the same everywhere."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ..core.job import SSH, Job, JobId, Node
from ..core.limits import iso, poll_interval, to_ms
from ..core.state import NodeStatus

if TYPE_CHECKING:
    from ..core.attempt import Attempt

PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_-+=:,./")
"""What no shell takes for anything but itself."""


class Address:
    """How a caller asks for a job again: the program and its options, from any directory."""

    def __init__(self, argv: tuple[str, ...], options: tuple[str, ...] = ()) -> None:
        self._argv = argv
        self._options = options
        self._is_plain = all(word and PLAIN.issuperset(word) for word in (*argv, *options))

    def argv(self, verb: str, job_id: JobId) -> list[str]:
        """Return the command for *verb*, as arguments."""
        return [*self._argv, "job", verb, *self._options, job_id]

    def command(self, verb: str, job_id: JobId) -> str:
        """Return the command for *verb*, as a line that a shell, or splitting, takes apart."""
        argv = self.argv(verb, job_id)
        if self._is_plain and PLAIN.issuperset(job_id):
            return " ".join(argv)
        import shlex

        return shlex.join(argv)


def public_job(
    job: Job, *, address: Address, now: datetime, result: dict[str, Any] | None = None
) -> dict[str, Any]:
    """
    Return *job* as JSON. Times are ISO 8601 in UTC with milliseconds, durations milliseconds.

    *result* is added for a job that has ended.
    """
    one = job.nodes[0] if len(job.nodes) == 1 else None
    progress = [node for node in job.nodes if node.progress_pct is not None]
    public: dict[str, Any] = {
        "job_id": job.id,
        "name": job.spec.name,
        "status": str(job.status),
        "reason": job.reason,
        "terminal": job.is_terminal,
        "exit_code": None if one is None else one.exit_code,
        "progress_pct": sum(node.progress_pct or 0 for node in progress) / len(job.nodes)
        if progress
        else None,
        "message": next((node.message for node in job.nodes if node.message), None),
        "error": next((node.error for node in job.nodes if node.error), None),
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "completed_at": iso(job.completed_at),
        "stopped_at": iso(job.stopped_at),
        "timeout_ms": to_ms((job.spec if one is None else job.spec.at(one.name)).timeout),
        "poll_interval_ms": to_ms(poll_interval(now - job.created_at)),
        "expires_at": iso(job.expires_at),
    }
    for verb in ("status", "cancel", "result", "logs"):
        line = public[f"{verb}_command"] = address.command(verb, job.id)
        if line.split() != (argv := address.argv(verb, job.id)):
            # Only where splitting the line gives something else: it must stay small to be read
            # by a model (docs/decisions/0003-an-answer-is-small.md).
            public[f"{verb}_argv"] = argv
    public["nodes"] = [_public_node(job, node, now) for node in job.nodes]
    public["labels"] = dict(job.spec.labels)
    public["attempt"] = max(1, *(node.attempt for node in job.nodes), 1)
    public |= _others(job)
    public |= _waiting(job, now)
    if job.spec.session is not None:
        public["session"] = job.spec.session
    if job.spec.webhooks:
        public["webhooks"] = [
            {"url": each.url.partition("?")[0], "events": list(each.events)}
            for each in job.spec.webhooks
        ]
    if result is not None:
        public["result"] = result
    return public


def _others(job: Job) -> dict[str, Any]:
    """Return which other jobs it has to do with."""
    others: dict[str, Any] = {}
    if job.spec.retry_of is not None:
        others["retry_of"] = job.spec.retry_of
    if job.spec.after:
        others["after"] = [{"job_id": each.job_id, "on": str(each.on)} for each in job.spec.after]
    if job.spec.on_end_of is not None:
        others["on_end_of"] = job.spec.on_end_of
    if job.spec.on_end is not None and job.is_terminal:
        from ..core.onend import on_end_id  # here, since most jobs begin none

        others["on_end_job"] = on_end_id(job.id)
    return others


def _waiting(job: Job, now: datetime) -> dict[str, Any]:
    """Return where it waits for its turn, or did, and while it waits, what for."""
    public: dict[str, Any] = {}
    if job.queue is not None:
        public["queue"] = job.queue
    if job.priority:
        public["priority"] = job.priority
    if (start_at := job.begins_at) > job.created_at:
        public["start_at"] = iso(start_at)
    if job.spec.resources:
        public["resources"] = dict(job.spec.resources)
    if job.held and not job.is_terminal:
        public["held"] = True
    if any(node.status == NodeStatus.PENDING for node in job.nodes):
        from ..core.hindrance import hindrances  # here, since few jobs that are asked for wait

        if told := hindrances(job, now):
            public["waiting_for"] = [each.to_json() for each in told]
    return public


def _public_node(job: Job, node: Node, now: datetime) -> dict[str, Any]:
    public: dict[str, Any] = {
        "node": node.name,
        "status": str(node.status),
        "reason": node.reason,
        "phase": _phase(job, node, now),
        "exit_code": node.exit_code,
        "signal": node.signal,
        "error": node.error,
        "started_at": iso(node.started_at),
        "completed_at": iso(node.completed_at),
        "stopped_at": iso(node.stopped_at),
        "containment": node.containment,
        "survives": node.survives,
        "output": {"stdout_bytes": node.stdout_bytes, "stderr_bytes": node.stderr_bytes},
    }
    for name in ("message", "stop_error", "late_exit_code"):
        if (value := getattr(node, name)) is not None:
            public[name] = value
    if node.image_id is not None:
        public["image"] = {"id": node.image_id, "digest": node.image_digest}
    if (limit := job.spec.at(node.name).timeout) != job.spec.timeout:
        public["timeout_ms"] = to_ms(limit)
    if node.degraded:
        public["degraded"] = True
    if node.earlier:
        public["attempts"] = [_public_attempt(each) for each in node.earlier]
    if node.retry_at is not None:
        public["next_attempt_at"] = iso(node.retry_at)
    if node.executor == SSH:
        public["survives_disconnect"] = not job.spec.connection_bound
    return public


def _public_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "reason": attempt.reason,
        "exit_code": attempt.exit_code,
        "signal": attempt.signal,
        "error": attempt.error,
        "started_at": iso(attempt.started_at),
        "completed_at": iso(attempt.completed_at),
        "stopped_at": iso(attempt.stopped_at),
        "output": {"stdout_bytes": attempt.stdout_bytes, "stderr_bytes": attempt.stderr_bytes},
    }


def _phase(job: Job, node: Node, now: datetime) -> str | None:
    if node.is_between:
        return "retrying"
    if node.is_terminal and not node.is_settled:
        return "stopping"
    if not node.is_terminal and job.held:
        return "held"
    if not node.is_terminal and node.phase is not None:
        return node.phase
    if not node.is_terminal and node.attempt and node.started_at is None:
        return "starting"
    if not node.is_terminal and not node.attempt and now < job.begins_at:
        return "delayed"
    return None
