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

VARY: Final = {"Vary": "Prefer"}

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
    waits = [each.to_json() for each in job.waiting_for]
    digest = blake2b(repr((job.version, live, waits)).encode("utf-8", "replace"), digest_size=12)
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
        kept = settled_answer(there, request, job)
        return Response(kept.body, status, sent, "application/json")
    public = told(there, request, job)
    if not job.is_terminal:
        sent["Retry-After"] = str(max(1, math.ceil(public["poll_interval_ms"] / 1000)))
    return Response(as_json(public), status, sent, "application/json")


def warning_of(told: str | None) -> dict[str, str]:
    """Return the header that tells of a likely slip, if there is one."""
    return {} if told is None else {"X-Warning": told.encode("ascii", "backslashreplace").decode()}


def settled_answer(there: Served, request: Request, job: Job) -> Response:
    """
    Return the answer about a job that changes no more, to whoever says nothing of how they want it
    (no `Prefer`): it is put together only once.
    """
    key = (job.id, job.version)
    if (kept := there.settled.get(key)) is None:
        sent = {"ETag": etag_of(request, job), "Cache-Control": "no-cache", **VARY}
        kept = Response(as_json(told(there, request, job)), 200, sent, "application/json")
        there.settled[key] = kept
        if len(there.settled) > MOST_SETTLED:
            del there.settled[next(iter(there.settled))]
    return kept
