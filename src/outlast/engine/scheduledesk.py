"""Does the verbs about schedules: jobs that are submitted again and again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..core.limits import iso, to_ms
from ..core.schedule import (
    Overlap,
    Schedule,
    Step,
    Timing,
    name_fault,
    paused,
    resumed,
    spec_faults,
)
from ..core.spec import spec_to_json
from ..errors import Conflict, InvalidRequest, NotFound, NotTerminal, StaleWrite, Unavailable
from ..ports.executor import Captured
from . import verbs
from .cron import times_of
from .preflight import anchored, local_faults
from .schedulefiles import ScheduleFiles
from .schedulerun import has_ended, submission_of

if TYPE_CHECKING:
    from datetime import datetime

    from ..core.job import Job, JobId
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.schedules import Schedules
    from ..ports.supervision import Supervision
    from .preflight import Ask

SHOWN: Final = 5
"""So many of its next times are told of one schedule."""

PATIENCE: Final = timedelta(seconds=5)
"""How long a supervisor is given to take in an end that there may be."""

TRIES: Final = 10
"""A supervisor may change a schedule in the same moment."""


Admits = Callable[[Schedule], None]
"""
Sees that whoever asks may change a schedule, or raises `Forbidden`. What is changed then is the one
that was shown to it, and no other of its name.
"""


def anybody(schedule: Schedule) -> None:
    """Admit whoever asks: it is their own home."""


class AddSchedule(NamedTuple):
    """Have a job be submitted again and again."""

    name: str
    timing: Timing
    request: verbs.Submit
    """Of one spec: the job, and all that it inherits."""

    token_id: str = ""
    rules: tuple[str | None, str | None] = (None, None)
    """The server's files of policies and of hosts, where they are named."""

    replace: bool = False
    """Put it in the place of another one of this name."""

    admits: Admits = anybody
    """Is shown that one."""

    most: int | None = None
    """So many its token may have; None: as many as it likes."""

    def __repr__(self) -> str:
        return f"AddSchedule({self.name})"


