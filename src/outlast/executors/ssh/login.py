"""
What a login on a host needs and nobody else may see: in one private file of the attempt's folder,
for as long as its host may have to be reached again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from typing import Final

LOGIN: Final = "login"
"""The name of the file."""


def hold_login(folder: str, secrets: Mapping[str, str]) -> None:
    """Put *secrets*, by reference, on disk for this user alone; nothing where there are none."""
    if not secrets:
        return
    path = f"{folder}/{LOGIN}"
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        json.dump(dict(secrets), file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)


def read_login(folder: str) -> dict[str, str]:
    """Return what is held; nothing where the file is gone, or is none."""
    try:
        with open(f"{folder}/{LOGIN}", "rb") as file:
            held = json.load(file)
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in held.items()} if type(held) is dict else {}


def drop_login(folder: str) -> None:
    """Forget it. Idempotent."""
    for path in (f"{folder}/{LOGIN}", f"{folder}/{LOGIN}.new"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
