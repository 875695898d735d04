"""Processes of a container that its engine has lost: it was killed before it had saved that it started one."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

LOOKS, BETWEEN_S = 10, 0.1
"""How often it is looked for them: one may be on its way from the runtime into its cgroup."""

QUIET = 3
"""After so many looks that find nothing, there is nothing."""


def kill(container: str) -> bool:
    """Kill all in the cgroup of the container with this id; False where some live on."""
    quiet = 0
    for _ in range(LOOKS):
        pids = of(container)
        for pid in pids:
            with suppress(OSError):  # gone by itself, or not ours to kill: seen at the next look
                os.kill(pid, signal.SIGKILL)
        quiet = 0 if pids else quiet + 1
        if quiet == QUIET:
            return True
        time.sleep(BETWEEN_S)
    return not of(container)


def of(container: str) -> list[int]:
    """Return the processes of this machine whose cgroup is named after the container."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/cgroup") as file:
                if container in file.read():
                    found.append(int(name))
    return found
