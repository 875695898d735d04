"""What the audit log says of a request: one line, once it is answered or refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from . import agents

if TYPE_CHECKING:
    from ...audit import Audit
    from ...core.principal import Principal
    from ...errors import ClientError

_WHAT: Final = (
    (re.compile(r"POST /jobs"), "job.submit"),
    (
        re.compile(r"POST /jobs/(?P<job_id>[^/]+)/(?P<verb>cancel|hold|move|release|retry)"),
        "job.{verb}",
    ),
    (re.compile(r"DELETE /jobs/(?P<job_id>[^/]+)"), "job.delete"),
    (re.compile(r"POST /sessions"), "session.open"),
    (re.compile(r"DELETE /sessions/.*|POST /sessions/[^/]+/close"), "session.close"),
    (re.compile(r"POST /queues"), "queue.create"),
    (re.compile(r"DELETE /queues/(?P<queue>[^/]+)"), "queue.delete"),
    (
        re.compile(r"POST /queues/(?P<queue>[^/]+)/(?P<verb>set|pause|resume|drain)"),
        "queue.{verb}",
    ),
    (re.compile(r"PUT /schedules/(?P<schedule>[^/]+)"), "schedule.add"),
    (re.compile(r"DELETE /schedules/(?P<schedule>[^/]+)"), "schedule.remove"),
    (
        re.compile(r"POST /schedules/(?P<schedule>[^/]+)/(?P<verb>pause|resume|run)"),
        "schedule.{verb}",
    ),
    (re.compile(r"POST /login"), "login"),
    (re.compile(r"POST /login/links"), "login.link"),
    (re.compile(r"DELETE /login"), "logout"),
)
_READS: Final = ("GET", "HEAD", "OPTIONS")


class Trail:
    """
    The line of one request. Who only reads leaves none, unless that is refused.

    The service puts into the state's `audit` what it knows better: the jobs' ids, before anything
    can keep it from answering.
    """

    def __init__(
        self,
        audit: Audit,
        method: str,
        path: str,
        state: MutableMapping[str, Any],
        address: str,
    ) -> None:
        self._audit = audit
        self._call = f"{method} {path}"
        self._reads = method in _READS
        self._state = state
        self._address = address
        self._written = False
        self._by_facts = path == agents.PATH  # whether a call changes anything, only its tool knows
        state["audit"] = {}

    def answered(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Write it: the service has begun to answer."""
        if self._reads:
            return
        facts: dict[str, Any] = {}
        location = dict(headers).get(b"location", b"").decode("latin-1")
        if location.startswith("/jobs/"):
            facts["job_id"] = location.removeprefix("/jobs/")
        self._write(status=status, **facts)

    def refused(self, error: ClientError) -> None:
        """Write that it was refused, and why; a read as well."""
        self._reads = False
        self._write(status=error.http_status, refused=error.code, why=error.message)

    def end(self) -> None:
        """Write it if that has not been done: whoever asked left before the answer."""
        self._write(status=None)

    def _write(self, **facts: Any) -> None:
        if self._written or self._reads:
            return
        if self._by_facts and not self._state["audit"] and "refused" not in facts:
            return
        self._written = True
        event, found = "request", {}
        for pattern, name in _WHAT:
            if match := pattern.fullmatch(self._call):
                found = match.groupdict()
                event = name.format(**found)
                found.pop("verb", None)
        who: Principal | None = self._state.get("principal")
        event = self._state["audit"].pop("event", event)
        self._audit.write(
            event,
            **{
                **found,
                **facts,
                **self._state["audit"],
                "principal": None if who is None else who.name,
                "token_id": None if who is None else who.token_id,
                "request_id": self._state["request_id"],
                "address": self._address,
                "call": self._call if event == "request" else None,
            },
        )
