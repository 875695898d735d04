"""A small service behind the guard, on a real server and a real socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from outlast.access import Access
from outlast.clock import SystemClock
from outlast.core.principal import Scope
from outlast.doors.http.guard import Bounds, Guard
from outlast.doors.http.patience import Patience
from outlast.network import make_access
from outlast.settings import load_settings

from ..world import PATIENCE_S

# libuv makes a pipe for its signals once in a process, and keeps it: that is no test's leak.
uvloop.new_event_loop().close()


@dataclass
class Served:
    """A server, and who decides who is let in."""

    port: int
    access: Access
    guard: Guard
    calls: list[str]
    """What came through to the service."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, name: str, scope: Scope = Scope.RUN, **more: Any) -> str:
        """Return a new token."""
        return self.access.create(name, scope, **more)[1]

    def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        """Ask for something, with a token or without."""
        headers = {**more.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        with httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False) as client:
            return client.request(method, path, headers=headers, **more)

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """A connection on which a test says what it likes."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as connection:
            yield connection


def service(calls: list[str]) -> Starlette:
    """The small service: it tells who asks, takes a body, and streams for ever."""

    async def who(request: Request) -> Response:
        calls.append(f"{request.method} {request.url.path}")
        body = await request.body()
        principal = request.state.principal
        return JSONResponse(
            {"name": principal.name, "bytes": len(body), "request_id": request.state.request_id}
        )

    async def stream(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"data: first\n\n"
            await asyncio.Event().wait()

        calls.append(f"{request.method} {request.url.path}")
        return StreamingResponse(pieces(), media_type="text/event-stream")

    async def open_to_all(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/jobs", who, methods=["GET", "POST"]),
            Route("/jobs/{job_id}", who, methods=["GET", "DELETE"]),
            Route("/jobs/{job_id}/cancel", who, methods=["POST"]),
            Route("/jobs/{job_id}/events", stream),
            Route("/healthz", open_to_all),
            Route("/", open_to_all),
        ]
    )


@contextmanager
def serving(
    home: Path, *, names: tuple[str, ...] = (), clock: SystemClock | None = None, **bounds: Any
) -> Iterator[Served]:
    """Serve over *home* until the block ends."""
    calls: list[str] = []
    clock = clock or SystemClock()
    with (
        closing(make_access(load_settings(home=home), clock=clock)) as access,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        guard = Guard(service(calls), access, clock, names=names, bounds=Bounds(**bounds))
        config = uvicorn.Config(
            guard,
            http=Patience,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield Served(listening.getsockname()[1], access, guard, calls)
        finally:
            server.should_exit = True
            thread.join()
