"""Does the verbs about sessions, and finds those of what is submitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ..core.job import Job, JobId, JobSpec, SessionId
from ..core.limits import iso
from ..core.secret import MEMORY
from ..core.session import Session, check_session
from ..errors import Conflict, InvalidRequest, NotFound, NotTerminal
from . import verbs
from .secrets import resolve_secrets

if TYPE_CHECKING:
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.sessions import Sessions
    from ..ports.supervision import Supervision

CATCH_UP: Final = timedelta(milliseconds=200)
"""What a supervisor is given to take in what has happened, as by the verbs about jobs."""

MUST_CONNECT: Final = "must be connected again: its password was held in memory alone, and is gone"

TRIES: Final = 20
"""How often what was submitted meanwhile is cancelled too, before we give up closing."""


class SessionDesk:
    """The verbs over the sessions of one home."""

    def __init__(
        self, sessions: Sessions, supervision: Supervision, clock: Clock, home: Home
    ) -> None:
        self._sessions = sessions
        self._supervision = supervision
        self._clock = clock
        self._home = home

    def close(self) -> None:
        """Let go of the store. Idempotent."""
        self._sessions.close()

    def placed(self, request: verbs.Submit) -> verbs.Submit:
        """
        Return *request* with the host and the id of each session that is named in it.

        Raises:
            InvalidRequest: A session is not open; every one is told.
        """
        faults: dict[str, None] = {}
        found = [self._placed(spec, faults) for spec in request.specs]
        if faults:
            raise InvalidRequest(
                *faults,
                suggestion="See which are open: outlast session list; open one: outlast session open",
            )
        return with_logins(request._replace(specs=tuple(found)))

    def _placed(self, spec: JobSpec, faults: dict[str, None]) -> JobSpec:
        if spec.session is None:
            return spec
        try:
            session = self._seen(self._sessions.get(spec.session))
        except NotFound as error:
            faults[f"session: {error.message[0].lower()}{error.message[1:]}"] = None
            return spec
        if spec.session_id not in (None, session.id):
            faults[f"the session {spec.session} was closed, and is another one now"] = None
        if session.must_connect:
            faults[f"session: {spec.session} {MUST_CONNECT}"] = None
        return replace(spec, session_id=session.id, on=(session.host,), hosts=session.hosts)

    def open(self, request: verbs.OpenSession) -> Session:
        """
        Store a new session, or what is known of its host now where one of this name is open there
        and *again* is asked for. No host is asked for anything.
        """
        name, host = check_session(request.name, request.on)
        session = Session(
            id=SessionId(f"ses_{self._clock.new_token()}"),
            name=name,
            host=host,
            hosts=request.hosts,
            created_at=self._clock.now(),
        )
        self._home.prepare()
        try:
            self._sessions.open(session)
        except Conflict:
            there = self._sessions.get(name)
            if not request.again or not there.is_at(host, request.hosts):
                raise
            self._sessions.reconnect(replace(there, hosts=request.hosts))
            return self._seen(self._sessions.get(name))
        return session

    def background(self, job_id: JobId, *, at: datetime | None = None) -> datetime | None:
        """Return since when a session's command goes on without its caller, as the store has it."""
        return self._sessions.background(job_id, at=at)

    def get(self, request: verbs.Session) -> Session:
        """Return the open session of that name as it stands."""
        self._supervision.catch_up(CATCH_UP)
        return self._seen(self._sessions.get(request.name))

    def find(self, request: verbs.Sessions) -> tuple[Session, ...]:
        """Return the sessions as they stand, oldest first."""
        self._supervision.catch_up(CATCH_UP)
        found = self._sessions.find(closed=request.closed)
        held = self._held(found)
        return tuple(_seen(session, held) for session in found)

    def _seen(self, session: Session) -> Session:
        """Return *session* with what only the supervisor's memory knows of it."""
        return _seen(session, self._held([session]))

    def _held(self, sessions: Iterable[Session]) -> frozenset[str]:
        asked = frozenset(each for session in sessions for each in _in_memory(session))
        return self._supervision.held(asked) if asked else asked

    def close_session(
        self,
        request: verbs.CloseSession,
        submit: Callable[[verbs.Submit], tuple[Job, ...]],
        cancel: Callable[[verbs.Cancel], object],
    ) -> Session:
        """Close a session with its last job, which removes what the host keeps of it."""
        self._supervision.catch_up(CATCH_UP)
        for _ in range(TRIES):
            session = self._sessions.get(request.name)
            unfinished = [*session.queued, *filter(None, [session.running])]
            if unfinished and not request.cancel:
                raise self._busy(session)
            for job_id in reversed(unfinished):  # so that none begins because another has ended
                cancel(verbs.Cancel(job_id=job_id))
            try:
                (job,) = submit(_last(session, request))
            except NotTerminal:
                continue  # something came in between
            except Conflict as error:  # somebody else closed it
                raise NotFound(error.message) from error
            return replace(
                session, closed_at=job.created_at, running=None, queued=(), last_job=job.id
            )
        raise self._busy(self._sessions.get(request.name))

    @staticmethod
    def _busy(session: Session) -> NotTerminal:
        runs = f"{session.running} runs" if session.running else "nothing runs"
        return NotTerminal(
            f"the session {session.name} is in use: {runs}, and {len(session.queued)} wait",
            job_id=session.running or next(iter(session.queued), None),
            suggestion=f"Wait, or end them with it: outlast session close --cancel {session.name}",
        )


def _in_memory(session: Session) -> frozenset[str]:
    """Return what it takes to get to its host that is in memory alone."""
    logins = (each for host in session.hosts.values() for each in host.references)
    return frozenset(each for each in logins if each.startswith(MEMORY))


def _seen(session: Session, held: frozenset[str]) -> Session:
    must_connect = session.closed_at is None and not _in_memory(session) <= held
    return replace(session, must_connect=must_connect) if must_connect else session


def _last(session: Session, request: verbs.CloseSession) -> verbs.Submit:
    """Return the last job of a session. It runs beside what the session carries, not in it."""
    spec = JobSpec(
        command=("rm", "-f", f".outlast/sessions/{session.id}"),
        on=(session.host,),
        hosts=session.hosts,
        session_id=session.id,
        name=f"close session {session.name}",
    )
    last = verbs.Submit(specs=(spec,), captured=request.captured, closes=session.id)
    return with_logins(last)


def with_logins(request: verbs.Submit) -> verbs.Submit:
    """
    Return *request* with what its sessions' logins refer to, read here and now for a local caller.

    Raises:
        InvalidRequest: One cannot be read.
    """
    logins = [JobSpec(hosts=spec.hosts) for spec in request.specs if spec.session_id is not None]
    if request.captured is None or not any(spec.references for spec in logins):
        return request
    return request._replace(secrets={**request.secrets, **resolve_secrets(logins)})


def public_session(session: Session) -> dict[str, Any]:
    """Return *session* as the JSON that every door gives. Times are ISO 8601 in UTC."""
    return {
        "session": session.name,
        "session_id": session.id,
        "host": session.host,
        "state": session.state,
        "running": session.running,
        "queued": list(session.queued),
        "last_job": session.last_job,
        "created_at": iso(session.created_at),
        "last_used_at": iso(session.last_used_at),
        "async_since": iso(session.async_since),
        "must_connect": session.must_connect,
        "closed_at": iso(session.closed_at),
    }
