"""
What a tool answers: small, without nulls, with the next call where there is one.

The same JSON is the structured content and, for clients that know none, the text. An error is text
alone: its form is not that of the tool's answer, and some clients would refuse it for that.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mcp import types

from ...engine import verbs
from ...errors import ClientError, Internal
from .remedies import for_agents

if TYPE_CHECKING:
    from ...core.job import Job
    from .served import Served

TAIL_BYTES: Final = 2048
"""How much of the end of each stream an answer about a job carries."""

MOST_NODES: Final = 20
"""How many nodes an answer tells of."""

STREAMS: Final = ("stdout", "stderr")
KEPT: Final = (
    *("name", "reason", "exit_code", "progress_pct", "message", "error", "session"),
    *("queue", "priority", "held", "waiting_for"),
)
NODES: Final = ("reason", "exit_code", "signal", "error")

JOB: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "job_id": {"type": "string"},
        "status": {
            "type": "string",
            "enum": ["queued", "running", "complete", "partial", "failed", "cancelled"],
        },
        "terminal": {"type": "boolean"},
        "reason": {"type": "string"},
        "exit_code": {"type": "integer"},
        "error": {"type": "string"},
        "stdout": {"type": "string"},
        "stderr": {"type": "string"},
        "nodes": {"type": "array"},
        "next": {"type": "string"},
    },
    "required": ["job_id", "status", "terminal"],
}
"""The schema of `job_answer`: its main keys, and not each that there may be."""

SAME_JOB: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {key: JOB["properties"][key] for key in ("job_id", "terminal")}
    | {"status": {"type": "string"}},
    "required": JOB["required"],
}
"""The schema of the same answer, for a tool that says so: that of `job_run` has its other keys."""


def answered(data: Mapping[str, Any]) -> types.CallToolResult:
    """Return *data* as the result of a call."""
    text = types.TextContent(type="text", text=_compact(data))
    return types.CallToolResult(content=[text], structured_content=dict(data))


def refused(data: Mapping[str, Any]) -> types.CallToolResult:
    """Return *data* as the result of a call that is an error."""
    text = types.TextContent(type="text", text=_compact(data))
    return types.CallToolResult(content=[text], is_error=True)


def error_data(error: ClientError) -> dict[str, Any]:
    """Return *error* as a model can act on it: what is wrong, and what would help."""
    faults = [for_agents(str(fault)) for fault in getattr(error, "faults", ())]
    told: dict[str, Any] = {
        "code": error.code,
        "message": for_agents(error.message)
        if len(faults) < 2
        else f"{len(faults)} things are wrong",
        "retryable": error.retryable,
    }
    if error.suggestion:
        told["suggestion"] = for_agents(error.suggestion)
    if len(faults) > 1:
        told["faults"] = faults
    if error.job_id is not None:
        told["job_id"] = error.job_id
    return {"error": told}


def broken() -> dict[str, Any]:
    """Return what is told of a fault of our own: that there was one. The log says which."""
    return error_data(
        Internal("something is wrong on our side", suggestion="The server's log says what")
    )


async def job_answer(there: Served, job: Job) -> dict[str, Any]:
    """Return a job as a model needs it: how it stands, the ends of its output, what to call next."""
    return await asyncio.to_thread(_job_answer, there, job)


def _job_answer(there: Served, job: Job) -> dict[str, Any]:
    (job,) = there.service.explained([job])
    public = there.service.public(job, with_result=False)
    told = brief(public)
    if public["attempt"] > 1:
        told["attempt"] = public["attempt"]
    if job.started_at is not None:
        until = job.completed_at or there.now()
        told["elapsed_ms"] = max(0, round((until - job.started_at).total_seconds() * 1000))
    if len(job.nodes) > 1:
        told["nodes"] = [
            {"index": index, "node": node["node"], "status": node["status"], **_there(node, NODES)}
            for index, node in enumerate(public["nodes"][:MOST_NODES])
        ]
        if len(job.nodes) > MOST_NODES:
            told["nodes_left_out"] = len(job.nodes) - MOST_NODES
    elif (signal := public["nodes"][0]["signal"]) is not None:
        told["signal"] = signal
    cut = _with_output(there, job, told)
    if job.is_terminal:
        result = there.service.result(job)
        told |= {key: result[key] for key in ("value", "artifacts") if result[key]}
    if job.held:
        told.setdefault("message", f'Held until job_move(job_id="{job.id}", held=false)')
    if not job.is_terminal:
        told["next"] = f'job_wait(job_ids=["{job.id}"])'
    elif cut:
        told["next"] = f'job_output(job_id="{job.id}", {cut})'
    return told


def brief(public: Mapping[str, Any]) -> dict[str, Any]:
    """Return the little that a list tells of a job, from its public JSON."""
    return {
        **{key: public[key] for key in ("job_id", "status", "terminal")},
        **_there(public, KEPT),
    }


def _there(of: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: of[key] for key in keys if of.get(key) is not None}


def _with_output(there: Served, job: Job, told: dict[str, Any]) -> str:
    """Add the ends of what was printed; return how to ask for what is missing, if anything is."""
    if len(job.nodes) > 1:
        result = there.service.result(job)
        told |= {stream: result[stream] for stream in STREAMS if result[stream]}
        return "node=0, offset=0" if result["truncated"] else ""
    cut = ""
    (node,) = job.nodes
    for stream, size in zip(STREAMS, (node.stdout_bytes, node.stderr_bytes), strict=True):
        if not size:
            continue
        start = max(0, size - TAIL_BYTES)
        verb = verbs.ReadOutput(job.id, stream=stream, offset=start, limit=TAIL_BYTES)
        data, start = from_whole_character(there.service.read_output(verb), start)
        told[stream] = data.decode("utf-8", "replace")
        if start:
            told[f"{stream}_offset"] = start  # where this begins: what is before it was left out
            other = f', stream="{stream}"' if stream != STREAMS[0] else ""
            cut = cut or f"offset=0{other}"
    return cut


def from_whole_character(data: bytes, offset: int) -> tuple[bytes, int]:
    """Return *data*, read from *offset*, without the rest of a character that began before it."""
    if not offset:
        return data, offset
    whole = data.lstrip(bytes(range(0x80, 0xC0)))
    return whole, offset + len(data) - len(whole)


def _compact(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
