"""
Server-sent events (WHATWG HTML, 9.2): what a job prints and how it stands, as it happens; and the
changes of all jobs. A stream that waits holds no thread and no file.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.requests import Request
from starlette.responses import Response, StreamingResponse

from ...core.job import Job, JobId
from ...core.principal import Scope
from ...engine.follow import Mark, Piece
from ...engine.tailing import Quiet, Tailing
from ...errors import InvalidRequest, NotFound
from . import models
from .answers import as_json
from .output import STREAMS
from .served import Served, needs, served

router: Final = APIRouter(tags=["events"])

KEEP_ALIVE_S: Final = 15.0
COALESCE_S: Final = 0.002
"""A pause after each waking, so that what happens together is told together."""

COMMENT: Final = b": \n\n"
HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
RECONNECT_MS: Final = 1000
_AT: Final = r"(?:[1-9]\d{0,2}\.)?\d{1,18}"
_ONE: Final = re.compile(_AT, re.ASCII)
_SEVERAL: Final = re.compile(rf"(?:\d{{1,6}}:{_AT}:{_AT})(?:,\d{{1,6}}:{_AT}:{_AT})*", re.ASCII)


@router.get("/jobs/{job_id}/events", operation_id="follow", **models.events)
async def events(
    request: Request,
    job_id: str,
    *,
    node: Annotated[
        list[int] | None, Query(description="Indices of nodes; all, where none is given.")
    ] = None,
    stream: Annotated[str | None, Query(pattern="^(stdout|stderr)$")] = None,
    after: Annotated[
        str | None, Query(description="The `id` to go on from, as the header `Last-Event-ID`.")
    ] = None,
    tail: Annotated[
        int | None,
        Query(ge=0, le=1 << 62, description="Begin so many bytes before the end so far."),
    ] = None,
) -> Response:
    """
    Follow a job: `output` as it is printed, `status` as it changes, `end` with its result.

    An event's `id` is the offset of the next byte; of several streams, `NODE:STDOUT:STDERR` for
    each node. An offset in an attempt after the first is `ATTEMPT.OFFSET`. Whoever comes back with
    an id as `Last-Event-ID` misses nothing and gets nothing twice. Without one it begins with the
    first attempt's first byte; with *tail*, with the current attempt.
    """
    there = served(request)
    needs(request, Scope.READ)
    job = await there.get(JobId(job_id))
    streams = STREAMS if stream is None else (stream,)
    marks = _marks(job, node, streams, tail)
    if last := request.headers.get("last-event-id") or after:
        _resume(marks, last, job)
    tailing = Tailing(there.service, there.hub, job.id, marks)
    return _stream(_job_events(there, tailing))


@router.get("/events", operation_id="watch", **models.all_events)
async def all_events(
    request: Request,
    ids: Annotated[
        str | None, Query(description="Of these jobs, with commas between; all, where not given.")
    ] = None,
) -> Response:
    """
    Tell of changes: `job` with the job as it then stands, without its result.

    With *ids*, each of them is told at first, and `end` comes when all have ended. Without, `ready`
    comes first: what happens from then on is told, so that whoever lists the jobs then misses
    nothing. `reset` says that something may have been missed, and `gone` that a job was deleted.
    """
    there = served(request)
    needs(request, Scope.READ)
    if ids is None:
        return _stream(_changes(there))
    wanted = dict.fromkeys(JobId(each) for each in ids.split(",") if each)
    if not wanted:
        raise InvalidRequest("ids: there is none")
    jobs = {}
    for each in wanted:
        jobs[each] = await there.get(each)
    return _stream(_changes_of(there, jobs))


def _stream(events: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(events, 200, HEADERS, "text/event-stream")


def event(name: str, data: Any, event_id: str | None = None) -> bytes:
    """Return one event as it goes over the wire."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    return b"%bevent: %b\ndata: %b\n\n" % (head.encode(), name.encode(), as_json(data))


async def _job_events(there: Served, tailing: Tailing) -> AsyncIterator[bytes]:
    def told(job: Job, *, with_result: bool = False) -> dict[str, Any]:
        return there.service.public(job, with_result=with_result)

    last: Job | None = None
    async for each in tailing.events(KEEP_ALIVE_S):
        match each:
            case Quiet(is_leaving=True):
                yield _farewell(_id_of(tailing))
                return
            case Quiet():
                yield COMMENT
            case Piece():
                yield event("output", _output(each), _id_of(tailing))
            case Job() if each is last:
                yield event("end", told(each, with_result=True), _id_of(tailing))
            case Job():
                last = each
                yield event("status", told(each))


async def _changes(there: Served) -> AsyncIterator[bytes]:
    with there.hub.listen(None) as listener:
        yield event("ready", {})
        while True:
            heard = await listener.heard(KEEP_ALIVE_S)
            if heard is None:
                yield COMMENT
                continue
            if heard.is_leaving:
                yield _farewell(None)
                return
            if heard.jobs is None:
                yield event("reset", {})
            async for told in _told(there, heard.jobs or ()):
                yield told
            await asyncio.sleep(COALESCE_S)


