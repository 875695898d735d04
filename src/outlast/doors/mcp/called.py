"""A call of a tool, from who makes it to what is told of whatever went wrong."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from mcp import types
from mcp.shared.exceptions import MCPError

from ...core.trace import read_traceparent
from ...errors import ClientError, Forbidden
from ...intake import callers_span
from .answers import answered, broken, error_data, refused
from .tool import Call, Refusal, Tool

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from ...core.job import Job
    from .served import Served, Visitor

log: Final = logging.getLogger("outlast.mcp")


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
        return failure(error, tool, there.who(context.request))


def call_of(
    tool: Tool,
    there: Served,
    context: ServerRequestContext[Any, Any],
    params: types.CallToolRequestParams,
) -> Call:
    """Return the call, once it is seen who makes it. Raises `Unauthorized` or `Forbidden`."""
    visitor = there.visitor(context.request, tool.scope)
    steps = itertools.count(1)

    async def tell(line: str) -> None:
        await context.session.report_progress(next(steps), None, line)

    return Call(
        there=there,
        asker=visitor.principal,
        arguments=params.arguments or {},
        tell=tell,
        facts=visitor.facts,
        traceparent=visitor.traceparent or _callers_span(context, params),
    )


def _callers_span(
    context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
) -> str | None:
    """Return the span that a call tells of (`_meta`); else that of who started us for themselves."""
    said = (params.meta or {}).get("traceparent")
    span = read_traceparent(said if isinstance(said, str) else None)
    return callers_span() if span is None and context.request is None else span


def failure(error: Exception, tool: Tool, visitor: Visitor) -> types.CallToolResult:
    """Return what is told of *error* that a tool has raised: never where it came from."""
    if isinstance(error, Refusal):
        _note(error.__cause__, tool, visitor)
        return refused(error.data)
    if isinstance(error, MCPError):
        raise error
    if not isinstance(error, ClientError) or error.code == "internal":
        log.error("%s broke", tool.name, exc_info=error)
        return refused(broken())
    _note(error, tool, visitor)
    return refused(error_data(error))


def _note(error: BaseException | None, tool: Tool, visitor: Visitor) -> None:
    """Have the audit log say that a call was refused that was to change something."""
    if isinstance(error, ClientError) and (visitor.facts or isinstance(error, Forbidden)):
        visitor.facts.update(tool=tool.name, refused=error.code, why=error.message)


async def begin_or_fail(
    tool: Tool,
    begin: Callable[[Call], Awaitable[Job]],
    there: Served,
    context: ServerRequestContext[Any, Any],
    params: types.CallToolRequestParams,
) -> Job | types.CallToolResult:
    """Return the job that a call begins, which is on disk by then; or the answer that says why not."""
    try:
        return await begin(call_of(tool, there, context, params))
    except Exception as error:  # noqa: BLE001 - as above
        return failure(error, tool, there.who(context.request))
