"""The only code that writes a node's status, and a job's from its nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ..errors import IllegalMove, StaleAttempt
from . import events as ev
from .attempt import Attempt
from .job import Job, Node
from .moves import MOVES
from .outcome import first_start, job_outcome
from .state import TERMINAL_JOB, NodeStatus, Reason

__all__ = ["settle", "transition", "with_node"]


def transition(node: Node, event: ev.Event) -> Node:
    """
    Return *node* as it stands after *event*.

    Raises:
        IllegalMove: This cannot happen to a node where it is.

        StaleAttempt: The news is of an attempt that is not the current one.
    """
    _fence(node, event)
    name = type(event).__name__

    status = MOVES[node.status].get(type(event))
    if status is None or _is_out_of_turn(node, event):
        raise IllegalMove(f"node {node.index} is {node.status}: {name} cannot happen to it")

    match event:
        case ev.Claimed():
            return replace(
                _afresh(node) if node.is_between else node,
                status=status,
                attempt=event.attempt,
                boot_id=event.boot_id,
                claimed_at=event.at,
            )
        case ev.Started():
            return replace(
                node,
                status=status,
                started_at=event.at,
                containment=event.containment,
                survives=event.survives,
                image_id=event.image_id,
                image_digest=event.image_digest,
            )
        case ev.ShimLost():
            return replace(node, status=status, degraded=True)
        case ev.Completed():
            return replace(
                node,
                status=status,
                exit_code=0,
                completed_at=event.at,
                stopped_at=event.stopped_at,
            )
        case ev.Failed():
            return replace(
                _taken_back(node) if node.is_between else node,
                status=status,
                reason=event.reason,
                exit_code=event.exit_code,
                signal=event.signal,
                error=event.error,
                completed_at=event.at,
                stopped_at=event.stopped_at,
            )
        case ev.Retried():
            return _put_away(node, event)
        case ev.CancelRequested():
            is_over = node.attempt == 0 or (node.is_between and node.is_gone)
            return replace(
                node,
                status=status,
                reason=Reason.CANCELLED,
                completed_at=event.at,
                stopped_at=event.at if is_over else None,
                retry_at=None,
            )
    raise IllegalMove(f"{name} is not an event that a node knows")


def _is_out_of_turn(node: Node, event: ev.Event) -> bool:
    """Whether *event* is of an attempt that is not, or is no more: the next is to be claimed."""
    return (isinstance(event, ev.Retried) and not node.is_claimed) or (
        isinstance(event, ev.Started) and node.is_between
    )


def _put_away(node: Node, event: ev.Retried) -> Node:
    """Return *node* waiting for its next attempt, with what became of this one."""
    ended = Attempt(
        number=node.attempt,
        reason=event.reason,
        exit_code=event.exit_code,
        signal=event.signal,
        error=event.error,
        started_at=node.started_at,
        completed_at=event.at,
        stopped_at=event.stopped_at,
        may_run=event.may_run,
    )
    return replace(
        node,
        status=NodeStatus.PENDING,
        started_at=None,
        degraded=False,
        earlier=(*node.earlier, ended),
        retry_at=event.retry_at,
    )


def _afresh(node: Node) -> Node:
    """Return *node* without what was known of the attempt before."""
    return Node(
        index=node.index,
        name=node.name,
        executor=node.executor,
        attempt=node.attempt,
        earlier=node.earlier,
    )


def _taken_back(node: Node) -> Node:
    """Return *node* with its last attempt as the one that stands: there is to be no other."""
    *earlier, last = node.earlier
    return replace(node, earlier=tuple(earlier), started_at=last.started_at, retry_at=None)


def settle(node: Node, fact: ev.Aftermath) -> Node:
    """
    Return *node*, whose attempt has ended, with one more thing known of that. Its status never
    changes.

    Raises:
        IllegalMove: The attempt has not ended.

        StaleAttempt: The news is of an attempt that is not the current one.
    """
    _fence(node, fact)
    if not (node.is_terminal or node.is_between):
        raise IllegalMove(f"node {node.index} is {node.status}: it has no aftermath yet")
    if node.is_between:
        last = _settled(node.earlier[-1], fact)
        return replace(node, earlier=(*node.earlier[:-1], last))

    match fact:
        case ev.Stopped():
            return replace(node, stopped_at=node.stopped_at or fact.at, stop_error=fact.error)
        case ev.CameLate():
            return replace(node, late_exit_code=fact.exit_code)
        case ev.StopFailed():
            return replace(node, stop_error=fact.error)
        case ev.Measured():
            return replace(
                node,
                stdout_bytes=fact.stdout_bytes,
                stderr_bytes=fact.stderr_bytes,
                progress_pct=fact.progress_pct,
                message=fact.message,
            )
    raise IllegalMove(f"{type(fact).__name__} is no aftermath that a node knows")


def _settled(last: Attempt, fact: ev.Aftermath) -> Attempt:
    """Return an attempt that another one follows with one more thing known of it."""
    match fact:
        case ev.Stopped():
            return replace(last, stopped_at=last.stopped_at or fact.at, stop_error=fact.error)
        case ev.StopFailed():
            return replace(last, stop_error=fact.error)
        case ev.Measured():
            return replace(last, stdout_bytes=fact.stdout_bytes, stderr_bytes=fact.stderr_bytes)
        case ev.CameLate():
            return replace(last, exit_code=fact.exit_code) if last.exit_code is None else last
    raise IllegalMove(f"{type(fact).__name__} is no aftermath that an attempt knows")


def with_node(job: Job, node: Node) -> Job:
    """Return *job* with *node* in its place, and its own status and times worked out anew."""
    nodes = tuple(node if old.index == node.index else old for old in job.nodes)
    status, reason = job_outcome(nodes)
    ended = status in TERMINAL_JOB
    return replace(
        job,
        nodes=nodes,
        status=status,
        reason=reason,
        started_at=min(_known(map(first_start, nodes)), default=None),
        completed_at=max(_known(node.completed_at for node in nodes)) if ended else None,
        stopped_at=max(_known(node.stopped_at for node in nodes))
        if ended and all(node.is_settled for node in nodes)
        else None,
    )


def _fence(node: Node, news: ev.Event | ev.Aftermath) -> None:
    if isinstance(news, ev.AttemptEvent | ev.Aftermath):
        current = node.attempt + isinstance(news, ev.Claimed)
        if news.attempt != current:
            raise StaleAttempt(
                f"node {node.index} is on attempt {node.attempt}:"
                f" {type(news).__name__} is of {news.attempt}"
            )


def _known(times: Iterable[datetime | None]) -> list[datetime]:
    return [time for time in times if time is not None]
