"""A session: one host, and the commands that run there one after another in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from ..errors import InvalidRequest
from .frozen import frozen
from .hosts import parse_host
from .hostspec import HostSpec
from .job import JobId, SessionId
from .naming import fault_of_name


@frozen
class Session:
    """What is known of a session here. Its directory and variables are kept on its host alone."""

    id: SessionId
    """Names what its host keeps of it: another session of the same name has another."""

    name: str
    """One open session has it, at most."""

    host: str
    hosts: Mapping[str, HostSpec] = field(default_factory=dict)
    """What is known of it, and of the hosts on the way there; clocks are the commands' own."""

    created_at: datetime
    last_used_at: datetime | None = None
    """When the last command was submitted."""

    closed_at: datetime | None = None
    running: JobId | None = None
    """The command that runs now."""

    queued: tuple[JobId, ...] = ()
    """Those that wait, in the order in which they will run."""

    last_job: JobId | None = None
    """The command that was submitted last, however it stands."""

    left_at: Mapping[JobId, datetime] = field(default_factory=dict)
    """Of those that run or wait: when a caller who stayed was told that it goes on by itself."""

    must_connect: bool = False
    """Its password was held in memory alone, and is gone: somebody has to give it once more."""

    @property
    def async_since(self) -> datetime | None:
        """Since when the command whose turn it is goes on without its caller."""
        first = self.running or next(iter(self.queued), None)
        return None if first is None else self.left_at.get(first)

    @property
    def state(self) -> str:
        """
        `closed`, `async_mode` (what runs, or is the next to run, goes on without its caller),
        `running`, `queued` (something waits, and nothing runs), `disconnected` or `idle`.
        """
        if self.closed_at is not None:
            return "closed"
        if self.async_since is not None:
            return "async_mode"
        if self.running is not None:
            return "running"
        if self.queued:
            return "queued"
        return "disconnected" if self.must_connect else "idle"

    def is_at(self, host: str, hosts: Mapping[str, HostSpec]) -> bool:
        """Whether that is this session's host, and the user there: with whatever key or password."""
        here, there = (_login_of(*each) for each in ((self.host, self.hosts), (host, hosts)))
        return here == there


def _login_of(host: str, hosts: Mapping[str, HostSpec]) -> tuple[str | int | None, ...]:
    """Return whose account on which machine is meant."""
    named, known = parse_host(host), hosts.get(host, HostSpec())
    return known.address or named.host, named.user or known.user, named.port or known.port


def name_fault(name: object) -> str | None:
    """Say what keeps *name* from being a session's; None if nothing."""
    return fault_of_name(name, "a session")


def check_session(name: object, host: object) -> tuple[str, str]:
    """
    Return the name and the host of a new session as they are to be stored.

    Raises:
        InvalidRequest: Something is wrong with them; every fault is listed.
    """
    faults = [fault] if (fault := name_fault(name)) else []
    given = host.strip() if isinstance(host, str) else ""
    try:
        parse_host(given)
    except ValueError:
        faults.append(
            f"on: {host!r:.80} is no host: a session has one, NAME, USER@NAME or USER@NAME:PORT"
        )
    if faults:
        raise InvalidRequest(*faults)
    return str(name), given
