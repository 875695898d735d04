"""
One frozen request per thing a caller may ask. `Service` does them.

Named tuples, since a process that asks one thing pays for the definition of all
(docs/decisions/0002-what-job-status-imports.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ..core.job import JobId, JobSpec, SessionId

if TYPE_CHECKING:
    from ..core.delivery import DeliveryState
    from ..core.hostspec import HostSpec
    from ..core.job import Job
    from ..core.needs import Need
    from ..core.schedule import Step
    from ..core.state import JobStatus
    from ..ports.executor import Captured

VERBS = (
    *("submit", "get", "list", "wait", "read_output", "cancel", "delete", "retry"),
    *("list_artifacts", "read_artifact", "zip_artifacts"),
    *("open_session", "session", "sessions", "close_session"),
    *("deliveries", "redeliver"),
    *("completions", "move", "hold", "release"),
)
"""The name of each verb, the same on every door."""

QUEUE_VERBS = ("create", "set", "list", "pause", "resume", "drain", "delete")
"""Those about queues: of the service's and the library's `queues`, and of `outlast queue`."""


class Submit(NamedTuple):
    """Store jobs and have them run, in this order. All of them, or none."""

    specs: tuple[JobSpec, ...]
    captured: Captured | None = None
    """What the commands inherit from a local caller; None inherits nothing."""

    captured_for_all: bool = False
    """The same is given to many submissions, and without secrets held once for all of them."""

    secrets: Mapping[str, str] = {}
    """The values of `env:` and `file:` references, by reference. Never stored with the job."""

    stdin: bytes | None = None
    """What the commands read, where it is given instead of named."""

    keys: tuple[str | None, ...] = ()
    """An idempotency key for each spec; empty: none has one."""

    principal: str = "local"
    closes: SessionId | None = None
    """The session that is closed with it, if all else in it has ended."""

    step: Step | None = None
    """What the one job changes in its schedule, stored with it."""

    traceparent: str | None = None
    """The span of whoever asks, as `read_traceparent` returns it."""

    def __repr__(self) -> str:
        return f"Submit({len(self.specs)} specs)"


class Get(NamedTuple):
    """Tell how a job stands."""

    job_id: JobId


class List(NamedTuple):
    """Find jobs, newest first unless *oldest_first*, a page at a time. All conditions hold at once."""

    statuses: frozenset[JobStatus] = frozenset()
    labels: Mapping[str, str] = {}
    since: datetime | None = None
    """Created at or after."""

    ended_before: datetime | None = None
    queue: str | None = None
    """In this queue; `default` is that of the jobs that name none."""

    after: JobId | None = None
    """That wait for the end of this one, or did."""

    oldest_first: bool = False
    limit: int = 100
    cursor: str | None = None
    """The `next_cursor` of the page before."""


class Wait(NamedTuple):
    """Stay until all jobs (or any) have ended, and not longer than *timeout*."""

    job_ids: tuple[JobId, ...]
    timeout: timedelta | None = None
    any: bool = False


class Completions(NamedTuple):
    """Tell the ends of jobs, each once, in the order in which they were stored."""

    since: str | None = None
    """The `next_cursor` of the answer before; None: from the first end that is kept."""

    timeout: timedelta | None = timedelta(0)
    """Stay so long for the first one, where there is none yet; None: until there is one."""

    limit: int = 100


class ReadOutput(NamedTuple):
    """Read a piece of one node's output."""

    job_id: JobId
    node: int = 0
    stream: str = "stdout"
    offset: int = 0
    limit: int = 1 << 20
    attempt: int | None = None
    """Of this attempt; None: of the current one."""


class ListArtifacts(NamedTuple):
    """Tell what was collected from a job's nodes; from one of them, where *node* is its index."""

    job_id: JobId
    node: int | None = None


class ReadArtifact(NamedTuple):
    """Read a piece of a file that was collected from one node."""

    job_id: JobId
    path: str
    """As the listing has it, or as its host does."""

    node: int = 0
    offset: int = 0
    limit: int = 1 << 20


class ZipArtifacts(NamedTuple):
    """Put what was collected, from all nodes or from one, into a zip."""

    job_id: JobId
    node: int | None = None


class Cancel(NamedTuple):
    """End what has not ended of a job; of all nodes, where *nodes* is empty."""

    job_id: JobId
    nodes: frozenset[int] = frozenset()
    grace: timedelta | None = None
    """Between SIGTERM and SIGKILL; None: as the job's spec says."""

    wait_stopped: timedelta | None = None
    """Stay so long for every process to be gone."""


class Delete(NamedTuple):
    """Remove ended jobs and their files, now. Their ids are told as expired from then on."""

    job_ids: tuple[JobId, ...]


class Hold(NamedTuple):
    """Have a job that has not begun wait until it is released."""

    job_id: JobId


class Release(NamedTuple):
    """Have a job that is held wait for its turn as others do."""

    job_id: JobId


class Retry(NamedTuple):
    """
    Submit a job's spec again, as a new job that names the old one. It waits for those that the old
    one still had to wait for, and is held only with *hold*, whatever the old one was.
    """

    job_id: JobId
    captured: Captured | None = None
    secrets: Mapping[str, str] = {}
    principal: str = "local"
    key: str | None = None
    """The idempotency key of the new job."""

    hold: bool = False
    traceparent: str | None = None
    """The span of whoever asks for it."""

    def of(self, old: Job, after: tuple[Need, ...] = ()) -> Submit:
        """Return the submission that repeats *old*, once *after* have ended as they have to."""
        from dataclasses import replace

        return Submit(
            specs=(replace(old.spec, retry_of=old.id, after=after, hold=self.hold),),
            captured=self.captured,
            secrets=self.secrets,
            keys=(self.key,),
            principal=self.principal,
            traceparent=self.traceparent,
        )

    def __repr__(self) -> str:
        return f"Retry({self.job_id})"


class OpenSession(NamedTuple):
    """Have a name stand for a host, and for a directory and variables there."""

    name: str
    on: str
    hosts: Mapping[str, HostSpec] = {}
    """What is known of it, and of those on the way there."""

    again: bool = False
    """One that is open, of this name and for the same user there, is to be known so from now on."""


class Session(NamedTuple):
    """Tell how an open session stands."""

    name: str


class Sessions(NamedTuple):
    """Tell how the open sessions stand, and on wish the closed ones whose jobs are kept."""

    closed: bool = False


class CloseSession(NamedTuple):
    """Have no more commands in a session, and nothing of it kept on its host."""

    name: str
    cancel: bool = False
    """End what runs and waits in it; otherwise a session in use stays open."""

    captured: Captured | None = None

    def __repr__(self) -> str:
        return f"CloseSession({self.name})"


class Deliveries(NamedTuple):
    """Tell what webhooks were sent or are to be, newest first, and each try at it."""

    job_id: JobId | None = None
    """Of this job; None: of all."""

    states: frozenset[DeliveryState] = frozenset()
    """In one of these; empty: in any."""

    limit: int = 100


class Redeliver(NamedTuple):
    """Have the webhooks of an ended job that are not delivered be tried again, at once."""

    job_id: JobId


class Move(NamedTuple):
    """Have a job that has not begun wait in another queue, or with another priority."""

    job_id: JobId
    queue: str | None = None
    """None leaves it; `default` is that of the jobs that name none."""

    priority: int | None = None
