"""
One subscription to the supervisor's events, and one inotify, shared by all who wait in one loop.

Whoever waits is a `Listener`: no thread, no descriptor, nothing to do until something happens.
"""

from __future__ import annotations

import asyncio
import json
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from ..core.job import Job, JobId
from ..errors import ClientError
from . import wire
from .link import START_PATIENCE, Link
from .listener import Listener, SharedGrowth
from .live import UNSTORED_END
from .verbs import Completions, Get

if TYPE_CHECKING:
    import socket

    from ..core.completion import CompletionPage
    from .link import Subscription
    from .service import Service

CATCH_UP: Final = timedelta(milliseconds=200)
LOOK_S: Final = 1.0
"""How often a loop without a supervisor looks for one that somebody else has started."""

P = ParamSpec("P")
T = TypeVar("T")


class WouldBlock(Exception):
    """The supervisor must be waited for, which the loop's own thread must not."""


class Hub:
    """
    Keeps one connection to the supervisor for a loop, and starts one where there is work.

    *has_work* says whether something in the store waits for a supervisor.
    """

    def __init__(self, link: Link, home: str, has_work: Callable[[], bool]) -> None:
        self._link = link
        self._home = home
        self._has_work = has_work
        self._growth = SharedGrowth()
        self._of: dict[JobId, set[Listener]] = {}
        self._of_all: set[Listener] = set()
        self._wanted: asyncio.Event | None = None
        self._thread: int | None = None
        self._is_leaving = False
        self.is_current = False
        """Whether the supervisor is there and told of all it sees: the store needs no catching up."""

    async def run(self) -> None:
        """Keep the connection, until cancelled."""
        self._growth.open()
        self._wanted = asyncio.Event()
        self._thread = threading.get_ident()
        try:
            await self._keep_connected(self._wanted)
        finally:
            self.is_current = False
            self._growth.close()

    def leave(self) -> None:
        """Wake all who listen, now and later, to end: this process does."""
        self._is_leaving = True
        for listener in {*self._of_all, *(each for some in self._of.values() for each in some)}:
            listener.tell_leaving()

    @property
    def is_leaving(self) -> bool:
        """Whether the process is about to end."""
        return self._is_leaving

    def need(self) -> None:
        """There is work: have a supervisor, soon."""
        if self._wanted is not None and not self.is_current:
            self._wanted.set()

    def check_may_block(self) -> None:
        """Raise `WouldBlock` in the thread of the loop."""
        if threading.get_ident() == self._thread:
            raise WouldBlock

    async def ask(self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do *verb*, which only reads: here, where that takes microseconds, else in a thread."""
        try:
            return verb(*args, **kwargs)
        except WouldBlock:
            self.need()
            return await asyncio.to_thread(verb, *args, **kwargs)

    async def get(self, service: Service, job_id: JobId) -> Job:
        """
        Return a job as it stands. Where its files say more than the store, the supervisor is
        waited for: else nobody is.
        """
        job = await self.ask(service.get, Get(job_id))
        if self.is_current and any(node.message == UNSTORED_END for node in job.nodes):
            await asyncio.to_thread(self._link.catch_up, CATCH_UP)
            job = await self.ask(service.get, Get(job_id))
        return job

    @contextmanager
    def listen(self, job_ids: Iterable[JobId] | None) -> Iterator[Listener]:
        """Listen to what happens to some jobs; None: to all, those that are yet to come included."""
        listener = Listener(self._growth)
        ids = None if job_ids is None else frozenset(job_ids)
        if ids is None:
            self._of_all.add(listener)
        for job_id in ids or ():
            self._of.setdefault(job_id, set()).add(listener)
        if self._is_leaving:
            listener.tell_leaving()
        try:
            yield listener
        finally:
            listener.close()
            self._of_all.discard(listener)
            for job_id in ids or ():
                listeners = self._of[job_id]
                listeners.discard(listener)
                if not listeners:
                    del self._of[job_id]

    def tell(self, job_id: JobId | None) -> None:
        """A job has changed, or is gone; None: any may have."""
        if job_id is None:
            for listener in {*self._of_all, *(each for of in self._of.values() for each in of)}:
                listener.tell(None)
            return
        for listener in (*self._of.get(job_id, ()), *self._of_all):
            listener.tell(job_id)

    async def stay(
        self,
        jobs: Mapping[JobId, Job],
        timeout_s: float | None,
        read: Callable[[JobId], Awaitable[Job]],
        *,
        any_of_them: bool = False,
        settled: bool = False,
    ) -> dict[JobId, Job]:
        """
        Return *jobs* once all of them (or any) have ended, or as they stand after *timeout_s*, or
        when this process is about to end.

        With *settled* an end is not enough: every process is seen to be gone.
        """
        jobs = dict(jobs)
        loop = asyncio.get_running_loop()
        deadline = None if timeout_s is None else loop.time() + timeout_s

        def is_waited() -> bool:
            over = (job.is_settled if settled else job.is_terminal for job in jobs.values())
            return any(over) if any_of_them else all(over)

        if is_waited():
            return jobs
        self.need()
        with self.listen(jobs) as listener:
            changed: frozenset[JobId] | None = None
            while True:
                # Read after listening: what happened before it is seen, what comes is told.
                for job_id, job in jobs.items():
                    if not job.is_settled and (changed is None or job_id in changed):
                        jobs[job_id] = await read(job_id)
                if is_waited():
                    return jobs
                left = None if deadline is None else deadline - loop.time()
                heard = await listener.heard(left) if left is None or left > 0 else None
                if heard is None or heard.is_leaving:
                    return jobs
                changed = heard.jobs

    async def stay_for_ends(
        self, service: Service, request: Completions, timeout_s: float
    ) -> CompletionPage:
        """Return the ends behind the request's cursor; where there is none, stay for the first."""
        page = await asyncio.to_thread(service.completions, request)
        if page.completions or timeout_s <= 0:
            return page
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        with self.listen(None) as listener:
            while True:
                # Read after listening: what ended before it is seen, what comes is told.
                request = request._replace(since=page.next_cursor)
                page = await asyncio.to_thread(service.completions, request)
                left = deadline - loop.time()
                if page.completions or left <= 0:
                    return page
                heard = await listener.heard(left)
                if heard is None or heard.is_leaving:
                    return page

    # The connection -------------------------------------------------------------------------

    async def _keep_connected(self, wanted: asyncio.Event) -> None:
        while True:
            with suppress(ClientError):
                if await asyncio.to_thread(self._has_work):
                    wanted.set()
            connected = await self._connect(wanted)
            wanted.clear()
            try:
                await self._listen(*connected)
            except (OSError, ValueError, asyncio.IncompleteReadError):
                pass  # it is gone, or speaks another language: another one is looked for
            finally:
                self.is_current = False
                connected[1].close()
            self.tell(None)

    async def _connect(self, wanted: asyncio.Event) -> tuple[StreamReader, StreamWriter]:
        """Return a connection, once there is a supervisor; start one where one is wanted."""
        while True:
            if wanted.is_set() or wire.listens(self._home):
                peer = await asyncio.to_thread(self._reach, wanted.is_set())
                if peer is not None:
                    peer.setblocking(False)
                    return await asyncio.open_unix_connection(sock=peer)
                await asyncio.sleep(LOOK_S / 10)  # neither there nor to be started: not spun on
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await wanted.wait()

    def _reach(self, may_start: bool) -> socket.socket | None:
        """Connect; blocks, so this is for a thread."""
        deadline = self._link.clock.monotonic() + START_PATIENCE.total_seconds()
        with suppress(TimeoutError, OSError, ClientError):
            peer = self._link.connect(deadline)
            if peer is None and may_start:
                self._link.start_one(deadline)
                peer = self._link.connect(deadline)
            return peer
        return None

    async def _listen(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Pass on what the supervisor tells, until it hangs up."""
        for line in ({"op": "watch", "all": True}, {"op": "sync"}):
            writer.write(wire.encode(line))
        answers = 0
        while raw := await reader.readline():
            line = json.loads(raw)
            if "changed" in line:
                self.tell(JobId(line["changed"]))
            elif "error" in line:
                raise ValueError(line["error"])
            else:
                answers += 1
                if answers == 2:  # of `sync`: all that had happened by then is in the store
                    self.is_current = True
                    self.tell(None)


class Supervised:
    """
    A `Supervision` for a process that has a hub: as its link, but while the hub listens nobody
    needs to wait for the supervisor to catch up.
    """

    def __init__(self, link: Link, hub: Hub) -> None:
        self._link = link
        self._hub = hub

    def wake(self) -> None:
        self._link.wake()

    def catch_up(self, timeout: timedelta) -> bool:
        if self._hub.is_current:
            return True
        self._hub.check_may_block()
        return self._link.catch_up(timeout)

    def cancel(self, job_id: JobId, *, nodes: frozenset[int], grace: timedelta | None) -> None:
        self._link.cancel(job_id, nodes=nodes, grace=grace)

    def held(self, references: frozenset[str]) -> frozenset[str]:
        self._hub.check_may_block()
        return self._link.held(references)

    def news(
        self, job_ids: frozenset[JobId] | None, *, timeout: timedelta | None = None
    ) -> Subscription:
        return self._link.news(job_ids, timeout=timeout)

    def close(self) -> None:
        self._link.close()
