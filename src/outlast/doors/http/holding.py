"""The routes by which jobs that have not begun are held, and released."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from fastapi.requests import Request
from starlette.responses import Response

from ...core.job import Job, JobId
from ...core.principal import Scope
from ...engine import verbs
from ...reception import letting_go
from . import models
from .answers import job_answer
from .body import read_nothing
from .served import Served, needs, note, principal_of, served

router: Final = APIRouter(tags=["jobs"])


@router.post("/jobs/{job_id}/hold", operation_id="hold", **models.held)
async def hold(request: Request, job_id: str) -> Response:
    """Have a job that has not begun wait until it is released. Idempotent."""
    return await _changed(request, lambda there: there.service.hold(verbs.Hold(JobId(job_id))))


@router.post("/jobs/{job_id}/release", operation_id="release", **models.held)
async def release(request: Request, job_id: str) -> Response:
    """Have a job that is held wait for its turn as others do. Idempotent."""
    asker = principal_of(request)

    def begin(there: Served) -> Job:
        old = there.service.get(verbs.Get(JobId(job_id)))
        return there.service.release(letting_go(there, asker, old))

    return await _changed(request, begin)


async def _changed(request: Request, do: Callable[[Served], Job]) -> Response:
    there = served(request)
    needs(request, Scope.RUN)
    await read_nothing(request)
    job = await asyncio.to_thread(do, there)
    note(request, job_id=job.id)
    there.hub.need()
    return job_answer(there, request, job)
