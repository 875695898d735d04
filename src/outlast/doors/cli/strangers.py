"""A queue that nobody created: it may be one whose name was mistyped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...core.job import Job
    from ...framework.caller import Caller


def of_queue(caller: Caller, job: Job) -> tuple[str, ...]:
    """Return what is to be told of the queue that *job* was submitted to, a sentence each."""
    if job.queue is None or job.spec.queue_width is not None:
        return ()
    known = (each.queue for each in caller.service.queues.list())
    if any(queue.name == job.queue and queue.created_at is not None for queue in known):
        return ()
    told = (
        f"nobody has created a queue {job.queue!r:.80}, and it is as wide as the machine:"
        " outlast queue create NAME --width N, or --queue-width N"
    )
    return (told,)
