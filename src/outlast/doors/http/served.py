"""What every route speaks to, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.principal import Principal, Scope
from ...engine.hub import Hub
from ...engine.service import Service
from ...errors import Forbidden, Unauthorized
from ...settings import ServersOwn, Settings

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...core.job import Job, JobId


@dataclass(frozen=True, kw_only=True)
class Served:
    """One home, served from one event loop."""

    service: Service
    hub: Hub
    settings: Settings
    inherited: ServersOwn
    """What commands inherit: nothing of the caller's."""

    url: str
    """Where callers reach it."""

    async def get(self, job_id: JobId) -> Job:
        """Return a job as it stands. Raises `NotFound`, or `Expired`."""
        return await self.hub.get(self.service, job_id)


def served(request: Request) -> Served:
    """Return what this request is about."""
    there: Served = request.app.state.served
    return there


def principal_of(request: Request) -> Principal:
    """Return who asks. Raises `Unauthorized` where nobody has looked at a token."""
    principal: Principal | None = request.scope.get("state", {}).get("principal")
    if principal is None:
        raise Unauthorized("There is no token with this request")
    return principal


def needs(request: Request, scope: Scope) -> Principal:
    """Return who asks, if they may; raises `Forbidden` otherwise."""
    principal = principal_of(request)
    if not principal.may(scope):
        raise Forbidden(f"This takes a token with the scope {str(scope)!r}")
    return principal
