"""The processes of a home, seen from a test: who there is, and how to wait for something."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import ClientError, Unavailable
from outlast.ports.store import Query
from outlast.settings import load_settings
from outlast.shim import spool, system
from outlast.store import open_schedules, open_store
from outlast.testing import leaks
from outlast.wiring import make_link

T = TypeVar("T")

PATIENCE_S = 60.0
"""For what takes milliseconds on a quiet machine: reached only where something is wrong."""


POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") * (os.geteuid() == 0)
"""Before a command: root may then do no more than what the modes of files let it, as anybody."""

LEAVE = timedelta(seconds=15)
"""How long a supervisor is given to leave."""


def eventually(look: Callable[[], T], why: str = "", *, within_s: float = PATIENCE_S) -> T:
    """Return the first true answer of *look*; fail if there is none in time."""
    deadline = time.monotonic() + within_s
    while not (answer := look()):
        assert time.monotonic() < deadline, f"{why or 'it'} did not come in {within_s:g} s"
        time.sleep(0.005)
    return answer


@contextmanager
def fresh_client() -> Iterator[Client]:
    """A client that knows nothing of what came before it, and keeps nothing open after."""
    with Client() as client:
        yield client


def unsettled(home: Path) -> list[Job]:
    """Return the jobs that somebody would still have to care for."""
    try:
        store = open_store(str(home / "outlast.db"))
    except ClientError:
        return []  # a test about a database that cannot be opened
    try:
        return list(store.find(Query(unsettled=True)).jobs)
    finally:
        store.close()


def end_all(home: Path) -> None:
    """Cancel what is not over in a home, have nothing begin, and see its supervisor gone."""
    with closing(open_schedules(home / "outlast.db")) as schedules, suppress(ClientError):
        for each in schedules.find():
            schedules.remove(each.name)
    if jobs := unsettled(home):
        with Client(home=home) as client:
            for job in jobs:
                client.cancel(job.id, grace=0, wait_stopped="60s")
    assert make_link(load_settings(home=home)).leave(LEAVE)


def takes_root() -> None:
    """Skip the test unless this user may make namespaces and mount; CI is root."""
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("namespaces and mounts of its own take root")


def supervisor_of(client: Client) -> int | None:
    """Return the pid of the supervisor; None if there is none. Starts nothing."""
    try:
        status = make_link(client._settings).status()
    except Unavailable:
        return None
    pid = None if status is None else status["pid"]
    assert pid is None or isinstance(pid, int)
    return pid


def launchers_of(home: Path) -> list[int]:
    """Return the pids of the launchers: they run the shim's code, and no launcher forked them."""
    ours = shim_processes(home)
    return [pid for pid in ours if system.parent_of(pid) not in ours]


def shims_of(home: Path) -> list[int]:
    """Return the pids of the shims, idle ones included; not of what they fork, and is not yet."""
    launchers = launchers_of(home)
    return [pid for pid in shim_processes(home) if system.parent_of(pid) in launchers]


def shim_processes(home: Path) -> list[int]:
    """
    Return the pids of launchers and shims: forks keep the arguments they were started with.

    A command that was let go and has not executed yet looks like one of them, above all where its
    shim is dead; its record tells that it is none.
    """
    found = []
    for pid in leaks.processes(home):
        words = words_of(pid)
        if "-S" in words and words[-1] == str(home):
            found.append(pid)
    commands = commands_of(home) if found else set()
    return [pid for pid in found if pid not in commands]


def commands_of(home: Path) -> set[int]:
    """Return the pids of all commands that are on record, those that have ended too."""
    records = map(spool.read_record, map(str, (home / "jobs").glob("*/*/*")))
    return {each.began["pid"] for each in records if each is not None and each.began is not None}


def words_of(pid: int) -> list[str]:
    """Return the arguments of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return []


def folder_of(home: Path, job: Job, attempt: int = 1) -> str:
    """Return the folder of a job's attempt."""
    return f"{home}/jobs/{job.id}/0/{attempt}"


def record_of(home: Path, job: Job) -> spool.Record:
    """Return what the record of a job's attempt says by now."""
    return spool.read_record(folder_of(home, job)) or spool.Record()


def began(home: Path, job: Job) -> spool.Line:
    """Return the line that says that the command began, once it does."""
    return eventually(lambda: record_of(home, job).began, "the start's record")


def kill(*pids: int | None) -> None:
    """Kill processes at once, and return when they are gone."""
    there = [pid for pid in pids if pid is not None]
    for pid in there:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in there:
        eventually(lambda pid=pid: not is_alive(pid), f"the death of {pid}")  # type: ignore[misc]  # bound at once


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    return system.is_running(pid, system.start_time(pid))
