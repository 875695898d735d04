"""The routes of sessions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.requests import Request
from starlette.responses import Response

from ...core.parse import read_spec
from ...core.principal import Scope
from ...engine import verbs
from ...engine.sessions import public_session
from ...errors import InvalidRequest
from ...inventory import for_hosts, for_session, with_ssh_config
from ...wiring import capabilities
from . import models
from .answers import json_answer
from .body import left_over, read_object
from .served import needs, served

router: Final = APIRouter(tags=["sessions"])


@router.post("/sessions", operation_id="open_session", **models.opened)
async def open_session(request: Request) -> Response:
    """Have a name stand for a host, and for a directory and variables there."""
    there, asker = served(request), needs(request, Scope.RUN)
    body = await read_object(request)
    name, on, hosts = (body.pop(key, None) for key in ("name", "on", "hosts"))
    faults: list[str] = []
    left_over(body, faults)
    asked: dict[str, Any] = {"name": name, "on": on, "hosts": hosts}

    def open_it() -> Any:
        # Before its secrets are looked up. What is not sound is refused by whoever reads it next.
        (settled,), _ = for_hosts(
            [{**asked, "name": None}], there.inherited.for_jobs([]), there.settings
        )
        spec, _ = read_spec(settled)
        there.access.admit(asker, [replace(spec, session=name if isinstance(name, str) else "")])
        verb = for_session(there.settings, capabilities, **asked, faults=faults)
        return there.service.open_session(verb)

    session = await asyncio.to_thread(open_it)
    location = {"Location": f"/sessions/{session.name}"}
    return json_answer(public_session(session), 201, location)


@router.get("/sessions", operation_id="sessions", **models.sessions)
async def sessions(
    request: Request,
    closed: Annotated[bool, Query(description="Closed ones too, whose jobs are kept.")] = False,
) -> Response:
    """Tell how the open sessions stand, oldest first."""
    there = served(request)
    needs(request, Scope.READ)
    found = await asyncio.to_thread(there.service.sessions, verbs.Sessions(closed=closed))
    return json_answer({"items": [public_session(each) for each in found]})


@router.get("/sessions/{name}", operation_id="session", **models.session)
async def session(request: Request, name: str) -> Response:
    """Tell how an open session stands."""
    there = served(request)
    needs(request, Scope.READ)
    found = await asyncio.to_thread(there.service.session, verbs.Session(name))
    return json_answer(public_session(found))


@router.post("/sessions/{name}/close", operation_id="close_session", **models.closed)
async def close_session(request: Request, name: str) -> Response:
    """Close a session; with `cancel`, what runs and waits in it is ended."""
    there = served(request)
    needs(request, Scope.RUN)
    body = await read_object(request, may_be_empty=True)
    faults: list[str] = []
    cancel = body.pop("cancel", False)
    left_over(body, faults)
    if not isinstance(cancel, bool):
        faults.append("cancel is true or false")
    if faults:
        raise InvalidRequest(*faults)
    captured = with_ssh_config(there.inherited.for_jobs([{"on": True}]), there.settings)
    verb = verbs.CloseSession(name, cancel=cancel, captured=captured)
    found = await asyncio.to_thread(there.service.close_session, verb)
    there.hub.need()
    return json_answer(public_session(found))
