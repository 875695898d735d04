"""`job_run`: begin a job, and stay for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ....core.job import Job
from ....reception import began, submission
from ..answers import JOB, job_answer
from ..slips import warning_of
from ..tool import Arguments, Call, Tool
from ..waits import DEFAULT_S, MOST_S, WAIT_SECONDS, wait

MAX_KEY_CHARACTERS: Final = 255
OWN: Final = ("wait_seconds", "idempotency_key")
"""Arguments that are no keys of a job's spec."""


async def run(call: Call) -> dict[str, Any]:
    """Begin a job, and stay for a while."""
    seconds = Arguments(call.arguments).seconds("wait_seconds", DEFAULT_S, MOST_S)
    job = await begin(call)
    (job,) = await wait(call, (job,), seconds)
    return await job_answer(call.there, job) | await asyncio.to_thread(warning_of, call, job)


async def begin(call: Call) -> Job:
    """Store the job that a call asks for, and have it run. On disk when this returns."""
    arguments = Arguments({key: call.arguments.get(key) for key in OWN})
    arguments.seconds("wait_seconds", DEFAULT_S, MOST_S)
    key = arguments.text("idempotency_key")
    if key is not None and not (0 < len(key) <= MAX_KEY_CHARACTERS and key.isprintable()):
        arguments.faults.append(
            f"idempotency_key: 1 to {MAX_KEY_CHARACTERS} printable characters, not {key!r:.80}"
        )
    spec = as_spec({name: value for name, value in call.arguments.items() if name not in OWN})

    def store() -> Job:
        verb = submission(call.there, call.asker, spec, key, arguments.faults)
        return call.there.service.submit(verb._replace(traceparent=call.traceparent))[0]

    call.facts["event"] = "job.submit"
    job = await asyncio.to_thread(store)
    call.facts.update(began([job]))
    call.there.hub.need()
    return job


def as_spec(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an agent says of a job as a spec has it: a `command` that is a text is a shell's."""
    spec = dict(given)
    if isinstance(line := spec.get("command"), str) and "shell" not in spec:
        spec["shell"] = line
        del spec["command"]
    return spec


_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_NAMES: Final = {"type": "object", "additionalProperties": _TEXT}
_MS: Final = {"type": "integer"}

TAKES: Final[Mapping[str, Mapping[str, Any]]] = {
    "command": {
        "anyOf": [_TEXT, _TEXTS],
        "description": "A line for /bin/sh, or a program with its arguments",
    },
    "wait_seconds": WAIT_SECONDS,
    "idempotency_key": {
        **_TEXT,
        "description": "The same key again gives the same job, not a second one",
    },
    "on": {**_TEXTS, "description": "Hosts or groups to run on by SSH; none: this machine"},
    "container": {**_TEXT, "description": "Run in a fresh container of this image"},
    "session": {**_TEXT, "description": "Run in this session, in its turn"},
    "cwd": _TEXT,
    "env": _NAMES,
    "secret_env": {"type": "object", "description": "Variable to reference: secret:NAME"},
    "stdin_text": _TEXT,
    "timeout_ms": {**_MS, "description": "Kill the command after this time"},
    "idle_timeout_ms": {**_MS, "description": "Kill it if it prints nothing for this time"},
    "queue": _TEXT,
    "priority": {
        "type": "integer",
        "minimum": -20,
        "maximum": 20,
        "description": "The highest of a queue begins first",
    },
    "retries": {
        "type": "integer",
        "maximum": 100,
        "description": "Run it again if it fails, so often",
    },
    "retry_on": {**_TEXTS, "description": "Only if so: exit:75, timeout, lost"},
    "after": {**_TEXTS, "description": "Ids of jobs that must complete first; failed:ID, any:ID"},
    "hold": {"type": "boolean", "description": "Wait until job_move releases it"},
    "on_end": {**_TEXT, "description": "A line for /bin/sh once it has ended"},
    "name": _TEXT,
    "labels": {"type": "object"},
    "collect": {**_TEXTS, "description": "Files to fetch from where it ran, as globs"},
    "limits": {
        "type": "object",
        "description": "memory_bytes, cpus, pids, output_bytes",
    },
}

TOOLS: Final = (
    Tool(
        name="job_run",
        description=(
            "Run a command as a durable job: here, on hosts, or in a container. Stays until it ends, at"
            " most wait_seconds; after that it goes on by itself and `next` says how to wait on."
            " Takes every other key of a job's spec, too: start_at, delay_ms, if_lost, ..."
        ),
        takes=TAKES,
        required=("command",),
        answers=JOB,
        do=run,
        begin=begin,
        destructive=True,
        open_world=True,
    ),
)
