"""
What a supervisor knows of deliveries before there are any: little, since it must start quickly, and
few homes have a webhook.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ..errors import Unavailable

if TYPE_CHECKING:
    from ..core.delivery import Delivery
    from ..core.job import Job
    from ..ports.store import Store
    from .deliveries import Deliverer

STORE_AGAIN_S: Final = 1.0
"""Between two tries of a store that is out of reach."""


class Tidings:
    """
    Has a deliverer made, by *make*, once there is something for one to do, as *is_needed* says, or
    an end is to be told: to a job's own receivers, or to one of all jobs, as *tells_all* says.
    """

    def __init__(
        self,
        make: Callable[[], Deliverer],
        *,
        is_needed: Callable[[], bool],
        tells_all: Callable[[], bool],
    ) -> None:
        self._make = make
        self._is_needed = is_needed
        self._tells_all = tells_all
        self._deliverer: Deliverer | None = None
        self._woken = asyncio.Event()
        self._was_looked = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be sent, now or later."""
        return self._was_looked if self._deliverer is None else self._deliverer.is_idle

    def announce(self, job: Job) -> Sequence[Delivery]:
        """Return what the end of *job* makes due, to be stored with it; and look, once it is."""
        if self._deliverer is None and not job.spec.webhooks and not self._tells_all():
            return ()
        self._woken.set()
        return self._made().announce(job)

    def wake(self) -> None:
        """There may be something due."""
        if self._deliverer is not None:
            self._deliverer.wake()
        else:
            self._was_looked = False
            self._woken.set()

    async def run(self, store: Store) -> None:
        """Work until cancelled. *store* is that of the jobs."""
        while self._deliverer is None:
            self._woken.clear()
            pause = None
            try:
                if self._is_needed():
                    break
                self._was_looked = True
            except Unavailable:
                pause = STORE_AGAIN_S
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
        await self._made().run(store)

    def _made(self) -> Deliverer:
        if self._deliverer is None:
            self._deliverer = self._make()
        return self._deliverer
