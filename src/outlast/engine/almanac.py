"""What a supervisor knows of schedules before there are any: little, since it must start quickly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ..errors import Unavailable

if TYPE_CHECKING:
    from ..ports.schedules import Schedules
    from .schedules import Scheduler

STORE_AGAIN_S: Final = 1.0
"""Between two tries of a store that is out of reach."""


class Almanac:
    """Has a `Scheduler` made, by *make*, once a schedule is due at some time."""

    def __init__(self, schedules: Schedules, make: Callable[[], Scheduler]) -> None:
        self._schedules = schedules
        self._make = make
        self._scheduler: Scheduler | None = None
        self._woken = asyncio.Event()
        self._is_idle = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ever due."""
        return self._is_idle

    def wake(self) -> None:
        """A schedule may be another one."""
        self._is_idle = False
        self._woken.set()
        if self._scheduler is not None:
            self._scheduler.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._woken.clear()
            pause_s = None
            try:
                if self._schedules.next_due() is not None:
                    self._scheduler = self._scheduler or self._make()
                    await self._scheduler.run()
                self._is_idle = not self._woken.is_set()
            except Unavailable:
                pause_s = STORE_AGAIN_S
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()
