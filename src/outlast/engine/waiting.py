"""Staying until jobs have ended: asleep, by one subscription, until something happens to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from ..core.job import Job, JobId

if TYPE_CHECKING:
    from ..ports.clock import Clock
    from ..ports.supervision import News


def stay(
    jobs: Mapping[JobId, Job],
    timeout: timedelta | None,
    clock: Clock,
    read: Callable[[JobId], Job],
    subscribe: Callable[[frozenset[JobId], timedelta | None], News],
    *,
    any_of_them: bool = False,
    settled: bool = False,
) -> dict[JobId, Job]:
    """
    Return *jobs* once all of them (or any) have ended, or as they stand after *timeout*.

    With *settled* an end is not enough: every process is seen to be gone.
    """
    jobs = dict(jobs)
    deadline = None if timeout is None else clock.monotonic() + timeout.total_seconds()

    def is_waited() -> bool:
        over = (job.is_settled if settled else job.is_terminal for job in jobs.values())
        return any(over) if any_of_them else all(over)

    if is_waited():
        return jobs
    news = subscribe(frozenset(jobs), timeout)
    changed: frozenset[JobId] | None = None
    try:
        while True:
            # Read after subscribing: what happened before it is seen, what comes is told.
            for job_id, job in jobs.items():
                if not job.is_settled and (changed is None or job_id in changed):
                    jobs[job_id] = read(job_id)
            left = None if deadline is None else deadline - clock.monotonic()
            if is_waited() or (left is not None and left <= 0):
                return jobs
            changed = news.changed(None if left is None else timedelta(seconds=left))
    finally:
        news.close()
