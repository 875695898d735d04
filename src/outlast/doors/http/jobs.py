"""The routes of jobs: submit, get, list, cancel, delete, retry."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query
from fastapi.requests import Request
from starlette.responses import Response

from ...clock import SystemClock
from ...core.job import Job, JobId
from ...core.limits import parse_duration, read_milliseconds
from ...core.principal import Scope
from ...core.queue import strangers
from ...core.state import JobStatus
from ...engine import verbs
from ...errors import InvalidRequest
from ...reception import began, repetition, submission
from . import models
from .answers import VARY, etag_of, job_answer, json_answer, settled_answer, warning_of
from .body import flag, left_over, read_object, take
from .conditional import matches, read_key, wanted_wait
from .problems import request_id_of
from .served import Served, callers_span, needs, note, served
from .view import told

if TYPE_CHECKING:
    from datetime import timedelta

router: Final = APIRouter(tags=["jobs"])

CANCELLED: Final = "Job cancellation initiated"
NOTHING_LEFT: Final = "Nothing was left to cancel"
MAX_PAGE: Final = 500


@router.post("/jobs", operation_id="submit", **models.submit)
async def submit(request: Request) -> Response:
    """
    Store a job, or many, and have them run. On disk when this is answered.

    The body is a job's spec; or `{"jobs": [SPEC, ...]}`: all of them, or none.
    """
    there, asker = served(request), needs(request, Scope.RUN)
    key = read_key(request.headers.get("idempotency-key"))
    body = await read_object(request)
    is_batch = "jobs" in body
    begun = SystemClock().now()

    def store() -> tuple[verbs.Submit, tuple[Job, ...], str | None]:
        verb = submission(there, asker, body, key)._replace(traceparent=callers_span(request))
        stored = there.service.submit(verb)
        names_one = any(job.queue is not None for job in stored)
        created = there.service.queues.created() if names_one else ()
        return verb, stored, strangers(stored, created)

    verb, jobs, warning = await asyncio.to_thread(store)
    note(request, **began(jobs))
    there.hub.need()
    headers = warning_of(warning)
    if any(verb.keys) and all(job.created_at < begun for job in jobs):
        headers["Idempotency-Replayed"] = "true"
    stayed = await _stay(there, request, jobs, headers)
    if is_batch:
        items = [told(there, request, job, with_result=False) for job in stayed]
        status = 200 if all(job.is_terminal for job in stayed) else 202
        return json_answer({"items": items}, status, headers)
    (job,) = stayed
    headers["Location"] = f"/jobs/{job.id}"
    waited = "Preference-Applied" in headers
    return job_answer(there, request, job, 200 if waited and job.is_terminal else 202, headers)


@router.get("/jobs", operation_id="list", **models.page)
async def list_jobs(
    request: Request,
    *,
    status: Annotated[list[JobStatus] | None, Query(description="Any of these.")] = None,
    label: Annotated[list[str] | None, Query(description="`name=value`; all of them hold.")] = None,
    since: Annotated[
        str | None, Query(description="Created since: a time (ISO 8601), or an age such as `2h`.")
    ] = None,
    ended_before: Annotated[
        str | None, Query(description="Ended before: a time, or an age as above.")
    ] = None,
    queue: Annotated[str | None, Query(description="In this queue.")] = None,
    after: Annotated[
        str | None, Query(description="That wait for the end of this job, or did.")
    ] = None,
    oldest_first: Annotated[bool, Query(description="In the order of their submission.")] = False,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
) -> Response:
    """Return a page of jobs, newest first unless `oldest_first`."""
    there = served(request)
    needs(request, Scope.READ)
    query = verbs.List(
        statuses=frozenset(status or ()),
        labels=_labels(label or []),
        since=None if since is None else _moment("since", since),
        ended_before=None if ended_before is None else _moment("ended_before", ended_before),
        queue=queue,
        after=None if after is None else JobId(after),
        oldest_first=oldest_first,
        limit=limit,
        cursor=cursor,
    )
    page = await asyncio.to_thread(there.service.list, query)
    items = [told(there, request, job, with_result=False) for job in page]
    return json_answer({"items": items, "next_cursor": page.next_cursor})


@router.get("/jobs/{job_id}", operation_id="get", **models.get)
async def get(request: Request) -> Response:
    """Tell how a job stands, whatever its fate; with `Prefer: wait=N`, once it has ended."""
    there = served(request)
    needs(request, Scope.READ)
    job_id = JobId(request.path_params["job_id"])
    job = await there.get(job_id)
    known = request.headers.get("if-none-match")
    if job.is_settled and known is None and "prefer" not in request.headers:
        return settled_answer(there, request, job)
    headers = dict(VARY)
    if not job.is_terminal:
        (job,) = await _stay(there, request, (job,), headers)
        job = await there.explained(job)
    if matches(known, etag := etag_of(request, job)):
        return Response(status_code=304, headers={"ETag": etag, **headers})
    return job_answer(there, request, job, headers=headers)


@router.post("/jobs/{job_id}/cancel", operation_id="cancel", **models.cancel)
async def cancel(request: Request, job_id: str) -> Response:
    """
    End what has not ended of a job: final when this is answered, and idempotent.

    `nodes` are indices, and all where there are none; `grace_ms` is between SIGTERM and SIGKILL;
    with `wait_stopped_ms` it is answered once every process is gone, or that time is over.
    """
    there = served(request)
    needs(request, Scope.RUN)
    body = await read_object(request, may_be_empty=True)
    faults: list[str] = []
    nodes = take(body, "nodes", _indices, faults)
    grace = take(body, "grace_ms", read_milliseconds, faults)
    stay = take(body, "wait_stopped_ms", read_milliseconds, faults)
    left_over(body, faults)
    if faults:
        raise InvalidRequest(*faults)
    verb = verbs.Cancel(JobId(job_id), nodes=nodes or frozenset(), grace=grace)
    job, changed = await asyncio.to_thread(there.service.cancel, verb)
    if stay is not None:
        await _stopped(there, job, stay)
    return json_answer(
        {
            "job_id": job.id,
            "status": str(job.status),
            "cancelled": changed,
            "message": CANCELLED if changed else NOTHING_LEFT,
            "request_id": request_id_of(request),
        }
    )


@router.delete("/jobs/{job_id}", operation_id="delete", **models.delete)
async def delete(request: Request, job_id: str) -> Response:
    """Remove an ended job and its files."""
    there = served(request)
    needs(request, Scope.RUN)
    verb = verbs.Delete(job_ids=(JobId(job_id),))
    gone = await asyncio.to_thread(there.service.delete, verb)
    for each in gone:
        there.hub.tell(each)
    return json_answer({"deleted": list(gone)})


@router.post("/jobs/{job_id}/retry", operation_id="retry", **models.retry)
async def retry(request: Request, job_id: str) -> Response:
    """Submit the spec of an ended job again, as a new job that names the old one; held with `hold`."""
    there, asker = served(request), needs(request, Scope.RUN)
    key = read_key(request.headers.get("idempotency-key"))
    body = await read_object(request, may_be_empty=True)
    faults: list[str] = []
    hold = take(body, "hold", flag, faults)
    left_over(body, faults)
    if faults:
        raise InvalidRequest(*faults)
    old = await there.get(JobId(job_id))

    def again() -> Job:
        verb = repetition(there, asker, old, key, hold=bool(hold))
        verb = verb._replace(traceparent=callers_span(request))
        return there.service.retry(verb)

    job = await asyncio.to_thread(again)
    note(request, **began([job]), retry_of=old.id)
    there.hub.need()
    return job_answer(there, request, job, 202, {"Location": f"/jobs/{job.id}"})


async def _stay(
    there: Served, request: Request, jobs: tuple[Job, ...], headers: dict[str, str]
) -> tuple[Job, ...]:
    """Return the jobs once they have ended, or the caller's preference to wait is used up."""
    seconds = wanted_wait(request.headers.get("prefer"))
    if seconds is None:
        return jobs
    headers["Preference-Applied"] = f"wait={seconds}"
    stayed = await there.hub.stay({job.id: job for job in jobs}, seconds, there.get)
    return tuple(stayed[job.id] for job in jobs)


async def _stopped(there: Served, job: Job, stay: timedelta) -> None:
    await there.hub.stay({job.id: job}, stay.total_seconds(), there.get, settled=True)


def _indices(value: object) -> frozenset[int]:
    if not isinstance(value, list) or any(
        isinstance(each, bool) or not isinstance(each, int) or each < 0 for each in value
    ):
        raise ValueError("a list of indices")
    return frozenset(value)


def _labels(given: list[str]) -> dict[str, str]:
    labels = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise InvalidRequest(f"label: {each!r:.80} is not name=value")
        labels[name] = value
    return labels


def _moment(name: str, said: str) -> datetime:
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        try:
            return SystemClock().now() - parse_duration(said)
        except (ValueError, OverflowError):
            raise InvalidRequest(f"{name}: {said!r:.80} is neither a time nor an age") from None
    if at.tzinfo is None:
        raise InvalidRequest(f"{name}: {said!r:.80} has no time zone: write Z behind it")
    return at
