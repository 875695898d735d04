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


def keep(folder: str, reason: str, error: str | None, kill_ms: int) -> None:
    """
    Leave reason and words in an attempt's *folder*, and when the KILL is due, on the monotonic
    clock. A full disk keeps nobody alive: it is not left then.
    """
    verdict = {"reason": reason, "error": error, "kill_ms": kill_ms}
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
