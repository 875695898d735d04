"""Other processes, seen from outside: who they are, what they use, and when they die."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")


def marked(variable: str, value: str) -> list[int]:
    """Return the living processes that were started with *variable* set to *value*."""
    wanted = f"{variable}={value}".encode()
    return [pid for pid in all_pids() if wanted in _environment(pid) and is_alive(pid)]


def wait_for_marked(variable: str, value: str, count: int, *, timeout_s: float = 60) -> list[int]:
    """Return the processes that carry a mark as soon as there are *count*."""
    deadline = time.monotonic() + timeout_s
    while len(found := marked(variable, value)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(found)} of {count} processes after {timeout_s} s")
        time.sleep(0.05)
    return found


def all_pids() -> list[int]:
    """Return the ids of all processes."""
    return [int(name) for name in os.listdir(PROC) if name.isdigit()]


def mark_of(pid: int, variable: str) -> str:
    """Return what *variable* was set to when the process was started; "" if it was not."""
    start = f"{variable}=".encode()
    for entry in _environment(pid):
        if entry.startswith(start):
            return entry[len(start) :].decode()
    return ""


def _environment(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # gone, or somebody else's
        return []


def is_alive(pid: int) -> bool:
    """Return whether there is such a process, zombies not counted."""
    try:
        return _stat(pid)[0] not in "ZX"
    except OSError:
        return False


def parent(pid: int) -> int:
    """Return the id of a process's parent."""
    return int(_stat(pid)[1])


def is_run_as(pid: int, name: str) -> bool:
    """Return whether *name* occurs in the command line of a process."""
    try:
        return name.encode() in (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return False


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state (field 3) on."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def private_bytes(pid: int) -> int:
    """Return the memory that would be free if this process alone were gone."""
    return _rollup(pid, "Private_Clean") + _rollup(pid, "Private_Dirty")


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in RAM, what it shares included."""
    return _rollup(pid, "Rss")


def _rollup(pid: int, name: str) -> int:
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        field, _, value = line.partition(":")
        if field == name:
            return 1024 * int(value.split()[0])
    raise LookupError(f"no {name} in smaps_rollup: this kernel is too old")


def cpu_ns(pid: int) -> int:
    """Return the nanoseconds that a process's threads have run so far, those gone left out."""
    total = 0
    for thread in (PROC / str(pid) / "task").iterdir():
        try:
            total += int((thread / "schedstat").read_text().split()[0])
        except OSError:
            continue  # ended meanwhile
    return total


def family_cpu_ns(pid: int) -> int:
    """
    Return the nanoseconds that a process has run so far, and its children that it has waited for;
    0 if it is gone. To a tick of the kernel's: right for many processes, not for one.
    """
    try:
        ticks = sum(int(word) for word in _stat(pid)[11:15])
    except OSError:
        return 0
    return int(1e9 * ticks / os.sysconf("SC_CLK_TCK"))


class Deaths:
    """Watches processes through their descriptors, so that no other can be taken for them."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids: dict[int, int] = {}
        self._poll = select.epoll()
        for pid in pids:
            fd = os.pidfd_open(pid)
            self._pids[fd] = pid
            self._poll.register(fd, select.EPOLLIN)

    def wait_all(self, timeout_s: float) -> dict[int, int]:
        """
        Return when each process was seen to have died, by pid, in ns of the monotonic clock.

        Those still alive after *timeout_s* are missing.
        """
        died: dict[int, int] = {}
        deadline = time.monotonic() + timeout_s
        while len(died) < len(self._pids) and (left := deadline - time.monotonic()) > 0:
            ready = self._poll.poll(left, 64)
            at = time.monotonic_ns()
            for fd, _ in ready:
                died[self._pids[fd]] = at
                self._poll.unregister(fd)
        return died

    def close(self) -> None:
        """Let go of all descriptors."""
        self._poll.close()
        for fd in self._pids:
            os.close(fd)
