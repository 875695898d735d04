"""The routes of schedules: jobs that are submitted again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from fastapi.requests import Request
from starlette.responses import Response

from ...clock import SystemClock
from ...core.job import Job, JobId, nodes_of
from ...core.principal import Scope
from ...core.schedule import name_fault
from ...core.spec import spec_to_json
from ...core.token import LOCAL
from ...engine.cron import KEYS, read_timing
from ...engine.scheduledesk import AddSchedule
from ...errors import InvalidRequest, NotFound
from ...reception import submission
from . import models
from .answers import job_answer, json_answer
from .body import left_over, read_object, take
from .served import Served, needs, note, principal_of, served
from .view import without_ways

if TYPE_CHECKING:
    from ...core.principal import Principal
    from ...core.schedule import Schedule

router: Final = APIRouter(tags=["schedules"])


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
    put_in_place = take(body, "replace", _flag, faults) or False
    job = body.pop("job", None)
    left_over(body, faults)
    if not isinstance(job, dict) or "jobs" in job:
        raise InvalidRequest("job is the spec of one job, an object", *faults)
    settings = there.settings

    def store() -> Schedule:
        verb = submission(there, asker, job, None, faults)
        if put_in_place:
            with suppress(NotFound):  # to put another in its place is to remove it
                _admit(there, asker, there.service.schedules.get(name))
        return there.service.schedules.add(
            AddSchedule(
                name=name,
                timing=timing,
                request=verb,
                token_id="" if asker.name == LOCAL else asker.token_id,
                rules=(settings.policy, settings.inventory),
                replace=put_in_place,
            )
        )

    schedule = await asyncio.to_thread(store)
    there.hub.need()
    return json_answer(_told(request, schedule))


@router.post("/schedules/{name}/pause", operation_id="schedules.pause", **models.change_schedule)
async def pause(request: Request, name: str) -> Response:
    """Have none of its times count."""
    desk = served(request).service.schedules
    return json_answer(_told(request, await _changed(request, name, lambda _: desk.pause(name))))


@router.post("/schedules/{name}/resume", operation_id="schedules.resume", **models.change_schedule)
async def resume(request: Request, name: str) -> Response:
    """Have its times count again; those that passed meanwhile were not missed."""
    desk = served(request).service.schedules
    return json_answer(_told(request, await _changed(request, name, lambda _: desk.resume(name))))


@router.post("/schedules/{name}/run", operation_id="schedules.run", **models.run_schedule)
async def run(request: Request, name: str) -> Response:
    """Submit a job of it now, once, in the name of whoever asks. Its times stay as they are."""
    there = served(request)

    def begin(asker: Principal) -> Job:
        return there.service.schedules.run(name, principal=asker.name)

    job = await _changed(request, name, begin)
    note(request, job_id=job.id)
    return job_answer(there, request, job, 202, {"Location": f"/jobs/{job.id}"})


@router.delete("/schedules/{name}", operation_id="schedules.remove", **models.schedule)
async def remove(request: Request, name: str) -> Response:
    """Forget it, and what its jobs inherit. No job is touched."""
    desk = served(request).service.schedules
    return json_answer(_told(request, await _changed(request, name, lambda _: desk.remove(name))))


async def _changed(request: Request, name: str, do: Callable[[Principal], Any]) -> Any:
    """Return what *do* does for whoever asks, if they may have the schedule's own job run."""
    there, asker = served(request), needs(request, Scope.RUN)
    faults: list[str] = []
    left_over(await read_object(request, may_be_empty=True), faults)
    if faults:
        raise InvalidRequest(*faults)

    def change() -> Any:
        _admit(there, asker, there.service.schedules.get(name))
        return do(asker)

    changed = await asyncio.to_thread(change)
    there.hub.need()
    return changed


def _admit(there: Served, asker: Principal, schedule: Schedule) -> None:
    """Raise `Forbidden` where *asker* may not run what *schedule* runs."""
    spec = schedule.spec
    job = Job(
        id=JobId(schedule.id), spec=spec, nodes=nodes_of(spec), created_at=schedule.created_at
    )
    there.access.admit_again(asker, job, cwd=there.inherited.for_jobs([]).cwd)


def _told(request: Request, schedule: Schedule, *, with_times: bool = False) -> dict[str, Any]:
    public = served(request).service.schedules.public(schedule, with_times=with_times)
    if not principal_of(request).may(Scope.ADMIN):
        public["job"] = spec_to_json(without_ways(schedule.spec))
    return public


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it is true or false")  # noqa: TRY004 - of a caller's JSON
    return value
