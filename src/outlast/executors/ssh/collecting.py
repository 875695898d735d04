"""The fetching of files at one host: one attempt's after the other, beside the looks at the host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from ...artifacts import COLLECTING, Collection, give_up, read
from ...ports.clock import Clock
from .attempt import Attempt
from .collect import Fetching
from .link import Link
from .refusal import Cut, Refused

log = logging.getLogger("outlast.ssh")

AGAIN_S: Final = 5.0
"""Between two tries where this machine's disk, or a fault of ours, came in between."""


TRIES: Final = 5
"""Connections that break while files are fetched over them, one after the other and all in vain."""


class Collecting:
    """What is known of each is in its attempt's folder: whoever comes after goes on there."""

    def __init__(
        self, link: Link, clock: Clock, on_end: Callable[[], None], floor_bytes: int
    ) -> None:
        self._link = link
        self._clock = clock
        self._on_end = on_end
        self._floor_bytes = floor_bytes
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopped: dict[str, str] = {}
        self._away_since: dict[str, datetime] = {}
        self._in_vain: dict[str, int] = {}
        self._turn = asyncio.Lock()

    def take(self, attempt: Attempt) -> None:
        """
        Fetch the files of an attempt, if its command has ended and they are not all here. Its host
        can be reached.
        """
        self._away_since.pop(attempt.key, None)
        if attempt.files.is_under_way and attempt.key not in self._tasks:
            attempt.set_phase("collecting")
            task = asyncio.create_task(self._collect(attempt))
            self._tasks[attempt.key] = task
            task.add_done_callback(lambda _: self._ended(attempt))

    def stop(self, attempt: Attempt, why: str) -> None:
        """Fetch no more of an attempt's: what is here is all. Told once nothing is under way."""
        if not attempt.files.is_under_way:
            return
        if (task := self._tasks.get(attempt.key)) is not None:
            self._stopped[attempt.key] = why
            task.cancel()
            return
        try:
            attempt.collected(give_up(attempt.folder, why))
        except OSError as error:
            log.warning("%s: its files cannot be given up yet: %s", attempt.key, error)

    def is_away(self, attempt: Attempt, why: str) -> None:
        """The host cannot be reached. Who stays away for too long is waited for no more."""
        if attempt.files.is_under_way:
            now = self._clock.now()
            since = self._away_since.setdefault(attempt.key, now)
            if now >= min(since + attempt.files.reconnect_timeout, attempt.files.until):
                self.stop(attempt, why)

    async def close(self) -> None:
        """Let go. What is here stays, to be gone on with."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _collect(self, attempt: Attempt) -> None:
        try:
            async with self._turn:
                attempt.collected(await self._fetched(attempt))
        except (Cut, Refused) as cut:
            log.info("%s: its files are gone on with: %s", attempt.key, cut)
        except OSError as error:
            log.warning("%s: its files cannot be kept: %s", attempt.key, error)
            await asyncio.sleep(AGAIN_S)
        except Exception:
            log.exception("%s could not be collected, and is tried again", attempt.key)
            await asyncio.sleep(AGAIN_S)

    def _ended(self, attempt: Attempt) -> None:
        del self._tasks[attempt.key]
        if not attempt.files.is_under_way:
            self._in_vain.pop(attempt.key, None)
        if (why := self._stopped.pop(attempt.key, None)) is not None:
            self.stop(attempt, why)
        self._on_end()

    async def _fetched(self, attempt: Attempt) -> Collection:
        known = read(attempt.folder)
        if known is not None and known.state != COLLECTING:
            return known  # whoever wrote that was killed before it was told
        wanted = attempt.files
        fetching = Fetching(
            self._link, attempt.folder, wanted.collect, wanted.cwd, self._floor_bytes
        )
        left = wanted.until - self._clock.now()
        try:
            return await fetching.run(max(left.total_seconds(), 0.0))
        except (Cut, Refused) as cut:
            # Its host is there otherwise, or nobody would have begun: it may be the fetching itself.
            in_vain = 0 if fetching.has_fetched else self._in_vain.get(attempt.key, 0) + 1
            self._in_vain[attempt.key] = in_vain
            if in_vain >= TRIES:
                self._stopped[attempt.key] = f"SFTP failed: {cut}"
            raise
