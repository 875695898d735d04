"""
The real server of tools, with the tools that the conformance suite calls besides.

    python -m tests.mcp.conformance_server

What those begin are real jobs of the real store. Prints the address at which it listens, and serves until it
is ended.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any, Final

import uvicorn
from mcp import types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension
from mcp.shared.exceptions import MCPError

from outlast.doors.mcp.served import Served, Visitor
from outlast.doors.mcp.server import build
from outlast.doors.mcp.tool import Call, Tool
from outlast.doors.mcp.tools import TOOLS
from outlast.settings import ServersOwn, load_settings
from outlast.wiring import make_address, make_hub

TEXT: Final = {"type": "string"}


def said(text: str) -> dict[str, Any]:
    return {"resultType": "complete", "content": [{"type": "text", "text": text}]}


def greet(context: Context, arguments: Mapping[str, Any]) -> HandlerResult:
    return said(f"Hello, {arguments['name']}!")


def missing_capability(context: Context, arguments: Mapping[str, Any]) -> HandlerResult:
    """As a tool that would ask the client's model: only a client that offers that can call it."""
    offered = context.session.client_capabilities
    if offered is None or offered.sampling is None:
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="this tool asks the client's model",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return said("done")


Context = ServerRequestContext[Any, Any]
ANSWERED: Final = {
    "greet": greet,
    "test_missing_capability": missing_capability,
    "test_logging_tool": lambda *_: said("done"),
    "test_streaming_elicitation": lambda *_: said("done"),
}
"""Tools of the suite's that no job is begun for."""


async def nothing(_: Call) -> dict[str, Any]:
    raise AssertionError("answered before it comes here")


def listed(name: str, takes: Mapping[str, Any] = {}) -> Tool:
    return Tool(
        name=name, title=name, description=name, takes=takes, answers={"type": "object"}, do=nothing
    )


FIXTURES: Final = (
    listed("greet", {"name": TEXT}),
    listed("test_missing_capability"),
    listed("test_logging_tool"),
    listed("test_streaming_elicitation"),
)


class Fixtures(Extension):
    """Answers the suite's own tools in its own words."""

    identifier = "org.example/fixtures"

    async def intercept_tool_call(
        self, params: types.CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        if (answer := ANSWERED.get(params.name)) is not None:
            return answer(ctx, params.arguments or {})
        return await call_next(ctx)


async def serve() -> None:
    settings = load_settings()
    service, hub = make_hub(settings, make_address(settings))
    there = Served(
        service=service,
        hub=hub,
        settings=settings,
        inherited=ServersOwn(cwd=os.getcwd()),
        access=None,
        who=lambda _: Visitor(),
    )
    server = build(there, tools=(*TOOLS, *FIXTURES), extensions=(Fixtures(),))
    app = server.streamable_http_app()
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", http="h11"))
    keeping = asyncio.create_task(hub.run())
    try:
        await running.serve([listener])
    finally:
        hub.leave()
        keeping.cancel()
        service.close()


if __name__ == "__main__":
    asyncio.run(serve())
