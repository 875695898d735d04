"""Whose turn it is, on a server: jobs that have not begun are moved, held, released, explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .jobs import WITH_SPEC, read_job
from .paths import path_of_job

if TYPE_CHECKING:
    from ..core.job import Job, JobId
    from ..engine import verbs
    from .transport import Transport


class Arranging:
    """A part of `HttpService`. All of it may be asked for twice, and is, where an answer is lost."""

    _transport: Transport

    def move(self, request: verbs.Move) -> Job:
        """Move a job that has not begun. As `Service.move`."""
        asked = {"queue": request.queue, "priority": request.priority}
        body = {name: value for name, value in asked.items() if value is not None}
        return self._arrange(request.job_id, "move", body)

    def hold(self, request: verbs.Hold) -> Job:
        """Hold a job that has not begun. As `Service.hold`."""
        return self._arrange(request.job_id, "hold", {})

    def release(self, request: verbs.Release) -> Job:
        """Release a job that is held. As `Service.release`."""
        return self._arrange(request.job_id, "release", {})

    def explained(self, jobs: Iterable[Job]) -> tuple[Job, ...]:
        """Return *jobs*: the server has told why they wait. As `Service.explained`."""
        return tuple(jobs)

    def _arrange(self, job_id: JobId, what: str, body: Mapping[str, Any]) -> Job:
        path = path_of_job(job_id, what)
        told = self._transport.ask_object(
            "POST", path, headers={"Prefer": WITH_SPEC}, body=body, job_id=job_id
        )
        return read_job(told)
