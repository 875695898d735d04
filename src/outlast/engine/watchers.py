"""Who waits for which job: connections to which its changes are told."""

from __future__ import annotations

from asyncio import StreamWriter
from collections.abc import Iterable

from ..core.job import JobId
from . import wire


class Watchers:
    """The connections that watch jobs, by job."""

    def __init__(self) -> None:
        self._of: dict[JobId, set[StreamWriter]] = {}

    def __contains__(self, job_id: JobId) -> bool:
        return job_id in self._of

    def add(self, job_ids: Iterable[JobId], writer: StreamWriter) -> None:
        """Tell *writer* of changes of these jobs, too."""
        for job_id in job_ids:
            self._of.setdefault(job_id, set()).add(writer)

    def remove(self, job_ids: Iterable[JobId], writer: StreamWriter) -> None:
        """Tell *writer* no more. For jobs that it was added for."""
        for job_id in job_ids:
            self._of[job_id].discard(writer)
            if not self._of[job_id]:
                del self._of[job_id]

    def tell_changed(self, job_id: JobId) -> None:
        """Wake whoever waits for *job_id*."""
        if (writers := self._of.get(job_id)) is not None:
            line = wire.encode({"changed": job_id})
            for writer in writers:
                writer.write(line)
