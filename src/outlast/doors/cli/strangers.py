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
    from ...core.queue import strangers  # here, since most jobs name no queue

    told = strangers([job], caller.service.queues.created())
    return () if told is None else (told,)
