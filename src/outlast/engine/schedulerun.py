"""One run of a schedule: what is submitted for it, and whether it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.limits import to_epoch_ms
from ..core.schedule import spec_of_run
from ..errors import NotFound
from . import verbs

if TYPE_CHECKING:
    from ..core.job import Job, JobId
    from ..core.schedule import Step
    from .schedulefiles import Held


def has_ended(job_id: JobId | None, get: Callable[[JobId], Job]) -> bool:
    """Whether a schedule's last run is over; one that is not known any more is."""
    if job_id is None:
        return True
    try:
        return get(job_id).is_terminal
    except NotFound:
        return True


def submission_of(step: Step, held: Held) -> verbs.Submit:
    """Return the submission of the job of *step*, under the key of its time."""
    schedule = step.before
    at = step.due_at
    return verbs.Submit(
        specs=(spec_of_run(schedule),),
        captured=held.captured,
        secrets=held.secrets,
        stdin=held.stdin,
        keys=(None if at is None else f"{schedule.id}/{to_epoch_ms(at)}",),
        principal=schedule.principal,
        step=step,
    )
