"""
The real server of tools, with the tools that the conformance suite calls besides.

    python -m tests.mcp.conformance_server

It is `outlast serve`. What those tools begin are real jobs of the real store, and tasks by the real extension.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mcp import types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError

from outlast.core.job import Job
from outlast.doors.cli import main
from outlast.doors.http import agents, guard
from outlast.doors.mcp import mounted
from outlast.doors.mcp.answers import JOB
from outlast.doors.mcp.served import Served
from outlast.doors.mcp.server import build as really_build
from outlast.doors.mcp.tasks import TASKS, TaskParams, TaskUpdate
from outlast.doors.mcp.tool import Call, Tool
from outlast.doors.mcp.tools import TOOLS, run

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as Asgi

Context = ServerRequestContext[Any, Any]
TEXT: Final = {"type": "string"}
QUESTION: Final = {
    "method": "elicitation/create",
    "params": {
        "mode": "form",
        "message": "Go on?",
        "requestedSchema": {"type": "object", "properties": {"name": TEXT}},
    },
}


# Tools that begin a job ---------------------------------------------------------------------------


def job_tool(
    name: str, line: Callable[[Mapping[str, Any]], str], takes: Mapping[str, Any] = {}
) -> Tool:
    """A tool that runs a line of shell as a job, in its own manner of naming it."""

    def as_run(call: Call) -> Call:
        return replace(call, arguments={"command": line(call.arguments), "cwd": os.getcwd()})

    async def do(call: Call) -> dict[str, Any]:
        return await run.run(as_run(call))

    async def begin(call: Call) -> Job:
        return await run.begin(as_run(call))

    return Tool(name=name, description=name, takes=takes, answers=JOB, do=do, begin=begin)


def once_answered(questions: int) -> str:
    """A line that waits until each of its questions has an answer, in a file of its folder."""
    wait = "while [ ! -e {0} ]; do sleep 0.05; done; cat {0}"
    return "; ".join(wait.format(f"$OUTLAST_JOB_ID.{n}") for n in range(questions))


ASKING: Final = {"confirm_delete": 1, "multi_input": 2}
"""Tools whose jobs ask, and how much."""

ONLY_AS_TASKS: Final = frozenset({"failing_job", "test_tool_with_task"})
BEGINNING: Final = (
    job_tool(
        "slow_compute",
        lambda given: f"sleep {float(given['seconds'])}",
        {"seconds": {"type": "number"}, "label": TEXT},
    ),
    job_tool("failing_job", lambda _: "sleep 1; exit 1"),
    job_tool("protocol_error_job", lambda _: "true"),
    *(job_tool(name, lambda _, n=n: once_answered(n)) for name, n in ASKING.items()),
    job_tool("test_tool_with_task", lambda given: f"echo hello {shlex.quote(given['name'])}"),
)


# Tools that are answered at once ------------------------------------------------------------------


def said(text: str) -> dict[str, Any]:
    return {"resultType": "complete", "content": [{"type": "text", "text": text}]}


def missing_capability(context: Context, _: Mapping[str, Any]) -> HandlerResult:
    """As a tool that would ask the client's model: only a client that offers that can call it."""
    offered = context.session.client_capabilities
    if offered is None or offered.sampling is None:
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="this tool asks the client's model",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return said("done")


ANSWERED: Final[Mapping[str, Callable[[Context, Mapping[str, Any]], HandlerResult]]] = {
    "greet": lambda _, given: said(f"Hello, {given['name']}!"),
    "test_missing_capability": missing_capability,
    "test_logging_tool": lambda *_: said("done"),
    "test_streaming_elicitation": lambda *_: said("done"),
}


async def never(_: Call) -> dict[str, Any]:
    raise AssertionError("it is answered before it comes here")


AT_ONCE: Final = tuple(
    Tool(
        name=name,
        description=name,
        takes={"name": TEXT} if name == "greet" else {},
        answers={"type": "object"},
        do=never,
    )
    for name in ANSWERED
)


