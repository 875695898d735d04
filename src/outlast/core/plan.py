"""What to do next, as data. Decided here, done by the supervisor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from . import events as ev
from . import sight
from .job import Job, Node
from .outcome import TIMEOUT_EXIT_CODE
from .retries import next_try
from .state import NodeStatus, Reason

UNKNOWN_END: Final = "Nothing is left that knows how this ended"


@dataclass(frozen=True)
class Launch:
    """Ask the executor to launch the node's current attempt, and watch it."""


@dataclass(frozen=True)
class Watch:
    """Have the executor tell how the attempt stands. Starts nothing, whatever it finds."""


@dataclass(frozen=True)
class Stop:
    """Ask the executor to end every process of the attempt."""

    grace: timedelta


Action: TypeAlias = ev.Event | ev.Aftermath | Launch | Watch | Stop
"""Something to do, or something that has happened and is to be recorded."""


def plan(job: Job, node: Node, seen: sight.Sight | None, *, now: datetime) -> tuple[Action, ...]:
    """
    Return what is to be done about *node*, in order, given what its executor sees of it.

    *seen* is None where the executor has not been asked yet. A node that was claimed and is not
    known to run is then launched (which starts nothing twice); one that ran, or that ended before
    it did, is only watched: what was cancelled must not start, nor what ran start again. One that
    waits in the queue is timed. What failed and may be tried again is told as `Retried`.
    """
    match seen:
        case None:
            return tuple(_unseen(job, node, now))
        case sight.Preparing():
            return ()
        case sight.Alive():
            return tuple(_alive(job, node, seen, now))
        case sight.Exited():
            return tuple(_exited(job, node, seen))
        case sight.Emptied():
            return tuple(_emptied(node, seen))
        case sight.Unkillable():
            return tuple(_unkillable(node, seen, now))
    return tuple(_gone(job, node, seen, now))


def queue_deadline(job: Job) -> datetime | None:
    """When a node of *job* that has not been claimed gives up waiting."""
    limit = job.spec.queue_timeout
    return None if limit is None else job.begins_at + limit


def _unseen(job: Job, node: Node, now: datetime) -> Iterator[Action]:
    if node.is_settled:
        return
    if node.is_between:
        if not node.is_gone:
            yield Watch()
        return
    if node.attempt:
        if node.status == NodeStatus.CANCELLED:
            # Left before anything else: whoever still has it to start finds that it must not.
            yield Stop(job.spec.grace)
        yield Launch() if node.status == NodeStatus.PENDING else Watch()
        return
    yield from give_up_waiting(job, node, now=now)


def give_up_waiting(job: Job, node: Node, *, now: datetime) -> tuple[ev.Event, ...]:
    """
    Return the end of a node that waited too long for its turn, if it has by *now*.

    For one that was claimed ahead of its turn too: but only by who knows that it was never
    launched. One that has been tried already was not too late for its turn.
    """
    deadline = queue_deadline(job)
    if deadline is None or now < deadline or node.status != NodeStatus.PENDING or node.earlier:
        return ()
    limit = (deadline - job.begins_at) / timedelta(seconds=1)
    words = f"TimeoutError: Not started within {limit:.12g}s"
    return (never_began(node, Reason.QUEUE_TIMEOUT, words, now=now),)


def never_began(node: Node, reason: Reason, error: str, *, now: datetime) -> ev.Failed:
    """Return the end of a node whose current attempt surely never began, and now never will."""
    return ev.Failed(at=now, attempt=node.attempt, reason=reason, error=error, stopped_at=now)


def _alive(job: Job, node: Node, seen: sight.Alive, now: datetime) -> Iterator[Action]:
    if node.is_terminal or node.is_between:
        if not node.is_gone:
            yield Stop(job.spec.grace)
        return
    if node.status == NodeStatus.PENDING:
        yield _started(node, seen, seen.started_at)
    if seen.degraded and not node.degraded:
        yield ev.ShimLost(at=now, attempt=node.attempt)


def _exited(job: Job, node: Node, seen: sight.Exited) -> Iterator[Action]:
    if not (node.is_terminal or node.is_between):
        if seen.reason == Reason.TIMEOUT and seen.error is None:
            limit = job.spec.at(node.name).timeout / timedelta(seconds=1)
            seen = replace(seen, error=f"TimeoutError: Timed out after {limit:.12g}s")
        if node.status == NodeStatus.PENDING and seen.started_at is not None:
            yield _started(node, seen, seen.started_at)
        yield _or_again(job, node, verdict(node, seen), may_run=seen.may_run)
        if seen.reason != Reason.CANCELLED:
            return
    if not (seen.may_run or _has_run(node, seen)):
        if not node.is_gone:
            yield ev.Stopped(attempt=node.attempt, at=seen.at)
    elif node.has_put_away:
        return
    elif seen.exit_code is not None and node.exit_code is None and node.late_exit_code is None:
        yield ev.CameLate(attempt=node.attempt, exit_code=seen.exit_code)


