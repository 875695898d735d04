"""Errors as RFC 9457 problems: `type`, `title`, `status`, `detail`, and what programs go by, `code`."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from ...clock import SystemClock
from ...errors import ClientError, Internal, InvalidRequest, NotFound

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.requests import Request

log = logging.getLogger("outlast.http")

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1


def problem(
    error: ClientError,
    request_id: str,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return *error* as an answer. `type` names its kind, `detail` is for people."""
    status = error.http_status if status is None else status
    told: dict[str, Any] = {
        "type": f"urn:outlast:error:{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
        "request_id": request_id,
    }
    if error.suggestion:
        told["suggestion"] = error.suggestion
    if error.job_id is not None:
        told["job_id"] = error.job_id
    if isinstance(error, InvalidRequest):
        told["faults"] = list(error.faults)
    more = {"Retry-After": str(RETRY_AFTER_S)} if error.retryable else {}
    return Response(
        json.dumps(told),
        status,
        {"X-Request-ID": request_id, "Cache-Control": "no-store", **more, **(headers or {})},
        MEDIA_TYPE,
    )


def request_id_of(request: Request) -> str:
    """Return the id of this request, which its answer and the log have as well."""
    state = request.scope.setdefault("state", {})
    known: str = state.setdefault("request_id", "") or f"req_{SystemClock().new_token()}"
    state["request_id"] = known
    return known


def broken(request: Request, error: Exception) -> Response:
    """Return the answer where something of ours went wrong."""
    # The server logs the trace; whoever asked is told where to find it, and nothing of it.
    request_id = request_id_of(request)
    log.error("%s: %s: %s", request_id, type(error).__name__, error)
    return problem(Internal("This is a fault of the service's own"), request_id)


def add_problems(app: FastAPI) -> None:
    """Have every error that reaches *app* answered as a problem."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    async def client_error(request: Request, error: ClientError) -> Response:
        return problem(error, request_id_of(request))

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem(InvalidRequest(*map(_fault, error.errors())), request_id_of(request))

    async def http(request: Request, error: HTTPException) -> Response:
        told = _of_status(error.status_code, request)
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(allowed_methods(app, request.url.path))
        return problem(told, request_id_of(request), status=error.status_code, headers=headers)

    async def fault(request: Request, error: Exception) -> Response:
        return broken(request, error)

    app.add_exception_handler(ClientError, client_error)  # type: ignore[arg-type]  # starlette types all as Exception
    app.add_exception_handler(RequestValidationError, invalid)  # type: ignore[arg-type]  # as above
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]  # as above
    app.add_exception_handler(Exception, fault)


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """Return what may be asked of *path*: all routes of it together, as RFC 9110 (10.2.1) wants."""
    found = {"GET"} if path == "/openapi.json" else set()
    for template, methods in app.openapi()["paths"].items():
        pattern = re.sub(r"\\\{path\\\}", ".+", re.escape(template))
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern), path):
            found |= {method.upper() for method in methods}
    return sorted(found)


def _fault(error: Mapping[str, Any]) -> str:
    """Return what is wrong with one parameter, as a sentence."""
    where = " ".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    return f"{where}: {error['msg']}"


class _Route(ClientError):
    """There is no such route, or not with this method."""

    code = "method_not_allowed"
    http_status = HTTPStatus.METHOD_NOT_ALLOWED


def _of_status(status: int, request: Request) -> ClientError:
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(f"There is nothing at {request.url.path!r:.200}")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return _Route(f"{request.method} is not for {request.url.path!r:.200}")
    return InvalidRequest(HTTPStatus(status).phrase)
