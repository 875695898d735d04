"""The clocks of a job and their defaults; how durations, sizes and plain settings are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ..errors import InvalidRequest

TIMEOUT: Final = timedelta(hours=24)
GRACE: Final = timedelta(seconds=10)
HOST_TIMEOUT: Final = timedelta(seconds=600)
"""The run limit of a command on another host, where nothing else was said."""

CONTAINER_TIMEOUT: Final = timedelta(seconds=300)
"""The run limit in a container, from its start, where nothing else was said."""

CONTAINER_GRACE: Final = timedelta()
CONTAINER_MEMORY_BYTES: Final = 512 << 20
CONTAINER_PIDS: Final = 256
CONTAINER_LEAST_BYTES: Final = 6 << 20
"""No container begins with less memory: Docker takes no less."""

PULL_TIMEOUT: Final = timedelta(seconds=600)

CONNECT_TIMEOUT: Final = timedelta(seconds=30)
RECONNECT_TIMEOUT: Final = timedelta(hours=1)
DIALOGUE_IDLE_TIMEOUT: Final = timedelta(seconds=60)
"""How long a host may print nothing in a dialogue, where nothing else was said."""

MAX_PARALLEL: Final = 32
"""How many hosts of one job run it at once, where nothing else was said."""

RETRY_DELAY: Final = timedelta(seconds=1)
RETENTION: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=3650)
"""No clock is longer: beyond it a number is a slip, not a wish."""

LARGEST: Final = (1 << 63) - 1
"""No size is larger: the kernel and the database count them in 64 bits."""

MOST_AT_ONCE: Final = 1_000_000_000
"""No answer lists more: beyond it a number is a slip, and a database's arithmetic near its end."""

OUTPUT_BYTES: Final = 1 << 30
"""Default limit of each output stream."""

MIN_CPUS: Final = 0.01
"""The kernel's least quota: a millisecond of each tenth of a second. An engine takes less for none."""

MAX_PIDS: Final = 1 << 22
"""Linux has no more process ids (`PID_MAX_LIMIT`), and refuses a `pids.max` above."""

YOUNG_POLL: Final = timedelta(milliseconds=250)
OLD_POLL: Final = timedelta(seconds=5)
OLD_AGE: Final = timedelta(seconds=30)

_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?", re.ASCII)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.ASCII | re.IGNORECASE)


def parse_duration(value: object) -> timedelta:
    """
    Read a duration: `90` or `"90"` (seconds), `"1.5s"`, `"250ms"`, `"5m"`, `"1h30m"`, `"30d"`,
    or a `timedelta`.

    Raises:
        ValueError: It is none of these, negative, or longer than ten years.
    """
    wrong = ValueError(
        f"{value!r:.80} is not a duration: write seconds, or a number with a unit such as 90s, 5m, 2h"
    )
    if isinstance(value, bool):
        raise wrong
    if isinstance(value, timedelta):
        duration = value
    elif isinstance(value, int | float):
        if not abs(value) <= LONGEST.total_seconds():
            raise ValueError(
                f"{value!r:.80} is further from 0 than {LONGEST.days} days, or no number"
            )
        duration = timedelta(seconds=value)
    elif isinstance(value, str):
        text = value.strip().lower()
        parts = _DURATION.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise wrong
        if len(parts) > 1 and not all(unit for _, unit in parts):
            raise wrong
        try:
            duration = sum(
                (float(number) * _UNITS[unit or "s"] for number, unit in parts), timedelta()
            )
        except OverflowError:
            duration = timedelta.max
    else:
        raise wrong
    if duration < timedelta():
        raise ValueError(f"{value!r:.80} is negative: a duration is 0 or more")
    if duration > LONGEST:
        raise ValueError(f"{value!r:.80} is longer than {LONGEST.days} days")
    return duration


def format_duration(duration: timedelta) -> str:
    """Write *duration* as people read it, with at most two units: `0.3s`, `42s`, `5m 3s`, `2d 4h`."""
    seconds = duration.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = int(seconds)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, secs = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (secs, "s")]
    first = next(i for i, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number}{unit}" for number, unit in parts[first : first + 2] if number)


