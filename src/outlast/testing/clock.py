"""A clock that stands still until it is told otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from ..clock import SystemClock


class FakeClock(SystemClock):
    """
    A `Clock` for tests. Ids and tokens are those of *seed*, in the same order every time; ids of
    one millisecond sort in the order in which they were made.
    """

    def __init__(self, at: datetime = datetime(2026, 1, 1, tzinfo=UTC), *, seed: int = 0) -> None:
        self._at = at
        self._ticks = timedelta()
        self._seed = seed
        self._count = count(1)

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return self._ticks.total_seconds()

    def advance(self, by: timedelta) -> datetime:
        """Let time pass, and return what time of day it is then."""
        self._ticks += by
        return self.jump(by)

    def jump(self, by: timedelta) -> datetime:
        """Set the time of day forward, or back where *by* is negative, while no time passes."""
        self._at += by
        return self._at

    def new_token(self) -> str:
        return f"{self._seed % 10**6:06}{next(self._count):010}"
