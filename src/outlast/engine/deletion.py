"""Removing ended jobs and their files, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ..core.job import JobId
from ..core.state import JobStatus
from ..errors import NotTerminal
from ..ports.store import Query

if TYPE_CHECKING:
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.store import Store
    from .public import Address

NEVER: Final = datetime.min.replace(tzinfo=UTC)


def delete(
    job_ids: Sequence[JobId],
    store: Store,
    home: Home,
    address: Address,
    *,
    clock: Clock,
    catch_up: Callable[[], object],
) -> tuple[JobId, ...]:
    """
    Remove jobs, and return their ids. *catch_up* has the supervisor take in what has happened.

    Raises:
        NotTerminal: One of them still runs, or is not known to be gone, or another one waits for
            its end. None was removed.
    """
    jobs = [store.get(job_id) for job_id in job_ids]
    if any(not job.is_settled for job in jobs):
        catch_up()
        jobs = [store.get(job_id) for job_id in job_ids]
    for job in jobs:
        if not job.is_settled:
            left = (node.stop_error for node in job.nodes if node.stop_error)
            why = next(left, "only what has ended can be deleted")
            raise NotTerminal(
                f"{job.id} is {job.status}: {why}",
                job_id=job.id,
                suggestion=f"Cancel it first: {address.command('cancel', job.id)}",
            )
        waiting = Query(after=job.id, statuses=frozenset({JobStatus.QUEUED}), limit=1)
        for waiter in store.find(waiting):
            raise NotTerminal(
                f"{waiter.id} waits for {job.id}, and has not begun",
                job_id=job.id,
                suggestion=f"Cancel it first: {address.command('cancel', waiter.id)}",
            )
    ids = tuple(job.id for job in jobs)
    for job_id in ids:  # first, since a full disk has no room to write before
        home.remove_files(job_id)
    store.expire(ids, at=clock.now(), forget_before=NEVER)
    return ids
