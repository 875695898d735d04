"""
`python -m benchmarks.http_bare FRAMEWORK FILE`: one route of a framework's own, that answers with the
JSON in *FILE*, under uvicorn with the settings of `outlast serve`. Prints its port once it listens.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROUTE = "/jobs/{job_id}"


def with_fastapi(job: dict[str, Any]) -> Any:
    """Return the route as FastAPI's manual has it."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get(ROUTE)
    async def get(job_id: str) -> dict[str, Any]:
        return {**job, "job_id": job_id}

    return app


def with_starlette(job: dict[str, Any]) -> Any:
    """Return the route as Starlette's manual has it."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def get(request: Request) -> JSONResponse:
        return JSONResponse({**job, "job_id": request.path_params["job_id"]})

    return Starlette(routes=[Route(ROUTE, get)])


FRAMEWORKS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "FastAPI": with_fastapi,
    "Starlette": with_starlette,
}


def main() -> None:
    import uvicorn

    framework, path = sys.argv[1:]
    app = FRAMEWORKS[framework](json.loads(Path(path).read_text()))
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, proxy_headers=False, ws="none"
    )
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main()
