"""One supervisor's time in office: take the lock, serve, leave when idle or asked to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import Unavailable
from ..shim import system
from .captures import Captures
from .retention import Retention
from .server import Server
from .supervisor import Supervisor

if TYPE_CHECKING:
    from ..home import Home, Lock
    from ..ports.clock import Clock
    from ..ports.executor import Executor
    from ..ports.store import Store

log = logging.getLogger("outlast.supervisor")

SWEEP_EVERY = timedelta(hours=1)
BUSY_LOOK_S = 1.0
"""How often a supervisor that has nothing to do looks whether it still has nothing to do."""


class Reign:
    """
    Owns a home from *lock* to its release. Leaving, it gives up the lock first and then reads
    the store once more, so that work that came meanwhile is never left alone.
    """

    def __init__(
        self,
        home: Home,
        take_lock: Callable[[], Lock],
        open_store: Callable[[], Store],
        make_executors: Callable[[], Mapping[str, Executor]],
        clock: Clock,
        *,
        version: str,
        max_running: int,
        idle_exit: timedelta,
    ) -> None:
        self._home = home
        self._take_lock = take_lock
        self._open_store = open_store
        self._make_executors = make_executors
        self._clock = clock
        self._version = version
        self._max_running = max_running
        self._idle_exit = idle_exit
        self._asked_to_leave = asyncio.Event()
        self._socket_may_be_gone = asyncio.Event()

    async def run(self, ready: Callable[[], None]) -> None:
        """
        Serve until idle for long enough, or asked to leave. *ready* is called once it listens
        and has taken up what was there.

        Raises:
            Unavailable: Another supervisor owns the home.
        """
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._asked_to_leave.set)
        loop.add_signal_handler(signal.SIGHUP, self._look_for_socket)
        while True:
            lock = self._take_lock()
            try:
                store = self._open_store()
                try:
                    await self._serve(store, ready)
                finally:
                    store.close()
            finally:
                lock.release()
            if self._asked_to_leave.is_set() or not self._has_work():
                return

    async def _serve(self, store: Store, ready: Callable[[], None]) -> None:
        server = Server(self._home.path, self._version, self._asked_to_leave.set)
        boot_id = system.boot_id()
        captures = Captures(self._home)
        supervisor = Supervisor(
            store,
            self._make_executors(),
            self._clock,
            captures,
            boot_id=boot_id,
            max_running=self._max_running,
            on_change=server.tell_changed,
            is_watched=server.is_watched,
        )
        server.supervisor = supervisor
        self._home.note_boot()
        await server.start()
        running = None
        try:
            await supervisor.start()
            captures.sweep_forgotten(self._clock.now())
            running = asyncio.create_task(supervisor.run())
            running.add_done_callback(self._leave_if_broken)
            log.info("supervisor %s of %s serves, version %s", os.getpid(), self._home.path,
                     self._version)  # fmt: skip
            ready()
            retention = Retention(store, self._home, self._clock, boot_id)
            bound = asyncio.create_task(self._stay_bound(server, supervisor))
            await self._until_over(supervisor, retention)
            bound.cancel()
        finally:
            if running is not None:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running
            await server.stop()
            await supervisor.stop()
            log.info("supervisor %s leaves", os.getpid())

    def _look_for_socket(self) -> None:
        self._socket_may_be_gone.set()

    async def _stay_bound(self, server: Server, supervisor: Supervisor) -> None:
        """Listen anew where the socket was removed under us: whoever missed it says so (SIGHUP)."""
        while True:
            await self._socket_may_be_gone.wait()
            self._socket_may_be_gone.clear()
            if not server.is_bound():
                log.warning("the socket of %s was removed; it is made again", self._home.path)
                await server.start()
            supervisor.wake()

    def _leave_if_broken(self, running: asyncio.Task[None]) -> None:
        """A fault of ours in the loop: leave, so that the next one begins with a clear head."""
        if not running.cancelled() and running.exception() is not None:
            log.error("the loop broke", exc_info=running.exception())
            self._asked_to_leave.set()

    async def _until_over(self, supervisor: Supervisor, retention: Retention) -> None:
        """Return when asked to leave, or idle for long enough."""
        idle_since: float | None = None
        next_sweep = 0.0
        while True:
            now = self._clock.monotonic()
            if now >= next_sweep:
                next_sweep = now + SWEEP_EVERY.total_seconds()
                self._sweep(retention)
            if not supervisor.is_idle:
                idle_since = None
            elif idle_since is None:
                idle_since = now
            elif now - idle_since >= self._idle_exit.total_seconds():
                return
            wait_s = next_sweep - now
            if supervisor.is_idle:
                wait_s = self._idle_exit.total_seconds() - (now - (idle_since or now))
            try:
                async with asyncio.timeout(max(0.01, min(wait_s, self._longest_sleep()))):
                    await self._asked_to_leave.wait()
                return
            except TimeoutError:
                continue

    def _longest_sleep(self) -> float:
        return max(BUSY_LOOK_S, self._idle_exit.total_seconds())

    @staticmethod
    def _sweep(retention: Retention) -> None:
        try:
            gone = retention.sweep()
        except (Unavailable, OSError) as error:
            log.warning("retention is tried again later: %s", error)
        else:
            if gone:
                log.info("%s jobs expired", gone)

    def _has_work(self) -> bool:
        from ..ports.store import Query

        store = self._open_store()
        try:
            return bool(store.find(Query(unsettled=True, limit=1)).jobs)
        finally:
            store.close()
