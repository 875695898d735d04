"""One supervisor's time in office: take the lock, serve, leave when idle or asked to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..errors import Unavailable
from ..shim import system
from .captures import Captures
from .retention import Retention
from .server import Server
from .supervisor import Supervisor
from .turns import Turns
from .vault import Vault
from .watchers import Watchers
from .work import has_work

if TYPE_CHECKING:
    from ..core.machine import Machine
    from ..home import Home, Lock
    from ..ports.clock import Clock
    from ..ports.deliveries import Deliveries
    from ..ports.executor import Executor
    from ..ports.queues import Queues
    from ..ports.schedules import Schedules
    from ..ports.store import Store
    from .almanac import Almanac
    from .tidings import Tidings

log = logging.getLogger("outlast.supervisor")

SWEEP_EVERY = timedelta(hours=1)
BUSY_LOOK_S = 1.0
"""How often a supervisor that has nothing to do looks whether it still has nothing to do."""


class Reign:
    """
    Owns a home from *lock* to its release. Leaving, it gives up the lock first and then reads
    the store once more, so that work that came meanwhile is never left alone. *in_force* are the
    settings under which it works, as they are told to whoever asks.
    """

    def __init__(
        self,
        home: Home,
        take_lock: Callable[[], Lock],
        open_store: Callable[[], Store],
        make_executors: Callable[[Vault], Mapping[str, Executor]],
        clock: Clock,
        *,
        open_deliveries: Callable[[], Deliveries],
        open_queues: Callable[[], Queues],
        make_tidings: Callable[[Deliveries], Tidings],
        open_schedules: Callable[[], Schedules],
        make_almanac: Callable[[Schedules, Store, Supervisor], Almanac],
        version: str,
        max_running: int,
        machine: Machine,
        idle_exit: timedelta,
        in_force: Mapping[str, Any],
    ) -> None:
        self._home = home
        self._take_lock = take_lock
        self._open_store = open_store
        self._make_executors = make_executors
        self._open_deliveries = open_deliveries
        self._open_queues = open_queues
        self._make_tidings = make_tidings
        self._open_schedules = open_schedules
        self._make_almanac = make_almanac
        self._clock = clock
        self._version = version
        self._max_running = max_running
        self._machine = machine
        self._idle_exit = idle_exit
        self._in_force = in_force
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
            with contextlib.ExitStack() as afterwards, contextlib.ExitStack() as in_office:
                in_office.callback(self._take_lock().release)
                store = self._open_store()
                in_office.callback(store.close)
                deliveries = self._open_deliveries()
                in_office.callback(deliveries.close)
                schedules = self._open_schedules()
                in_office.callback(schedules.close)
                queues = self._open_queues()
                in_office.callback(queues.close)
                parts = store, self._make_tidings(deliveries), schedules, queues
                await self._serve(*parts, ready=ready, afterwards=afterwards)
            if self._asked_to_leave.is_set() or not self._has_work():
                return

    async def _serve(
        self,
        store: Store,
        tidings: Tidings,
        schedules: Schedules,
        queues: Queues,
        *,
        ready: Callable[[], None],
        afterwards: contextlib.ExitStack,
    ) -> None:
        boot_id = system.boot_id()
        watchers, vault = Watchers(), Vault()
        supervisor = Supervisor(
            store,
            self._make_executors(vault),
            self._clock,
            Captures(self._home),
            boot_id=boot_id,
            turns=Turns(self._max_running, self._machine),
            on_change=watchers.tell_changed,
            is_watched=watchers.__contains__,
            announce=tidings.announce,
            read_queues=queues.find,
        )
        almanac = self._make_almanac(schedules, store, supervisor)

        def wake() -> None:
            tidings.wake()
            almanac.wake()

        leave = self._asked_to_leave.set
        server = Server(
            *(self._home.path, self._version, supervisor, watchers, leave),
            vault=vault,
            in_force=self._in_force,
            on_wake=wake,
        )
        retention = Retention(store, self._home, self._clock, boot_id)
        self._home.note_boot()
        await server.start()
        afterwards.callback(server.hang_up)
        tasks: list[asyncio.Task[None]] = []
        try:
            await supervisor.start()
            log.info("supervisor %s of %s serves, version %s", os.getpid(), self._home.path,
                     self._version)  # fmt: skip
            ready()
            for work in (
                supervisor.run(),
                self._stay_bound(server, supervisor),
                self._keep_sweeping(retention),
                tidings.run(store),
                almanac.run(),
            ):
                tasks.append(task := asyncio.create_task(work))
                task.add_done_callback(self._leave_if_broken)
            await self._until_over(supervisor, tidings, almanac, vault)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
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

    async def _keep_sweeping(self, retention: Retention) -> None:
        """Delete what is expired, now and from time to time."""
        while True:
            try:
                log.info("retention: %s jobs deleted", await retention.sweep())
            except (Unavailable, OSError) as error:
                log.warning("retention is tried again later: %s", error)
            await asyncio.sleep(SWEEP_EVERY.total_seconds())

    def _leave_if_broken(self, task: asyncio.Task[None]) -> None:
        """A fault of ours: leave, so that the next one begins with a clear head."""
        if not task.cancelled():
            log.error("the supervisor broke", exc_info=task.exception())
            self._asked_to_leave.set()

    async def _until_over(
        self, supervisor: Supervisor, tidings: Tidings, almanac: Almanac, vault: Vault
    ) -> None:
        """Return when asked to leave, or idle for long enough."""
        idle_exit_s = self._idle_exit.total_seconds()
        idle_since: float | None = None
        while True:
            now = self._clock.monotonic()
            if supervisor.is_idle:
                vault.forget()
            is_idle = supervisor.is_idle and tidings.is_idle and almanac.is_idle
            if not is_idle or vault.is_lent:
                idle_since, left_s = None, max(BUSY_LOOK_S, idle_exit_s)
            else:
                idle_since = now if idle_since is None else idle_since
                left_s = idle_since + idle_exit_s - now
            if left_s <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._asked_to_leave.wait()
                return

    def _has_work(self) -> bool:
        store = self._open_store()
        try:
            return has_work(store, self._open_deliveries, self._open_schedules)
        finally:
            store.close()
