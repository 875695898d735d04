"""What jobs have printed, as resources: listed, read, and listened to as they grow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anyio
from mcp import types
from mcp.server.subscriptions import ListenHandler, ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError

from ...core.job import JobId
from ...core.principal import Scope
from ...engine import verbs
from ...errors import ClientError, NotFound
from .answers import STREAMS, from_whole_character
from .output import MOST_BYTES

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from ...core.job import Job
    from ...engine.listener import Listener
    from .served import Served

LISTED: Final = 20
MOST: Final = 100
"""How many outputs one client listens to at once."""

PACE_S: Final = 0.5
"""A resource that grows all the time is told of so often."""

TEMPLATE: Final = "outlast://jobs/{job_id}/nodes/{node}/{stream}"
_URI: Final = re.compile(
    rf"outlast://jobs/(?P<job_id>[^/]+)/(?:output|nodes/(?P<node>\d{{1,9}})/(?P<stream>{'|'.join(STREAMS)}))"
)


class Output(NamedTuple):
    """What one address stands for."""

    job_id: JobId
    node: int
    stream: str

    @classmethod
    def of(cls, uri: str) -> Output | None:
        """Return what *uri* stands for, if it has the form of one."""
        if (found := _URI.fullmatch(uri)) is None:
            return None
        job_id, node, stream = found.groups()
        return cls(JobId(job_id), int(node or 0), stream or STREAMS[0])


def address_of(job_id: str) -> str:
    """Return the address of what a job prints: the stdout of its first node."""
    return f"outlast://jobs/{job_id}/output"


class _Seen(NamedTuple):
    """What was told of an output."""

    size: int
    is_complete: bool


class Resources:
    """Answers what is asked of resources."""

    def __init__(self, there: Served) -> None:
        self._there = there

    async def list(
        self, context: ServerRequestContext[Any, Any], _: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """Tell of the output of the newest jobs."""
        self._check(context)
        page = await asyncio.to_thread(self._there.service.list, verbs.List(limit=LISTED))
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=address_of(job.id),
                    name=job.id,
                    title=job.spec.name,
                    description=str(job.status),
                    mime_type="text/plain",
                    size=job.nodes[0].stdout_bytes,
                )
                for job in page
            ]
        )

    async def list_templates(
        self, context: ServerRequestContext[Any, Any], _: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """Tell how the output of any node of any job is called."""
        self._check(context)
        template = types.ResourceTemplate(
            uri_template=TEMPLATE,
            name="output",
            description="The end of what a node of a job has printed; stream: stdout or stderr",
            mime_type="text/plain",
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read(
        self, context: ServerRequestContext[Any, Any], params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Return the end of an output: all of it, where that is not long."""
        self._check(context)
        uri = str(params.uri)
        try:
            output, job = await self._found(uri)
            start = max(0, _size(job, output) - MOST_BYTES)
            verb = verbs.ReadOutput(
                job.id, node=output.node, stream=output.stream, offset=start, limit=MOST_BYTES
            )
            data = await asyncio.to_thread(self._there.service.read_output, verb)
        except ClientError as error:
            data_of = {"uri": uri}
            raise MCPError(types.INVALID_PARAMS, error.message, data=data_of) from None
        whole, start = from_whole_character(data, start)
        text = whole.decode("utf-8", "replace")
        if start:
            text = f"[{start:,} bytes before this: job_output reads them]\n{text}"
        contents = types.TextResourceContents(uri=params.uri, mime_type="text/plain", text=text)
        return types.ReadResourceResult(contents=[contents])

    async def listen(
        self,
        context: ServerRequestContext[Any, Any],
        params: types.SubscriptionsListenRequestParams,
    ) -> types.SubscriptionsListenResult:
        """Tell whenever one of the outputs that a client has named has grown, until it leaves."""
        self._check(context)
        wanted = {
            uri: output
            for uri in (params.notifications.resource_subscriptions or ())[:MOST]
            if (output := Output.of(uri)) is not None
        }
        bus = _Bus()
        handler = ListenHandler(bus)
        # Before it is said that somebody listens: what comes after that is told.
        told = {uri: now for uri, output in wanted.items() if (now := await self._now(output))}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tell, wanted, told, bus, handler.close)
            result = await handler(context, params)
            tasks.cancel_scope.cancel()
        return result

    async def _tell(
        self,
        wanted: dict[str, Output],
        told: dict[str, _Seen],
        bus: _Bus,
        close: Callable[[], None],
    ) -> None:
        """Tell the bus whenever an output is another than was told of, until this process ends."""
        await bus.has_listener.wait()
        with self._there.hub.listen({output.job_id for output in wanted.values()}) as listener:
            while True:
                for uri, output in wanted.items():
                    now = await self._now(output, listener)
                    if now is not None and told.get(uri) != now:
                        told[uri] = now
                        bus.tell(ResourceUpdated(uri=uri))
                heard = await listener.heard(None)
                if heard is None or heard.is_leaving:
                    close()
                    return
                await asyncio.sleep(PACE_S)

    async def _now(self, output: Output, listener: Listener | None = None) -> _Seen | None:
        """Return how an output is, from now on watched by *listener*; None: it is not there."""
        there = self._there
        try:
            job = await there.get(output.job_id)
            size = _size(job, output)
            if listener is not None:
                folder = there.service.output_folder(job, job.nodes[output.node])
                listener.watch([f"{folder}/{output.stream}"])
                job = await there.get(output.job_id)  # as it is once it is watched
                size = _size(job, output)
        except ClientError:
            return None
        return _Seen(size, job.is_settled)

    async def _found(self, uri: str) -> tuple[Output, Job]:
        output = Output.of(uri)
        if output is None:
            raise NotFound(f"{uri!r:.80} is none of our resources: {TEMPLATE}")
        job = await self._there.get(output.job_id)
        _size(job, output)
        return output, job

    def _check(self, context: ServerRequestContext[Any, Any]) -> None:
        try:
            self._there.visitor(context.request, Scope.READ)
        except ClientError as error:
            raise MCPError(types.INVALID_REQUEST, error.message) from None


class _Bus:
    """A bus of one listener's, who is told once there."""

    def __init__(self) -> None:
        self.has_listener = asyncio.Event()
        self._listener: Callable[[ServerEvent], None] | None = None

    async def publish(self, event: ServerEvent) -> None:
        self.tell(event)

    def tell(self, event: ServerEvent) -> None:
        if self._listener is not None:
            self._listener(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        self._listener = listener
        self.has_listener.set()

        def unsubscribe() -> None:
            self._listener = None

        return unsubscribe


def _size(job: Job, output: Output) -> int:
    """Return how much there is of an output. Raises `NotFound` where there is no such node."""
    if output.node >= len(job.nodes):
        raise NotFound(f"{job.id} has no node {output.node}: 0 to {len(job.nodes) - 1}")
    node = job.nodes[output.node]
    return node.stdout_bytes if output.stream == STREAMS[0] else node.stderr_bytes