class ScheduleDesk:
    """
    The verbs over the schedules of one home. *submit* stores jobs, *get* returns one as it is
    stored. May be shared by threads.
    """

    def __init__(
        self,
        schedules: Schedules,
        supervision: Supervision,
        clock: Clock,
        home: Home,
        capabilities: Ask,
        *,
        submit: Callable[[verbs.Submit], tuple[Job, ...]],
        get: Callable[[JobId], Job],
    ) -> None:
        self._schedules = schedules
        self._supervision = supervision
        self._clock = clock
        self._home = home
        self._files = ScheduleFiles(home)
        self._capabilities = capabilities
        self._submit = submit
        self._get = get

    def close(self) -> None:
        """Let go of the store. Idempotent."""
        self._schedules.close()

    def add(self, request: AddSchedule) -> Schedule:
        """
        Store a schedule, and what its jobs inherit. On disk when this returns. One that is there
        already, and asks for the same, is returned as it stands.

        Raises:
            InvalidRequest: Something is wrong with it; every fault is listed.

            Conflict: There is another one of this name, and it is not to be replaced.

            Forbidden: Whoever asks may not replace it, or has too many already.
        """
        (spec,), captured = request.request.specs, request.request.captured or Captured(env={})
        spec = anchored(spec, captured)
        faults = [*filter(None, [name_fault(request.name)]), *spec_faults(spec, request.timing)]
        faults += local_faults(spec, captured, self._capabilities)
        if faults:
            raise InvalidRequest(*faults)
        self._home.prepare()
        now = self._clock.now()
        schedule = Schedule(
            id=f"sch_{self._clock.new_token()}",
            name=request.name,
            timing=request.timing,
            spec=spec,
            principal=request.request.principal,
            token_id=request.token_id,
            created_at=now,
        )
        schedule = replace(schedule, next_at=times_of(schedule)(now))
        for _ in range(TRIES):
            before = next(iter(self._schedules.find(request.name)), None)
            if before is not None and not request.replace:
                stdin = request.request.stdin
                if _asks_the_same(before, schedule) and self._files.stdin_of(before) == stdin:
                    return before
                raise _taken(request.name)
            if before is not None:
                request.admits(before)
            try:
                self._store(schedule, request, instead_of=before)
            except Conflict:
                continue  # somebody else was faster: theirs is another one, to be looked at
            if before is not None:
                self._files.drop(before.id)
            self._supervision.wake()
            return schedule
        raise _busy(request.name)

    def _store(
        self, schedule: Schedule, request: AddSchedule, *, instead_of: Schedule | None
    ) -> None:
        """Store a schedule with what its jobs inherit. Raises `Conflict`, and leaves nothing then."""
        try:
            self._files.hold(schedule.id, request.request, request.rules)
            self._schedules.add(schedule, instead_of=instead_of, most=request.most)
        except BaseException as error:
            self._files.drop(schedule.id)
            if isinstance(error, OSError):
                from ..home import not_written

                raise not_written(f"The home {self._home.path}", error) from error
            raise

    def list(self) -> tuple[Schedule, ...]:
        """Return all schedules, by their names."""
        if self._schedules.next_due() is not None:
            self._supervision.wake()
        return self._schedules.find()

    def get(self, name: str) -> Schedule:
        """Return the schedule of that name. Raises NotFound."""
        if (schedule := self._found(name)).next_at is not None:
            self._supervision.wake()
        return schedule

    def pause(self, name: str, admits: Admits = anybody) -> Schedule:
        """Have none of its times count. Raises NotFound."""
        return self._changed(name, paused, admits)

    def resume(self, name: str, admits: Admits = anybody) -> Schedule:
        """Have its times count again; those that passed meanwhile were not missed. Raises NotFound."""
        now = self._clock.now()
        after = self._changed(name, lambda before: resumed(before, now, times_of(before)), admits)
        self._supervision.wake()
        return after

    def remove(self, name: str, admits: Admits = anybody) -> Schedule:
        """Forget it, and what its jobs inherit; no job is touched. Raises NotFound."""
        for _ in range(TRIES):
            admits(before := self._found(name))
            if (removed := self._schedules.remove(name, only=before)) is not None:
                self._files.drop(removed.id)
                self._supervision.wake()  # which may have nothing to stay for any more
                return removed
        raise _busy(name)

    def run(self, name: str, admits: Admits = anybody, *, principal: str = "local") -> Job:
        """
        Submit a job of it now, whatever the time and though it is paused, in the name of
        *principal*.

        Raises:
            NotFound: There is no such schedule.

            NotTerminal: Its last run has not ended, and two are not to run at once.
        """
        for _ in range(TRIES):
            admits(schedule := self._found(name))
            last = schedule.last_job_id
            if schedule.timing.overlap is Overlap.SKIP and not self._has_ended(last):
                raise NotTerminal(
                    f"{last}, the last run of {name}, has not ended",
                    job_id=last,
                    suggestion=f"Wait for it, or end it: outlast job cancel {last}",
                )
            step = Step(before=schedule, after=schedule, due_at=self._clock.now())
            try:
                request = submission_of(step, self._files.read(schedule))
            except InvalidRequest:
                if self._found(name).id == schedule.id:
                    raise
                continue  # it went with the schedule: another one has taken its place
            try:
                return self._submit(request._replace(keys=(None,), principal=principal))[0]
            except StaleWrite:
                continue  # the supervisor was faster: see what has become of it
        raise _busy(name)

    def coming(self, schedule: Schedule) -> tuple[datetime, ...]:
        """Return when its next jobs are due; none while it is paused."""
        times: list[datetime] = []
        at = schedule.next_at
        with suppress(InvalidRequest):  # of a time zone that is gone, only the first is known
            while at is not None and len(times) < SHOWN:
                times.append(at)
                at = times_of(schedule)(at)
        return tuple(times)

    def public(self, schedule: Schedule, *, with_times: bool = False) -> dict[str, Any]:
        """Return *schedule* as the JSON that every door gives; *with_times*, the next ones too."""
        times = {"next_times": [*map(iso, self.coming(schedule))]} if with_times else {}
        return {**public_schedule(schedule), **times}

    def _has_ended(self, job_id: JobId | None) -> bool:
        if has_ended(job_id, self._get):
            return True
        self._supervision.catch_up(
            PATIENCE
        )  # it may have ended while nobody was there to hear of it
        return has_ended(job_id, self._get)

    def _found(self, name: str) -> Schedule:
        if name_fault(name) is not None or not (found := self._schedules.find(name)):
            raise _missing(name)
        return found[0]

    def _changed(
        self, name: str, change: Callable[[Schedule], Schedule], admits: Admits
    ) -> Schedule:
        for _ in range(TRIES):
            admits(before := self._found(name))
            if self._schedules.save(before, after := change(before)):
                return after
        raise _busy(name)


def public_schedule(schedule: Schedule) -> dict[str, Any]:
    """Return *schedule* as JSON. There is no value of a secret in it."""
    timing = schedule.timing
    return {
        "name": schedule.name,
        "schedule_id": schedule.id,
        "state": str(schedule.state),
        "cron": timing.cron,
        "every_ms": None if timing.every is None else to_ms(timing.every),
        "tz": timing.tz,
        "missed": str(timing.missed),
        "overlap": str(timing.overlap),
        "principal": schedule.principal,
        "created_at": iso(schedule.created_at),
        "next_at": iso(schedule.next_at),
        "last_at": iso(schedule.last_at),
        "last_job_id": schedule.last_job_id,
        "missed_count": schedule.missed_count,
        "missed_at": iso(schedule.missed_at),
        "skipped_count": schedule.skipped_count,
        "skipped_at": iso(schedule.skipped_at),
        "error": schedule.error,
        "job": spec_to_json(schedule.spec),
    }


def _asks_the_same(one: Schedule, other: Schedule) -> bool:
    return (one.timing, spec_to_json(one.spec), one.principal) == (
        other.timing,
        spec_to_json(other.spec),
        other.principal,
    )


def _taken(name: str) -> Conflict:
    return Conflict(
        f"there is another schedule {name} already",
        suggestion=f"Replace it (--replace), take another name, or: outlast schedule remove {name}",
    )


def _missing(name: str) -> NotFound:
    return NotFound(
        f"There is no schedule {name!r:.80}", suggestion="List them: outlast schedule list"
    )


def _busy(name: str) -> Unavailable:
    return Unavailable(f"the schedule {name} changes all the time", suggestion="Try again")
