"""The only module that asks for the time, an id or a random number (the shim apart)."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

from .core.job import JobId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        at = datetime.now(UTC)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        return time.monotonic()

    def new_job_id(self, at: datetime) -> JobId:
        """`job_` and a ULID: 48 bits of milliseconds, 80 random ones, in Crockford's base 32."""
        milliseconds = (at - _EPOCH) // timedelta(milliseconds=1)  # a float would miss some
        return JobId(f"job_{_base32(milliseconds, 10)}{self.new_token()}")

    def new_token(self) -> str:
        return _base32(int.from_bytes(os.urandom(10)), 16)

    def chance(self) -> float:
        """A random number from 0 to 1."""
        return int.from_bytes(os.urandom(4)) / 0xFFFFFFFF


def _base32(number: int, length: int) -> str:
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(5 * length - 5, -5, -5))