def parse_size(value: object) -> int:
    """
    Read a size in bytes: `1048576`, `"512k"`, `"1g"`, `"1.5GiB"`; units are powers of 1024.

    Raises:
        ValueError: It is none of these, negative, or more than any disk holds.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        size: float = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        size = float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " ")
        if size % 1 > 0 and not match[2]:
            raise ValueError(f"{value!r:.80} is no whole number of bytes: give it a unit, 1.5g say")
    else:
        raise ValueError(f"{value!r:.80} is not a size: write bytes, or a number with k, m, g or t")
    if size < 0:
        raise ValueError(f"{value!r:.80} is negative: a size is 0 or more")
    if size > LARGEST:
        raise ValueError(f"{value!r:.80} is more than {LARGEST:,} bytes")
    return int(size)


def format_size(size: int) -> str:
    """Write *size* exactly, as `parse_size` reads it, in the largest unit that it is whole in."""
    for power, unit in ((4, "t"), (3, "g"), (2, "m"), (1, "k")):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return str(size)


def poll_interval(age: timedelta) -> timedelta:
    """Return how long a caller should leave a job of this *age* alone: 250 ms, growing to 5 s."""
    grown = min(max(age / OLD_AGE, 0.0), 1.0)
    return YOUNG_POLL + grown * (OLD_POLL - YOUNG_POLL)


def to_ms(duration: timedelta) -> int:
    """Return *duration* in whole milliseconds, as JSON and the store have it."""
    return round(duration / timedelta(milliseconds=1))


def from_ms(milliseconds: int) -> timedelta:
    """Return the duration of so many milliseconds."""
    return timedelta(milliseconds=milliseconds)


def read_milliseconds(value: object) -> timedelta:
    """Read a duration as JSON has it. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r:.80} is not a whole number of milliseconds, 0 or more")
    if value > to_ms(LONGEST):
        raise ValueError(f"this is longer than {LONGEST.days} days")
    return from_ms(value)


def positive_number(value: object) -> float:
    """Read a number of processors, say. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise ValueError(f"{value!r:.80} is not a number above 0 and below a million")
    return float(value)


def read_cpus_limit(value: object) -> float:
    """Read how many processors may be used. Raises ValueError, also for less than can be held to."""
    cpus = positive_number(value)
    if cpus < MIN_CPUS:
        raise ValueError(f"{value!r:.80} is less than {MIN_CPUS}, the least that can be held to")
    return cpus


def read_memory_limit(value: object) -> int:
    """Read how much memory may be used, in bytes. Raises ValueError, also for none at all."""
    size = parse_size(value)
    if not size:  # to engines that is no limit
        raise ValueError(f"{value!r:.80} is no memory at all: the limit is a size above 0")
    return size


def positive_int(value: object) -> int:
    """Read a number of processes, say. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_PIDS:
        raise ValueError(f"{value!r:.80} is not a whole number from 1 to {MAX_PIDS:,}")
    return value


def check_limit(limit: int) -> None:
    """See that an answer may list so many. Raises InvalidRequest."""
    if not 1 <= limit <= MOST_AT_ONCE:
        raise InvalidRequest(f"limit is from 1 to {MOST_AT_ONCE:,}, and not {limit}")


def iso(at: datetime | None) -> str | None:
    """Write a time as `2026-11-20T19:16:48.000Z`."""
    # Ten times as quick as strftime, and cut as it is there, not rounded.
    return None if at is None else f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_epoch_ms(at: datetime) -> int:
    """Return a time as whole milliseconds since 1970, as records have it."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def from_epoch_ms(milliseconds: int) -> datetime:
    """Return the time, in UTC, so many milliseconds after 1970 began."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def read_positive(value: object) -> int:
    """Return a whole number above 0. Raises ValueError where it is none."""
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{value!r:.80} is not a whole number above 0")
    return number


def read_yes_or_no(value: object) -> bool:
    """Return whether it is yes. Raises ValueError where it is neither that nor no."""
    said = {"yes": True, "no": False}.get(value, value) if isinstance(value, str) else value
    if not isinstance(said, bool):
        raise ValueError(f"{value!r:.80} is neither yes nor no")  # noqa: TRY004 told with all that is wrong
    return said


def read_output(value: object) -> str:
    """Return how to answer. Raises ValueError where that is neither of the two ways."""
    if value not in ("json", "text"):
        raise ValueError(f"{value!r:.80} is neither json nor text")
    return str(value)