async def _changes_of(there: Served, jobs: dict[JobId, Job]) -> AsyncIterator[bytes]:
    with there.hub.listen(jobs) as listener:
        there.hub.need()
        open_ones = dict.fromkeys(jobs)
        versions: dict[JobId, int] = {}
        changed: Iterable[JobId] = tuple(jobs)
        while True:
            for job_id in changed:
                if job_id not in open_ones:
                    continue
                job = await there.get(job_id)
                if versions.get(job_id) != job.version:
                    versions[job_id] = job.version
                    yield event("job", there.service.public(job, with_result=False))
                if job.is_terminal:
                    del open_ones[job_id]
            if not open_ones:
                yield event("end", {})
                return
            while (heard := await listener.heard(KEEP_ALIVE_S)) is None:
                yield COMMENT
            if heard.is_leaving:
                yield _farewell(None)
                return
            changed = tuple(open_ones) if heard.jobs is None else heard.jobs
            await asyncio.sleep(COALESCE_S)


async def _told(there: Served, job_ids: Iterable[JobId]) -> AsyncIterator[bytes]:
    for job_id in job_ids:
        try:
            job = await there.get(job_id)
        except NotFound:
            yield event("gone", {"job_id": job_id})
        else:
            yield event("job", there.service.public(job, with_result=False))


def _farewell(event_id: str | None) -> bytes:
    """Say that this process ends: come back soon, and with which id."""
    told = event("restart", {"last_event_id": event_id}, event_id)
    return b"retry: %d\n" % RECONNECT_MS + told


def _output(piece: Piece) -> dict[str, Any]:
    """Return a piece as JSON: `text` where it is UTF-8, else `base64`. Both are exact."""
    told: dict[str, Any] = {
        "node": piece.node,
        "stream": piece.stream,
        "offset": piece.offset,
        "next_offset": piece.offset + len(piece.data),
    }
    if piece.attempt > 1:
        told["attempt"] = piece.attempt
    try:
        told["text"] = piece.data.decode()
    except UnicodeDecodeError:
        told["base64"] = base64.b64encode(piece.data).decode()
    return told


# Where a stream goes on ---------------------------------------------------------------------


def _marks(
    job: Job, nodes: list[int] | None, streams: tuple[str, ...], tail: int | None
) -> dict[tuple[int, str], Mark]:
    """Return where each stream that is followed begins."""
    marks = {}
    for index in range(len(job.nodes)) if nodes is None else nodes:
        if not 0 <= index < len(job.nodes):
            raise InvalidRequest(f"node: {job.id} has no node {index}: 0 to {len(job.nodes) - 1}")
        for stream in streams:
            node = job.nodes[index]
            size = node.stdout_bytes if stream == "stdout" else node.stderr_bytes
            marks[index, stream] = (
                Mark(0) if tail is None else Mark(max(0, size - tail), max(1, node.attempt))
            )
    return marks


def _id_of(tailing: Tailing) -> str:
    marks = tailing.marks
    if len(marks) == 1:
        return _written(next(iter(marks.values())))
    nodes = dict.fromkeys(index for index, _ in marks)
    at = {index: [marks.get((index, of), Mark(0)) for of in STREAMS] for index in nodes}
    begun = {index: both for index, both in at.items() if any(each != Mark(0) for each in both)}
    return ",".join(":".join([str(index), *map(_written, begun[index])]) for index in begun) or "0"


def _written(mark: Mark) -> str:
    return str(mark.offset) if mark.attempt == 1 else f"{mark.attempt}.{mark.offset}"


def _read(written: str) -> Mark:
    attempt, _, offset = written.rpartition(".")
    return Mark(int(offset), int(attempt or 1))


def _resume(marks: dict[tuple[int, str], Mark], last: str, job: Job) -> None:
    """Have *marks* go on from an event's id."""
    if last == "0" or (len(marks) == 1 and _ONE.fullmatch(last)):
        marks.update(dict.fromkeys(marks, _read(last)))
    elif not _SEVERAL.fullmatch(last):
        raise InvalidRequest(f"{last!r:.80} is no id of an event of this stream")
    else:
        marks.update(dict.fromkeys(marks, Mark(0)))
        for each in last.split(","):
            node, *written = each.split(":")
            for stream, at in zip(STREAMS, map(_read, written), strict=True):
                if (int(node), stream) in marks:
                    marks[int(node), stream] = at
    for (index, _), mark in marks.items():
        if mark.attempt > (has := max(1, job.nodes[index].attempt)):
            raise InvalidRequest(
                f"{last!r:.80} names attempt {mark.attempt}, and {job.id} has 1 to {has}"
            )
