"""
What the kernel did in a container for want of memory, beside what its engine says of that: Podman
4.3 says of such an end what it says of any SIGKILL, and Docker on cgroup v1 loses the kernel's word
for it where the end comes first.

The kernel counts in the container's cgroup, which goes soon after the container. So the file is
open beforehand, and read as soon as the first process has ended; who comes too late knows nothing.
"""

from __future__ import annotations

import os

from . import cgroup

_COUNT = b"oom_kill "


class Memory:
    """The count of one cgroup, version 1 or 2: a line `oom_kill N` in a file of it."""

    def __init__(self, path: str, pid: int | None = None) -> None:
        """Read the file *path*; *pid* is the process whose end is the container's."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._pidfd = -1
        if pid is not None:
            try:
                self._pidfd = os.pidfd_open(pid)
            except OSError:
                pass  # it has ended already, and what is left of it is looked at all the same
        self.was_short = False
        """Whether the kernel was seen to have killed something in it."""

    @classmethod
    def of(cls, pid: int, container: str) -> Memory | None:
        """
        Return that of the container with this id, of which *pid* is a process.

        None if there is none to be seen; also where the pid is one in another namespace, and
        here means somebody else.
        """
        try:
            with open(f"/proc/{pid}/cgroup") as file:
                lines = [line.rstrip("\n").split(":", 2)[1:] for line in file]
            for controllers, path in sorted(lines, reverse=True):  # version 2, "", is the last
                begins, found, rest = path.partition(container)
                if not found or (controllers and "memory" not in controllers.split(",")):
                    continue
                name = "memory.oom_control" if controllers else "memory.events"
                mount = cgroup.mount_point("memory" if controllers else None)
                # What the engine has made; below that, there may be one of the container's own.
                whole = begins + found + rest.partition("/")[0]
                return cls(f"{mount}{whole}/{name}", pid)
        except OSError:
            pass
        return None

    def fileno(self) -> int:
        """Return what can be read once the container's first process has ended; while it `is_open`."""
        return self._pidfd

    @property
    def is_open(self) -> bool:
        """Whether that end can be waited for, and has not been seen."""
        return self._pidfd >= 0

    def look_last(self) -> None:
        """That process has ended: the engine removes the cgroup any moment now."""
        self.look()
        os.close(self._pidfd)
        self._pidfd = -1

    def look(self) -> None:
        """Read the count, if it is there still."""
        try:
            lines = os.pread(self._fd, 4096, 0).splitlines()
        except OSError:
            return
        counts = [line for line in lines if line.startswith(_COUNT)]
        self.was_short = self.was_short or counts not in ([], [_COUNT + b"0"])

    def close(self) -> None:
        """Look no more."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
        os.close(self._fd)
