"""What the `ssh_*` tools answer: JSON with the names that agents know from other servers of SSH."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ....core.limits import format_duration, iso, to_ms
from ....core.state import Reason
from ....engine import verbs
from ..answers import STREAMS, from_whole_character
from ..output import piece
from ..tool import Refusal

if TYPE_CHECKING:
    from ....core.job import Job
    from ....core.session import Session
    from ....errors import ClientError
    from ..served import Served

STATUS: Final = "ssh_get_command_status"

TAIL_BYTES: Final = 4096
"""How much of the end of each stream an answer carries that was not asked for a piece."""

PIECE_BYTES: Final = 8192
"""How much of a stream a piece has, if nothing else is said."""

MOST_BYTES: Final = 65536

SHOWN: Final = 500
"""How much of a command is shown again to whoever has sent it."""

UNSURE: Final = "What it has done is not known: look at the host before you run it again"
CONNECT: Final = "ssh_connect tells whether the host lets us in; then run it again"
NEXT: Final[Mapping[str, str]] = {
    Reason.TIMEOUT: "Run it again with a longer timeout, or in parts",
    Reason.LOST: UNSURE,
    Reason.HOST_REBOOTED: UNSURE,
    Reason.SIGNAL: "Look at its output: something else than us has ended it",
    Reason.CONNECT_TIMEOUT: CONNECT,
    Reason.CONNECT_FAILED: CONNECT,
    Reason.AUTH_FAILED: CONNECT,
    Reason.HOST_KEY_REJECTED: CONNECT,
    Reason.SECRET_UNAVAILABLE: "ssh_connect: the session must be connected again",
}
"""What helps after an end that is not the command's own, by its reason."""


def seconds(milliseconds: int) -> str:
    """Return a time as it is written in messages: `30s`, `1.5s`."""
    return f"{milliseconds / 1000:.12g}s"


def shown(command: str) -> str:
    """Return a command for a message."""
    return command if len(command) <= SHOWN else f"{command[:SHOWN]}..."


def asked_of(job: Job) -> str:
    """Return the command of a job, as it was given."""
    spec = job.spec
    return shown(spec.shell or spec.script or " ".join(spec.command))


def polling(session: str) -> dict[str, Any]:
    """Return how to ask for a command of *session*."""
    return {"statusCommand": STATUS, "sessionName": session}


def exceeded(session: str, job: Job, async_ms: int) -> Refusal:
    """Return the error that a caller gets on purpose whose time is over, while the command goes on."""
    command = asked_of(job)
    return Refusal(
        {
            "success": False,
            "error": "async_timeout_exceeded",
            "message": f"Command '{command}' exceeded {seconds(async_ms)} asyncTimeout,"
            " continuing in background",
            "sessionName": session,
            "asyncTimeout": async_ms,
            "backgroundExecution": True,
            "backgroundTaskId": job.id,
            "pollingInstructions": polling(session),
            "polling": {
                **polling(session),
                "instructions": f"Call {STATUS} with sessionName '{session}' until its state is"
                " neither running nor queued. Do not run the command again.",
            },
        }
    )


def refusal(error: str, message: str, **more: Any) -> Refusal:
    """Return an error of which the model is told a code, a sentence, and *more*."""
    told = {"success": False, "error": error, "message": message, **more}
    return Refusal({key: value for key, value in told.items() if value is not None})


def as_refusal(error: ClientError) -> Refusal:
    """Return an error of ours in the form that all errors of these tools have."""
    # What is suggested where something is merely wrong names commands for people.
    helps = error.suggestion if error.retryable else None
    return refusal(
        error.code,
        error.message,
        retryable=error.retryable or None,
        next=helps
        or ("ssh_list_sessions tells what there is" if error.code == "not_found" else None),
    )


def ended(there: Served, job: Job) -> dict[str, Any]:
    """Return what came of a command that is over. `success` is the command's own, with code 0."""
    told = standing(there, job, None)
    for known in ("command", "submittedAt"):  # to whoever has just sent it
        del told[known]
    return {"success": job.reason is None, **told, **output(there, job)}


