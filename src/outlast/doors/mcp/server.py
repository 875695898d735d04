"""The server: its tools, over one home. What it speaks through is for who runs it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from mcp import types
from mcp.server.extension import Extension, compose_tool_call_handler
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from ...errors import ClientError, Forbidden
from ...version import __version__
from .answers import answered, broken, error_data, refused
from .tool import Call, Refusal, Tool
from .tools import TOOLS

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from .served import Served

log: Final = logging.getLogger("outlast.mcp")

INSTRUCTIONS: Final = (
    "Runs commands as durable jobs: a job goes on when a call, this server or the connection ends."
    " A call waits for a bounded time; an answer that is not terminal is no error: make the call in"
    " its `next`, as often as needed. Never start a job again because you have no answer: pass"
    " idempotency_key, or look in job_list."
)


def build(
    there: Served, *, tools: Iterable[Tool] = TOOLS, extensions: Sequence[Extension] = ()
) -> Server[Any]:
    """
    Return the server over *there*, with *tools* in their order.

    Each of *extensions* adds its methods, and may answer a call of a tool in its place.
    """
    table = {tool.name: tool for tool in tools}
    listed = [_listed(tool) for tool in table.values()]

    async def list_tools(
        _: ServerRequestContext[Any, Any], __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def call_tool(
        context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        tool = table.get(params.name)
        if tool is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name:.80}")
        return await called(tool, there, context, params)

    server: Server[Any] = Server(
        "outlast",
        version=__version__,
        title="Outlast",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    for extension in extensions:
        for method in extension.methods():
            server.add_request_handler(method.method, method.params_type, method.handler)
        server.extensions[extension.identifier] = extension.settings()
    if extensions:
        handler = compose_tool_call_handler(extensions, call_tool)
        server.add_request_handler("tools/call", types.CallToolRequestParams, handler)
    return server


async def called(
    tool: Tool,
    there: Served,
    context: ServerRequestContext[Any, Any],
    params: types.CallToolRequestParams,
) -> types.CallToolResult:
    """Do what a tool does. Whatever goes wrong is an answer, too."""
    try:
        return answered(await tool.do(call_of(tool, there, context, params)))
    except Exception as error:  # noqa: BLE001 - told as an answer, and logged where it is ours
        return failure(error, tool.name)


def call_of(
    tool: Tool,
    there: Served,
    context: ServerRequestContext[Any, Any],
    params: types.CallToolRequestParams,
) -> Call:
    """Return the call, once it is seen who makes it. Raises `Unauthorized` or `Forbidden`."""
    visitor = there.who(context.request)
    if not visitor.principal.may(tool.scope):
        raise Forbidden(f"{tool.name} takes a token with the scope {str(tool.scope)!r}")
    steps = itertools.count(1)

    async def tell(line: str) -> None:
        await context.session.report_progress(next(steps), None, line)

    return Call(
        there=there,
        asker=visitor.principal,
        arguments=params.arguments or {},
        tell=tell,
        facts=visitor.facts,
    )


def failure(error: Exception, name: str) -> types.CallToolResult:
    """Return what is told of *error* that a tool has raised: never where it came from."""
    if isinstance(error, Refusal):
        return refused(error.data)
    if isinstance(error, MCPError):
        raise error
    if isinstance(error, ClientError) and error.code != "internal":
        return refused(error_data(error))
    log.error("%s broke", name, exc_info=error)
    return refused(broken())


def _listed(tool: Tool) -> types.Tool:
    reads = tool.scope == tool.scope.READ
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema={
            "type": "object",
            "properties": {name: dict(schema) for name, schema in tool.takes.items()},
            **({"required": list(tool.required)} if tool.required else {}),
        },
        output_schema=dict(tool.answers),
        annotations=types.ToolAnnotations(
            read_only_hint=reads,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent or reads,
            open_world_hint=tool.open_world,
        ),
    )
