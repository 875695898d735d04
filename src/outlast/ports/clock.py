"""The seam to time and chance."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ..core.job import JobId


class Clock(Protocol):
    """Time, and names that nobody can guess."""

    def now(self) -> datetime:
        """The time of day, in UTC, with whole milliseconds. It may jump."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps. Suspend is not counted."""

    def new_job_id(self, at: datetime) -> JobId:
        """A new id: those of a later millisecond sort behind, and 80 bits are random."""

    def new_token(self) -> str:
        """A new name for a file or a request: 80 random bits, safe in a path."""
