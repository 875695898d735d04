"""What every store of schedules promises, as tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeAlias

from ..core.job import JobId, JobSpec
from ..core.schedule import Missed, Overlap, Schedule, ScheduleState, Step, Timing
from ..errors import Conflict, Forbidden, StaleWrite
from ..ports.schedules import Schedules
from ..ports.store import Entry, Query, Store
from .clock import FakeClock
from .demand import raises
from .jobs import a_job

HOUR: Final = timedelta(hours=1)

OpenSchedules: TypeAlias = Callable[[], tuple[Store, Schedules]]
"""Opens the jobs and the schedules of the test's database once more."""


def a_schedule(clock: FakeClock, name: str = "nightly", **fields: Any) -> Schedule:
    """Return a new one that is due in an hour, its fields as they are given."""
    schedule = Schedule(
        id=f"sch_{clock.new_token()}",
        name=name,
        timing=Timing(every=HOUR),
        spec=JobSpec(command=("true",)),
        created_at=clock.now(),
        next_at=clock.now() + HOUR,
    )
    return replace(schedule, **fields)


class SchedulesContract:
    """Inherit from this, and give the fixture `open_schedules`, an `OpenSchedules`."""

    def test_where_nothing_was_made_there_is_none(self, open_schedules: OpenSchedules) -> None:
        """And nothing is due."""
        _, schedules = open_schedules()

        assert ((), None) == (schedules.find(), schedules.next_due())
        assert None is schedules.remove("nightly")

    def test_one_comes_back_as_it_was_stored(self, open_schedules: OpenSchedules) -> None:
        """Each of its fields, for whoever looks, and by its name."""
        clock = FakeClock()
        _, schedules = open_schedules()
        at = clock.now()
        full = a_schedule(
            clock,
            timing=Timing(
                cron="0 8 * * *", tz="Europe/Berlin", missed=Missed.ONCE, overlap=Overlap.QUEUE
            ),
            spec=JobSpec(command=("printf", "\u00e4"), env={"A": "1"}, timeout=HOUR),
            principal="ci",
            token_id="tok_1",  # noqa: S106 - the id of one
            last_at=at,
            last_job_id=JobId("job_1"),
            missed_count=3,
            missed_at=at - HOUR,
            skipped_count=2,
            skipped_at=at - 2 * HOUR,
            error="why",
        )
        asleep = a_schedule(clock, "asleep", state=ScheduleState.PAUSED, next_at=None)
        for each in (full, asleep):
            schedules.add(each)

        for seen in (schedules, open_schedules()[1]):
            assert (asleep, full) == seen.find()
            assert ((full,), ()) == (seen.find("nightly"), seen.find("none"))
            assert at + HOUR == seen.next_due()

    def test_a_name_is_taken_once(self, open_schedules: OpenSchedules) -> None:
        """Unless the one that has it is to be replaced, and is the one that was meant."""
        clock = FakeClock()
        _, schedules = open_schedules()
        first, second = a_schedule(clock), a_schedule(clock)
        schedules.add(first)
        for meant in (None, second):
            with raises(Conflict):
                schedules.add(second, instead_of=meant)
        assert (first,) == schedules.find()
        schedules.add(second, instead_of=first)

        assert (second,) == schedules.find()
        assert schedules.remove("nightly", only=first) is None
        assert second == schedules.remove("nightly", only=second)
        assert schedules.remove("nightly") is None
        assert () == schedules.find()

    def test_a_token_has_no_more_than_it_may(self, open_schedules: OpenSchedules) -> None:
        """What takes the place of another one of its own is not one more; others are not counted."""
        clock = FakeClock()
        _, schedules = open_schedules()
        first, second, third = (
            a_schedule(clock, name, token_id=token)
            for name, token in (("a", "tok_1"), ("b", "tok_2"), ("c", "tok_1"))
        )
        schedules.add(first, most=1)
        schedules.add(second, most=1)
        with raises(Forbidden):
            schedules.add(third, most=1)
        instead = a_schedule(clock, "a", token_id="tok_1")  # noqa: S106 - the id of one
        schedules.add(instead, instead_of=first, most=1)
        with raises(Forbidden):
            schedules.add(replace(third, name="b"), instead_of=second, most=1)

        assert (instead, second) == schedules.find()
        schedules.add(third, most=2)
        assert (instead, second, third) == schedules.find()

    def test_of_two_changes_one_is_stored(self, open_schedules: OpenSchedules) -> None:
        """Whoever read an older one is told so, and may look again."""
        clock = FakeClock()
        (_, mine), (_, others) = open_schedules(), open_schedules()
        mine.add(before := a_schedule(clock))
        after = replace(before, state=ScheduleState.PAUSED, next_at=None)

        assert (True, False) == (mine.save(before, after), others.save(before, before))
        assert (replace(after, version=2),) == others.find()
        assert None is others.next_due()

    def test_a_job_moves_its_schedule_on(self, open_schedules: OpenSchedules) -> None:
        """Both are stored, or none: where the schedule is not what it was, there is no job."""
        clock = FakeClock()
        store, schedules = open_schedules()
        schedules.add(before := a_schedule(clock))
        due = before.next_at
        step = Step(
            before=before, after=replace(before, next_at=clock.now() + 2 * HOUR), due_at=due
        )
        (job,) = store.add([Entry(job=a_job(clock), key="k", step=step)])

        (after,) = schedules.find()
        assert (clock.now() + 2 * HOUR, due) == (after.next_at, after.last_at)
        assert (job.id, 2) == (after.last_job_id, after.version)
        with raises(StaleWrite):
            store.add([Entry(job=a_job(clock), step=step)])
        schedules.remove("nightly")
        with raises(StaleWrite):
            store.add([Entry(job=a_job(clock), step=replace(step, before=after))])
        assert (job,) == store.find(Query()).jobs

    def test_a_key_that_is_known_moves_it_on_with_the_job_of_then(
        self, open_schedules: OpenSchedules
    ) -> None:
        """A time that came twice, by a clock that was set back, is that job's."""
        clock = FakeClock()
        store, schedules = open_schedules()
        schedules.add(before := a_schedule(clock))
        (job,) = store.add([Entry(job=a_job(clock), key="k")])
        step = Step(before=before, after=before, due_at=clock.now())

        assert (job,) == store.add([Entry(job=a_job(clock), key="k", step=step)])
        assert [job.id] == [each.last_job_id for each in schedules.find()]
