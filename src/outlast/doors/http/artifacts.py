"""What was collected from a job's nodes: told, and given as files and as a zip."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.requests import Request
from starlette.responses import Response, StreamingResponse

from ...core.job import JobId
from ...core.principal import Scope
from ...engine import verbs
from . import models
from .answers import json_answer
from .output import PIECE_BYTES, PLAIN
from .served import Served, needs, served

router: Final = APIRouter(tags=["artifacts"])


@router.get("/jobs/{job_id}/artifacts", operation_id="list_artifacts", **models.artifacts)
async def list_artifacts(
    request: Request,
    job_id: str,
    node: Annotated[int | None, Query(ge=0, description="Of this node alone.")] = None,
) -> Response:
    """Tell what was collected: a line for each file, those that were left out included."""
    there = served(request)
    needs(request, Scope.READ)
    verb = verbs.ListArtifacts(JobId(job_id), node)
    return json_answer(await asyncio.to_thread(there.service.list_artifacts, verb))


@router.get("/jobs/{job_id}/artifacts/download", operation_id="zip_artifacts", **models.zipped)
async def download(request: Request, job_id: str) -> Response:
    """Return all that was collected as one zip, as it is read; its first file is `manifest.json`."""
    return await _zip(request, verbs.ZipArtifacts(JobId(job_id)), job_id)


@router.get(
    "/jobs/{job_id}/nodes/{index}/download", operation_id="zip_artifacts_of_node", **models.zipped
)
async def download_of_node(request: Request, job_id: str, index: int) -> Response:
    """Return what was collected from one node as a zip."""
    return await _zip(request, verbs.ZipArtifacts(JobId(job_id), index), f"{job_id}-{index}")


@router.get(
    "/jobs/{job_id}/nodes/{index}/artifacts/{path:path}",
    operation_id="read_artifact",
    **models.artifact,
)
async def read_artifact(
    request: Request,
    *,
    job_id: str,
    index: int,
    path: str,
    offset: Annotated[int, Query(ge=0, le=1 << 62)] = 0,
    limit: Annotated[
        int | None, Query(ge=0, le=1 << 62, description="At most so many bytes.")
    ] = None,
) -> Response:
    """Return one file that was collected, from byte *offset* on."""
    there = served(request)
    needs(request, Scope.READ)
    verb = verbs.ReadArtifact(JobId(job_id), path, node=index, offset=offset)
    end = None if limit is None else offset + limit
    verb = _next(verb, offset, end)
    first = await asyncio.to_thread(there.service.read_artifact, verb)
    name = path.rpartition("/")[2]
    return _file(_pieces(there, verb, first, end), name, "application/octet-stream")


async def _zip(request: Request, verb: verbs.ZipArtifacts, name: str) -> Response:
    there = served(request)
    needs(request, Scope.READ)
    pieces = await asyncio.to_thread(there.service.zip_artifacts, verb)
    return _file(pieces, f"{name}.zip", "application/zip")


def _file(pieces: Iterator[bytes], name: str, media_type: str) -> Response:
    """Return a file that is kept, not shown. Each piece is read in a thread, none in between."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    headers = {**PLAIN, "Content-Disposition": disposition}
    return StreamingResponse(pieces, 200, headers, media_type)


def _pieces(
    there: Served, verb: verbs.ReadArtifact, data: bytes, end: int | None
) -> Iterator[bytes]:
    offset = verb.offset
    while data:
        yield data
        offset += len(data)
        data = there.service.read_artifact(_next(verb, offset, end))


def _next(verb: verbs.ReadArtifact, offset: int, end: int | None) -> verbs.ReadArtifact:
    """Return what reads the next piece, and not beyond *end*."""
    limit = PIECE_BYTES if end is None else min(PIECE_BYTES, end - offset)
    return verb._replace(offset=offset, limit=limit)
