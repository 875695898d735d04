"""A store that tells how long each of its transactions took."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.delivery import Delivery
    from ..core.job import Job, JobId
    from ..ports.clock import Clock
    from ..ports.store import Entry, Page, Query, Store

Told = Callable[[str, float], None]
"""Is given the method's name and its seconds, by whichever thread called it."""


class TimedStore:
    """A `Store` that does what *store* does, and tells *told* of it, refusals included."""

    def __init__(self, store: Store, clock: Clock, told: Told) -> None:
        self._store = store
        self._clock = clock
        self._told = told

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        began = self._clock.monotonic()
        try:
            yield
        finally:
            self._told(operation, self._clock.monotonic() - began)

    def add(self, entries: Sequence[Entry]) -> tuple[Job, ...]:
        with self._timed("add"):
            return self._store.add(entries)

    def get(self, job_id: JobId) -> Job:
        # As the others do, without what a context costs: most of all calls by far are this one.
        began = self._clock.monotonic()
        try:
            return self._store.get(job_id)
        finally:
            self._told("get", self._clock.monotonic() - began)

    def find(self, query: Query) -> Page:
        with self._timed("find"):
            return self._store.find(query)

    def save(
        self,
        changes: Iterable[tuple[Job, Job]],
        *,
        due: Iterable[Delivery] = (),
        begun: Iterable[Job] = (),
    ) -> frozenset[JobId]:
        with self._timed("save"):
            return self._store.save(changes, due=due, begun=begun)

    def expire(self, job_ids: Iterable[JobId], *, at: datetime, forget_before: datetime) -> None:
        with self._timed("expire"):
            self._store.expire(job_ids, at=at, forget_before=forget_before)

    def close(self) -> None:
        self._store.close()
