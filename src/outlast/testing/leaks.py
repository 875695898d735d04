"""What a test of ours must not leave behind: processes, descriptors, threads, sockets, locks."""

from __future__ import annotations

import functools
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..clock import SystemClock
from ..shim import cgroup, spool, tree

PATIENCE_S = 60.0
"""How long what was told to go is given to be gone."""

LOOK_S = 0.01

_POOLED = ("anon_inode:inotify", "/dev/null", "/dev/urandom")
"""Descriptors that libraries open once and keep."""


class LeakFound(AssertionError):
    """A test left something behind. The message lists all of it."""


@contextmanager
def no_leaks(
    home: str | os.PathLike[str] | None = None, *, below: Collection[int] = ()
) -> Iterator[None]:
    """
    Raise `LeakFound` where the block leaves something behind that was not there before it.

    Looked for are children, threads and descriptors of this process, and what `leftovers` finds
    of *home*. What is left of processes is killed, so that no other test meets it. Processes
    *below* these, a browser's say, come and go by themselves, and are nobody's leak.
    """
    children, threads, descriptors = _children(below), set(threading.enumerate()), _descriptors()
    yield
    found = _wait_nothing(
        lambda: [
            *(f"child process {_describe(pid)}" for pid in _children(below) - children),
            *(f"thread {t.name}" for t in set(threading.enumerate()) - threads if not t.daemon),
            *_new_descriptors(descriptors),
            *([] if home is None else leftovers(home)),
        ]
    )
    if found:
        tree.signal_all([*(_children(below) - children)], signal.SIGKILL)
        if home is not None:
            kill_processes(home)
        raise LeakFound("left behind: " + "; ".join(found))


def leftovers(home: str | os.PathLike[str]) -> list[str]:
    """Return what there is of *home* beside its files: processes, sockets, locks, cgroups."""
    path = os.fspath(home)
    found = [f"process {_describe(pid)}" for pid in processes(path)]
    found += _sockets(path) + _locks(path)
    return found + [f"cgroup {folder}" for folder in cgroups(path)]


def processes(home: str | os.PathLike[str]) -> list[int]:
    """
    Return the living processes that were started for *home*: it stands among their arguments
    (supervisor, launcher, shims) or in their environment (commands and what they start).
    """
    mark = os.fsencode(home)
    found = []
    for pid in tree.all_pids():
        if pid == os.getpid():
            continue
        for name in ("cmdline", "environ"):
            with suppress(OSError), open(f"/proc/{pid}/{name}", "rb") as file:
                if any(_names(word, mark) for word in file.read().split(b"\0")):
                    found.append(pid)
                    break
    return found


def _names(word: bytes, mark: bytes) -> bool:
    """Whether a word is *mark*, or a path below it, or a variable that holds one."""
    value = word.rpartition(b"=")[2] if b"=" in word else word
    return value == mark or value.startswith(mark + b"/")


def kill_processes(home: str | os.PathLike[str]) -> int:
    """Kill every process of *home*, those forked meanwhile included. Returns how many."""
    killed = 0
    deadline = SystemClock().monotonic() + PATIENCE_S
    while (pids := processes(home)) and SystemClock().monotonic() < deadline:
        killed += tree.signal_all(pids, signal.SIGKILL)
        time.sleep(LOOK_S)
    for folder in cgroups(os.fspath(home)):
        cgroup.Cgroup(folder).kill()
    return killed


def cgroups(home: str | os.PathLike[str]) -> list[str]:
    """Return the folders of the cgroups of *home*'s jobs that are still there."""
    base = _cgroup_base()
    if base is None:
        return []
    with suppress(FileNotFoundError):
        jobs = os.listdir(f"{os.fspath(home)}/jobs")
        names = tuple(f"{cgroup.PREFIX}{job}-" for job in jobs)
        return [f"{base}/{name}" for name in os.listdir(base) if name.startswith(names)]
    return []


@functools.cache
def _cgroup_base() -> str | None:
    return cgroup.find_base()


def _sockets(home: str) -> list[str]:
    """Return the sockets that somebody has bound below *home* (unix(7), /proc/net/unix)."""
    with suppress(OSError), open("/proc/net/unix") as file:
        paths = [line.split()[-1] for line in file]
        return [f"socket {path}" for path in paths if path.startswith(f"{home}/")]
    return []


def _locks(home: str) -> list[str]:
    """Return the locks that somebody holds: the supervisor's, and those of attempts."""
    found = [f"lock {home}/supervisor.lock"] if _is_locked(f"{home}/supervisor.lock") else []
    for record in Path(home).glob(f"jobs/*/*/*/{spool.RECORD}"):
        with suppress(OSError):
            if spool.is_held(str(record.parent)):
                found.append(f"lock {record}")
    return found


def _is_locked(path: str) -> bool:
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _wait_nothing(look: Callable[[], list[str]]) -> list[str]:
    deadline = SystemClock().monotonic() + PATIENCE_S
    while found := look():
        gc.collect()
        if SystemClock().monotonic() > deadline:
            return found
        time.sleep(LOOK_S)
    return []


def _children(below: Collection[int]) -> set[int]:
    spared = {pid for root in below for pid in tree.descendants(root)}
    return set(tree.descendants(os.getpid())) - spared


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def _new_descriptors(before: dict[int, str]) -> list[str]:
    return [
        f"descriptor {fd} of {target}"
        for fd, target in _descriptors().items()
        if before.get(fd) != target and target not in _POOLED and not _is_anonymous_folder(target)
    ]


def _is_anonymous_folder(target: str) -> bool:
    """Whether it is the folder of descriptors that we are reading just now."""
    return target.startswith("/proc/") and target.endswith("/fd")


def _describe(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        words = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        return f"{pid} ({words[:120]})"
    return str(pid)
