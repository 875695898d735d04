"""Before whom a job has its turn, and when that is at the earliest, as a caller says it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .reader import Reader

LOWEST: Final = -20
HIGHEST: Final = 20

YEARS: Final = range(2000, 3000)
"""Beyond them a time is a slip, and a computer's arithmetic near its end."""


def read_order(reader: Reader) -> dict[str, Any]:
    """Take `priority`, `delay` and `start_at` from what a caller gives; None is not given."""
    priority, start_at = reader.take("priority"), reader.take("start_at")
    order = {
        "priority": None
        if priority is None
        else reader.read("priority: ", read_priority, priority),
        "delay": reader.duration("delay"),
        "start_at": None if start_at is None else reader.read("start_at: ", _time, start_at),
    }
    if order["delay"] is not None and order["start_at"] is not None:
        reader.faults.append("delay and start_at both say when it may begin: give one")
    return order


def read_priority(value: object) -> int:
    """Read a priority. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not LOWEST <= value <= HIGHEST:
        raise ValueError(f"{value!r:.80} is not a whole number from {LOWEST} to {HIGHEST}")
    return value


def _time(value: object) -> datetime:
    try:
        given = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(f"{value!r:.80} is not a time: write it as 2026-12-01T08:00Z") from None
    if given.tzinfo is None:
        raise ValueError(f"{given.isoformat()} has no time zone: write Z behind it, or +01:00")
    if given.year not in YEARS:
        raise ValueError(f"{given.isoformat()} is a slip, not a wish")
    at = given.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
