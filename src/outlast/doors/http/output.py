"""What a node has printed, as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.requests import Request
from starlette.responses import Response, StreamingResponse

from ...core.job import JobId
from ...core.principal import Scope
from ...engine import verbs
from ...engine.output import at_attempt
from ...errors import InvalidRequest
from . import models
from .conditional import read_range
from .served import Served, needs, served

router: Final = APIRouter(tags=["jobs"])

PIECE_BYTES: Final = 1 << 20
STREAMS: Final = ("stdout", "stderr")
PLAIN: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}
"""Whatever a command prints, a browser is not to make a page of it."""


class RangeNotSatisfiable(InvalidRequest):
    """The range begins where nothing is."""

    code, http_status = "range_not_satisfiable", 416


@router.get("/jobs/{job_id}/output", operation_id="read_output", **models.output)
async def output(
    request: Request,
    job_id: str,
    *,
    node: Annotated[int, Query(ge=0, description="The node's index.")] = 0,
    stream: Annotated[str, Query(pattern="^(stdout|stderr)$")] = "stdout",
    attempt: Annotated[
        int | None, Query(ge=1, description="Of this attempt; the current one, where not given.")
    ] = None,
    offset: Annotated[int, Query(ge=0, le=1 << 62)] = 0,
    limit: Annotated[
        int | None, Query(ge=0, le=1 << 62, description="At most so many bytes.")
    ] = None,
    tail: Annotated[
        int | None,
        Query(ge=0, le=1 << 62, description="The last so many bytes, in place of an offset."),
    ] = None,
) -> Response:
    """
    Return what a node has printed so far, from byte *offset* on: raw bytes.

    `X-Next-Offset` is where to go on; `Range: bytes=` is understood in place of the parameters.
    """
    there = served(request)
    needs(request, Scope.READ)
    job = await there.get(JobId(job_id))
    if node >= len(job.nodes):
        raise InvalidRequest(f"node: {job.id} has no node {node}: 0 to {len(job.nodes) - 1}")
    seen = at_attempt(job, node, attempt)
    size = seen.stdout_bytes if stream == "stdout" else seen.stderr_bytes
    headers = {**PLAIN, "Accept-Ranges": "bytes"}
    first, end, status = offset, size, 200
    if tail is not None:
        first = max(0, size - tail)
    if limit is not None:
        end = min(size, first + limit)
    asked = read_range(request.headers.get("range"), size)
    if asked is not None:
        first, end = asked
        if first >= size:
            raise RangeNotSatisfiable(f"there are {size} bytes")
        status = 206
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    end = max(first, end)
    headers |= {"X-Next-Offset": str(end), "Content-Length": str(end - first)}
    verb = verbs.ReadOutput(job.id, node=node, stream=stream, attempt=attempt)
    return StreamingResponse(
        _pieces(there, verb, first, end), status, headers, "application/octet-stream"
    )


async def _pieces(
    there: Served, verb: verbs.ReadOutput, offset: int, end: int
) -> AsyncIterator[bytes]:
    """Yield exactly what was promised: files only grow, and one that was lost is made up for."""
    while offset < end:
        piece = verb._replace(offset=offset, limit=min(PIECE_BYTES, end - offset))
        data = await asyncio.to_thread(there.service.read_output, piece)
        data = data or bytes(piece.limit)
        offset += len(data)
        yield data
