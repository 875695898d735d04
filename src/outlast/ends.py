"""The part of the library's client that tells of ends: which there were, and who was told of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from .core.job import JobId
from .core.limits import parse_duration
from .engine import verbs
from .errors import InvalidRequest, WaitTimeout

if TYPE_CHECKING:
    from .core.completion import CompletionPage
    from .core.delivery import Delivery
    from .core.job import Job
    from .engine.service import Service
    from .over_http import HttpService

Duration = str | float | timedelta
"""`90` (seconds), `"5m"` or a `timedelta`."""


class Ends:
    """A part of `Client`."""

    _service: Service | HttpService

    def completions(
        self, *, since: str | None = None, timeout: Duration | None = 0, limit: int = 100
    ) -> CompletionPage:
        """
        Return the ends of jobs behind the cursor *since*, each once, in the order in which they
        were stored; without one, from the first that is kept. Each has its `job` and its `cursor`,
        and `next_cursor` is where to go on, also where nothing came.

        Where there is none yet, *timeout* is how long to stay for the first one: not at all, as
        it is; None: until there is one.

        Raises:
            InvalidRequest: *since* is no cursor of this store's.
        """
        stay = duration(timeout)
        return self._service.completions(verbs.Completions(since=since, timeout=stay, limit=limit))

    def deliveries(
        self, job_id: str | None = None, *, state: str | Iterable[str] = (), limit: int = 100
    ) -> tuple[Delivery, ...]:
        """
        Return what webhooks were sent or are to be, of a job or of all, newest first, each with
        its tries; in some states of `due`, `delivered` and `failed`.

        Raises:
            NotFound: There is no such job. `Expired`, if there was one.
        """
        from .core.delivery import states_of

        return self._service.deliveries(
            verbs.Deliveries(
                job_id=None if job_id is None else JobId(job_id),
                states=states_of([state] if isinstance(state, str) else state),
                limit=limit,
            )
        )

    def redeliver(self, job_id: str) -> tuple[Delivery, ...]:
        """Have what is not delivered of an ended job's webhooks be tried again, and return it."""
        return self._service.redeliver(verbs.Redeliver(named(job_id)))


def duration(value: Duration | None) -> timedelta | None:
    """Return how long a caller stays. Raises `InvalidRequest` for what is no duration."""
    if value is None:
        return None
    try:
        return parse_duration(value)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None


def named(job_id: object) -> JobId:
    """Return the id by which a job is named. Raises `InvalidRequest` for a job itself, say."""
    if not isinstance(job_id, str):
        raise InvalidRequest(f"a job is named by its id, as in job.id, and not by {job_id!r:.80}")
    return JobId(job_id)


def wait_timeout(job: Job, timeout: Duration | None) -> WaitTimeout:
    """Return what says that *job* had not ended by then."""
    return WaitTimeout(
        f"{job.id} is {job.status} after {timeout}; it goes on",
        job_id=job.id,
        suggestion=f"Ask again later: outlast job status {job.id}",
    )
