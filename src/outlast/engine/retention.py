"""
When an expired job may be deleted for good.

A clock that jumps ahead must delete nothing. So a job goes only once some supervisor saw the
clock beyond its expiry an hour of running time ago, under this same boot, and it still is.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from ..core.job import JobId
from ..core.limits import from_epoch_ms, to_epoch_ms
from ..ports.store import Query
from .service import TOMBSTONE_AGE

if TYPE_CHECKING:
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.store import Store

SURE_AFTER: Final = timedelta(hours=1)
MARKS: Final = "retention.json"
MAX_MARKS: Final = 100
PAGE: Final = 500


class Mark(NamedTuple):
    """What the clock said at one moment of a boot."""

    boot: str
    monotonic: float
    wall_ms: int


def sure_time(marks: list[Mark], now: Mark) -> datetime | None:
    """Return the latest time that has surely passed for an hour; None: not known of any."""
    limit = now.monotonic - SURE_AFTER.total_seconds()
    sure = [mark.wall_ms for mark in marks if mark.boot == now.boot and mark.monotonic <= limit]
    return from_epoch_ms(min(max(sure), now.wall_ms)) if sure else None


class Retention:
    """Turns expired jobs of a home into tombstones, and removes their files."""

    def __init__(self, store: Store, home: Home, clock: Clock, boot_id: str) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._boot_id = boot_id

    def sweep(self) -> int:
        """Delete what may go now. Returns how many jobs went."""
        now = self._clock.now()
        mark = Mark(self._boot_id, self._clock.monotonic(), to_epoch_ms(now))
        marks = [known for known in self._read() if known.boot == self._boot_id]
        sure = sure_time(marks, mark)
        self._write([*marks[-MAX_MARKS + 1 :], mark])
        return 0 if sure is None else self._expire(sure, now)

    def _expire(self, sure: datetime, now: datetime) -> int:
        gone = 0
        while True:
            page = self._store.find(Query(expired_at=sure, oldest_first=True, limit=PAGE))
            ids = [job.id for job in page.jobs if job.is_settled]
            self._store.expire(ids, at=now, forget_before=now - TOMBSTONE_AGE)
            self._remove(ids)
            gone += len(ids)
            if not ids or page.next_cursor is None:
                return gone

    def _remove(self, ids: list[JobId]) -> None:
        for job_id in ids:
            self._home.remove_files(job_id)

    def _read(self) -> list[Mark]:
        try:
            with open(f"{self._home.path}/{MARKS}", "rb") as file:
                return [Mark(str(b), float(m), int(w)) for b, m, w in json.load(file)]
        except (OSError, ValueError, TypeError):
            return []

    def _write(self, marks: list[Mark]) -> None:
        path = f"{self._home.path}/{MARKS}"
        with open(f"{path}.new", "w") as file:
            json.dump(marks, file)
        os.rename(f"{path}.new", path)
