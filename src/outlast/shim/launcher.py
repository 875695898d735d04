"""
The launcher: a small, warm, single-threaded process that forks shims on demand.

It is a subreaper: a command whose shim was killed comes to it, and it writes the true end of it
into the record. When its supervisor is gone it forks no more, and leaves once nobody is below it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
import time
from typing import Any

from . import cgroup, spool, survival, system
from .ending import end_line
from .failpoint import reach
from .nudge import nudge
from .signals import deafen, listen
from .slot import Slot
from .worker import Worker

CLAIM_AGAIN_MS = 20
"""Between two tries to take over the record of a shim that died."""

MAX_STRAYS = 4096
"""Ends of unknown processes that are remembered until their shim's death is seen as well."""


class Launcher:
    """Serves one supervisor through *control*: each message brings a shim's channel."""

    def __init__(self, control: socket.socket, home: str) -> None:
        self._control: socket.socket | None = control
        self._home = home
        self._wakeup_fd = deafen()
        self._workers: dict[int, Slot] = {}
        self._orphans: dict[int, tuple[str, int, spool.Line]] = {}
        """
        Command to its attempt's folder, the record's descriptor, whose lock we hold, and the line
        of its start.
        """
        self._strays: dict[int, int] = {}
        self._unclaimed: list[str] = []
        """Folders of dead shims whose lock their forked child still has: not for long."""
        base = cgroup.find_base()
        self._facts: dict[str, Any] = {
            "boot": system.boot_id(),
            "subreaper": system.become_subreaper(),
            "cgroup": base,
            "survives": survival.survives(),
        }
        controllers = frozenset() if base is None else cgroup.enable_controllers(base)
        self._tell(self._facts | {"controllers": sorted(controllers), "pid": os.getpid()})

    def serve(self) -> None:
        """Fork and reap until there is nobody left to do it for."""
        poll = select.poll()
        poll.register(self._wakeup_fd, select.POLLIN)
        if self._control is not None:  # pragma: no branch - it is, at first
            poll.register(self._control, select.POLLIN)
        while self._control is not None or self._workers or self._orphans or self._unclaimed:
            for fd, _ in poll.poll(CLAIM_AGAIN_MS if self._unclaimed else None):
                if fd == self._wakeup_fd:
                    os.read(fd, 4096)
                    self._reap()
                elif self._control is not None and not self._take_order(self._control):
                    poll.unregister(self._control)
                    self._control.close()
                    self._control = None
            for folder in self._take_unclaimed():
                self._take_over(folder)

    def _take_order(self, control: socket.socket) -> bool:
        """Fork a shim for the channel that came. Returns False once the supervisor is gone."""
        try:
            data, fds, _, _ = socket.recv_fds(control, 16, 1)
        except OSError:
            return False
        if not data:
            return False
        for fd in fds:
            reach("launcher.before_fork")
            self._fork(fd)
            reach("launcher.after_fork")
        return True

    def _fork(self, channel_fd: int) -> None:
        os.set_inheritable(channel_fd, False)
        slot = Slot()
        try:
            pid = os.fork()
        except OSError:
            # The supervisor sees its end of the channel close, and tries again.
            slot.close()
            os.close(channel_fd)
            return
        if pid:
            os.close(channel_fd)
            self._workers[pid] = slot
            return
        try:
            self._be_a_shim(channel_fd, slot)
        finally:
            os._exit(0)

    def _be_a_shim(self, channel_fd: int, slot: Slot) -> None:
        """In the fork: keep nothing of the launcher's but the warm interpreter."""
        os.setsid()
        if self._control is not None:  # pragma: no branch - it brought the order
            self._control.close()
        os.close(self._wakeup_fd)
        for _, record_fd, _ in self._orphans.values():
            os.close(record_fd)
        facts = self._facts | {"subreaper": system.become_subreaper()}
        # What is caught was inherited; where it is told is each process's own.
        Worker(socket.socket(fileno=channel_fd), listen(), slot, facts).serve()

    # The dead -------------------------------------------------------------------------------

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (slot := self._workers.pop(pid, None)) is not None:
                self._shim_died(slot)
            elif pid in self._orphans:
                self._orphan_ended(pid, status)
            else:
                self._strays[pid] = status
                if len(self._strays) > MAX_STRAYS:
                    self._strays.pop(next(iter(self._strays)))

    def _shim_died(self, slot: Slot) -> None:
        """If it was on an attempt, take the attempt's record over: its command comes to us."""
        folder = slot.get()
        slot.close()
        if folder is not None:
            self._take_over(folder)

    def _take_unclaimed(self) -> list[str]:
        folders, self._unclaimed = self._unclaimed, []
        return folders

    def _take_over(self, folder: str) -> None:
        try:
            fd = spool.open_record(folder)
        except OSError:
            return
        if fd is None:
            # Its forked child still has the lock: on its way to become the command, or to say
            # that it never started.
            self._unclaimed.append(folder)
            return
        record = spool.parse_record(os.pread(fd, spool.MAX_RECORD_BYTES, 0))
        if record.began is None or record.ended is not None:
            if record.emptied is not None:
                _remove_cgroup(record)
            os.close(fd)
            return
        pid, start = record.began["pid"], record.began["start"]
        stray = self._strays.pop(pid, None)
        if system.start_time(pid) == start:
            # It lives, or waits to be reaped by us: its end is ours to see.
            self._orphans[pid] = (folder, fd, record.began)
        elif stray is not None:
            self._orphans[pid] = (folder, fd, record.began)
            self._orphan_ended(pid, stray)
        else:
            os.close(fd)  # Reaped by its shim: nobody of ours knows how it ended.

    def _orphan_ended(self, pid: int, status: int) -> None:
        folder, fd, began = self._orphans.pop(pid)
        ended = end_line(
            status,
            began,
            spool.stop_wish(folder),
            at_ms=time.time_ns() // 1_000_000,
            mono_ms=time.monotonic_ns() // 1_000_000,
            by="launcher",
        )
        try:
            spool.append(fd, spool.encode(ended))
        except OSError:
            pass  # A full disk: the supervisor asks the kernel instead.
        finally:
            os.close(fd)
        nudge(self._home, folder.removeprefix(f"{self._home}/jobs/"))

    def _tell(self, facts: dict[str, Any]) -> None:
        if self._control is not None:  # pragma: no branch - it is, at first
            try:
                self._control.sendall(json.dumps(facts).encode() + b"\n")
            except OSError:
                pass


def _remove_cgroup(record: spool.Record) -> None:
    if record.began is not None and (path := record.began.get("cgroup")) is not None:
        cgroup.Cgroup(path).remove()


def main() -> None:
    """Run as `python -I -S shim CONTROL_FD HOME`."""
    control_fd, home = int(sys.argv[1]), sys.argv[2]
    os.set_inheritable(control_fd, False)
    os.umask(0o077)
    os.chdir("/")
    gc.disable()
    Launcher(socket.socket(fileno=control_fd), home).serve()
