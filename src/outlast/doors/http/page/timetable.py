"""
What the page shows of schedules: when each is due, how its last run ended, and whether whoever asks
may change it. Not documented as an interface, as `rows`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from fastapi.requests import Request
from starlette.responses import Response

from ....clock import SystemClock
from ....core.job import nodes_of
from ....core.limits import iso
from ....core.principal import Principal, Scope
from ....engine.cron import read_timing, times_from
from ....errors import ClientError
from ....reception import admit_schedule
from ..answers import json_answer
from ..served import needs, served
from .lines import short_of
from .rows import title_of, where_of

if TYPE_CHECKING:
    from ....core.schedule import Schedule
    from ..served import Served

MAX_TIMES: Final = 3
"""So many times of an expression are told while it is typed."""

router: Final = APIRouter(prefix="/page", include_in_schema=False)


@router.get("/schedules")
async def schedules(request: Request) -> Response:
    """Return the schedules by their names, each with its last run."""
    there, asker = served(request), needs(request, Scope.READ)
    return json_answer({"items": await asyncio.to_thread(_schedules, there, asker)})


@router.get("/times")
async def times(request: Request, cron: str, tz: str | None = None) -> Response:
    """Return the next times of a cron expression while it is typed; none, where something is wrong."""
    needs(request, Scope.READ)
    return json_answer(await asyncio.to_thread(_times, cron, tz or None))


def _times(cron: str, tz: str | None) -> dict[str, Any]:
    faults: list[str] = []
    now = SystemClock().now()
    timing = read_timing({"cron": cron, "tz": tz}, now, faults)
    at: datetime | None = now
    told: list[datetime] = []
    after = None if faults else times_from(timing, now)
    while after is not None and at is not None and len(told) < MAX_TIMES:
        if (at := after(at)) is not None:
            told.append(at)
    return {"faults": faults, "tz": timing.tz, "times": [*map(iso, told)]}


def _schedules(there: Served, asker: Principal) -> list[dict[str, Any]]:
    told = []
    for schedule in there.service.schedules.list():
        public = there.service.schedules.public(schedule)
        del public["job"]
        last = schedule.last_job_id
        told.append(
            {
                **public,
                "title": title_of(schedule.spec),
                "where": where_of(schedule.spec, nodes_of(schedule.spec)),
                "last": None if last is None else short_of(there, last),
                "may_change": _may_change(there, asker, schedule),
            }
        )
    return told


def _may_change(there: Served, asker: Principal, schedule: Schedule) -> bool:
    if not asker.may(Scope.RUN):
        return False
    try:
        admit_schedule(there, asker, schedule)
    except ClientError:  # or its hosts cannot be looked up: then nobody can say that they may
        return False
    return True
