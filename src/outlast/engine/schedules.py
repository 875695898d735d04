"""
Submits what schedules are due for. What it knows stands in the store, and a job and what it changes in
its schedule are stored together: another one, after any death, goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ..core.schedule import Overlap, Step, look, refused, skipped
from ..errors import (
    ClientError,
    Forbidden,
    InvalidRequest,
    NotFound,
    StaleWrite,
    Unavailable,
)
from ..shim.failpoint import reach
from .cron import times_of
from .schedulerun import has_ended, submission_of

if TYPE_CHECKING:
    from ..core.job import Job, JobId
    from ..core.schedule import Schedule
    from ..ports.clock import Clock
    from ..ports.schedules import Schedules
    from . import verbs
    from .schedulefiles import Held, ScheduleFiles

log = logging.getLogger("outlast.schedules")

LOOK: Final = timedelta(seconds=15)
"""The longest sleep: the time of day may be set, and is not counted while the machine is suspended."""

HOSTS_ANSWER: Final = timedelta(seconds=10)
"""How long a supervisor that begins is given to hear from hosts what has ended there."""

ASK_AGAIN_S: Final = 0.25
"""Between two looks at whether it has."""

STORE_AGAIN_S: Final = 1.0
"""Between two tries of a store that is out of reach."""


class Scheduler:
    """
    Submits what is due in one home. *admit* raises `Forbidden` where whoever added a schedule may
    not run it any more; *submit* and *get* are the service's; *catch_up* has an end of a job be in the store
    that came while nobody was there to hear of it.
    """

    def __init__(
        self,
        schedules: Schedules,
        files: ScheduleFiles,
        clock: Clock,
        *,
        admit: Callable[[Schedule, Held], None],
        submit: Callable[[verbs.Submit], tuple[Job, ...]],
        get: Callable[[JobId], Job],
        catch_up: Callable[[JobId], Awaitable[None]],
    ) -> None:
        self._schedules = schedules
        self._files = files
        self._clock = clock
        self._admit = admit
        self._submit = submit
        self._get = get
        self._catch_up = catch_up
        self._woken = asyncio.Event()
        self._began_s = clock.monotonic()
        self._unheard: set[JobId] = set()
        """Last runs on hosts of which it is not known yet whether they have ended."""

    def wake(self) -> None:
        """A schedule may be another one."""
        self._woken.set()

    async def run(self) -> None:
        """Work until no schedule will ever be due."""
        with suppress(ClientError, OSError):
            there = {each.id for each in self._schedules.find()}
            self._files.sweep(there, self._clock.now())
        while True:
            self._woken.clear()
            try:
                await self._take_in_ends()
                due_at = self.turn()
            except (Unavailable, OSError) as error:
                log.warning("schedules are tried again: %s", error)
                pause_s = STORE_AGAIN_S
            else:
                if due_at is None:
                    return
                left = due_at - self._clock.now()
                pause_s = max(timedelta(), min(left, LOOK)).total_seconds()
                pause_s = max(pause_s, ASK_AGAIN_S) if self._unheard else pause_s
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()

    async def _take_in_ends(self) -> None:
        """Have it be known of what is due whether its last run has ended: a supervisor that begins may not have looked."""
        now = self._clock.now()
        self._unheard.clear()
        next_due = self._schedules.next_due()
        if next_due is None or next_due > now:
            return
        for each in self._schedules.find():
            is_due = each.next_at is not None and each.next_at <= now
            if is_due and each.last_job_id and not has_ended(each.last_job_id, self._get):
                await self._catch_up(each.last_job_id)
                if self._is_unheard(each.last_job_id):
                    self._unheard.add(each.last_job_id)

    def _is_unheard(self, job_id: JobId) -> bool:
        is_young = self._clock.monotonic() - self._began_s < HOSTS_ANSWER.total_seconds()
        return is_young and not has_ended(job_id, self._get) and self._get(job_id).spec.is_remote

    def turn(self) -> datetime | None:
        """
        Submit what is due now. Returns when something is due next; None: never.

        Raises:
            Unavailable, OSError: Something cannot be stored for now. What was due is due still.
        """
        for schedule in self._schedules.find():
            self._look_at(schedule)
        return self._schedules.next_due()

    def _look_at(self, schedule: Schedule) -> None:
        if schedule.next_at is None:
            return
        try:
            step = look(schedule, self._clock.now(), times_of(schedule))
        except InvalidRequest as error:  # its time zone is gone from this machine
            if schedule.error != error.message:
                log.warning("the schedule %s cannot go on: %s", schedule.name, error)
                self._save(refused(Step(before=schedule, after=schedule), error.message))
            return
        if step is None:
            return
        passed = step.after.missed_count - schedule.missed_count
        if step.due_at is None:
            self._save(step)
        elif schedule.timing.overlap is Overlap.SKIP and not has_ended(
            schedule.last_job_id, self._get
        ):
            if schedule.last_job_id in self._unheard:
                return  # decided on once its host could tell
            log.warning(
                "the schedule %s is due, and %s has not ended: skipped",
                *(schedule.name, schedule.last_job_id),
            )
            self._save(skipped(step))
        else:
            self._begin(step)
        if passed:
            log.warning(
                "the schedule %s was due %s times while nobody was there, last at %s",
                *(schedule.name, passed, step.after.missed_at),
            )

    def _begin(self, step: Step) -> None:
        schedule = step.before
        try:
            held = self._files.read(schedule)
            self._admit(schedule, held)
            request = submission_of(step, held)
            reach("schedules.before_submit")
            (job,) = self._submit(request)
            reach("schedules.after_submit")
        except StaleWrite:
            self._woken.set()  # it is another one by now
        except (Forbidden, InvalidRequest, NotFound) as error:
            log.warning("the schedule %s was due, and may not run: %s", schedule.name, error)
            self._save(refused(step, error.message))
        else:
            log.info("the schedule %s was due: %s", schedule.name, job.id)

    def _save(self, step: Step) -> None:
        if not self._schedules.save(step.before, step.after):
            self._woken.set()
