"""
Tasks (SEP-2663, `io.modelcontextprotocol/tasks`): for clients that say with a request that they know
them, a job begun by a tool is a task, with the job's id.

There is no store of tasks: what is told of one is told of its job, whoever serves by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mcp import types
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from pydantic import Field

from ...core.job import JobId
from ...core.limits import iso
from ...core.principal import Scope
from ...core.state import JobStatus
from ...engine import verbs
from ...errors import ClientError, Forbidden, NotFound
from .answers import answered, job_answer
from .called import begin_or_fail

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

    from ...core.job import Job
    from .served import Served
    from .tool import Tool

TASKS: Final = "io.modelcontextprotocol/tasks"
MODERN: Final = frozenset({"2026-07-28"})
"""The revisions in which tasks are this: the one before had others, of the same name."""

ENDED: Final = {JobStatus.COMPLETE, JobStatus.PARTIAL, JobStatus.FAILED}


class TaskParams(types.RequestParams):
    """Which task."""

    task_id: str


class TaskUpdate(TaskParams):
    """What a task was waiting for: jobs ask for nothing."""

    input_responses: dict[str, Any] = Field(default_factory=dict)


class Tasks(Extension):
    """The methods of tasks; and in place of a tool that begins a job, the task."""

    identifier = TASKS

    def __init__(self, there: Served, tools: Mapping[str, Tool]) -> None:
        self._there = there
        self._tools = tools

    def methods(self) -> Sequence[MethodBinding]:
        """Return what is asked of tasks."""
        return [
            MethodBinding("tasks/get", TaskParams, self._get, MODERN),
            MethodBinding("tasks/update", TaskUpdate, self._update, MODERN),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, MODERN),
        ]

    async def intercept_tool_call(
        self,
        params: types.CallToolRequestParams,
        ctx: ServerRequestContext[Any, Any],
        call_next: CallNext,
    ) -> HandlerResult:
        """Answer with a task where a job can be one: it is on disk by then."""
        tool = self._tools.get(params.name)
        if tool is None or tool.begin is None or not _knows_tasks(ctx):
            return await call_next(ctx)
        begun = await begin_or_fail(tool, tool.begin, self._there, ctx, params)
        if isinstance(begun, types.CallToolResult):
            return begun
        return {"resultType": "task", **self._told(begun)}

    async def _get(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        job = await self._job(ctx, params, Scope.READ)
        told = self._told(job)
        if job.status in ENDED:
            told["result"] = await self._result(job)
        return {"resultType": "complete", **told}

    async def _update(
        self, ctx: ServerRequestContext[Any, Any], params: TaskUpdate
    ) -> HandlerResult:
        await self._job(ctx, params, Scope.RUN)
        return {"resultType": "complete"}

    async def _cancel(
        self, ctx: ServerRequestContext[Any, Any], params: TaskParams
    ) -> HandlerResult:
        job = await self._job(ctx, params, Scope.RUN)
        facts = self._there.who(ctx.request).facts
        facts.update(event="job.cancel", job_id=job.id)
        if not job.is_terminal:
            await asyncio.to_thread(self._there.service.cancel, verbs.Cancel(job.id))
        return {"resultType": "complete"}

    async def _job(
        self, ctx: ServerRequestContext[Any, Any], params: TaskParams, scope: Scope
    ) -> Job:
        """Return the job of a request about a task, once it is seen that it may be asked about."""
        require_client_extension(ctx, TASKS)
        if ctx.request is not None:
            named = decode_header_value(ctx.request.headers.get(MCP_NAME_HEADER))
            if named != params.task_id:
                words = f"the header {MCP_NAME_HEADER} is not the request's taskId"
                raise MCPError(code=types.HEADER_MISMATCH, message=words)
        try:
            self._there.visitor(ctx.request, scope)
            return await self._there.get(JobId(params.task_id))
        except NotFound as error:
            words = f"There is no task {params.task_id!r:.80}: {error.message}"
            raise MCPError(code=types.INVALID_PARAMS, message=words) from None
        except Forbidden as error:
            raise MCPError(code=types.INVALID_REQUEST, message=error.message) from None
        except ClientError as error:
            raise MCPError(code=types.INTERNAL_ERROR, message=error.message) from None

    def _told(self, job: Job) -> dict[str, Any]:
        """Return what is said of the task that *job* is."""
        public = self._there.service.public(job, with_result=False)
        times = [job.created_at, job.started_at, job.completed_at]
        for node in job.nodes:
            times += [node.started_at, node.completed_at]
        told: dict[str, Any] = {
            "taskId": job.id,
            "status": "working",
            "statusMessage": ": ".join(filter(None, [str(job.status), public["message"]])),
            "createdAt": public["created_at"],
            "lastUpdatedAt": iso(max(time for time in times if time is not None)),
            "ttlMs": None,  # it is kept for as long as it runs, and for its retention after that
            "pollIntervalMs": public["poll_interval_ms"],
        }
        if job.status in ENDED:
            told["status"] = "completed"
        elif job.status is JobStatus.CANCELLED:
            told["status"] = "cancelled"
        if job.expires_at is not None:
            told["ttlMs"] = round((job.expires_at - job.created_at).total_seconds() * 1000)
        return told

    async def _result(self, job: Job) -> dict[str, Any]:
        """Return what the tool would have answered; not to have been completed is an error here."""
        result = answered(await job_answer(self._there, job))
        result.is_error = job.status is not JobStatus.COMPLETE
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)


def _knows_tasks(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Whether the client has said so with this request."""
    offered = ctx.session.client_capabilities
    declared = offered.extensions if offered is not None else None
    return ctx.protocol_version in MODERN and TASKS in (declared or {})
