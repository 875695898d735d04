"""What the figures were taken on, without saying whose machine it is."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import time
from pathlib import Path
from statistics import median

from .figure import TIMES


def describe(work: Path) -> dict[str, str]:
    """Return what matters of this machine and of the disk below *work*, in words."""
    return {
        "processors": f"{len(os.sched_getaffinity(0))} {TIMES} {_processor()}",
        "memory": f"{_memory_bytes() / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": _file_system(work),
        "write and fsync of 4 KiB": f"{sync_ms(work):.2f} ms",
        "Python": f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def sync_ms(folder: Path, times: int = 20) -> float:
    """Return the median milliseconds of appending 4 KiB to a file in *folder* and syncing it."""
    taken = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return 1000 * median(taken)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _file_system(folder: Path) -> str:
    told = subprocess.run(
        ["stat", "--file-system", "--format=%T", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()
