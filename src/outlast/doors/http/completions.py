"""The route of completions: each end once, and a stay for the next one."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

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
from .served import needs, served
from .view import told

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
    seconds = 0.0 if wait is None else _seconds(wait)
    page = await there.hub.stay_for_ends(there.service, verb, seconds)
    return json_answer(public_page(page, lambda job: told(there, request, job, with_result=False)))


def _seconds(said: str) -> float:
    try:
        stay = parse_duration(float(said) if said.replace(".", "", 1).isdecimal() else said)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"wait: {said!r:.80} is no duration: seconds, such as 30") from None
    return min(stay, timedelta(seconds=MAX_WAIT_S)).total_seconds()
