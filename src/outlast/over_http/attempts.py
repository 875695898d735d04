"""How long one goes on asking a server that does not answer, and how often."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..clock import SystemClock
    from ..errors import ClientError

FIRST_S: Final = 0.1
MOST_S: Final = 5.0
PATIENCE_S: Final = 15.0
"""For an answer that would come at once: a server that restarts is there again by then."""

OUTAGE_S: Final = 600.0
"""For a server that went away under somebody who stays as long as it takes."""


class Attempts:
    """
    Tries at one thing: each pause is about twice the one before, by chance a little shorter, and
    as long as the server asks for; together no longer than *patience_s*.
    """

    def __init__(self, clock: SystemClock, patience_s: float) -> None:
        self._clock = clock
        self._deadline = clock.monotonic() + patience_s
        self.failed = 0
        """How many there were so far."""

    def pause(self, error: ClientError, asked_s: float | None = None) -> None:
        """Sleep before the next try. Raises *error* where the patience would be over by then."""
        longest = min(MOST_S, FIRST_S * 2**self.failed)
        pause_s = max(asked_s or 0.0, longest * (0.5 + self._clock.chance() / 2))
        if self._clock.monotonic() + pause_s > self._deadline:
            raise error
        self.failed += 1
        select.select([], [], [], pause_s)
