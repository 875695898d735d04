"""The only code that writes a node's status, and a job's from its nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ..errors import IllegalMove, StaleAttempt
from . import events as ev
from .job import Job, Node
from .moves import MOVES
from .outcome import job_outcome
from .state import TERMINAL_JOB, Reason

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

    try:
        status = MOVES[node.status][type(event)]
    except KeyError:
        raise IllegalMove(f"node {node.index} is {node.status}: {name} cannot happen to it") from (
            None
        )

    match event:
        case ev.Claimed():
            return replace(
                node,
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
                node,
                status=status,
                reason=event.reason,
                exit_code=event.exit_code,
                signal=event.signal,
                error=event.error,
                completed_at=event.at,
                stopped_at=event.stopped_at,
            )
        case ev.CancelRequested():
            return replace(
                node,
                status=status,
                reason=Reason.CANCELLED,
                completed_at=event.at,
                stopped_at=event.at if node.attempt == 0 else None,
            )
    raise IllegalMove(f"{name} is not an event that a node knows")


def settle(node: Node, fact: ev.Aftermath) -> Node:
    """
    Return an ended *node* with one more thing known of it. Its status never changes.

    Raises:
        IllegalMove: The node has not ended.

        StaleAttempt: The news is of an attempt that is not the current one.
    """
    _fence(node, fact)
    if MOVES[node.status]:
        raise IllegalMove(f"node {node.index} is {node.status}: it has no aftermath yet")

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
        started_at=min(_known(node.started_at for node in nodes), default=None),
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
