"""The paths of what a server is asked about."""

from __future__ import annotations

from ..core.job import JobId
from ..errors import NotFound


def path_of_job(job_id: JobId, *below: str) -> list[str]:
    """Return the path of a job. Raises NotFound for what no path can name."""
    if not job_id.replace("_", "").isalnum() or not job_id.isascii():
        raise NotFound(
            f"There is no job {job_id!r:.80}",
            job_id=job_id,
            suggestion="List them: outlast job list",
        )
    return ["jobs", job_id, *below]


def path_of_session(name: str) -> list[str]:
    """Return the path of a session. Raises NotFound for what is no session's name."""
    from ..core.session import name_fault

    if name_fault(name):
        raise NotFound(
            f"There is no open session {name!r:.80}", suggestion="List them: outlast session list"
        )
    return ["sessions", name]
