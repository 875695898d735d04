"""The routes of queues, and of jobs that are moved between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from fastapi.requests import Request
from starlette.responses import Response

from ...core.job import JobId
from ...core.principal import Scope
from ...core.queue import strangers
from ...engine import verbs
from ...engine.queuedesk import public_queue
from ...errors import InvalidRequest
from ...reception import movement
from . import models
from .answers import job_answer, json_answer, warning_of
from .body import left_over, read_nothing, read_object
from .served import needs, note, served

if TYPE_CHECKING:
    from ...core.job import Job
    from ...core.queue import QueueStanding

router: Final = APIRouter(tags=["queues"])


@router.get("/queues", operation_id="list_queues", **models.queues)
async def list_queues(request: Request) -> Response:
    """Tell how the queues stand, `default` first; also those that nobody created and that hold jobs."""
    there = served(request)
    needs(request, Scope.READ)
    found = await asyncio.to_thread(there.service.queues.list)
    return json_answer({"items": [public_queue(each) for each in found]})


@router.post("/queues", operation_id="create_queue", **models.queue_created)
async def create_queue(request: Request) -> Response:
    """Make a queue: its `name`, and of `width`, `max_cpus`, `max_memory_bytes` what it is to have."""
    body = await _asked(request)
    if not isinstance(name := body.pop("name", None), str):
        raise InvalidRequest("name is the new queue's, and text")
    return await _answer(request, name, lambda queues: queues.create(name, **body), 201)


@router.post("/queues:pause", operation_id="pause_all_queues", **models.queues_changed)
async def pause_all_queues(request: Request) -> Response:
    """Have nothing more begin of `default` and of every queue that was created: all of them at once."""
    return await _answer_all(request, lambda queues: queues.pause_all())


@router.post("/queues:resume", operation_id="resume_all_queues", **models.queues_changed)
async def resume_all_queues(request: Request) -> Response:
    """Have all of them take jobs, and begin them."""
    return await _answer_all(request, lambda queues: queues.resume_all())


@router.post("/queues:drain", operation_id="drain_all_queues", **models.queues_changed)
async def drain_all_queues(request: Request) -> Response:
    """Have all of them but `default` take no more jobs. What is in them runs."""
    return await _answer_all(request, lambda queues: queues.drain_all())


@router.post("/queues/{name}/set", operation_id="set_queue", **models.queue_set)
async def set_queue(request: Request, name: str) -> Response:
    """Change some of a queue's limits; null takes one away. What runs goes on."""
    body = await _asked(request)
    return await _answer(request, name, lambda queues: queues.set(name, **body))


@router.post("/queues/{name}/pause", operation_id="pause_queue", **models.queue_changed)
async def pause_queue(request: Request, name: str) -> Response:
    """Have nothing more of it begin. What runs goes on."""
    await _wanted(request)
    return await _answer(request, name, lambda queues: queues.pause(name))


@router.post("/queues/{name}/resume", operation_id="resume_queue", **models.queue_changed)
async def resume_queue(request: Request, name: str) -> Response:
    """Have it take jobs, and begin them."""
    await _wanted(request)
    return await _answer(request, name, lambda queues: queues.resume(name))


@router.post("/queues/{name}/drain", operation_id="drain_queue", **models.queue_changed)
async def drain_queue(request: Request, name: str) -> Response:
    """Have it take no more jobs. What is in it runs."""
    await _wanted(request)
    return await _answer(request, name, lambda queues: queues.drain(name))


@router.delete("/queues/{name}", operation_id="delete_queue", **models.queue_deleted)
async def delete_queue(request: Request, name: str) -> Response:
    """Forget a queue in which nothing runs and nothing waits."""
    there = served(request)
    needs(request, Scope.ADMIN)
    await asyncio.to_thread(there.service.queues.delete, name)
    note(request, queue=name)
    return json_answer({"deleted": name})


@router.post("/jobs/{job_id}/move", operation_id="move", **models.move)
async def move(request: Request, job_id: str) -> Response:
    """Have a job that has not begun wait in another `queue`, or with another `priority`."""
    there, asker = served(request), needs(request, Scope.RUN)
    body = await read_object(request)
    queue, priority = body.pop("queue", None), body.pop("priority", None)
    faults: list[str] = []
    left_over(body, faults)
    if faults:
        raise InvalidRequest(*faults)

    def move_it() -> tuple[Job, str | None]:
        old = there.service.get(verbs.Get(JobId(job_id)))
        moved = there.service.move(movement(there, asker, old, queue, priority))
        created = () if queue is None else there.service.queues.created()
        return moved, None if queue is None else strangers([moved], created)

    job, warning = await asyncio.to_thread(move_it)
    note(request, job_id=job.id, queue=job.queue, priority=job.priority)
    return job_answer(there, request, job, headers=warning_of(warning))


async def _asked(request: Request) -> dict[str, Any]:
    """Return the body of a request that only an administrator may make."""
    needs(request, Scope.ADMIN)
    return await read_object(request)


async def _wanted(request: Request) -> None:
    """See that an administrator asks, and for no more than the address says."""
    needs(request, Scope.ADMIN)
    await read_nothing(request)


async def _answer(
    request: Request, name: str, do: Callable[[Any], QueueStanding], status: int = 200
) -> Response:
    there = served(request)
    standing = await asyncio.to_thread(lambda: do(there.service.queues))
    note(request, queue=name)
    there.hub.need()
    return json_answer(public_queue(standing), status)


async def _answer_all(request: Request, do: Callable[[Any], tuple[QueueStanding, ...]]) -> Response:
    await _wanted(request)
    there = served(request)
    standings = await asyncio.to_thread(lambda: do(there.service.queues))
    note(request, queues=[each.queue.name for each in standings])
    there.hub.need()
    return json_answer({"items": [public_queue(each) for each in standings]})
