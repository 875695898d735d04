"""
What a command inherits from the caller who submitted it: held in one private file for each
submission, from before the jobs are stored until the last of them has started. What a server gives
to all jobs alike is held once.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from typing import Any, Final

from ..ports.executor import Captured

SECRET_MARK: Final = "\n"
"""Stands before a secret's reference among the variables; no variable's name begins so."""


SHARED: Final = "shared-"
"""
What the name of a file begins with that many submissions have in common: named after what is in
it, and never removed. It holds no secret.
"""


def share_capture(folder: str, captured: Captured) -> str:
    """Have *captured* on disk in *folder*, written only if it is not there. Returns its name."""
    import hashlib

    digest = hashlib.sha256(_encoded(captured).encode()).hexdigest()
    name = f"{SHARED}{digest[:32]}"
    if not os.path.exists(folder + name):
        # By a name of its own: another one may be writing the same.
        own = f"{folder}new-{name}-{os.getpid()}-{threading.get_ident()}"
        write_capture(own, captured)
        os.rename(own, folder + name)
        sync_folder(folder)
    return name


def write_capture(path: str, captured: Captured) -> None:
    """Put *captured* on disk for this user alone, whole and safe when this returns."""
    data = _encoded(captured)
    folder = os.path.dirname(path)
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(f"{path}.new", path)
    except OSError:
        drop_capture(f"{path}.new")
        raise
    sync_folder(folder)


def _encoded(captured: Captured) -> str:
    return json.dumps(
        {
            "env": dict(captured.env),
            "umask": captured.umask,
            "rlimits": {name: list(pair) for name, pair in captured.rlimits.items()},
            "cwd": captured.cwd,
        },
        sort_keys=True,
    )


def sync_folder(path: str) -> None:
    """Have the names in a folder on disk when this returns."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_capture(path: str) -> Captured | None:
    """Return what stands in the file; None if it is gone, or is no such file."""
    try:
        with open(path, "rb") as file:
            held: dict[str, Any] = json.load(file)
        rlimits = {name: (soft, hard) for name, (soft, hard) in held["rlimits"].items()}
        return Captured(env=held["env"], umask=held["umask"], rlimits=rlimits, cwd=held["cwd"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def drop_capture(path: str) -> None:
    """Remove the file, unless it is a shared one. Silent if it is gone."""
    if os.path.basename(path).startswith(SHARED):
        return
    with suppress(FileNotFoundError):
        os.unlink(path)
