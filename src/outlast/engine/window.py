"""Timers of the loop: a short time to gather what is stored together, and an alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

LONGEST_SLEEP_S: Final = 3600.0
"""A time of day may be set meanwhile: no alarm is trusted for longer."""


class Window:
    """Opened by the first that may wait; *on_end* is called once the last must not any longer."""

    def __init__(self, seconds: float, on_end: Callable[[], None]) -> None:
        self._seconds = seconds
        self._on_end = on_end
        self._timer: asyncio.TimerHandle | None = None
        self.is_over = False

    def open(self) -> None:
        """Begin it, unless it is open."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)

    def close(self) -> None:
        """End it: all that was gathered is stored."""
        self.is_over = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self.is_over = True
        self._on_end()


class Alarm:
    """Calls *on_time* at a time of day, or earlier: the clock is asked again then."""

    def __init__(self, on_time: Callable[[], None]) -> None:
        self._on_time = on_time
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: datetime | None, now: datetime) -> None:
        """Set it anew; None: to never."""
        self.stop()
        if at is not None:
            seconds = min((at - now).total_seconds(), LONGEST_SLEEP_S) + 0.001
            self._timer = asyncio.get_running_loop().call_later(seconds, self._on_time)

    def stop(self) -> None:
        """Let it not ring. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
