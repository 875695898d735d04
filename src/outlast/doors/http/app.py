"""The application: its routes, over one home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from fastapi import Depends, FastAPI
from fastapi.requests import Request
from fastapi.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as Asgi

from ...core.principal import Scope
from ...engine import verbs
from ...errors import ClientError
from ...version import __version__
from . import (
    artifacts,
    completions,
    deliveries,
    events,
    holding,
    jobs,
    models,
    output,
    queues,
    schedules,
    sessions,
)
from .agents import Agents
from .answers import json_answer
from .metrics import MEDIA_TYPE
from .page import assets, lines, rows, timetable
from .problems import add_problems, broken, problem, request_id_of
from .query import check_query
from .served import needs

if TYPE_CHECKING:
    from .served import Served

_GET: Final = Route("/jobs/{job_id}", jobs.get, methods=["GET"])
_SUBMIT: Final = Route("/jobs", jobs.submit, methods=["POST"])

DESCRIPTION: Final = "Runs work that takes longer than its caller is willing to wait."


class Shortened(FastAPI):
    """
    The two calls that are made most of all go past FastAPI and its middleware, which would be half
    of their work. The document has them from the routers, by the same functions.
    """

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """Answer a request, by the short way where there is one."""
        if scope["type"] == "http":
            call = scope["method"], scope["path"]
            if call == ("POST", _SUBMIT.path):
                return await self._answer(_SUBMIT, {}, scope, receive, send)
            if call[0] in ("GET", "HEAD") and (found := _GET.path_regex.fullmatch(call[1])):
                return await self._answer(_GET, found.groupdict(), scope, receive, send)
        return await super().__call__(scope, receive, send)

    async def _answer(
        self,
        route: Route,
        parameters: dict[str, str],
        scope: Asgi,
        receive: Receive,
        send: Send,
    ) -> None:
        scope["app"], scope["route"], scope["path_params"] = self, route, parameters
        request = Request(scope, receive, send)
        try:
            await check_query(request)
            answered = await route.endpoint(request)
        except ClientError as error:
            answered = problem(error, request_id_of(request))
        except Exception as error:
            await broken(request, error)(scope, receive, send)
            raise  # for the log of the server
        await answered(scope, receive, send)


def make_app(there: Served) -> FastAPI:
    """Return the application. It does not look at tokens: that is for what stands before it."""
    agents = Agents(there)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keeping = asyncio.gather(there.hub.run(), there.tally.run(), agents.run())
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    app = Shortened(
        title="Outlast",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # It would tell of what gets so far as to it, and with what was asked for.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.served = there
    add_problems(app)
    for room in (
        *(jobs, holding, completions, output, events, artifacts, sessions),
        *(deliveries, schedules, queues, rows, lines, timetable),
    ):
        app.include_router(room.router, dependencies=[Depends(check_query)])
    # Browsers, and what watches over services, may add to the query of these and of those below.
    app.include_router(assets.router)

    app.router.routes.append(Route(agents.path, agents))

    @app.get("/healthz", operation_id="healthz", tags=["service"], **models.health)
    async def healthz() -> Response:
        """Tell that this process answers."""
        return json_answer({"status": "ok"})

    @app.get("/readyz", operation_id="readyz", tags=["service"], **models.health)
    async def readyz() -> Response:
        """Tell that jobs can be read and stored: 503 otherwise."""
        await asyncio.to_thread(there.service.list, verbs.List(limit=1))
        return json_answer({"status": "ready"})

    @app.get("/metrics", operation_id="metrics", tags=["service"], **models.metrics)
    async def metrics(request: Request) -> Response:
        """Tell Prometheus how the service does, and its jobs."""
        needs(request, Scope.READ)
        body = there.metrics.scrape(there.tally.open_jobs(), is_supervised=there.hub.is_current)
        return Response(body, 200, {"Cache-Control": "no-store", "Content-Type": MEDIA_TYPE})

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(_: Request) -> Response:
        return JSONResponse(app.openapi())

    def documented() -> dict[str, Any]:
        return models.document(app)

    app.openapi = documented  # type: ignore[method-assign]  # as FastAPI's own manual has it
    return app
