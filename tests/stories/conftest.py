"""What the stories with real processes share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.shim import system

from ..world import PATIENCE_S, began, eventually, fresh_client, is_alive

TRUE_CODE = 37


class Command:
    """A job whose command says that it has started, and ends with 37 once it is let go."""

    def __init__(self, client: Client, home: Path, folder: Path, **spec: object) -> None:
        self.home = home
        self.folder = folder
        self.job = client.submit(
            shell="echo started >> starts; echo out; until [ -e go ]; do sleep 0.02; done;"
            f" exit {TRUE_CODE}",
            cwd=str(folder),
            **spec,
        )
        self.began = began(home, self.job)
        eventually(self.count_starts, "the command's start")

    @property
    def pid(self) -> int:
        return int(self.began["pid"])

    @property
    def shim(self) -> int:
        return int(self.began["shim_pid"])

    def let_go(self) -> None:
        """Have the command end, and stay until it has."""
        (self.folder / "go").touch()
        eventually(lambda: not is_alive(self.pid), "the command's end")

    def count_starts(self) -> int:
        try:
            return len((self.folder / "starts").read_text().splitlines())
        except FileNotFoundError:
            return 0

    def after(self) -> Job:
        """Return the job once all of it is over, as somebody sees it who comes only now."""
        with fresh_client() as client:
            return over(client, self.job)


def over(client: Client, job: Job) -> Job:
    """Return *job* once it has ended and its last process is gone."""
    client.wait(job.id, timeout=PATIENCE_S)
    return eventually(lambda: now if (now := client.get(job.id)).is_settled else None)


def fate(job: Job) -> tuple[str | None, int | None]:
    """Return how a job ended: its reason, and its command's exit code."""
    return job.reason, job.nodes[0].exit_code


@pytest.fixture
def start(client: Client, home: Path, tmp_path: Path) -> Callable[..., Command]:
    """A function that starts a command and returns when it runs."""
    return lambda **spec: Command(client, home, tmp_path, **spec)


@pytest.fixture(scope="session")
def kernel_tells() -> bool:
    """Whether the kernel knows the exit code of what was no child of ours (Linux 6.15)."""
    pid = os.fork()
    if pid == 0:
        os._exit(9)
    pidfd = os.pidfd_open(pid)
    try:
        os.waitpid(pid, 0)
        return system.wait_status_of(pidfd) == 9 << 8
    finally:
        os.close(pidfd)


def wall_ms() -> int:
    """Return the time of day, as records have it."""
    return time.time_ns() // 1_000_000