def standing(there: Served, job: Job, since: datetime | None) -> dict[str, Any]:
    """Return how a command stands, without what it has printed."""
    (node, *_) = job.nodes
    told: dict[str, Any] = {
        "sessionName": job.spec.session,
        "taskId": job.id,
        "command": asked_of(job),
        "state": str(job.status),
        "exitCode": job.exit_code,
        "reason": job.reason,
        "signal": node.signal,
        "submittedAt": iso(job.created_at),
        "startedAt": iso(job.started_at),
        "completedAt": iso(job.completed_at),
        "asyncSince": iso(since),
        "durationMs": _duration_ms(there, job),
    }
    if job.is_terminal and job.reason not in (None, Reason.EXIT_NONZERO):
        told["message"] = _told_dead(job)
        told["next"] = NEXT.get(str(job.reason))
    elif not job.is_terminal:
        told["message"] = node.message
        told["phase"] = node.phase
    return {key: value for key, value in told.items() if value is not None}


def _told_dead(job: Job) -> str:
    """Return in words how a command ended that did not end by itself."""
    (node, *_) = job.nodes
    ends: Mapping[str, str] = {
        Reason.TIMEOUT: f"Killed at its timeout of {format_duration(job.spec.timeout)}",
        Reason.SIGNAL: f"Ended by signal {node.signal}",
        Reason.CANCELLED: "Cancelled",
    }
    told = ends.get(str(job.reason)) or node.error or str(job.reason)
    return f"{told}; it is not known to be gone yet: {node.stop_error}" if node.stop_error else told


def _duration_ms(there: Served, job: Job) -> int | None:
    if job.started_at is None:
        return None
    until = job.completed_at or there.now()
    return to_ms(max(timedelta(), until - job.started_at))


# Output ---------------------------------------------------------------------------------------


def output(there: Served, job: Job) -> dict[str, Any]:
    """Return the end of each stream; where one is cut, where its end begins, and what to call."""
    told: dict[str, Any] = {}
    (node, *_) = job.nodes
    for stream, size in zip(STREAMS, (node.stdout_bytes, node.stderr_bytes), strict=True):
        start = max(0, size - TAIL_BYTES)
        data = there.service.read_output(
            verbs.ReadOutput(job.id, stream=stream, offset=start, limit=TAIL_BYTES)
        )
        whole, start = from_whole_character(data, start)
        told[stream] = whole.decode("utf-8", "replace")
        if start:
            told[f"{stream}Offset"] = start
            told.setdefault(
                "more", f'{STATUS}(taskId="{job.id}", stream="{stream}", offset=0) has all of it'
            )
    return told


def read_piece(there: Served, job: Job, stream: str, offset: int, limit: int) -> dict[str, Any]:
    """Return a piece of a stream, and where the next begins; none where all of it was read."""
    verb = verbs.ReadOutput(job.id, stream=stream, offset=offset, limit=limit)
    data = there.service.read_output(verb)
    node = job.nodes[0]
    size = node.stdout_bytes if stream == STREAMS[0] else node.stderr_bytes
    is_last = job.is_settled and offset + len(data) >= size
    text, first, then = piece(data, offset, is_last=is_last)
    told: dict[str, Any] = {stream: text, "offset": first}
    if not is_last:
        told["nextOffset"] = then
    return told


# Sessions -------------------------------------------------------------------------------------


def session_answer(session: Session) -> dict[str, Any]:
    """Return how a session stands."""
    known = session.hosts.get(session.host)
    told: dict[str, Any] = {
        "sessionName": session.name,
        "host": session.host,
        "username": None if known is None else known.user,
        "port": None if known is None else known.port,
        "state": session.state,
        "mustConnect": session.must_connect or None,
        "running": session.running,
        "queued": list(session.queued) or None,
        "asyncSince": iso(session.async_since),
        "lastTaskId": session.last_job,
        "lastUsedAt": iso(session.last_used_at),
    }
    return {key: value for key, value in told.items() if value is not None}
