"""Timers of the loop: a short time to gather what is stored together, an alarm, and another try."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from ..core.job import JobId
from ..errors import Unavailable

LONGEST_SLEEP_S: Final = 3600.0
"""A time of day may be set meanwhile: no alarm is trusted for longer."""


STORE_AGAIN_S: Final = 1.0
"""Between two tries of a store that is out of reach, or whose disk is full."""

log = logging.getLogger("outlast.supervisor")


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


class Outage:
    """
    A store that is out of reach: *on_again* is called when it is to be tried again, once for all who
    wanted it meanwhile, and what is wrong is told once, and again when it is something else.
    """

    def __init__(self, on_again: Callable[[], None]) -> None:
        self._on_again = on_again
        self._error: Unavailable | None = None
        self._timer: asyncio.TimerHandle | None = None

    def goes_on(self, error: Unavailable) -> None:
        """It was tried, and *error* came of it."""
        if self._error is None or str(error) != str(self._error):
            log.warning("the store is out of reach, and is tried again: %s", error)
        self._error = error
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(STORE_AGAIN_S, self._on_again)

    def end(self) -> None:
        """It is within reach. Idempotent."""
        if self._error is not None:
            log.warning("the store is within reach again")
            self._error = None
            self.stop()

    def refusal(self, job_id: JobId) -> Unavailable:
        """Return what somebody is told who wants something stored of a job meanwhile."""
        error = self._error or Unavailable("The store is out of reach for now")
        return Unavailable(str(error), job_id=job_id, suggestion=error.suggestion)

    def stop(self) -> None:
        """Have it not be tried again. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
