"""A job as an answer: its JSON, its tag, and when to ask again."""

from __future__ import annotations

import json
import math
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from ...core.job import Job
from .view import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from .served import Served


def as_json(data: Any) -> bytes:
    """Return *data* as the body of an answer."""
    return json.dumps(data, separators=(",", ":")).encode()


def json_answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return *data* as a whole answer, which nobody keeps."""
    sent = {"Cache-Control": "no-store", **(headers or {})}
    return Response(as_json(data), status, sent, "application/json")


def etag_of(job: Job) -> str:
    """Return what tells one state of a job from another. Weak: not by how old the answer is."""
    if job.is_settled:
        return f'W/"{job.version}"'
    live = [
        (node.stdout_bytes, node.stderr_bytes, node.progress_pct, node.message, node.phase)
        for node in job.nodes
    ]
    digest = blake2b(repr((job.version, live)).encode("utf-8", "replace"), digest_size=12)
    return f'W/"{digest.hexdigest()}"'


def job_answer(
    there: Served,
    request: Request,
    job: Job,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a job as an answer: `ETag`, and `Retry-After` while it has not ended."""
    public = told(there, request, job)
    sent = {"ETag": etag_of(job), "Cache-Control": "no-cache", **(headers or {})}
    if not job.is_terminal:
        sent["Retry-After"] = str(max(1, math.ceil(public["poll_interval_ms"] / 1000)))
    return Response(as_json(public), status, sent, "application/json")
