"""How far a batch is: done, running, failed, how quickly, and how long it may still take."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from ..core.limits import format_duration
from ..core.state import JobStatus
from .manifest import Entry

RECENT: Final = 50
"""The rate is that of so many ends, the last ones: a batch may begin slowly."""


class Progress:
    """
    Counts the entries of a batch by status. *now_s* is a monotonic clock's, and given.

    What had ended before this run (`note` without a time) counts as done and not for the rate.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._status: dict[str, tuple[str, bool]] = {}
        self._counts: Counter[str] = Counter()
        self.failed = 0
        self._begun_s: float | None = None
        self._ends_s: deque[float] = deque(maxlen=RECENT + 1)

    def note(self, entry: Entry, now_s: float | None = None) -> None:
        """Take in how an entry stands."""
        was, had_failed = self._status.get(entry.source_file_path, (None, False))
        if was is not None:
            self._counts[was] -= 1
            self.failed -= had_failed
        self._status[entry.source_file_path] = entry.status, entry.is_failure
        self._counts[entry.status] += 1
        self.failed += entry.is_failure
        if now_s is None:
            return
        if self._begun_s is None:
            self._begun_s = now_s
            self._ends_s.append(now_s)
        if entry.is_terminal:
            self._ends_s.append(now_s)

    @property
    def running(self) -> int:
        return self._counts[JobStatus.RUNNING]

    @property
    def queued(self) -> int:
        return self._counts[JobStatus.QUEUED]

    @property
    def ended(self) -> int:
        """How many have ended, however they did."""
        return sum(self._counts.values()) - self.running - self.queued

    @property
    def done(self) -> int:
        """How many have ended well."""
        return self.ended - self.failed

    def per_second(self, now_s: float) -> float | None:
        """Return how many end in a second, lately; None before the first two have."""
        if len(self._ends_s) < 3 or now_s <= self._ends_s[0]:
            return None
        return (len(self._ends_s) - 1) / (now_s - self._ends_s[0])

    def left(self, now_s: float) -> timedelta | None:
        """Return how long the rest takes at this rate; None where nobody can say."""
        rate = self.per_second(now_s)
        return None if not rate else timedelta(seconds=(self.total - self.ended) / rate)

    def line(self, now_s: float) -> str:
        """Return all of it in a line, for people."""
        parts = [f"{self.ended} of {self.total}", f"{self.running} running"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        rate, left = self.per_second(now_s), self.left(now_s)
        if rate is not None and left is not None and self.ended < self.total:
            told = f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min"
            parts += [told, f"{format_duration(left)} left"]
        return ", ".join(parts)


def counts(entries: Iterable[Entry]) -> dict[str, int]:
    """Return how many entries there are, and how many of each kind."""
    entries = list(entries)
    by_status = Counter(entry.status for entry in entries)
    failed = sum(entry.is_failure for entry in entries)
    ended = sum(entry.is_terminal for entry in entries)
    return {
        "total": len(entries),
        "complete": ended - failed,
        "running": by_status[JobStatus.RUNNING],
        "queued": by_status[JobStatus.QUEUED],
        "failed": failed,
    }
