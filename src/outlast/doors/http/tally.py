"""
How many jobs there are and how long each took, kept by what the hub tells: the store is counted
through at the start, and after a supervisor was gone, and not when somebody asks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ...core.job import Job, JobId
from ...core.state import TERMINAL_JOB, JobStatus
from ...engine import verbs
from ...errors import ClientError, NotFound

if TYPE_CHECKING:
    from ...clock import SystemClock
    from ...engine.hub import Hub
    from ...engine.service import Service
    from .metrics import Metrics

PAUSE_S: Final = 1.0
"""So late it may be: what happens to a job meanwhile is read at once."""

PAGE: Final = 500
KEPT: Final = 10_000
"""Of so many jobs it is remembered that all is told of them."""

BACK: Final = timedelta(minutes=1)
"""So much further back than the last news it is looked for what began and ended unseen."""


@dataclass
class _Seen:
    """What was told of a job that is not settled."""

    status: JobStatus
    facts: set[str] = field(default_factory=set)


class Tally:
    """Has *metrics* told of each job's starts, end and stop, once, from the time of its making on."""

    def __init__(self, service: Service, hub: Hub, clock: SystemClock, metrics: Metrics) -> None:
        self._service = service
        self._hub = hub
        self._clock = clock
        self._metrics = metrics
        self._since = clock.now()
        self._heard_at = self._since
        self._open: dict[JobId, _Seen] = {}
        self._over: dict[JobId, None] = {}

    def open_jobs(self) -> Counter[JobStatus]:
        """Return how many jobs have not ended, by status."""
        statuses = (seen.status for seen in self._open.values())
        return Counter(each for each in statuses if each not in TERMINAL_JOB)

    async def run(self) -> None:
        """Keep it, until cancelled."""
        with self._hub.listen(None) as listener:
            changed: frozenset[JobId] | None = None
            while True:
                try:
                    await self._take_all(changed)
                    changed = frozenset()
                except ClientError:
                    changed = None  # the database is away for now: all of it, once it is back
                await asyncio.sleep(PAUSE_S)
                heard = await listener.heard(PAUSE_S if changed is None else None)
                if heard is not None and heard.is_leaving:
                    return
                if heard is not None and changed is not None:
                    changed = heard.jobs

    async def _take_all(self, changed: frozenset[JobId] | None) -> None:
        now = self._clock.now()
        if changed is None:
            found = await asyncio.to_thread(lambda: tuple(self._read()))
            for job in found:
                self._take(job)
            changed = frozenset(self._open.keys() - {job.id for job in found})
        for job_id in changed:
            if job_id not in self._over:
                try:
                    self._take(await self._hub.get(self._service, job_id))
                except NotFound:
                    self._open.pop(job_id, None)
                await asyncio.sleep(0)  # many may have changed: others are let in between
        self._heard_at = now

    def _read(self) -> Iterator[Job]:
        """Yield what has not ended, and what was submitted since there was news."""
        for query in (
            verbs.List(statuses=frozenset({JobStatus.QUEUED, JobStatus.RUNNING}), limit=PAGE),
            verbs.List(since=self._heard_at - BACK, limit=PAGE),
        ):
            page = self._service.list(query)
            yield from page.jobs
            while page.next_cursor is not None:
                page = self._service.list(query._replace(cursor=page.next_cursor))
                yield from page.jobs

    def _take(self, job: Job) -> None:
        if job.id in self._over:
            return
        seen = self._open.setdefault(job.id, _Seen(job.status))
        seen.status = job.status
        if self._is_news(seen, "start", job.started_at) and job.started_at is not None:
            self._metrics.started(job, job.started_at - job.created_at)
        for node in job.nodes:
            if node.started_at is None or node.claimed_at is None:
                continue
            if self._is_news(seen, f"start of {node.index}", node.started_at):
                self._metrics.began(node.executor, node.started_at - node.claimed_at)
        if job.completed_at is not None:
            if self._is_news(seen, "end", job.completed_at):
                ran = None if job.started_at is None else job.completed_at - job.started_at
                self._metrics.ended(job, ran)
            if self._is_news(seen, "stop", job.stopped_at) and job.stopped_at is not None:
                self._metrics.stopped(job, job.stopped_at - job.completed_at)
        if job.stopped_at is not None:
            del self._open[job.id]
            self._over[job.id] = None
            if len(self._over) > KEPT:
                del self._over[next(iter(self._over))]

    def _is_news(self, seen: _Seen, fact: str, at: datetime | None) -> bool:
        """Whether that has happened since this was made, and was not told."""
        if at is None or fact in seen.facts:
            return False
        seen.facts.add(fact)
        return at >= self._since
