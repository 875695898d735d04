"""The seam between jobs and the database that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ..core.frozen import frozen
from ..core.job import Job, JobId, SessionId
from ..core.state import JobStatus

if TYPE_CHECKING:
    from ..core.delivery import Delivery
    from ..core.schedule import Step

Version = Callable[[], object]
"""What is another one once anybody else has written to the database: what was read may have changed."""


@frozen
class Entry:
    """One job to be stored, and the key under which its caller may ask for it again."""

    job: Job
    key: str | None = None
    """The caller's idempotency key; None: every call is a new job."""

    principal: str = "local"
    """Whose key it is: keys of different principals never meet."""

    fingerprint: str = ""
    """A digest of the payload that the key stands for."""

    closes: SessionId | None = None
    """The session that is closed with it: this is the last job of it."""

    step: Step | None = None
    """What it changes in its schedule, stored with it, with the id of this job."""


@frozen
class Query:
    """Which jobs to find. All conditions hold at once; empty conditions hold always."""

    statuses: frozenset[JobStatus] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    """Created at or after."""

    queue: str | None = None
    """Only jobs in this queue; None: in any."""

    unsettled: bool = False
    """Only jobs with a node that has not ended, or whose processes are not known to be gone."""

    ended_before: datetime | None = None
    """Only jobs that ended before this."""

    after: JobId | None = None
    """Only jobs that wait for the end of this one, or did."""

    expired_at: datetime | None = None
    """
    Only jobs whose retention is over at this time, and of whose end nobody is to be told yet: no
    webhook, and no job that waits.
    """

    oldest_first: bool = False
    limit: int = 100
    cursor: str | None = None
    """The `next_cursor` of the page before."""


@frozen
class Page:
    """Some of the jobs that were asked for, in the order in which they were."""

    jobs: tuple[Job, ...]
    next_cursor: str | None
    """Where the next page begins; None after the last."""

    resume: str | None = None
    """The cursor of a later look, which finds what was stored since; None if newest came first."""

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


class Store(Protocol):
    """
    Jobs, on disk. Each method is one transaction: it has happened wholly, and will still have
    after a power cut, when it returns; or not at all.

    All methods raise `Unavailable` where the database cannot be reached for now, `HomeRefused`
    where it cannot be used, and `SchemaOlder` where it must be brought up to date first. Times are
    kept in whole milliseconds. Text with lone surrogates is told as `InvalidRequest`, save in what
    a node says of its end, where it is written out with backslashes.
    """

    def add(self, entries: Sequence[Entry]) -> tuple[Job, ...]:
        """
        Store new jobs, in this order, and return them in this order; for an entry whose key is
        known, the job that it already stands for.

        Raises:
            Conflict: A key stands for another payload, a session is not open, or a queue takes no
                more jobs, or will never have what one needs. Nothing has been stored.

            StaleWrite: A schedule is not what it was. Nothing has been stored.

            Expired: The job of a key was deleted, or its retention is over, and its tombstone
                still holds the key. Nothing has been stored.

            InvalidRequest: A job waits for one that is not there, or whose retention is over
                when it is created. Nothing has been stored.

            NotTerminal: A session is to be closed in which something has not ended. Nothing has
                been stored.
        """

    def get(self, job_id: JobId) -> Job:
        """
        Return one job.

        Raises:
            NotFound: There never was one of that id, or its tombstone is gone too.

            Expired: There was one, and `expire` has made it a tombstone. A job whose retention
                is over and that is still stored is returned: the store asks no clock.
        """

    def find(self, query: Query) -> Page:
        """
        Return a page of jobs in the order of their submission, newest first by default.

        Raises:
            InvalidRequest: The cursor is none of such a list, or the limit is below 1.
        """

    def save(
        self,
        changes: Iterable[tuple[Job, Job]],
        *,
        due: Iterable[Delivery] = (),
        begun: Iterable[Job] = (),
    ) -> frozenset[JobId]:
        """
        Replace each (before, after), if *before* is still what is stored (its `version` is).

        Return the ids of those that were not, and were left alone. Saved jobs have the
        version *before* + 1, whatever that of *after*. What was submitted (id, spec, time) stays.
        In the same transaction what is *due* to be told of those that were replaced is stored, for
        `Deliveries`, and each end, for `Completions`; and the jobs that are *begun* by the ends of
        those that were replaced (their `on_end_of`), for the same principal. One that is there
        already stays as it is.
        """

    def expire(self, job_ids: Iterable[JobId], *, at: datetime, forget_before: datetime) -> None:
        """
        Replace jobs by tombstones, and forget tombstones from before *forget_before*.

        Ids that no job has are left out, and jobs for which another one waits. Whether a job may go is the caller's to know.
        """

    def close(self) -> None:
        """Let go of the database. Idempotent."""