def verdict(node: Node, seen: sight.Exited) -> ev.Event:
    """
    Return the event that says how the command ended.

    A killing of ours at a limit of time has its own code, -1. A record that gives neither code,
    signal nor reason, or a code and no start, proves no ending: that is `lost`.
    """
    ran = _has_run(node, seen)
    reason, error = seen.reason, seen.error
    code = seen.exit_code if ran else None
    if reason == Reason.CANCELLED:
        return ev.CancelRequested(at=seen.at)
    if reason is None and code == 0:
        return ev.Completed(at=seen.at, attempt=node.attempt)

    if reason in (Reason.TIMEOUT, Reason.IDLE_TIMEOUT):
        code = TIMEOUT_EXIT_CODE
    elif reason is None and ran and seen.signal is not None:
        reason, code = Reason.SIGNAL, None
    elif reason is None and code is not None:
        reason = Reason.EXIT_NONZERO
    elif reason is None:
        reason, error = Reason.LOST, error or UNKNOWN_END
    return ev.Failed(
        at=seen.at,
        attempt=node.attempt,
        reason=reason,
        exit_code=code,
        signal=seen.signal if reason == Reason.SIGNAL else None,
        error=error,
        stopped_at=None if ran or seen.may_run else seen.at,
    )


def _or_again(job: Job, node: Node, end: ev.Event, *, may_run: bool = False) -> ev.Event:
    """Return *end*, or what stands for it where another attempt is to follow."""
    if not isinstance(end, ev.Failed) or (retry_at := next_try(job, node, end)) is None:
        return end
    return ev.Retried(**vars(end), may_run=may_run, retry_at=retry_at)


def _for_good(node: Node, now: datetime) -> Iterator[ev.Failed]:
    """
    Yield the end of a node whose last attempt nobody can see to be gone: no other may begin beside
    it, save where that is what was asked for.
    """
    if node.is_between and not node.earlier[-1].lets_go:
        last = node.earlier[-1]
        yield ev.Failed(
            at=now,
            attempt=node.attempt,
            reason=Reason(last.reason),
            exit_code=last.exit_code,
            signal=last.signal,
            error=last.error,
        )


def _has_run(node: Node, seen: sight.Exited) -> bool:
    known = node.earlier[-1].started_at if node.has_put_away else node.started_at
    return known is not None or seen.started_at is not None


def _unkillable(node: Node, seen: sight.Unkillable, now: datetime) -> Iterator[Action]:
    if node.is_terminal or node.is_between:
        yield from _for_good(node, now)
        yield ev.StopFailed(attempt=node.attempt, error=seen.error)


def _emptied(node: Node, seen: sight.Emptied) -> Iterator[Action]:
    if not (node.is_terminal or node.is_between):
        return
    if seen.error is not None:
        yield from _for_good(node, seen.at)
    yield ev.Measured(
        attempt=node.attempt,
        stdout_bytes=seen.stdout_bytes,
        stderr_bytes=seen.stderr_bytes,
        progress_pct=seen.progress_pct,
        message=seen.message,
    )
    yield ev.Stopped(attempt=node.attempt, at=seen.at, error=seen.error)


def _gone(job: Job, node: Node, seen: sight.Gone, now: datetime) -> Iterator[Action]:
    if node.is_terminal or node.is_between:
        if not node.is_gone:
            yield ev.Stopped(attempt=node.attempt, at=now)
        return
    end = ev.Failed(
        at=now,
        attempt=node.attempt,
        reason=Reason.HOST_REBOOTED if seen.rebooted else Reason.LOST,
        error="The machine was started anew while this ran, or was about to"
        if seen.rebooted
        else UNKNOWN_END,
        stopped_at=now,
    )
    yield _or_again(job, node, end)


def _started(node: Node, seen: sight.Alive | sight.Exited, at: datetime) -> ev.Started:
    return ev.Started(
        at=at,
        attempt=node.attempt,
        containment=seen.containment or "group",
        survives=seen.survives,
        image_id=seen.image_id,
        image_digest=seen.image_digest,
    )
