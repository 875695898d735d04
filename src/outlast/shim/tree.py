"""All processes below one, and how to end them, escaped daemons included."""

from __future__ import annotations

import os
import signal

from . import system


def descendants(root: int) -> list[int]:
    """
    Return the pids below *root*, parents before children.

    Complete under a subreaper, where no descendant can leave the tree. A snapshot: what is
    forked meanwhile shows at the next look.
    """
    found: list[int] = []
    todo = [root]
    try:
        while todo:
            below = _children(todo.pop())
            found += below
            todo += below
    except NotImplementedError:
        return _descendants_by_scan(root)
    return found


def own_children() -> list[int]:
    """Return the children of this process, which has one thread; the dead ones too."""
    try:
        children = system.read_small(f"/proc/self/task/{os.getpid()}/children")
        return [int(pid) for pid in children.split()]
    except OSError:
        return descendants(os.getpid())


def _children(pid: int) -> list[int]:
    """Read /proc/PID/task/*/children (proc(5)): each thread lists the processes it forked."""
    children: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                children += map(int, file.read().split())
    except (FileNotFoundError, ProcessLookupError):  # it has ended, or there are no such files
        if not _has_children_file():
            raise NotImplementedError from None
    return children


def _has_children_file() -> bool:
    """Whether the kernel was built with CONFIG_PROC_CHILDREN."""
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def _descendants_by_scan(root: int) -> list[int]:
    below: dict[int | None, list[int]] = {}  # below None: what has ended by now
    for pid in all_pids():
        below.setdefault(system.parent_of(pid), []).append(pid)
    found: list[int] = []
    todo = [root]
    while todo:
        children = below.get(todo.pop(), [])
        found += children
        todo += children
    return found


def all_pids() -> list[int]:
    """Return the pids of all processes that can be seen."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:  # pragma: no cover - Linux always has it
        import subprocess

        answer = subprocess.run(["ps", "-axo", "pid="], capture_output=True, check=False)
        return [int(pid) for pid in answer.stdout.split()]


def marked(variable: str, value: str) -> list[int]:
    """Return the living processes that were started with *variable* = *value* around them."""
    mark = f"{variable}={value}".encode()
    found = []
    for pid in all_pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    found.append(pid)
        except OSError:
            continue
    return found


def signal_all(pids: list[int], signum: int, root: int | None = None) -> int:
    """
    Send *signum* to each process, with *root* to those alone that are below it still, which
    takes *pids* with parents before children. Returns how many were reached.

    Each is opened first (pidfd), and only then seen to be the right one: pids may be used again
    between the look and the signal.
    """
    if not system.LINUX:  # pragma: no cover - elsewhere there are no pidfds
        return sum(_signal_plainly(pid, signum) for pid in pids)
    reached = 0
    below = {root}
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if root is None or system.parent_of(pid) in below:
                below.add(pid)
                signal.pidfd_send_signal(fd, signum)
                reached += 1
        except OSError:
            pass
        finally:
            os.close(fd)
    return reached


def _signal_plainly(pid: int, signum: int) -> int:  # pragma: no cover - elsewhere than on Linux
    try:
        os.kill(pid, signum)
    except OSError:
        return 0
    return 1


def kill_descendants(root: int) -> int:
    """Kill everything below *root*, once around. Returns how many were reached."""
    return signal_all(descendants(root), signal.SIGKILL, root)
