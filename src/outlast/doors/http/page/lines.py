"""
What the page shows of queues: how each stands, what runs in it, and what waits, in order and for
what. Not documented as an interface, as `rows`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from fastapi.requests import Request
from starlette.responses import Response

from ....core.job import Job, JobId
from ....core.onend import on_end_id
from ....core.principal import Scope
from ....core.schedule import LABEL
from ....core.state import JobStatus
from ....engine import verbs
from ....engine.queuedesk import public_queue
from ....errors import NotFound
from ..answers import json_answer
from ..served import needs, served
from .rows import row

if TYPE_CHECKING:
    from ..served import Served

router: Final = APIRouter(prefix="/page", include_in_schema=False)

MAX_SHOWN: Final = 50
"""So many jobs of a queue are shown: of those that run, and of those that wait."""

MAX_NAMED: Final = 5
"""So many jobs that a job waits for are named."""

SHORT: Final = (
    *("job_id", "name", "title", "status", "reason", "exit_code", "signal"),
    *("started_at", "completed_at", "stopped_at"),
)
"""What is told of a job that another one, or a schedule, has to do with."""

KEPT: Final = ("held", "session", "waiting_for")
"""What keeps a job from beginning, as its public JSON has it."""


@router.get("/queues")
async def queues(request: Request) -> Response:
    """Return the queues as they stand, `default` first, each with the first of its jobs."""
    there = served(request)
    needs(request, Scope.READ)
    return json_answer({"items": await asyncio.to_thread(_queues, there)})


@router.get("/jobs/{job_id}/needs")
async def needs_of(request: Request, job_id: str) -> Response:
    """
    Return what a job has to do with: the jobs that it waits for, or did, and those that wait for
    it; what runs since it has ended, and whose end it is itself; its schedule; and, while nothing
    of it has begun, why.
    """
    there = served(request)
    needs(request, Scope.READ)
    job = await there.get(JobId(job_id))
    return json_answer(await asyncio.to_thread(_around, there, job))


def _queues(there: Served) -> list[dict[str, Any]]:
    told = []
    for standing in there.service.queues.list():
        name = standing.queue.name
        running = _first(there, name, JobStatus.RUNNING)  # also between two attempts
        waiting = _first(there, name, JobStatus.QUEUED) if standing.waiting else []
        first = {"most": MAX_SHOWN, "runs": running, "waits": waiting}
        told.append({**public_queue(standing), **first})
    return told


def _first(there: Served, queue: str, status: JobStatus) -> list[dict[str, Any]]:
    """Return the jobs of a queue that were submitted first, as they are shown."""
    query = verbs.List(
        statuses=frozenset({status}), queue=queue, oldest_first=True, limit=MAX_SHOWN
    )
    return [_in_queue(there, job) for job in there.service.list(query)]


def _in_queue(there: Served, job: Job) -> dict[str, Any]:
    """Return the row of a job, with what keeps it from beginning."""
    public = there.service.public(job, with_result=False)
    phases = [node["phase"] for node in public["nodes"] if node["status"] == "pending"]
    again = [node["next_attempt_at"] for node in public["nodes"] if node.get("next_attempt_at")]
    told = row(job) | {name: public[name] for name in KEPT if name in public}
    told["priority"] = job.priority
    told["has_own_turns"] = job.queue is None and bool(job.spec.on)
    if phase := next(filter(None, phases), None):
        told["phase"] = phase
    if again:
        told["next_attempt_at"] = min(again)
    if job.spec.after:
        told |= _around(there, job, only_open=True)
    return told


def _around(there: Served, job: Job, *, only_open: bool = False) -> dict[str, Any]:
    """Return what *job* waits for, and unless *only_open*, those that have ended and who waits for it."""
    after: list[dict[str, Any]] = []
    for need in job.spec.after:
        if len(after) == MAX_NAMED:
            break
        other = short_of(there, need.job_id)
        if not only_open or other["status"] in ("queued", "running"):
            after.append({**other, "on": str(need.on)})
    if only_open:
        return {"after": after}
    waiters = there.service.list(verbs.List(after=job.id, oldest_first=True, limit=MAX_SHOWN))
    has_ends = job.spec.on_end is not None and job.is_terminal
    has_begun = job.status is not JobStatus.QUEUED
    return {
        "after": after,
        "left_out": max(0, len(job.spec.after) - MAX_NAMED),
        "before": [_short(row(each)) for each in waiters],
        "on_end": short_of(there, on_end_id(job.id)) if has_ends else None,
        "on_end_of": None if (first := job.spec.on_end_of) is None else short_of(there, first),
        "schedule": _schedule_of(there, job),
        "waits": None if has_begun else _in_queue(there, *there.service.explained([job])),
    }


def _schedule_of(there: Served, job: Job) -> str | None:
    """Return the name of the schedule that *job* is labelled with, where there is one."""
    try:
        return there.service.schedules.get(job.spec.labels[LABEL]).name
    except (KeyError, NotFound):
        return None


def short_of(there: Served, job_id: JobId) -> dict[str, Any]:
    """Return which job it is and how it stands; its status is None where it is there no more."""
    try:
        return _short(row(there.service.get(verbs.Get(job_id))))
    except NotFound:
        return _short({"job_id": job_id})


def _short(told: dict[str, Any]) -> dict[str, Any]:
    return {name: told.get(name) for name in SHORT}
