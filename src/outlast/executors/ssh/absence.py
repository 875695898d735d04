"""For how long a host has been away, as seen from here, and when it is tried again."""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 0.5
"""From the first try that failed to the next; then twice as long each time."""

SURE_S: Final = 300.0
"""Away for so long while somebody looked, it is not only this machine that has just come back."""


class Absence:
    """Times are seconds on a clock that nobody sets, and that stands still while this machine sleeps."""

    def __init__(self) -> None:
        self.pause_s = 0.0
        """Until the next try; 0 while the host is there."""

        self._since: float | None = None

    def end(self) -> None:
        """It is there."""
        self.pause_s = 0.0
        self._since = None

    def note(self, now: float, *, longest_s: float) -> None:
        """It was tried in vain once more, and is left alone for *longest_s* at most."""
        self._since = now if self._since is None else self._since
        self.pause_s = min(max(self.pause_s * 2, FIRST_S), longest_s)

    def is_sure(self, now: float, waited_s: float) -> bool:
        """Whether it has been away long enough for one who would have *waited_s* for it."""
        return self._since is not None and now - self._since >= min(waited_s, SURE_S)
