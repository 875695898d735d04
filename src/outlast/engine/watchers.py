"""Who waits for which job: connections to which its changes are told."""

from __future__ import annotations

from asyncio import StreamWriter
from collections.abc import Iterable

from ..core.job import JobId
from . import wire


class Watchers:
    """The connections that watch jobs, by job; and those that watch all of them."""

    def __init__(self) -> None:
        self._of: dict[JobId, set[StreamWriter]] = {}
        self._of_all: set[StreamWriter] = set()

    def __contains__(self, job_id: JobId) -> bool:
        """
        Whether somebody waits for this very job. Who watches all does not count: for its sake
        nothing is stored before it may be stored together with what comes next.
        """
        return job_id in self._of

    def add_to_all(self, writer: StreamWriter) -> None:
        """Tell *writer* of every change of any job. It is never added for some as well."""
        self._of_all.add(writer)

    def add(self, job_ids: Iterable[JobId], writer: StreamWriter) -> None:
        """Tell *writer* of changes of these jobs, too."""
        for job_id in job_ids:
            self._of.setdefault(job_id, set()).add(writer)

    def remove(self, job_ids: Iterable[JobId], writer: StreamWriter) -> None:
        """Tell *writer* no more. For jobs that it was added for, or for one of all jobs."""
        self._of_all.discard(writer)
        for job_id in job_ids:
            self._of[job_id].discard(writer)
            if not self._of[job_id]:
                del self._of[job_id]

    def tell_changed(self, job_id: JobId) -> None:
        """Wake whoever waits for *job_id*."""
        writers = self._of.get(job_id)
        if writers or self._of_all:
            line = wire.encode({"changed": job_id})
            for writer in (*(writers or ()), *self._of_all):
                writer.write(line)
