"""`job_*`: what any door can do about jobs, on this machine, on hosts and in containers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ....core.job import Job
from ....core.principal import Scope
from ....reception import submission
from ..answers import JOB, job_answer
from ..tool import Arguments, Call, Tool
from ..waits import DEFAULT_S, MOST_S, wait

WAIT: Final = {
    "type": "number",
    "minimum": 0,
    "maximum": MOST_S,
    "default": DEFAULT_S,
    "description": "How long this call stays; the job goes on after it.",
}


async def begin(call: Call) -> Job:
    """Store the job of a call, and have it run."""
    body = dict(call.arguments)
    body.pop("wait_seconds", None)
    key = body.pop("idempotency_key", None)
    if isinstance(line := body.get("command"), str):
        body["shell"] = line
        del body["command"]

    def store() -> Job:
        verb = submission(call.there, call.asker, body, key)
        return call.there.service.submit(verb)[0]

    job = await asyncio.to_thread(store)
    call.there.hub.need()
    return job


async def run(call: Call) -> dict[str, Any]:
    """Begin a job, and stay for a while."""
    arguments = Arguments({"wait_seconds": call.arguments.get("wait_seconds")})
    seconds = arguments.seconds("wait_seconds", DEFAULT_S, MOST_S)
    job = await begin(call)
    (job,) = await wait(call, (job,), seconds)
    return await job_answer(call.there, job)


RUN_TAKES: Final[Mapping[str, Mapping[str, Any]]] = {
    "command": {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "A line for /bin/sh, or a program and its arguments.",
    },
    "wait_seconds": WAIT,
}

TOOLS: Final = (
    Tool(
        name="job_run",
        title="Run a command",
        description="Run a command as a durable job and wait for it for a while.",
        takes=RUN_TAKES,
        required=("command",),
        answers=JOB,
        do=run,
        begin=begin,
        scope=Scope.RUN,
        open_world=True,
        destructive=True,
    ),
)
