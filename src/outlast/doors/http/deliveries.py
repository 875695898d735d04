"""The routes of deliveries: what webhooks were sent, and what is to be sent again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.requests import Request
from starlette.responses import Response

from ...core.delivery import DeliveryState
from ...core.job import JobId
from ...core.principal import Scope
from ...engine import verbs
from ...engine.deliverydesk import public_delivery
from . import models
from .answers import json_answer
from .body import read_nothing
from .served import needs, note, served

router: Final = APIRouter(tags=["webhooks"])

MAX_PAGE: Final = 500


@router.get("/deliveries", operation_id="deliveries", **models.deliveries)
async def deliveries(
    request: Request,
    *,
    job_id: Annotated[str | None, Query(description="Of this job.")] = None,
    state: Annotated[list[DeliveryState] | None, Query(description="Any of these.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Response:
    """Tell what webhooks were sent, or are to be, newest first, and each try at it."""
    there = served(request)
    needs(request, Scope.READ)
    verb = verbs.Deliveries(
        job_id=None if job_id is None else JobId(job_id),
        states=frozenset(state or ()),
        limit=limit,
    )
    found = await asyncio.to_thread(there.service.deliveries, verb)
    return json_answer({"items": [public_delivery(each) for each in found]})


@router.post("/jobs/{job_id}/redeliver", operation_id="redeliver", **models.redeliver)
async def redeliver(request: Request, job_id: str) -> Response:
    """Have webhooks of an ended job that are not delivered be tried again, at once."""
    there = served(request)
    needs(request, Scope.RUN)
    await read_nothing(request)
    verb = verbs.Redeliver(JobId(job_id))
    found = await asyncio.to_thread(there.service.redeliver, verb)
    note(request, job_id=job_id)
    there.hub.need()
    return json_answer({"items": [public_delivery(each) for each in found]})
