"""What a job waits for, asked for anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.state import JobStatus

if TYPE_CHECKING:
    from ..core.job import Job
    from .caller import Caller


def waits_for(caller: Caller, job: Job) -> str:
    """Return what *job*, which has not ended, waits for; empty where it runs, or nobody can say."""
    if job.status is not JobStatus.QUEUED:
        return ""
    from ..engine.verbs import Get
    from ..errors import ClientError
    from .text import waits

    try:
        (job,) = caller.service.explained([caller.service.get(Get(job.id))])
    except ClientError:  # a server that is away just now, say
        return ""
    return waits(job)
