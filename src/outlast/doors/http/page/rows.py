"""
What the page asks beyond what every caller may: short rows of many jobs, what a job was asked to
do, and who asks. Not documented as an interface: page and service are of one version.
"""

from __future__ import annotations

import asyncio
import platform
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.requests import Request
from starlette.responses import Response

from ....clock import SystemClock
from ....core.job import SSH, Job, JobId, JobSpec, Node
from ....core.limits import iso, to_ms
from ....core.principal import Scope
from ....core.spec import CLOCKS, spec_to_json
from ....engine import verbs
from ....errors import ClientError, InvalidRequest, NotFound
from ....inventory import load_inventory
from ....version import __version__
from ..answers import json_answer
from ..served import needs, principal_of, served

if TYPE_CHECKING:
    from ..served import Served

router: Final = APIRouter(prefix="/page", include_in_schema=False)

MAX_ROWS: Final = 500
TITLE: Final = 160
"""So many characters of a command tell which one it is."""


@router.get("/me")
async def me(request: Request) -> Response:
    """Tell who asks, what they may, and where they are."""
    there = served(request)
    asker = principal_of(request)
    return json_answer(
        {
            "principal": asker.name,
            "scopes": [str(scope) for scope in Scope if asker.may(scope)],
            "now": iso(SystemClock().now()),
            "version": __version__,
            "machine": platform.node(),
            "url": there.url,
            "places": await asyncio.to_thread(_places, there),
        }
    )


@router.get("/jobs")
async def jobs(
    request: Request,
    ids: Annotated[str | None, Query(description="With commas between.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 200,
    cursor: str | None = None,
) -> Response:
    """Return rows, newest first; or those of *ids* that there are."""
    there = served(request)
    needs(request, Scope.READ)
    if ids is None:
        query = verbs.List(limit=limit, cursor=cursor)
        page = await asyncio.to_thread(there.service.list, query)
        items = [row(job) for job in page]
        return json_answer({"items": items, "next_cursor": page.next_cursor})
    asked = [JobId(each) for each in ids.split(",") if each]
    if len(asked) > MAX_ROWS:
        raise InvalidRequest(f"ids: at most {MAX_ROWS}")
    found = await asyncio.to_thread(_these, there, asked)
    return json_answer({"items": [row(job) for job in found], "next_cursor": None})


@router.get("/jobs/{job_id}/spec")
async def spec(request: Request, job_id: str) -> Response:
    """Return what a job was asked to do, with the clocks in force. Secrets are references in it."""
    there = served(request)
    needs(request, Scope.READ)
    job = await there.hub.ask(there.service.get, verbs.Get(JobId(job_id)))
    clocks = {
        f"{name}_ms": None if (value := getattr(job.spec, name)) is None else to_ms(value)
        for name in CLOCKS
    }
    told = spec_to_json(job.spec)
    return json_answer({**told, "clocks": clocks, "title": title_of(job.spec)})


def _these(there: Served, ids: list[JobId]) -> list[Job]:
    found = []
    for job_id in ids:
        try:
            found.append(there.service.get(verbs.Get(job_id)))
        except NotFound:
            continue  # deleted meanwhile: whoever asked takes it off its list
    return found


def _places(there: Served) -> list[str]:
    """Return the names of groups and hosts that were written down."""
    try:
        inventory = load_inventory(there.settings)
    except ClientError:
        return []  # `POST /jobs` tells what is wrong with it to whoever needs it
    return [*inventory.groups, *inventory.hosts]


def row(job: Job) -> dict[str, Any]:
    """Return what a list shows of *job*: a third of its public JSON."""
    one = job.nodes[0] if len(job.nodes) == 1 else None
    progress = [node.progress_pct for node in job.nodes if node.progress_pct is not None]
    error = next((node.error for node in job.nodes if node.error), None)
    return {
        "job_id": job.id,
        "name": job.name,
        "title": title_of(job.spec),
        "where": where_of(job.spec, job.nodes),
        "status": str(job.status),
        "reason": job.reason,
        "exit_code": job.exit_code,
        "signal": None if one is None else one.signal,
        "error": None if error is None else error[:TITLE],
        "phase": None if one is None or job.is_terminal else one.phase,
        "progress_pct": sum(progress) / len(job.nodes) if progress else None,
        "message": next((node.message[:TITLE] for node in job.nodes if node.message), None),
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "completed_at": iso(job.completed_at),
        "stopped_at": iso(job.stopped_at),
        "timeout_ms": to_ms((job.spec if one is None else job.spec.at(one.name)).timeout),
        "labels": dict(job.spec.labels),
        "nodes": len(job.nodes),
        "counts": Counter(str(node.status) for node in job.nodes),
    }


def title_of(spec: JobSpec) -> str:
    """Return the command in one short line."""
    if spec.script is not None:
        lines = [line for line in spec.script.splitlines() if line.strip()]
        told = next((line for line in lines if not line.startswith("#")), lines[0] if lines else "")
    elif spec.shell is not None:
        told = " ".join(spec.shell.split())
    else:
        told = shlex.join(spec.command)
    return told if len(told) <= TITLE else f"{told[: TITLE - 1]}…"


def where_of(spec: JobSpec, nodes: Sequence[Node]) -> str:
    """Return where it runs: a host, a number of them, an image; nothing is this machine."""
    first = nodes[0]
    if len(nodes) > 1:
        return f"{len(nodes)} hosts"
    return first.name if first.executor == SSH or spec.container is not None else ""
