"""The route of completions: each end once, and a stay for the next one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query
from fastapi.requests import Request
from starlette.responses import Response

from ...core.limits import parse_duration
from ...core.principal import Scope
from ...engine import verbs
from ...engine.completions import public_page
from ...errors import InvalidRequest
from . import models
from .answers import json_answer
from .conditional import MAX_WAIT_S
from .served import Served, needs, served
from .view import told

if TYPE_CHECKING:
    from ...core.completion import CompletionPage

router: Final = APIRouter(tags=["jobs"])

MAX_PAGE: Final = 500


@router.get("/completions", operation_id="completions", **models.completions)
async def completions(
    request: Request,
    *,
    since: Annotated[
        str | None, Query(description="The `next_cursor` of the answer before.")
    ] = None,
    wait: Annotated[
        str | None, Query(description="Stay so long for the first one: seconds, at most 60.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Response:
    """
    Tell the ends of jobs, each once, in the order in which they were stored.

    Without `since`, from the first that is kept. `next_cursor` is always given: whoever keeps it
    learns, however long they were away, of each end once.
    """
    there = served(request)
    needs(request, Scope.READ)
    verb = verbs.Completions(since=since, limit=limit)
    page = await _stay(there, verb, 0.0 if wait is None else _seconds(wait))
    return json_answer(public_page(page, lambda job: told(there, request, job, with_result=False)))


async def _stay(there: Served, verb: verbs.Completions, seconds: float) -> CompletionPage:
    page = await asyncio.to_thread(there.service.completions, verb)
    if page.completions or seconds <= 0:
        return page
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    with there.hub.listen(None) as listener:
        while True:
            # Read after listening: what ended before it is seen, what comes is told.
            verb = verb._replace(since=page.next_cursor)
            page = await asyncio.to_thread(there.service.completions, verb)
            left = deadline - loop.time()
            if page.completions or left <= 0:
                return page
            heard = await listener.heard(left)
            if heard is None or heard.is_leaving:
                return page


def _seconds(said: str) -> float:
    try:
        stay = parse_duration(float(said) if said.replace(".", "", 1).isdecimal() else said)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"wait: {said!r:.80} is no duration: seconds, such as 30") from None
    return min(stay, timedelta(seconds=MAX_WAIT_S)).total_seconds()
