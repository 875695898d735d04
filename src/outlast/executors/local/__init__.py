"""Commands on this machine, each under a shim that outlives us."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

from ...core.limits import to_epoch_ms, to_ms
from ...core.sight import Emptied, Gone, Sight
from ...ports.clock import Clock
from ...ports.executor import Capabilities, Executor, Handle, Launch
from ...ports.news import News
from ...record import sight_of
from ...shim import cgroup, spool, system, tree
from .message import MARK, message_of
from .orphan import KILL_AGAIN_S, UNKILLABLE_S, VOID, Orphan
from .pool import Line, Pool

log = logging.getLogger("outlast.local")

HELD_AGAIN_S = 0.01
"""Between two tries while somebody holds the lock of an attempt that has not begun."""

READ_AGAIN_S = 1.0
"""Between two tries to read a record that cannot be read."""

LAUNCH_AGAIN_S = 1.0
"""Between two tries where no process can be made."""


class LocalExecutor:
    """
    Runs commands below *home*'s `jobs`.

    What it keeps in memory can be had again from the attempts' folders: a fresh one, given
    the handles, knows the same.
    """

    def __init__(self, home: str, floor_bytes: int, clock: Clock) -> None:
        self._clock = clock
        self._home = home
        self._floor_bytes = floor_bytes
        self._pool = Pool(home, self._on_line, self._on_shim_death)
        self._messages: dict[str, dict[str, Any]] = {}
        """What was handed out and is not known to have begun: handed out again if its shim dies."""
        self._began: dict[str, Line] = {}
        self._told: dict[str, str] = {}
        """The last event that was told of each attempt that is watched."""
        self._orphans: dict[str, Orphan] = {}
        self._minds: dict[str, int] = {}
        """Pidfds of shims that serve no channel of ours, by their attempt."""
        self._news = News()
        self._tasks: set[asyncio.Task[None]] = set()
        self._boot = system.boot_id()
        self._base = cgroup.find_base()

    # The port -------------------------------------------------------------------------------

    async def launch(self, launch: Launch) -> None:
        """Hand the attempt to a shim; the lock in its folder decides whether it starts."""
        if launch.key not in self._messages and not self._pool.has(launch.key):
            self._told.setdefault(launch.key, "")
            self._messages[launch.key] = message = message_of(launch, self._home, self._floor_bytes)
            try:
                await self._pool.hand_out(launch.key, message)
            except BaseException:
                del self._messages[launch.key]
                raise

    def watch(self, handles: AsyncIterable[Handle]) -> AsyncIterator[tuple[str, Sight]]:
        """Tell what the shims tell; of an attempt that is no shim's of ours, what its folder does."""
        self._clear_cgroups()
        return self._news.flow(handles, self._look_at, self._told, self._close)

    async def stop(self, handle: Handle, *, grace: timedelta) -> None:
        """Leave the wish in the attempt's folder, and nudge whoever minds it."""
        folder = self._folder(handle.key)
        spool.ask_to_stop(folder, to_ms(grace))
        if (orphan := self._orphans.get(handle.key)) is not None:
            orphan.stop(to_ms(grace))
            return
        record = spool.read_record(folder)
        if record is None or record.began is None or record.began["boot"] != self._boot:
            return
        try:
            pidfd = os.pidfd_open(record.began["shim_pid"])
        except OSError:
            return
        try:
            if system.is_running(record.began["shim_pid"], record.began["shim_start"]):
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(pidfd, signal.SIGUSR1)
        finally:
            os.close(pidfd)

    async def look(self, handle: Handle) -> Sight | None:
        """Read the record: an end may stand in it whose news is still on its way."""
        record = spool.read_record(self._folder(handle.key))
        if record is None or record.never_started:
            return None
        line = record.ended or record.began
        return Gone() if line is None else self._sight(handle.key, line)

    async def release(self, handle: Handle) -> None:
        """Nothing is held for an attempt that is over."""

    # Starting -------------------------------------------------------------------------------

    def _folder(self, key: str) -> str:
        return f"{self._home}/jobs/{key}"

    def _on_line(self, key: str, line: Line) -> None:
        match line["event"]:
            case "held":
                self._later(self._hand_out_again(key))
            case "known":
                self._messages.pop(key, None)
                self._read(key)
            case _:
                self._messages.pop(key, None)
                self._tell(key, line)

    def _on_shim_death(self, key: str) -> None:
        """A shim of ours was killed. Whether its command began is in the record."""
        if key in self._messages:
            self._later(self._hand_out_again(key))
        else:
            self._read(key)

    async def _hand_out_again(self, key: str) -> None:
        """Once the lock is free, and then only if the record says that it never began."""
        folder = self._folder(key)
        while key in self._messages:
            await asyncio.sleep(HELD_AGAIN_S)
            held = spool.is_held(folder)  # asked first: what is written before it is let go is seen
            record = spool.read_record(folder)
            if record is not None and not record.never_started:
                self._read(key)
                return
            if not held:
                try:
                    await self._pool.hand_out(key, self._messages[key])
                except OSError as error:
                    log.warning("%s could not be launched, and is tried again: %s", key, error)
                    await asyncio.sleep(LAUNCH_AGAIN_S)
                else:
                    return

    # Watching -------------------------------------------------------------------------------

    def _look_at(self, key: str) -> None:
        if key not in self._told:
            self._told[key] = ""
            self._read(key)
        elif (orphan := self._orphans.get(key)) is not None:
            orphan.look()
        elif key not in self._messages and not self._pool.has(key):
            # Somebody without a channel to us wrote into its folder.
            self._read(key)

    def _read(self, key: str) -> None:
        try:
            self._tell_record(key)
        except OSError as error:
            log.warning("%s cannot be read, and is tried again: %s", key, error)
            self._later(self._read_again(key, READ_AGAIN_S))

    def _tell_record(self, key: str) -> None:
        """Tell what the record of *key* says, and mind whoever will write the rest of it."""
        if key not in self._told:
            return
        folder = self._folder(key)
        held = spool.is_held(folder)  # asked first: what is written before it is let go is seen
        record = spool.read_record(folder)
        if record is None or record.never_started:
            if held:
                self._later(self._read_again(key, HELD_AGAIN_S))
            elif key in self._messages:
                self._later(self._hand_out_again(key))
            else:
                self._lose(key)
            return
        self._tell_begun(key, record, held=held)

    def _tell_begun(self, key: str, record: spool.Record, *, held: bool) -> None:
        began = record.began
        rebooted = began is not None and began["boot"] != self._boot
        is_torn = record.emptied is not None and record.ended is None
        emptied = None if is_torn else record.emptied
        for line in (None if rebooted else began, record.ended, record.unkillable, emptied):
            if line is not None:
                self._tell(key, line)
        if is_torn:
            self._lose(key, rebooted=rebooted)  # nothing is left of it, nor of how it ended
        if record.emptied is not None:
            if began is not None and (path := began.get("cgroup")) is not None:
                cgroup.Cgroup(path).remove()  # its shim may have been killed before it could
        elif rebooted:
            self._lose(key, rebooted=True)
        elif began is not None:
            if not (held and self._mind_shim(key, began)):
                self._mind_orphan(key, record)
        elif record.ended is not None:
            # It never ran, and whoever wrote so was killed before the last line.
            self._tell(key, self._emptied_unstarted())
        else:
            self._lose(key)  # damaged: it proves neither a start nor that there was none

    def _emptied_unstarted(self) -> Line:
        at_ms = to_epoch_ms(self._clock.now())
        return {"event": "emptied", "at": at_ms, "stdout_bytes": 0, "stderr_bytes": 0}

    async def _read_again(self, key: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._read(key)

    def _mind_shim(self, key: str, began: Line) -> bool:
        """Read the record again once the shim has ended. False if it has already."""
        if key in self._minds:
            return True
        try:
            pidfd = os.pidfd_open(began["shim_pid"])
        except OSError:
            return False
        if not system.is_running(began["shim_pid"], began["shim_start"]):
            os.close(pidfd)
            return False
        self._minds[key] = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._shim_ended, key)
        return True

    def _shim_ended(self, key: str) -> None:
        self._forget_shim(key)
        self._read(key)

    def _forget_shim(self, key: str) -> None:
        if (pidfd := self._minds.pop(key, None)) is not None:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)

    def _mind_orphan(self, key: str, record: spool.Record) -> None:
        if key not in self._orphans and record.began is not None:
            # Before the first asks for it: what SIGIO does by itself is to end a process.
            asyncio.get_running_loop().add_signal_handler(signal.SIGIO, self._on_output)
            self._orphans[key] = orphan = Orphan(
                self._folder(key), (MARK, key), record.began, self._on_orphan_line, self._clock
            )
            orphan.begin()

    def _on_output(self) -> None:
        """Some orphan's output has changed; the kernel does not say whose (fcntl(2))."""
        for orphan in tuple(self._orphans.values()):
            orphan.look_at_output(was_told=True)

    def _on_orphan_line(self, folder: str, line: Line) -> None:
        key = folder.removeprefix(f"{self._home}/jobs/")
        if line is VOID:
            del self._orphans[key]
            self._told[key] = ""
            self._read(key)
        else:
            self._tell(key, line)

    # Telling --------------------------------------------------------------------------------

    def _tell(self, key: str, line: Line) -> None:
        """Pass a line of the record on as news, once, and never an older one after a newer."""
        event = line["event"]
        order = ("", "began", "orphaned", "ended", "unkillable", "emptied")
        told = self._told.get(key)
        if told is None or order.index(event) <= order.index(told):
            return
        self._told[key] = event
        if event == "began":
            self._began[key] = line
        self._put(key, self._sight(key, line))

    def _sight(self, key: str, line: Line) -> Sight:
        began = self._began.get(key)
        if began is None and line["event"] == "ended" and not line.get("unstarted"):
            record = spool.read_record(self._folder(key))
            began = record.began if record is not None else None
        return sight_of(line, self._folder(key), began)

    def _put(self, key: str, seen: Sight) -> None:
        self._news.put(key, seen)
        if isinstance(seen, Emptied | Gone):
            self._told.pop(key, None)
            self._began.pop(key, None)
            self._messages.pop(key, None)
            self._orphans.pop(key, None)
            self._forget_shim(key)

    # What is left ---------------------------------------------------------------------------

    def _lose(self, key: str, *, rebooted: bool = False) -> None:
        """Tell that nobody knows how *key* ended, once none of its processes is left."""
        if rebooted or self._is_swept(key):
            self._put(key, Gone(rebooted=rebooted))
        else:
            self._later(self._sweep(key))

    async def _sweep(self, key: str) -> None:
        for _ in range(int(UNKILLABLE_S / KILL_AGAIN_S)):
            if self._is_swept(key):
                break
            await asyncio.sleep(KILL_AGAIN_S)
        if key in self._told:
            self._put(key, Gone())

    def _is_swept(self, key: str) -> bool:
        """Kill what is left of an attempt that nobody minds. Whether nothing was left."""
        left = tree.marked(MARK, key)
        tree.signal_all(left, signal.SIGKILL)
        if self._base is not None:
            group = cgroup.Cgroup(f"{self._base}/{cgroup.name_of(key)}")
            group.kill()
            if group.is_populated():
                return False
            group.remove()
        return not left

    def _clear_cgroups(self) -> None:
        """Remove those of attempts that are over: whoever was to do it may have been killed."""
        for key in () if self._base is None else cgroup.keys(self._base):
            with contextlib.suppress(OSError):  # what cannot be read is not known to be over
                record = spool.read_record(self._folder(key))
                if record is not None and record.emptied is not None:
                    cgroup.Cgroup(f"{self._base}/{cgroup.name_of(key)}").remove()

    def _later(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for orphan in self._orphans.values():
            orphan.close()
        for key in list(self._minds):
            self._forget_shim(key)
        self._pool.close()
        self._clear_cgroups()


def capabilities(env: Mapping[str, str]) -> Capabilities:
    """Return what this machine lets be done: some limits need a controller that it may lack."""
    del env
    there = cgroup.available_controllers()
    return Capabilities(
        refused_limits={
            name: f"needs the cgroup v2 controller {controller!r}, which this machine does not offer:"
            " leave it out, or have it run in a container"
            for name, controller in cgroup.CONTROLLERS.items()
            if controller not in there
        }
    )


def make(
    *, home: str, floor_bytes: int, clock: Clock, held: Mapping[str, str] | None = None
) -> Executor:
    """Return the executor for the attempts of *home*, which keeps *floor_bytes* of it free."""
    del held  # what is held in memory alone are logins of hosts
    return LocalExecutor(home, floor_bytes, clock)
