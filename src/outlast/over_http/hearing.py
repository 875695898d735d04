"""Hearing of what happens to all jobs of a server's, over its stream of events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from ..core.job import JobId

if TYPE_CHECKING:
    from ..clock import SystemClock
    from .transport import Transport


class Hearing:
    """A part of `HttpService`."""

    _transport: Transport
    _clock: SystemClock

    def hear(self, tick: timedelta | None) -> Iterator[frozenset[JobId] | None]:
        """Yield which jobs may have changed. As `Service.hear`."""
        from .streams import Deadline, Stay

        tick_s = None if tick is None else tick.total_seconds()
        stay = Stay(self._transport, ["events"], Deadline(self._clock, None))
        for event in stay.events(list, lambda: tick_s):
            if event is None:
                yield frozenset()
            elif event.name in ("ready", "reset"):
                yield None
            elif event.name in ("job", "gone"):
                yield frozenset({JobId(str(event.data.get("job_id")))})
