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
    if not os.path.isdir("/proc"):  # pragma: no cover - elsewhere than on Linux
        return True  # an engine has a machine of its own there
    quiet = 0
    for _ in range(LOOKS):
        is_there = False
        for name in filter(str.isdigit, os.listdir("/proc")):
            is_there = _kill(int(name), container) or is_there
        quiet = 0 if is_there else quiet + 1
        if quiet == QUIET:
            return True
        time.sleep(BETWEEN_S)
    return False


def _kill(pid: int, container: str) -> bool:
    """Kill a process if it is of the container; False where it is none of its, or a dead one."""
    with suppress(OSError):
        process = os.pidfd_open(pid)  # held while it is looked at: its number stays its own
        try:
            if _is_of(pid, container):
                with suppress(PermissionError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                return True
        finally:
            os.close(process)
    return False


def _is_of(pid: int, container: str) -> bool:
    with open(f"/proc/{pid}/cgroup") as file:
        if container not in file.read():
            return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
