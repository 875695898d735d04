"""What an agent is told of the name of a queue that may be mistyped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.queue import strangers
from ...core.schedule import strange_queue
from .remedies import for_agents

if TYPE_CHECKING:
    from ...core.job import Job
    from ...core.schedule import Schedule
    from .tool import Call


def warning_of(call: Call, job: Job) -> dict[str, str]:
    """Return what is to be told beside *job*, which was just put into its queue: a warning, if any."""
    if job.queue is None:
        return {}
    return _told(strangers([job], call.there.service.queues.created()))


def warning_of_schedule(call: Call, schedule: Schedule) -> dict[str, str]:
    """Return what is to be told beside *schedule*, which was just added: a warning, if any."""
    return _told(strange_queue(schedule, call.there.service.queues.created))


def _told(warning: str | None) -> dict[str, str]:
    return {} if warning is None else {"warning": for_agents(warning)}
