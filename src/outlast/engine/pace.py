"""How quickly commands end, which decides whether it pays to think ahead."""

from __future__ import annotations

from collections import deque
from typing import Final

AHEAD: Final = 8
"""How many of those that are next may then be claimed before there is a slot for them."""

ENDS: Final = 8
QUICK_S: Final = 0.1
"""So many ends within this time are quick: then a write to the disk for each start shows."""


class Pace:
    """Remembers the last few ends, by a clock that never jumps."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=ENDS)

    def note_end(self, now: float) -> None:
        """A command has ended."""
        self._ends.append(now)

    def is_quick(self, now: float) -> bool:
        """Whether commands end one after another just now."""
        return len(self._ends) == ENDS and now - self._ends[0] < QUICK_S
