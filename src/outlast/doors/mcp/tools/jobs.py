"""`job_*`: what is asked of jobs, and of what they print."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from ....core.job import Job, JobId
from ....core.limits import read_milliseconds
from ....core.principal import Scope
from ....core.state import JobStatus
from ....engine import verbs
from ..answers import SAME_JOB, brief, job_answer
from ..output import OUTPUT, read_output
from ..tool import Arguments, Call, Tool
from ..waits import DEFAULT_S, MOST_S, WAIT_SECONDS, wait, wait_for_ends

MOST_JOBS: Final = 100
"""How many jobs one call is about."""

LISTED: Final = 20
CANCELLED: Final = "Job cancellation initiated"
NOTHING_LEFT: Final = "Nothing was left to cancel"


async def wait_for(call: Call) -> dict[str, Any]:
    """Stay until jobs have ended; of one job all is told, of several how each stands."""
    arguments = Arguments(call.arguments)
    ids = tuple(dict.fromkeys(arguments.texts("job_ids")))
    if not 0 < len(ids) <= MOST_JOBS:
        arguments.faults.append(f"job_ids is a list of 1 to {MOST_JOBS} ids")
    seconds = arguments.seconds("wait_seconds", DEFAULT_S, MOST_S)
    any_of_them = arguments.flag("any") or False
    arguments.check()
    jobs = [await call.there.get(JobId(each)) for each in ids]
    stayed = await wait(call, jobs, seconds, any_of_them=any_of_them)
    if len(stayed) == 1:
        one = await job_answer(call.there, stayed[0])
        left = {"next": one.pop("next")} if "next" in one else {}
        return {"jobs": [one], "pending": int(not stayed[0].is_terminal), **left}
    left_ids = [job.id for job in stayed if not job.is_terminal]
    told: dict[str, Any] = {"jobs": _briefs(call, stayed), "pending": len(left_ids)}
    if left_ids:
        told["next"] = f"job_wait(job_ids={_listed(left_ids)})"
    return told


async def get(call: Call) -> dict[str, Any]:
    """Tell how a job stands now."""
    arguments = Arguments(call.arguments)
    job_id = arguments.needed("job_id")
    arguments.check()
    return await job_answer(call.there, await call.there.get(JobId(job_id)))


async def cancel(call: Call) -> dict[str, Any]:
    """End what has not ended of a job."""
    arguments = Arguments(call.arguments)
    job_id = arguments.needed("job_id")
    nodes = arguments.indices("nodes")
    grace = arguments.take("grace_ms")
    if grace is not None:
        grace = arguments.read("grace_ms: ", read_milliseconds, grace)
    arguments.check()
    call.facts.update(event="job.cancel", job_id=job_id)
    verb = verbs.Cancel(JobId(job_id), nodes=nodes, grace=grace)
    job, changed = await asyncio.to_thread(call.there.service.cancel, verb)
    return {
        "job_id": job.id,
        "status": str(job.status),
        "cancelled": changed,
        "message": CANCELLED if changed else NOTHING_LEFT,
    }


async def list_jobs(call: Call) -> dict[str, Any]:
    """Tell which jobs there are, newest first."""
    arguments = Arguments(call.arguments)
    statuses = arguments.texts("status")
    known = {str(status): status for status in JobStatus}
    arguments.faults += [
        f"status: {each!r:.80} is not one of {', '.join(known)}"
        for each in statuses
        if each not in known
    ]
    labels = arguments.mapping("labels")
    queue = arguments.text("queue")
    limit = arguments.whole("limit", LISTED, 1, MOST_JOBS)
    cursor = arguments.text("cursor")
    arguments.check()
    query = verbs.List(
        statuses=frozenset(known[each] for each in statuses),
        labels=labels,
        queue=queue,
        limit=limit,
        cursor=cursor,
    )
    page = await asyncio.to_thread(call.there.service.list, query)
    told: dict[str, Any] = {"jobs": _briefs(call, page.jobs, with_time=True)}
    if page.next_cursor is not None:
        told["next_cursor"] = page.next_cursor
    return told


async def completions(call: Call) -> dict[str, Any]:
    """Tell the ends behind a cursor; stay for the first, where there is none yet."""
    arguments = Arguments(call.arguments)
    since = arguments.text("since")
    seconds = arguments.seconds("wait_seconds", DEFAULT_S, MOST_S)
    limit = arguments.whole("limit", LISTED, 1, MOST_JOBS)
    arguments.check()
    page = await wait_for_ends(call, verbs.Completions(since=since, limit=limit), seconds)
    ended = tuple(each.job for each in page)
    return {"completions": _briefs(call, ended), "next_cursor": page.next_cursor}


async def output(call: Call) -> dict[str, Any]:
    """Return a piece of what a node has printed."""
    arguments = Arguments(call.arguments)
    return await read_output(call.there, arguments)


def _briefs(call: Call, jobs: tuple[Job, ...], *, with_time: bool = False) -> list[dict[str, Any]]:
    told = []
    for job in jobs:
        public = call.there.service.public(job, with_result=False)
        more = {"created_at": public["created_at"]} if with_time else {}
        told.append({**brief(public), **more})
    return told


def _listed(ids: list[JobId]) -> str:
    return f"[{', '.join(map(repr, ids))}]".replace("'", '"')


_JOB_ID: Final = {"type": "string"}
_JOBS: Final = {"type": "array"}
_LIMIT: Final = {"type": "integer", "default": LISTED}

TOOLS: Final = (
    Tool(
        name="job_wait",
        description=(
            "Stay until all jobs have ended (any: until one has), at most wait_seconds. Ends nothing"
            " but the waiting. For one job, its answer is that of job_run."
        ),
        takes={
            "job_ids": {"type": "array", "items": _JOB_ID, "maxItems": MOST_JOBS},
            "wait_seconds": WAIT_SECONDS,
            "any": {"type": "boolean"},
        },
        required=("job_ids",),
        answers={
            "type": "object",
            "properties": {
                "jobs": _JOBS,
                "pending": {"type": "integer"},
                "next": {"type": "string"},
            },
            "required": ["jobs", "pending"],
        },
        do=wait_for,
        scope=Scope.READ,
        open_world=True,
    ),
    Tool(
        name="job_get",
        description="Tell how a job stands, as job_run does. Does not wait.",
        takes={"job_id": _JOB_ID},
        required=("job_id",),
        answers=SAME_JOB,
        do=get,
        scope=Scope.READ,
        open_world=True,
    ),
    Tool(
        name="job_output",
        description=(
            "Read what a job has printed, from a byte offset on, or its tail; with grep only the lines"
            " that have that text, each after its offset."
        ),
        takes=OUTPUT.takes,
        required=("job_id",),
        answers=OUTPUT.answers,
        do=output,
        scope=Scope.READ,
        open_world=True,
    ),
    Tool(
        name="job_cancel",
        description=(
            "End a job and all its processes, or some of its nodes. Final; a job that has ended stays"
            " as it is."
        ),
        takes={
            "job_id": _JOB_ID,
            "nodes": {"type": "array", "items": {"type": "integer"}},
            "grace_ms": {"type": "integer", "description": "Between SIGTERM and SIGKILL"},
        },
        required=("job_id",),
        answers={
            "type": "object",
            "properties": {
                "status": {"type": "string"},
                "cancelled": {"type": "boolean"},
            },
            "required": ["status", "cancelled"],
        },
        do=cancel,
        destructive=True,
        idempotent=True,
    ),
    Tool(
        name="job_list",
        description="List jobs, newest first: also those that others started here.",
        takes={
            "status": {
                "type": "array",
                "items": {"type": "string", "enum": [str(status) for status in JobStatus]},
            },
            "labels": {"type": "object"},
            "queue": {"type": "string"},
            "limit": _LIMIT,
            "cursor": {"type": "string"},
        },
        answers={
            "type": "object",
            "properties": {"jobs": _JOBS, "next_cursor": {"type": "string"}},
            "required": ["jobs"],
        },
        do=list_jobs,
        scope=Scope.READ,
    ),
    Tool(
        name="job_completions",
        description=(
            "Each end once, in order, from the cursor since on (none: from the first); waits where"
            " there is none. Keep next_cursor."
        ),
        takes={"since": {"type": "string"}, "wait_seconds": WAIT_SECONDS, "limit": _LIMIT},
        answers={
            "type": "object",
            "properties": {"completions": _JOBS, "next_cursor": {"type": "string"}},
            "required": ["completions", "next_cursor"],
        },
        do=completions,
        scope=Scope.READ,
    ),
)
