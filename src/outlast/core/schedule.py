"""
A schedule: a job's spec that is submitted again and again, and which of its times have come, or
have passed while nobody was there. When those times are is a function that is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from .frozen import frozen
from .job import JobId, JobSpec, queue_of
from .naming import fault_of_name
from .queue import OF_SCHEDULE, stranger

After = Callable[[datetime], datetime | None]
"""Returns the first time of a schedule that is later than the given one; None: there is none."""

LABEL: Final = "schedule"
"""The label of a schedule's jobs: its value is the schedule's name."""

LATE: Final = timedelta(minutes=1)
"""A time that passed longer ago was missed: nobody was there."""

MOST: Final = 10_000
"""So many times are counted at once; after years away that may not be all."""

SHORTEST: Final = timedelta(seconds=1)


class Missed(StrEnum):
    """What becomes of the times that passed while nobody was there."""

    SKIP = "skip"
    """They are counted, and told."""

    ONCE = "once"
    """One job runs for all of them."""


class Overlap(StrEnum):
    """What becomes of a time that comes while the last run has not ended."""

    SKIP = "skip"
    """It is counted, and told."""

    QUEUE = "queue"
    """Its job waits for those before it."""


class ScheduleState(StrEnum):
    """Whether its times count."""

    ACTIVE = "active"
    PAUSED = "paused"


@frozen
class Timing:
    """When a schedule's jobs begin. Either *cron* or *every* is given."""

    cron: str | None = None
    every: timedelta | None = None
    tz: str | None = None
    """The time zone that *cron* means, by its name in the IANA database."""

    missed: Missed = Missed.SKIP
    overlap: Overlap = Overlap.SKIP


@frozen
class Schedule:
    """One schedule, as it stands."""

    id: str
    """Another one of the same name has another."""

    name: str
    timing: Timing
    spec: JobSpec
    """What the caller asked for, with paths and hosts as they were meant."""

    principal: str = "local"
    """Whose jobs they are."""

    token_id: str = ""
    """The token by which it was added: what that may not, no job of it may."""

    state: ScheduleState = ScheduleState.ACTIVE
    created_at: datetime
    next_at: datetime | None = None
    """When the next job is due; None while it is paused, or where no time is left."""

    last_at: datetime | None = None
    """When the last job was due."""

    last_job_id: JobId | None = None
    missed_count: int = 0
    """The times that passed without a job of their own: nobody was there, or none might be submitted."""

    missed_at: datetime | None = None
    """The last of them."""

    skipped_count: int = 0
    """The times that passed since the last run had not ended."""

    skipped_at: datetime | None = None
    error: str | None = None
    """Why no job was submitted when the last one was due; None: one was."""

    version: int = 1
    """Counts its changes in the store."""


@frozen
class Step:
    """What a look at a schedule comes to: how it stands then, and when its job was due."""

    before: Schedule
    after: Schedule
    due_at: datetime | None = None
    """None: no job begins."""


def name_fault(name: object) -> str | None:
    """Return what is wrong with a name for a schedule; None: nothing."""
    return fault_of_name(name, "a schedule")


