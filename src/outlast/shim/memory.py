"""
What the kernel did in a container for want of memory, for an engine that does not pass it on:
Podman 4.3 says of such an end what it says of any SIGKILL.

The kernel counts in the container's cgroup, which goes soon after the container. So the file is
open beforehand, and read as soon as nothing more is printed; who comes too late knows nothing.
"""

from __future__ import annotations

import os

from . import cgroup

_COUNT = b"oom_kill "


class Memory:
    """The count of one cgroup, version 1 or 2: a line `oom_kill N` in a file of it."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
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
                return cls(f"{mount}{whole}/{name}")
        except OSError:
            pass
        return None

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
        os.close(self._fd)
