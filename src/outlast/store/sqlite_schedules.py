"""Schedules in the database of the jobs. Read only where there is to do with one."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from json import dumps, loads
from typing import TYPE_CHECKING, Any

from ..core.limits import from_epoch_ms, from_ms, to_epoch_ms, to_ms
from ..errors import Conflict, Forbidden, StaleWrite
from .sql import sqlite_schedules as sql
from .sqlite_connection import Connection

if TYPE_CHECKING:
    from ..core.schedule import Schedule, Step


class SqliteSchedules:
    """The `Schedules` of the file at *path*. May be shared by threads."""

    def __init__(self, path: str) -> None:
        self._database = Connection(path)

    def add(
        self, schedule: Schedule, *, instead_of: Schedule | None = None, most: int | None = None
    ) -> None:
        with self._database.write() as database:
            there = database.execute(sql.FIND, {"name": schedule.name}).fetchone()
            if there is not None and (instead_of is None or there[0] != instead_of.id):
                raise Conflict(f"there is a schedule {schedule.name} already")
            if there is not None:
                database.execute(sql.REMOVE, (there[0],))
            if most is not None:
                (count,) = database.execute(sql.COUNT_OF_TOKEN, (schedule.token_id,)).fetchone()
                if count >= most:
                    raise Forbidden(
                        f"the token {schedule.principal} has as many schedules as it may: {most:,}",
                        suggestion="Remove one, or have an administrator allow more:"
                        " OUTLAST_MAX_SCHEDULES, max_schedules in config.toml",
                    )
            database.execute(sql.ADD, _row(schedule))

    def find(self, name: str | None = None) -> tuple[Schedule, ...]:
        with self._database.read() as database:
            if database is None:
                return ()
            return tuple(map(_schedule, database.execute(sql.FIND, {"name": name}).fetchall()))

    def save(self, before: Schedule, after: Schedule) -> bool:
        with self._database.write() as database:
            return _save(database, before, after)

    def remove(self, name: str, *, only: Schedule | None = None) -> Schedule | None:
        with self._database.write() as database:
            row = database.execute(sql.FIND, {"name": name}).fetchone()
            if row is None or (only is not None and row[0] != only.id):
                return None
            database.execute(sql.REMOVE, (row[0],))
            return _schedule(row)

    def next_due(self) -> datetime | None:
        with self._database.read() as database:
            row = (None,) if database is None else database.execute(sql.NEXT_DUE).fetchone()
        return None if row[0] is None else from_epoch_ms(row[0])

    def close(self) -> None:
        self._database.close()


def take_step(database: sqlite3.Connection, step: Step) -> None:
    """
    Store what a job of a schedule changes in it. Part of the transaction in which the job is.

    Raises:
        StaleWrite: The schedule is another one by now, or is gone.
    """
    if not _save(database, step.before, step.after):
        raise StaleWrite(f"the schedule {step.before.name} has changed meanwhile")


def _save(database: sqlite3.Connection, before: Schedule, after: Schedule) -> bool:
    row = _row(after)[-len(sql.STANDS) : -1]
    asked = (*row, before.version + 1, before.id, before.version)
    return database.execute(sql.SAVE, asked).rowcount == 1


def _row(schedule: Schedule) -> tuple[Any, ...]:
    from ..core.spec import spec_to_json

    timing = schedule.timing
    return (
        schedule.id,
        schedule.name,
        timing.cron,
        None if timing.every is None else to_ms(timing.every),
        timing.tz,
        timing.missed,
        timing.overlap,
        dumps(spec_to_json(schedule.spec)),
        schedule.principal,
        schedule.token_id,
        schedule.state,
        to_epoch_ms(schedule.created_at),
        _ms(schedule.next_at),
        _ms(schedule.last_at),
        schedule.last_job_id,
        schedule.missed_count,
        _ms(schedule.missed_at),
        schedule.skipped_count,
        _ms(schedule.skipped_at),
        schedule.error,
        schedule.version,
    )


def _schedule(row: Any) -> Schedule:
    from ..core.schedule import Missed, Overlap, Schedule, ScheduleState, Timing
    from ..core.spec import spec_from_json

    there = dict(zip(sql.COLUMNS, row, strict=True))
    every = there["every_ms"]
    return Schedule(
        id=there["schedule_id"],
        name=there["name"],
        timing=Timing(
            cron=there["cron"],
            every=None if every is None else from_ms(every),
            tz=there["tz"],
            missed=Missed(there["missed"]),
            overlap=Overlap(there["overlap"]),
        ),
        spec=spec_from_json(loads(there["spec"])),
        principal=there["principal"],
        token_id=there["token_id"],
        state=ScheduleState(there["state"]),
        created_at=from_epoch_ms(there["created_ms"]),
        next_at=_time(there["next_ms"]),
        last_at=_time(there["last_ms"]),
        last_job_id=there["last_job_id"],
        missed_count=there["missed_count"],
        missed_at=_time(there["missed_ms"]),
        skipped_count=there["skipped_count"],
        skipped_at=_time(there["skipped_ms"]),
        error=there["error"],
        version=there["version"],
    )


def _ms(at: datetime | None) -> int | None:
    return None if at is None else to_epoch_ms(at)


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else from_epoch_ms(ms)