def steps_of(every: timedelta, start: datetime) -> After:
    """Return the times of what is due every so often after *start*."""

    def after(at: datetime) -> datetime:
        return start + every * max(1, (at - start) // every + 1)

    return after


def look(schedule: Schedule, now: datetime, after: After) -> Step | None:
    """
    Return what *now* means for *schedule*; None: nothing, its next time has not come.

    A time that came up to `LATE` ago has come; all before it were missed. One that is further off
    than the time after the next was set by a clock that has been set back since: it is set anew.
    What ran before that does not run again, since its job has the key of its time.
    """
    at = schedule.next_at
    if schedule.state is not ScheduleState.ACTIVE or at is None:
        return None
    coming = after(now)
    if at > now:
        beyond = None if coming is None else after(coming)
        if beyond is None or at <= beyond:
            return None
        return Step(before=schedule, after=replace(schedule, next_at=_anew(now, after)))
    times = [at]
    while len(times) < MOST and (following := after(times[-1])) is not None and following <= now:
        times.append(following)
    begins = schedule.timing.missed is Missed.ONCE or now - times[-1] <= LATE
    passed = times[:-1] if begins else times
    stands = replace(
        schedule,
        next_at=coming,
        missed_count=schedule.missed_count + len(passed),
        missed_at=passed[-1] if passed else schedule.missed_at,
    )
    return Step(before=schedule, after=stands, due_at=times[-1] if begins else None)


def _anew(now: datetime, after: After) -> datetime | None:
    """Return the next time; or the one that has come since the clock was set, before anybody looked."""
    recent = after(now - LATE)
    is_the_only_one = recent is not None and (after(recent) or now) > now
    return recent if is_the_only_one else after(now)


def begun(step: Step, job_id: JobId) -> Step:
    """Return *step* with the job that was submitted for it."""
    after = replace(step.after, last_at=step.due_at, last_job_id=job_id, error=None)
    return replace(step, after=after)


def skipped(step: Step) -> Step:
    """Return *step* where the last run has not ended: no job begins."""
    count = step.after.skipped_count + 1
    return _without_job(step, skipped_count=count, skipped_at=step.due_at)


def refused(step: Step, why: str) -> Step:
    """Return *step* where no job may or can be submitted, and why: a time that had come was missed."""
    if step.due_at is None:
        return _without_job(step, error=why)
    count = step.after.missed_count + 1
    return _without_job(step, error=why, missed_count=count, missed_at=step.due_at)


def _without_job(step: Step, **changes: object) -> Step:
    return replace(step, after=replace(step.after, **changes), due_at=None)  # type: ignore[arg-type]  # fields by name


def paused(schedule: Schedule) -> Schedule:
    """Return *schedule* as it stands while nothing is due: no time counts."""
    return replace(schedule, state=ScheduleState.PAUSED, next_at=None)


def resumed(schedule: Schedule, now: datetime, after: After) -> Schedule:
    """Return *schedule* with its times counting again: what passed meanwhile was not missed."""
    if schedule.state is ScheduleState.ACTIVE:
        return schedule
    return replace(schedule, state=ScheduleState.ACTIVE, next_at=after(now))


def spec_of_run(schedule: Schedule) -> JobSpec:
    """Return the spec of a job of *schedule*: named after it where it has no name, and labelled."""
    spec = schedule.spec
    given: dict[str, object] = {"labels": {**spec.labels, LABEL: schedule.name}}
    if spec.name is None:
        given["name"] = schedule.name
    if schedule.timing.overlap is Overlap.QUEUE:
        given |= {"queue": OF_SCHEDULE + schedule.name, "queue_width": 1}
    return replace(spec, **given)  # type: ignore[arg-type]  # fields by name


def spec_faults(spec: JobSpec, timing: Timing) -> list[str]:
    """Return what keeps *spec* from being submitted again and again."""
    faults = []
    if spec.start_at is not None:
        faults.append("start_at is one time, and a schedule has many: leave it out")
    if spec.after:
        faults.append("after is for jobs that end once, and a schedule has many: leave it out")
    if spec.session is not None:
        faults.append("a session is somebody's, and closed one day: name its host with on")
    if LABEL in spec.labels:
        faults.append(f"the label {LABEL} names the schedule itself: take another")
    if timing.overlap is Overlap.QUEUE:
        wait = "overlap queue has the runs wait in a queue of their own"
        if spec.queue is not None:
            faults.append(f"{wait}: leave queue out")
        if spec.on:
            faults.append(f"{wait}, one at a time: hosts would wait for each other, too: take skip")
    return faults


def strange_queue(schedule: Schedule, created: Callable[[], Collection[str]]) -> str | None:
    """
    Return what whoever added *schedule* is to be told where its jobs name a queue that is not among
    those that were *created*, which are asked for only then: a name that may be mistyped. None: nothing.
    """
    name = queue_of(schedule.spec)
    if name is None or schedule.spec.queue_width is not None or name in (there := created()):
        return None
    again = f"outlast schedule add --replace {schedule.name} --queue"
    return f"{stranger(name, there, lambda to: f'{again} {to} ...')}, or --queue-width N"