class Fixtures(Extension):
    """The suite's tools, in its words; and jobs that ask their client, as none of ours does."""

    identifier = "org.example/fixtures"

    def __init__(self, answers: Path) -> None:
        self._answers = answers
        self._asked: dict[str, dict[str, Any]] = {}
        """By task, what it waits for: to each key its question."""

        self._broken: set[str] = set()
        """Tasks that we cannot answer for."""

    async def intercept_tool_call(
        self, params: types.CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        if (answer := ANSWERED.get(params.name)) is not None:
            return answer(ctx, params.arguments or {})
        if params.name in ONLY_AS_TASKS:
            require_client_extension(ctx, TASKS)
        if params.name == "test_tool_with_task":
            if not params.input_responses:
                return {"resultType": "input_required", "inputRequests": {"user_name": QUESTION}}
            params.arguments = params.input_responses["user_name"].content
        result = await call_next(ctx)
        if isinstance(result, dict) and (task := result.get("taskId")):
            count = ASKING.get(params.name, 0)
            self._asked[task] = {f"question-{n}": QUESTION for n in range(count)}
            if params.name == "protocol_error_job":
                self._broken.add(task)
        return result

    def stand_before(self, server: Server[Any]) -> None:
        """Add to what the real methods of tasks say what only these jobs have."""
        get = server.get_request_handler("tasks/get")
        update = server.get_request_handler("tasks/update")
        assert get is not None
        assert update is not None
        really_get: Callable[[Context, Any], Awaitable[Any]] = get.handler
        really_update: Callable[[Context, Any], Awaitable[Any]] = update.handler

        async def get_task(context: Context, params: TaskParams) -> HandlerResult:
            told = await really_get(context, params)
            asked = self._asked.get(params.task_id)
            if asked and told["status"] == "working":
                return {**told, "status": "input_required", "inputRequests": asked}
            if params.task_id in self._broken and told["status"] == "completed":
                del told["result"]
                error = {"code": types.INTERNAL_ERROR, "message": "nobody can tell"}
                return {**told, "status": "failed", "error": error}
            return told

        async def update_task(context: Context, params: TaskUpdate) -> HandlerResult:
            told = await really_update(context, params)
            asked = self._asked.get(params.task_id, {})
            for key in params.input_responses:
                if asked.pop(key, None) is not None:
                    number = key.removeprefix("question-")
                    (self._answers / f"{params.task_id}.{number}").write_text("answered\n")
            return told

        server.add_request_handler("tasks/get", TaskParams, get_task)
        server.add_request_handler("tasks/update", TaskUpdate, update_task)


# `outlast serve` with all that --------------------------------------------------------------------


@asynccontextmanager
async def mount(**there: Any) -> AsyncIterator[ASGIApp]:
    """As the real one, with more tools."""
    fixtures = Fixtures(Path.cwd())

    def build(served: Served) -> Server[Any]:
        server = really_build(served, tools=(*TOOLS, *AT_ONCE, *BEGINNING), extensions=(fixtures,))
        fixtures.stand_before(server)
        return server

    mounted.build = build  # type: ignore[assignment]  # the same, for who gives it nothing but this
    async with mounted.mount(**there) as app:
        yield app


class LetIn(guard.Guard):
    """The real guard, for callers who have no way to show a token: they have the home's."""

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            token = (Path(os.environ["OUTLAST_HOME"]) / "token").read_bytes().strip()
            shown = (b"authorization", b"Bearer " + token)
            scope = {**scope, "headers": [*scope["headers"], shown]}
        await super().__call__(scope, receive, send)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.modules["conformance_server"] = sys.modules["__main__"]
        agents.MODULE = "conformance_server"  # type: ignore[misc]  # what it makes of /mcp
        guard.Guard = LetIn  # type: ignore[misc]  # what stands before it
        sys.argv = ["outlast", "serve", "--port", "0", "--json"]
        main()
