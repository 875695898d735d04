"""What every tool speaks to, and who calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ...clock import SystemClock
from ...core.principal import Principal, Scope
from ...engine.lease import Lease
from ...errors import Forbidden
from ...wiring import make_link

if TYPE_CHECKING:
    from ...access import Access
    from ...core.job import Job, JobId
    from ...engine.hub import Hub
    from ...engine.service import Service
    from ...settings import ServersOwn, Settings

OWNER: Final = Principal(name="local", scope=Scope.ADMIN)
"""Whoever started this process, and speaks with it by stdio: who the command line is, too."""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who makes a request."""

    principal: Principal = OWNER
    facts: dict[str, Any] = field(default_factory=dict)
    """What the audit log is to say of it; never a value of a variable, or a secret."""

    traceparent: str | None = None
    """The span that what it begins belongs to."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """One home, served from one event loop."""

    service: Service
    hub: Hub
    settings: Settings
    inherited: ServersOwn
    """What commands inherit: nothing of the caller's."""

    access: Access | None
    """Who may ask for what; None: only whoever started this process speaks with it."""

    who: Callable[[Any], Visitor]
    """Tells whose a request is, from what its transport knows of it. Raises `Unauthorized`."""

    def visitor(self, request: Any, scope: Scope) -> Visitor:
        """Return who makes a request that takes *scope*. Raises `Unauthorized` or `Forbidden`."""
        visitor = self.who(request)
        if not visitor.principal.may(scope):
            raise Forbidden(f"this takes a token with the scope {str(scope)!r}")
        return visitor

    @cached_property
    def lease(self) -> Lease:
        """What was given to this process and nobody may write down, lent to the supervisor."""
        return Lease(make_link(self.settings))

    @staticmethod
    def now() -> datetime:
        """Return the time, in UTC."""
        return SystemClock().now()

    async def get(self, job_id: JobId) -> Job:
        """Return a job as it stands. Raises `NotFound`, or `Expired`."""
        return await self.hub.get(self.service, job_id)
