"""Where no file can be watched any more, following looks from time to time, and loses nothing."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from .conftest import Cli

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")


@pytest.mark.skipif(
    not LIMIT.exists() or int(LIMIT.read_text()) > 2000,
    reason="there are more inotify instances than a test should take",
)
def test_following_without_inotify(cli: Cli) -> None:
    """All 128 instances of the user are taken: the output comes all the same."""
    libc = ctypes.CDLL(None)
    taken: list[int] = []
    try:
        while (fd := libc.inotify_init1(os.O_CLOEXEC)) >= 0:
            taken.append(fd)
        job_id = cli.submit("--shell", "for i in 1 2 3; do echo $i; sleep 0.2; done")
        done = cli("job", "logs", "--follow", job_id)
    finally:
        for fd in taken:
            os.close(fd)

    assert (0, b"1\n2\n3\n") == done[:2]
