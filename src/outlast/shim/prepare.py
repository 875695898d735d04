"""What stands on disk of an attempt in a container before it is started."""

from __future__ import annotations

import json
import os
from typing import Any

from . import spool, survival, system
from .container import NotBegun
from .durable import write
from .sleep import mono_ms, now_ms

ORDER = "container"
"""The file with what whoever takes over has to know: all of the order but what starts it."""

FOR_A_START = ("body", "podmans_own", "files", "pull", "login_env", "no_engine")
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
        write(f"{folder}/{ORDER}", json.dumps(kept).encode())
        for stream in (spool.STDOUT, spool.STDERR):
            open(f"{folder}/{stream}", "ab").close()  # there for whoever follows
        if files := order["files"]:
            inside = f"{folder}/{INSIDE}"
            os.makedirs(inside, exist_ok=True)
            # For the container's user, whoever that is; on this side nobody else gets here.
            os.chmod(inside, 0o755)  # noqa: S103 the folder around it is 0700
            for name, text in files.items():
                write(f"{inside}/{name}", text.encode("utf-8", "surrogateescape"), 0o755)
    except OSError as error:
        words = f"could not prepare the start: {error.strerror}"
        raise NotBegun("disk_full", words) from None


def began_line(
    order: dict[str, Any], container: str | None, image_id: str, image_digest: str | None
) -> spool.Line:
    """Return the line that says that the container is about to be started."""
    return {
        "event": "began",
        "at": now_ms(),
        "mono_ms": mono_ms(),
        "pid": 0,
        "start": 0,
        "shim_pid": os.getpid(),
        "shim_start": system.start_time(os.getpid()) or 0,
        "boot": system.boot_id(),
        "containment": "cgroup",
        "cgroup": None,
        "survives": survival.survives(),
        "container": container,
        "image_id": image_id,
        "image_digest": image_digest,
        "timeout_ms": order["timeout_ms"],
        "grace_ms": order["grace_ms"],
        **{name: order[name] for name in spool.OUTPUT_LIMITS},
        "v": spool.VERSION,
    }
