"""A job as an answer: its JSON, its tag, and when to ask again."""

from __future__ import annotations

import json
import math
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from ...core.job import Job
from ...core.principal import Scope
from .conditional import wants_all
from .served import principal_of
from .view import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from .served import Served


MOST_SETTLED: Final = 512
"""Answers that are kept, the oldest of which goes first: of some 2 KiB each, and 12 KiB at most."""


def as_json(data: Any) -> bytes:
    """Return *data* as the body of an answer."""
    return json.dumps(data, separators=(",", ":")).encode()


def json_answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return *data* as a whole answer, which nobody keeps."""
    sent = {"Cache-Control": "no-store", **(headers or {})}
    return Response(as_json(data), status, sent, "application/json")


def etag_of(request: Request, job: Job) -> str:
    """
    Return what tells one answer about a job from another: by its state, and by how much is told of
    it. Weak: not by how old the answer is.
    """
    view = ""
    if wants_all(request.headers.get("prefer")):
        view = "-all" if principal_of(request).may(Scope.ADMIN) else "-full"
    if job.is_settled:
        return f'W/"{job.version}{view}"'
    live = [
        (node.stdout_bytes, node.stderr_bytes, node.progress_pct, node.message, node.phase)
        for node in job.nodes
    ]
    digest = blake2b(repr((job.version, live)).encode("utf-8", "replace"), digest_size=12)
    return f'W/"{digest.hexdigest()}{view}"'


def job_answer(
    there: Served,
    request: Request,
    job: Job,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a job as an answer: `ETag`, and `Retry-After` while it has not ended."""
    sent = {"ETag": etag_of(request, job), "Cache-Control": "no-cache", **(headers or {})}
    if job.is_settled and not wants_all(request.headers.get("prefer")):
        return Response(_settled_body(there, request, job), status, sent, "application/json")
    public = told(there, request, job)
    if not job.is_terminal:
        sent["Retry-After"] = str(max(1, math.ceil(public["poll_interval_ms"] / 1000)))
    return Response(as_json(public), status, sent, "application/json")


def _settled_body(there: Served, request: Request, job: Job) -> bytes:
    """
    Return what is said of a job that changes no more, which is put together only once. Not where
    all is wanted: what that is depends on who asks.
    """
    key = (job.id, job.version)
    if (body := there.settled.get(key)) is None:
        body = there.settled[key] = as_json(told(there, request, job))
        if len(there.settled) > MOST_SETTLED:
            del there.settled[next(iter(there.settled))]
    return body
