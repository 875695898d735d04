"""A schedule as people read it, and as programs do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....core.limits import format_duration
from ....engine.scheduledesk import public_schedule
from ....schedules import Schedules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from ....core.schedule import Schedule
    from ....framework.caller import Caller


def schedules_of(caller: Caller) -> Schedules:
    """Return the schedules that are meant: here, or on a server."""
    return Schedules(caller.service, caller.settings)


def answer(caller: Caller, schedule: Schedule, warnings: Sequence[str] = ()) -> None:
    """Answer with one schedule."""
    caller.answer(lambda: public_schedule(schedule), lambda: line(schedule), warnings=warnings)


def line(schedule: Schedule) -> str:
    """Return how *schedule* stands: when it is due, and what did not come of its times."""
    timing = schedule.timing
    said = [f"{schedule.name}: {schedule.state}, {when(schedule)}"]
    if schedule.next_at is not None:
        said.append(f"next at {moment(schedule.next_at, timing.tz)}")
    if schedule.last_at is not None:
        said.append(f"last at {moment(schedule.last_at, timing.tz)}: {schedule.last_job_id}")
    for count, at, what in (
        (schedule.missed_count, schedule.missed_at, "missed"),
        (schedule.skipped_count, schedule.skipped_at, "skipped, since it still ran"),
    ):
        if count and at is not None:
            said.append(f"{count} {what}, last at {moment(at, timing.tz)}")
    if schedule.error is not None:
        said.append(f"it could not run: {schedule.error}")
    return "; ".join(said)


def when(schedule: Schedule) -> str:
    """Return by what *schedule* is due."""
    timing = schedule.timing
    if timing.every is not None:
        return f"every {format_duration(timing.every)}"
    return f"{timing.cron} ({timing.tz})"


def moment(at: datetime, tz: str | None) -> str:
    """Return a time as people read it: in the schedule's time zone, with what that is from UTC."""
    return at.astimezone(_zone(tz)).isoformat(" ", "seconds").replace("+00:00", "Z")


def _zone(tz: str | None) -> tzinfo:
    """Return a time zone, and UTC for one that only the server's machine knows."""
    from datetime import UTC
    from zoneinfo import ZoneInfo

    try:
        return UTC if tz is None else ZoneInfo(tz)
    except (KeyError, OSError, ValueError):
        return UTC


def lines(shown: dict[str, Any], schedule: Schedule) -> str:
    """Return how *schedule* stands, what it runs, and its next times, each on a line of its own."""
    from datetime import datetime
    from shlex import join

    job = shown["job"]
    runs = join(job["command"]) if "command" in job else job.get("shell") or "a script"
    tz = schedule.timing.tz
    times = [f"  {moment(datetime.fromisoformat(at), tz)}" for at in shown["next_times"]]
    return "\n".join([line(schedule), f"runs: {runs}", *(["next:", *times] if times else [])])
