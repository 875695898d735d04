"""Who waits for whose end, and what that makes of them. Nothing here is stored: the specs say it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from ..core.job import Job, JobId
from ..core.needs import Condition, Standing, judge, unmet
from ..core.state import JobStatus

StatusOf = Callable[[JobId], "JobStatus | None"]
"""How a job stands; None: it is not there any more."""


class Needs:
    """
    The jobs that wait for others to end. What an end costs is in proportion to those that wait
    for it. Another one, made from the same jobs after any death, comes to the same.
    """

    def __init__(self, status_of: StatusOf) -> None:
        self._status_of = status_of
        self._waiters: dict[JobId, dict[JobId, Condition]] = {}
        """By the job that they wait for."""

        self._open: dict[JobId, set[JobId]] = {}
        """What each of those who wait still waits for."""

        self._undecided: deque[tuple[JobId, JobId, Condition, JobStatus]] = deque()
        """Who waited, for whom, for what, and what came of it; in the order of their submission."""

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, job_id: JobId) -> bool:
        """Whether it waits for another one's end."""
        return job_id in self._open

    def take_up(self, job: Job) -> str | None:
        """
        Have *job* wait for those that have not ended. Returns why it never begins, where one has
        ended otherwise than it had to.
        """
        if job.id in self._open or any(node.attempt for node in job.nodes):
            return None  # what has been claimed once had all that it waited for
        waits_for = set()
        for need in job.spec.after:
            if need.job_id in self._waiters:
                waits_for.add(need.job_id)
                continue
            status = self._status_of(need.job_id)
            match judge(need.on, status):
                case Standing.OPEN:
                    waits_for.add(need.job_id)
                case Standing.UNMET:
                    return unmet(need.job_id, need.on, status)
        for need in job.spec.after:
            if need.job_id in waits_for:
                self._waiters.setdefault(need.job_id, {})[job.id] = need.on
        if waits_for:
            self._open[job.id] = waits_for
        return None

    def note_end(self, job: Job) -> None:
        """*job* has ended: it waits no more, and those who wait for it are decided on."""
        self._forget(job.id)
        for waiter, on in self._waiters.pop(job.id, {}).items():
            self._undecided.append((waiter, job.id, on, job.status))

    @property
    def is_decided(self) -> bool:
        """Whether nobody is left to be decided on."""
        return not self._undecided

    def decided(self) -> Iterator[tuple[JobId, str | None]]:
        """
        Yield those who wait no more, each once: with None if all that they waited for has
        happened, else with why it never will. An end that is noted meanwhile is gone into as well.
        Whoever stops looking goes on with the next call.
        """
        while self._undecided:
            waiter, job_id, on, status = self._undecided.popleft()
            waits_for = self._open.get(waiter, set())
            if job_id not in waits_for:
                continue  # it has ended itself
            waits_for.discard(job_id)
            if judge(on, status) is Standing.UNMET:
                self._forget(waiter)
                yield waiter, unmet(job_id, on, status)
            elif not waits_for:
                del self._open[waiter]
                yield waiter, None

    def _forget(self, waiter: JobId) -> None:
        for job_id in self._open.pop(waiter, ()):
            waiters = self._waiters.get(job_id, {})
            waiters.pop(waiter, None)
            if not waiters:
                self._waiters.pop(job_id, None)
