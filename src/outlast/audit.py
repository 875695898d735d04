"""The record of who asked for what over a network: one file in the home, a line of JSON for each."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import Any, Final

NAME: Final = "audit.log"
MAX_BYTES: Final = 10 << 20
KEPT: Final = 5
"""So many older files stay beside it: `audit.log.1` is the newest of them."""

MAX_TEXT: Final = 500
"""Of a text of a caller's, in characters: nobody is to fill the file with one line."""

log = logging.getLogger("outlast.audit")


class Audit:
    """
    The record at *path*, for this user alone. May be shared by threads, and by processes as long
    as it is one of them that is the server.

    What cannot be written is told in the server's own log, and stops nothing: on a full disk a
    cancel must still work.
    """

    def __init__(
        self, path: str, now: Callable[[], datetime], *, max_bytes: int = MAX_BYTES
    ) -> None:
        self._path = path
        self._now = now
        self._max_bytes = max_bytes
        self._lock = Lock()

    def write(self, event: str, **facts: Any) -> None:
        """Add a line. Facts that are None are left out; it is for the caller to give no secret."""
        at = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"at": at, "event": event}
        line |= {name: _short(value) for name, value in facts.items() if value is not None}
        data = json.dumps(line, default=str).encode() + b"\n"
        try:
            with self._lock:
                self._append(data)
        except OSError as error:
            log.error("%s cannot be written: %s; it was %s", self._path, error.strerror, line)  # noqa: TRY400 the words say it all

    def _append(self, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self._path, flags, 0o600)
        try:
            if os.fstat(fd).st_size + len(data) > self._max_bytes:
                os.close(fd)
                self._rotate()
                fd = os.open(self._path, flags, 0o600)
            os.write(fd, data)
        finally:
            os.close(fd)

    def _rotate(self) -> None:
        for number in range(KEPT - 1, 0, -1):
            with suppress(FileNotFoundError):
                os.rename(f"{self._path}.{number}", f"{self._path}.{number + 1}")
        with suppress(FileNotFoundError):
            os.rename(self._path, f"{self._path}.1")


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[:MAX_TEXT]}..."
    return value
