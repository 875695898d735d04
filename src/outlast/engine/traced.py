"""
A store and executors that have traces told of what goes through them.

Around them, and not in them: where nobody asked for traces, they are not there.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.delivery import Delivery
    from ..core.job import Job, JobId
    from ..core.sight import Sight
    from ..ports.executor import Executor, Handle, Launch
    from ..ports.store import Entry, Page, Query, Store
    from ..ports.tracing import Tracing


class TracedStore:
    """A `Store` that does what *store* does, and tells of each change once it is on disk."""

    def __init__(self, store: Store, tracing: Tracing) -> None:
        self._store = store
        self._tracing = tracing

    def add(self, entries: Sequence[Entry]) -> tuple[Job, ...]:
        return self._store.add(entries)

    def get(self, job_id: JobId) -> Job:
        return self._store.get(job_id)

    def find(self, query: Query) -> Page:
        return self._store.find(query)

    def save(
        self,
        changes: Iterable[tuple[Job, Job]],
        *,
        due: Iterable[Delivery] = (),
        begun: Iterable[Job] = (),
    ) -> frozenset[JobId]:
        changes = tuple(changes)
        stale = self._store.save(changes, due=due, begun=begun)
        for before, after in changes:
            if after.id not in stale:
                self._tracing.stored(before, after)
        return stale

    def expire(self, job_ids: Iterable[JobId], *, at: datetime, forget_before: datetime) -> None:
        self._store.expire(job_ids, at=at, forget_before=forget_before)

    def close(self) -> None:
        self._store.close()


class TracedExecutor:
    """An `Executor` that does what *executor* does; commands are told of the span they run in."""

    def __init__(self, executor: Executor, tracing: Tracing) -> None:
        self._executor = executor
        self._tracing = tracing

    async def launch(self, launch: Launch) -> None:
        given = launch.spec.env
        env = {
            name: value
            for name, value in self._tracing.environment(launch).items()
            if name not in given  # what the job itself says comes first
        }
        # On this machine a command has what was captured; elsewhere, what the spec says.
        spec = replace(launch.spec, env={**given, **env})
        captured = replace(launch.captured, env={**launch.captured.env, **env})
        await self._executor.launch(replace(launch, spec=spec, captured=captured))

    def watch(self, handles: AsyncIterable[Handle]) -> AsyncIterator[tuple[str, Sight]]:
        return self._executor.watch(handles)

    async def stop(self, handle: Handle, *, grace: timedelta) -> None:
        await self._executor.stop(handle, grace=grace)

    async def look(self, handle: Handle) -> Sight | None:
        return await self._executor.look(handle)

    async def release(self, handle: Handle) -> None:
        await self._executor.release(handle)


def traced_store(store: Store, tracing: Tracing | None) -> Store:
    """Return *store* so that *tracing* is told; as it is, where there is none."""
    return store if tracing is None else TracedStore(store, tracing)


def traced_executors(
    executors: Mapping[str, Executor], tracing: Tracing | None
) -> Mapping[str, Executor]:
    """Return *executors* so that *tracing* is asked; as they are, where there is none."""
    if tracing is None:
        return executors
    return {name: TracedExecutor(each, tracing) for name, each in executors.items()}
