"""The routes of schedules: jobs that are submitted again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fastapi import APIRouter
from fastapi.requests import Request
from starlette.responses import Response

from ...clock import SystemClock
from ...core.principal import Scope
from ...core.schedule import name_fault, strange_queue
from ...core.spec import spec_to_json
from ...engine.cron import KEYS, read_timing
from ...errors import InvalidRequest
from ...reception import admit_schedule, scheduling, to_run
from . import models
from .answers import job_answer, json_answer, warning_of
from .body import flag, left_over, read_nothing, read_object, take
from .served import needs, note, principal_of, served
from .view import without_ways

if TYPE_CHECKING:
    from ...core.schedule import Schedule
    from ...engine.scheduledesk import Admits

router: Final = APIRouter(tags=["schedules"])

Changed = TypeVar("Changed")


@router.get("/schedules", operation_id="schedules.list", **models.schedules)
async def schedules(request: Request) -> Response:
    """Tell how the schedules stand, by their names."""
    there = served(request)
    needs(request, Scope.READ)
    found = await asyncio.to_thread(there.service.schedules.list)
    return json_answer({"items": [_told(request, each) for each in found]})


@router.get("/schedules/{name}", operation_id="schedules.show", **models.schedule)
async def show(request: Request, name: str) -> Response:
    """Tell how one stands, and its next five times."""
    there = served(request)
    needs(request, Scope.READ)
    found = await asyncio.to_thread(there.service.schedules.get, name)
    return json_answer(_told(request, found, with_times=True))


@router.put("/schedules/{name}", operation_id="schedules.add", **models.add_schedule)
async def add(request: Request, name: str) -> Response:
    """
    Have a job be submitted again and again. Asked for once more, it is the same schedule; another
    one of its name takes `replace`.
    """
    there, asker = served(request), needs(request, Scope.RUN)
    body = await read_object(request)
    faults = [*filter(None, [name_fault(name)])]
    timing = read_timing(
        {key: body.pop(key) for key in KEYS if key in body}, SystemClock().now(), faults
    )
    put_in_place = take(body, "replace", flag, faults) or False
    job = body.pop("job", None)
    left_over(body, faults)
    if not isinstance(job, dict) or "jobs" in job:
        raise InvalidRequest("job is the spec of one job, an object", *faults)

    def store() -> tuple[Schedule, str | None]:
        verb = scheduling(
            there,
            asker,
            name=name,
            timing=timing,
            job=job,
            in_place=put_in_place,
            faults=faults,
        )
        added = there.service.schedules.add(verb)
        return added, strange_queue(added, there.service.queues.created)

    schedule, warning = await asyncio.to_thread(store)
    note(request, **to_run([schedule.spec]))
    there.hub.need()
    return json_answer(_told(request, schedule), headers=warning_of(warning))


@router.post("/schedules/{name}/pause", operation_id="schedules.pause", **models.change_schedule)
async def pause(request: Request, name: str) -> Response:
    """Have none of its times count."""
    desk = served(request).service.schedules
    return json_answer(_told(request, await _changed(request, partial(desk.pause, name))))


@router.post("/schedules/{name}/resume", operation_id="schedules.resume", **models.change_schedule)
async def resume(request: Request, name: str) -> Response:
    """Have its times count again; those that passed meanwhile were not missed."""
    desk = served(request).service.schedules
    return json_answer(_told(request, await _changed(request, partial(desk.resume, name))))


@router.post("/schedules/{name}/run", operation_id="schedules.run", **models.run_schedule)
async def run(request: Request, name: str) -> Response:
    """Submit a job of it now, once, in the name of whoever asks. Its times stay as they are."""
    there, asker = served(request), principal_of(request)
    begin = partial(there.service.schedules.run, name, principal=asker.name)
    job = await _changed(request, begin)
    note(request, job_id=job.id)
    return job_answer(there, request, job, 202, {"Location": f"/jobs/{job.id}"})


@router.delete("/schedules/{name}", operation_id="schedules.remove", **models.schedule)
async def remove(request: Request, name: str) -> Response:
    """Forget it, and what its jobs inherit. No job is touched."""
    desk = served(request).service.schedules
    return json_answer(_told(request, await _changed(request, partial(desk.remove, name))))


async def _changed(request: Request, do: Callable[[Admits], Changed]) -> Changed:
    """Return what *do* does for whoever asks, if they may have the schedule's own job run."""
    there, asker = served(request), needs(request, Scope.RUN)
    await read_nothing(request)
    changed = await asyncio.to_thread(do, partial(admit_schedule, there, asker))
    there.hub.need()
    return changed


def _told(request: Request, schedule: Schedule, *, with_times: bool = False) -> dict[str, Any]:
    public = served(request).service.schedules.public(schedule, with_times=with_times)
    if not principal_of(request).may(Scope.ADMIN):
        public["job"] = spec_to_json(without_ways(schedule.spec))
    return public
