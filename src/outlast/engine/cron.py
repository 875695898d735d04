"""
When a schedule is due: cron expressions as Debian's cron has them, intervals, and time zones from the
machine's own database.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from ..core.limits import LONGEST, parse_duration, read_milliseconds
from ..core.schedule import SHORTEST, After, Missed, Overlap, Schedule, Timing, steps_of
from ..errors import InvalidRequest

NAMED: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""What crontab(5) has names for; `@reboot` is no time."""

FORM: Final = "minute hour day-of-month month day-of-week, such as 0 8 * * mon-fri"
KEYS: Final = ("cron", "every", "every_ms", "tz", "missed", "overlap")
"""What a caller says of a schedule's times."""

LOCALTIME: Final = "/etc/localtime"
TIMEZONE: Final = "/etc/timezone"

C = TypeVar("C", bound=StrEnum)


def read_timing(given: Mapping[str, Any], now: datetime, faults: list[str]) -> Timing:
    """
    Return what a caller says of a schedule's times (`KEYS`); what is wrong with it is added to
    *faults*. A time zone that is not named is this machine's.
    """
    said = {key: value for key, value in given.items() if value is not None}
    every = None
    for key, read in (("every", parse_duration), ("every_ms", read_milliseconds)):
        if key in said:
            try:
                every = read(said[key])
            except ValueError as error:
                faults.append(f"{key}: {error}")
            else:
                if not SHORTEST <= every <= LONGEST:
                    faults.append(f"{key}: {said[key]!r:.80} is not from 1s to 3650d")
                    every = None
    if sum(key in said for key in ("cron", "every", "every_ms")) != 1:
        faults.append(
            "a schedule is given either cron or every, and not both: every 15m, for example"
        )
    cron, tz = said.get("cron"), said.get("tz")
    if tz is not None and cron is None:
        faults.append("tz is for cron: an interval is the same in every time zone")
    if cron is not None:
        tz = local_zone() if tz is None else tz
        if (fault := _cron_fault(cron, tz, now)) is not None:
            faults.append(fault)
    return Timing(
        cron=cron if isinstance(cron, str) else None,
        every=every,
        tz=tz if isinstance(tz, str) and cron is not None else None,
        missed=_choice("missed", Missed, said, faults),
        overlap=_choice("overlap", Overlap, said, faults),
    )


def times_of(schedule: Schedule) -> After:
    """
    Return the times of *schedule*.

    Raises:
        InvalidRequest: They cannot be told here any more: its time zone is gone, say.
    """
    return times_from(schedule.timing, schedule.created_at)


def times_from(timing: Timing, start: datetime) -> After:
    """Return the times of what is due as *timing* says, counted from *start*. Raises as `times_of`."""
    if timing.every is not None:
        return steps_of(timing.every, start)
    return _cron_times(str(timing.cron), zone_of(timing.tz or "UTC"))


def zone_of(name: str) -> tzinfo:
    """Return the time zone of that name. Raises InvalidRequest."""
    if name == "UTC":
        return UTC  # also where there is no database
    try:
        return ZoneInfo(name)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"tz: {name!r:.80} is no time zone that this machine knows: Europe/Berlin, say, or UTC"
            " (the database of them is the package tzdata)"
        ) from error
    except KeyError as error:  # ZoneInfoNotFoundError is one
        raise InvalidRequest(
            f"tz: {name!r:.80} is not in this machine's database of time zones: Europe/Berlin, say,"
            " or UTC; where there is no database at all, install tzdata"
        ) from error


def local_zone(environ: Mapping[str, str] | None = None) -> str:
    """Return the name of this process's time zone; UTC where it has none that has a name."""
    environ = os.environ if environ is None else environ
    names = [environ.get("TZ", "").removeprefix(":")]
    with suppress(OSError):
        _, _, name = os.path.realpath(LOCALTIME).partition("/zoneinfo/")
        names.append(name.removeprefix("posix/"))
    with suppress(OSError, UnicodeDecodeError), open(TIMEZONE, encoding="ascii") as file:
        names.append(file.read().strip())
    found = next((name for name in names if _is_zone(name)), "UTC")
    return "UTC" if found == "Etc/UTC" else found


def _is_zone(name: str) -> bool:
    with suppress(InvalidRequest):
        return bool(name and zone_of(name))
    return False


def _cron_fault(cron: object, tz: object, now: datetime) -> str | None:
    """Return what is wrong with an expression and its time zone."""
    if not isinstance(tz, str):
        return f"tz is the name of a time zone, not {tz!r:.80}"
    try:
        zone = zone_of(tz)
    except InvalidRequest as error:
        return error.message
    if not isinstance(cron, str):
        return f"cron is an expression, not {cron!r:.80}: {FORM}"
    if cron.strip().lower() == "@reboot":
        return (
            "cron: @reboot is not a time; to have what waits go on after a reboot:"
            " outlast supervisor install"
        )
    if len(_fields(cron)) != 5:
        return f"cron: {cron!r:.80} has not five fields: {FORM}"
    from cronsim import CronSimError

    try:
        first = _cron_times(cron, zone)(now)
    except CronSimError as error:
        return f"cron: {cron!r:.80}: {str(error).lower()}: {FORM}"
    return f"cron: {cron!r:.80} is never due" if first is None else None


def _fields(cron: str) -> list[str]:
    name = cron.strip().lower()
    return NAMED.get(name, cron).split()


def _cron_times(cron: str, zone: tzinfo) -> After:
    from cronsim import CronSim

    expression = " ".join(_fields(cron))

    def after(at: datetime) -> datetime | None:
        # In the hour that comes twice, what it tells first may be the time of the first pass.
        for found in CronSim(expression, at.astimezone(zone)):
            if (due := found.astimezone(UTC)) > at:
                return due
        return None

    return after


def _choice(key: str, kind: type[C], said: Mapping[str, Any], faults: list[str]) -> C:
    first = next(iter(kind))
    try:
        return kind(said.get(key, first))
    except ValueError:
        faults.append(f"{key} is one of {', '.join(kind)}, not {said[key]!r:.80}")
        return first
