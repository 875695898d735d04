"""
When an expired job may be deleted for good.

A clock that jumps ahead must delete nothing. So a job goes only once some supervisor saw the
clock beyond its expiry an hour of running time ago, under this same boot, and whoever has looked
since saw that, too.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from ..core.limits import from_epoch_ms, to_epoch_ms
from ..ports.store import Query

if TYPE_CHECKING:
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.store import Store

SURE_AFTER: Final = timedelta(hours=1)
TOMBSTONE_AGE: Final = timedelta(days=365)
"""How long an id is known to have been one, and its key stays taken."""

MARKS: Final = "retention.json"
MARK_EVERY: Final = timedelta(minutes=1)
MAX_MARKS: Final = 100
"""So many, so far apart, that an hour is among them however often supervisors come and go."""

PAGE: Final = 50
"""How many jobs are deleted at once: nobody else is served meanwhile."""


class Mark(NamedTuple):
    """What the clock said at one moment of a boot."""

    boot: str
    monotonic: float
    wall_ms: int


def sure_time(marks: list[Mark], now: Mark) -> datetime | None:
    """
    Return the latest time that has surely passed for an hour; None: not known of any.

    *marks* are of the boot of *now*, and in order.
    """
    limit = now.monotonic - SURE_AFTER.total_seconds()
    old = [mark for mark in marks if mark.monotonic <= limit]
    if not old:
        return None
    return from_epoch_ms(min(mark.wall_ms for mark in [*marks[len(old) - 1 :], now]))


class Retention:
    """Turns expired jobs of a home into tombstones, and removes their files."""

    def __init__(self, store: Store, home: Home, clock: Clock, boot_id: str) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._boot_id = boot_id

    async def sweep(self) -> int:
        """
        Delete what may go now, letting others work in between. Returns how many jobs went.

        Raises:
            Unavailable: The store cannot be reached. Nothing is lost.

            OSError: What the clock says cannot be noted.
        """
        now = Mark(self._boot_id, self._clock.monotonic(), to_epoch_ms(self._clock.now()))
        marks = [
            mark
            for mark in self._read()
            if mark.boot == self._boot_id and mark.monotonic <= now.monotonic
        ]
        sure = sure_time(marks, now)
        if not marks or now.monotonic - marks[-1].monotonic >= MARK_EVERY.total_seconds():
            self._write([*marks, now][-MAX_MARKS:])
        return 0 if sure is None else await self._expire(sure)

    async def _expire(self, sure: datetime) -> int:
        gone = 0
        query = Query(expired_at=sure, oldest_first=True, limit=PAGE)
        while True:
            page = self._store.find(query)
            ids = [job.id for job in page.jobs if job.is_settled]
            # Files first: who is killed in between leaves a job to be swept again, and no files
            # that nobody knows of.
            for job_id in ids:
                self._home.remove_files(job_id)
            self._store.expire(ids, at=sure, forget_before=sure - TOMBSTONE_AGE)
            gone += len(ids)
            if page.next_cursor is None:
                return gone
            query = replace(query, cursor=page.next_cursor)
            await asyncio.sleep(0)

    def _read(self) -> list[Mark]:
        try:
            with open(f"{self._home.path}/{MARKS}", "rb") as file:
                return [Mark(str(b), float(m), int(w)) for b, m, w in json.load(file)]
        except (OSError, ValueError, TypeError, OverflowError):
            return []

    def _write(self, marks: list[Mark]) -> None:
        path = f"{self._home.path}/{MARKS}"
        with open(f"{path}.new", "w") as file:
            json.dump(marks, file)
        os.rename(f"{path}.new", path)
