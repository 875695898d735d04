"""A clock that stands still until it is told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
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
        self._order = count()
        self._calls: list[tuple[timedelta, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return self._ticks.total_seconds()

    def advance(self, by: timedelta) -> datetime:
        """
        Let time pass, and return what time of day it is then.

        What was to be called meanwhile is, in order, each at its own time.
        """
        until = self._ticks + by
        while self._calls and self._calls[0][0] <= until:
            due, _, call = heappop(self._calls)
            self._pass(due - self._ticks)
            call()
        return self._pass(until - self._ticks)

    def call_later(self, after: timedelta, call: Callable[[], None]) -> None:
        """Have *call* made by `advance` once *after* has passed: at the next one, if at once."""
        heappush(self._calls, (self._ticks + after, next(self._order), call))

    def _pass(self, by: timedelta) -> datetime:
        self._ticks += by
        return self.jump(by)

    def jump(self, by: timedelta) -> datetime:
        """Set the time of day forward, or back where *by* is negative, while no time passes."""
        self._at += by
        return self._at

    def new_token(self) -> str:
        return f"{self._seed % 10**6:06}{next(self._count):010}"
