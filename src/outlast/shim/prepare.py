"""What stands on disk of an attempt in a container before its engine is asked for anything."""

from __future__ import annotations

import json
import os
from typing import Any

from . import spool, system
from .container import NotBegun

ORDER = "container"
"""The file with what whoever takes over has to know: all of the order but what starts it."""

FOR_A_START = ("body", "files", "pull", "login_env", "no_engine")
"""What of an order is for its start alone; environment and secrets are in it."""

INSIDE = "in"
"""The folder of an attempt that its container sees, read-only, as /in."""


def prepare(order: dict[str, Any], record_fd: int) -> None:
    """
    Put what the attempt that *order* is for needs on disk, beside its record.

    Raises:
        NotBegun: There is no room for it, or none would be left.
    """
    floor, folder = order["floor_bytes"], order["folder"]
    if (free := system.free_bytes(record_fd)) < floor:
        words = f"only {free >> 20} MiB are free where output goes; {floor >> 20} must stay so"
        raise NotBegun("disk_full", words)
    kept = {key: value for key, value in order.items() if key not in FOR_A_START}
    try:
        _write(f"{folder}/{ORDER}", json.dumps(kept).encode())
        for stream in (spool.STDOUT, spool.STDERR):
            open(f"{folder}/{stream}", "ab").close()  # there for whoever follows
        if files := order["files"]:
            inside = f"{folder}/{INSIDE}"
            os.makedirs(inside, exist_ok=True)
            # For the container's user, whoever that is; on this side nobody else gets here.
            os.chmod(inside, 0o755)  # noqa: S103 the folder around it is 0700
            for name, text in files.items():
                _write(f"{inside}/{name}", text.encode("utf-8", "surrogateescape"), 0o755)
    except OSError as error:
        words = f"could not prepare the start: {error.strerror}"
        raise NotBegun("disk_full", words) from None


def _write(path: str, data: bytes, mode: int = 0o600) -> None:
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(fd, mode)
        while data:
            data = data[os.write(fd, data) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(f"{path}.new", path)
