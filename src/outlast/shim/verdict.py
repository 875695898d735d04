"""
Why a container is ended by its shim: written down before the first signal is sent.

An engine says of a container only that it was killed. Whoever takes over tells by this that it was
for us to end it, and goes on with that.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

FILE = "verdict"


def keep(folder: str, verdict: dict[str, Any]) -> None:
    """
    Leave in an attempt's *folder* the `reason` and the words (`error`), when the KILL is due
    (`kill_ms`, on the monotonic clock), and whether the engine has passed a signal on (`is_heard`).
    A full disk keeps nobody alive: it is not left then.
    """
    with suppress(OSError):
        with open(f"{folder}/{FILE}.new", "w", encoding="utf-8") as file:
            json.dump(verdict, file)
        os.rename(f"{folder}/{FILE}.new", f"{folder}/{FILE}")


def kept(folder: str) -> dict[str, Any] | None:
    """Return what `keep` has left there; None if nothing."""
    try:
        with open(f"{folder}/{FILE}", encoding="utf-8") as file:
            verdict: dict[str, Any] = json.load(file)
    except (OSError, ValueError):
        return None
    return verdict
