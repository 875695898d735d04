"""The server: its tools, over one home. What it speaks through is for who runs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from mcp import types
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.extension import (
    Extension,
    MethodBinding,
    RequestHandler,
    compose_tool_call_handler,
)
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from ...version import __version__
from .called import called
from .prompts import get_prompt, list_prompts
from .resources import Resources
from .tasks import Tasks
from .tool import Tool
from .tools import TOOLS

if TYPE_CHECKING:
    from mcp.server.context import HandlerResult, ServerRequestContext

    from .served import Served

SETTLED: Final[tuple[CacheableMethod, ...]] = (
    *("server/discover", "tools/list"),
    *("prompts/list", "resources/templates/list"),
)
"""What is the same for everybody, for as long as this server is installed."""

CHANGING: Final[tuple[CacheableMethod, ...]] = ("resources/list", "resources/read")
SETTLED_MS: Final = 3_600_000
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

    Each of *extensions* adds its methods, and may answer a call of a tool in its place; where none
    does, `Tasks` may.
    """
    table = {tool.name: tool for tool in tools}
    resources = Resources(there)
    listed = [_listed(tool) for tool in table.values()]
    schemas = {tool.name: tool.input_schema for tool in listed}

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
        cache_hints={
            **dict.fromkeys(SETTLED, CacheHint(ttl_ms=SETTLED_MS, scope="public")),
            **dict.fromkeys(CHANGING, CacheHint()),
        },
        get_tool_input_schema=schemas.get,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_list_resources=resources.list,
        on_list_resource_templates=resources.list_templates,
        on_read_resource=resources.read,
        on_subscriptions_listen=resources.listen,
    )
    server.middleware.clear()  # its traces would tell what was asked for; ours are the job's own
    for extension in (every := (*extensions, Tasks(there, table))):
        for method in extension.methods():
            server.add_request_handler(method.method, method.params_type, _in_its_revisions(method))
        server.extensions[extension.identifier] = extension.settings()
    handler = compose_tool_call_handler(every, call_tool)
    server.add_request_handler("tools/call", types.CallToolRequestParams, handler)
    return server


def _in_its_revisions(method: MethodBinding) -> RequestHandler:
    """Return what does *method*; in other revisions of the protocol there is no such thing."""

    async def handle(context: ServerRequestContext[Any, Any], params: Any) -> HandlerResult:
        versions = method.protocol_versions
        if versions is not None and context.protocol_version not in versions:
            raise MCPError(code=types.METHOD_NOT_FOUND, message="Method not found")
        return await method.handler(context, params)

    return handle


def _listed(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema={
            "type": "object",
            "properties": {name: dict(schema) for name, schema in tool.takes.items()},
            **({"required": list(tool.required)} if tool.required else {}),
        },
        output_schema=dict(tool.answers),
        annotations=_hints(tool),
    )


def _hints(tool: Tool) -> types.ToolAnnotations | None:
    """Return what is told to the host; what the protocol takes for granted is left out."""
    reads = tool.scope == tool.scope.READ
    hints = types.ToolAnnotations(
        read_only_hint=reads or None,
        destructive_hint=None if reads or tool.destructive else False,
        idempotent_hint=(tool.idempotent and not reads) or None,
        open_world_hint=None if tool.open_world else False,
    )
    return hints if hints.model_dump(exclude_none=True) else None
