"""Huey's side: one task that runs a command, on SQLite in the file named by `BENCH_HUEY`."""

from __future__ import annotations

import os
import subprocess

from huey import SqliteHuey  # type: ignore[import-untyped]  # it ships no types

huey = SqliteHuey(filename=os.environ["BENCH_HUEY"])


@huey.task()  # type: ignore[untyped-decorator]  # it ships no types
def run(argv: list[str]) -> int:
    """Run a command and return its exit code."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode
