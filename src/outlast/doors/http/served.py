"""What every route speaks to, and who asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ...access import Access
from ...clock import SystemClock
from ...core.principal import Principal, Scope
from ...core.state import NodeStatus
from ...core.trace import read_traceparent
from ...engine.hub import Hub
from ...engine.once import Together
from ...engine.service import Service
from ...errors import Forbidden, Unauthorized
from ...settings import ServersOwn, Settings
from .metrics import Metrics
from .tally import Tally

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ...core.job import Job, JobId


@dataclass(frozen=True, kw_only=True)
class Served:
    """One home, served from one event loop."""

    service: Service
    hub: Hub
    access: Access
    settings: Settings
    inherited: ServersOwn
    """What commands inherit: nothing of the caller's."""

    url: str
    """Where callers reach it."""

    settled: dict[tuple[JobId, int], Response] = field(default_factory=dict)
    """The answers about jobs that change no more, by version. Whether there is such a job is asked."""

    metrics: Metrics = field(default_factory=Metrics)

    @cached_property
    def tally(self) -> Tally:
        """What keeps the metrics of jobs, from when it is first asked for."""
        return Tally(self.service, self.hub, SystemClock(), self.metrics)

    async def get(self, job_id: JobId) -> Job:
        """Return a job as it stands. Raises `NotFound`, or `Expired`."""
        return await self.hub.get(self.service, job_id)

    async def explained(self, job: Job) -> Job:
        """Return *job* with what keeps it from beginning, if it waits: the supervisor is asked then."""
        if all(node.status != NodeStatus.PENDING for node in job.nodes):
            return job
        return await self._explained(job)

    @cached_property
    def _explained(self) -> Together[Job]:
        return Together(self.service.explained)


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


def callers_span(request: Request) -> str | None:
    """Return the span that a job of this request's belongs to: our own of it, or else the caller's."""
    ours: str | None = request.scope.get("state", {}).get("traceparent")
    return ours or read_traceparent(request.headers.get("traceparent"))


def note(request: Request, **facts: object) -> None:
    """Have the audit log say *facts* of this request: never a value of a variable, or a secret."""
    request.scope.get("state", {}).setdefault("audit", {}).update(facts)


def needs(request: Request, scope: Scope) -> Principal:
    """Return who asks, if they may; raises `Forbidden` otherwise."""
    principal = principal_of(request)
    if not principal.may(scope):
        raise Forbidden(f"This takes a token with the scope {str(scope)!r}")
    return principal
