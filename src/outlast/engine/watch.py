"""Watching many jobs by one subscription: each is told as its status changes, and read only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from ..core.job import Job, JobId
from ..core.state import JobStatus
from . import verbs

if TYPE_CHECKING:
    from ..ports.clock import Clock
    from ..ports.supervision import News


def changes(
    request: verbs.Wait,
    clock: Clock,
    read: Callable[[JobId], Job],
    subscribe: Callable[[frozenset[JobId], timedelta | None], News],
) -> Iterator[Job]:
    """
    Yield each job as it stands, and again whenever its status is another one.

    Ends when all have ended, when the request's time is over, or when whoever asks has enough.
    """
    status: dict[JobId, JobStatus] = {}
    unfinished = dict.fromkeys(request.job_ids)
    timeout = request.timeout
    deadline = None if timeout is None else clock.monotonic() + timeout.total_seconds()

    def left() -> timedelta | None:
        return None if deadline is None else timedelta(seconds=deadline - clock.monotonic())

    def look(among: frozenset[JobId] | None) -> Iterator[Job]:
        wanted = list(unfinished) if among is None else [id_ for id_ in among if id_ in unfinished]
        for job_id in wanted:
            job = read(job_id)
            if job.is_terminal:
                unfinished.pop(job_id, None)
            if status.get(job_id) != job.status:
                status[job_id] = job.status
                yield job

    yield from look(None)
    if not unfinished:
        return
    news = subscribe(frozenset(unfinished), left())
    try:
        # Read once more after subscribing: what happened before it is seen, what comes is told.
        changed: frozenset[JobId] | None = None
        while True:
            yield from look(changed)
            patience = left()
            if not unfinished or (patience is not None and patience <= timedelta()):
                return
            changed = news.changed(patience)
    finally:
        news.close()
