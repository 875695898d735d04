"""
What a command inherits from the caller who submitted it: held in one private file for each
submission, from before the jobs are stored until the last of them has started.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any, Final

from ..ports.executor import Captured

SECRET_MARK: Final = "\n"
"""Stands before a secret's reference among the variables; no variable's name begins so."""


def write_capture(path: str, captured: Captured) -> None:
    """Put *captured* on disk for this user alone, whole and safe when this returns."""
    data = json.dumps(
        {
            "env": dict(captured.env),
            "umask": captured.umask,
            "rlimits": {name: list(pair) for name, pair in captured.rlimits.items()},
            "cwd": captured.cwd,
        }
    )
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
    """Remove the file. Silent if it is gone."""
    with suppress(FileNotFoundError):
        os.unlink(path)
