"""Sleeping until something happens: a signal, an answer, or a time."""

from __future__ import annotations

import os
import select
import time
from typing import Protocol

from .signals import deafen

LONGEST_MS = 86_400_000
"""No poll takes more than 31 bits, and a limit may be thirty days."""


class HasDescriptor(Protocol):
    """Something that can be polled."""

    def fileno(self) -> int:
        """Return what to poll."""


class Sleeper:
    """The one place where a shim of one attempt rests. Signals wake it, and end nothing."""

    def __init__(self) -> None:
        self._wakes = deafen()

    def sleep(
        self, until_ms: int, *streams: HasDescriptor, writer: HasDescriptor | None = None
    ) -> tuple[bytes, list[HasDescriptor]]:
        """
        Sleep until a signal comes, one of *streams* can be read, *writer* can be written to or
        read, or until that time on the monotonic clock; a day at most. Return the signals'
        numbers, and which of those can be.
        """
        poll = select.poll()
        poll.register(self._wakes, select.POLLIN)
        by_fd = {stream.fileno(): stream for stream in streams}
        for fd in by_fd:
            poll.register(fd, select.POLLIN)
        if writer is not None:
            by_fd[writer.fileno()] = writer
            poll.register(writer.fileno(), select.POLLIN | select.POLLOUT)
        signals, ready = b"", []
        for fd, _ in poll.poll(max(0, min(until_ms - mono_ms(), LONGEST_MS))):
            if fd == self._wakes:
                signals = os.read(fd, 4096)
            else:
                ready.append(by_fd[fd])
        return signals, ready


class Backoff:
    """How long to leave something alone that failed: longer each time, up to a second."""

    FIRST_MS = 50
    LAST_MS = 1000

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        """It worked."""
        self._wait_ms = self.FIRST_MS

    def next_ms(self) -> int:
        """It failed: return when to try again, on the monotonic clock."""
        at = mono_ms() + self._wait_ms
        self._wait_ms = min(2 * self._wait_ms, self.LAST_MS)
        return at


def mono_ms() -> int:
    """Return the monotonic clock in milliseconds."""
    return time.monotonic_ns() // 1_000_000


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
