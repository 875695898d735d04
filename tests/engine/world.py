"""A home without a process: a store, a clock that is driven, and commands that take no time."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from outlast.core.job import Job, JobId, JobSpec, Node, queue_of
from outlast.core.machine import Machine
from outlast.core.queue import Queue
from outlast.engine.captures import Captures
from outlast.engine.supervisor import Supervisor
from outlast.engine.turns import Turns
from outlast.home import Home
from outlast.ports.executor import Executor
from outlast.ports.store import Entry, Query, Store
from outlast.store import open_store
from outlast.testing import FakeClock, FakeExecutor, FakeHost, Life
from outlast.testing.jobs import a_job

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
PATIENCE_S = 60.0


@contextmanager
def no_room_to_write() -> Iterator[None]:
    """Let no file of this process grow, as on a full disk (RLIMIT_FSIZE, setrlimit(2))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class World:
    """A home with a store, a clock and a host; supervisors of it come and go."""

    def __init__(self, folder: Path, lives: Mapping[str, Life]) -> None:
        self.home = Home(str(folder))
        self.home.prepare()
        self.clock = FakeClock()
        self.host = FakeHost(self.clock, lives)
        self.store: Store = open_store(self.home.database)
        self.told: list[JobId] = []
        """The jobs whose changes were told, in that order."""

        self.watched: set[JobId] = set()

    def submit(
        self, *specs: JobSpec, capture: str | None = None, nodes: int = 1
    ) -> tuple[Job, ...]:
        """Store jobs that inherit nothing, or what stands in *capture*."""
        places = tuple(Node(index=index) for index in range(nodes))
        jobs = (
            replace(
                a_job(self.clock),
                spec=spec,
                capture=capture,
                nodes=places,
                queue=queue_of(spec),
                priority=spec.priority,
            )
            for spec in specs
        )
        return self.store.add([Entry(job=job) for job in jobs])

    def jobs(self) -> tuple[Job, ...]:
        """Return all jobs as they are stored, oldest first."""
        return self.store.find(Query(oldest_first=True, limit=5000)).jobs

    def job(self, job: Job) -> Job:
        """Return a job as it is stored now."""
        return self.store.get(job.id)

    @contextmanager
    def store_is_out_of_reach(self) -> Iterator[None]:
        """As if an older Outlast had made the database meanwhile: nobody reads or writes it."""
        with closing(sqlite3.connect(self.home.database, isolation_level=None)) as database:
            schema = database.execute("PRAGMA user_version").fetchone()[0]
            database.execute("PRAGMA user_version = 0")
            try:
                yield
            finally:
                database.execute(f"PRAGMA user_version = {schema}")

    @asynccontextmanager
    async def supervisor(
        self,
        max_running: int = 9,
        *,
        executor: Executor | None = None,
        boot_id: str = "boot",
        queues: Mapping[str, Queue] | None = None,
        machine: Machine | None = None,
    ) -> AsyncIterator[Supervisor]:
        """A supervisor at work. What breaks it is raised at the end."""
        supervisor = Supervisor(
            self.store,
            {"local": executor or FakeExecutor(self.host)},
            self.clock,
            Captures(self.home),
            boot_id=boot_id,
            turns=Turns(max_running, machine or Machine()),
            on_change=self.told.append,
            is_watched=self.watched.__contains__,
            read_queues=lambda: dict(queues or {}),
        )
        await supervisor.start()
        running = asyncio.create_task(supervisor.run())
        try:
            yield supervisor
        finally:
            running.cancel()
            ended = await asyncio.gather(running, return_exceptions=True)
            await supervisor.stop()
        if not isinstance(ended[0], asyncio.CancelledError):
            raise ended[0]

    async def until(self, is_so: Callable[[], bool], *, step: timedelta = timedelta()) -> None:
        """Let the supervisor work until *is_so*, a *step* of the clock at a time."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                await asyncio.sleep(0.001)
                self.clock.advance(step)
