"""Schedules in SQLite: kept as they were given, and moved on with the jobs that they begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.core.job import JobId, JobSpec
from outlast.core.schedule import Missed, Overlap, Schedule, ScheduleState, Step, Timing
from outlast.errors import Conflict, StaleWrite
from outlast.ports.schedules import Schedules
from outlast.ports.store import Entry, Query, Store
from outlast.store import open_schedules, open_store
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

HOUR = timedelta(hours=1)


@pytest.fixture
def schedules(tmp_path: Path) -> Iterator[Schedules]:
    with closing(open_schedules(tmp_path / "outlast.db")) as schedules:
        yield schedules


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "outlast.db")) as store:
        yield store


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def a_schedule(clock: FakeClock, name: str = "nightly", **fields: object) -> Schedule:
    schedule = Schedule(
        id=f"sch_{clock.new_token()}",
        name=name,
        timing=Timing(every=HOUR),
        spec=JobSpec(command=("true",)),
        created_at=clock.now(),
        next_at=clock.now() + HOUR,
    )
    return replace(schedule, **fields)  # type: ignore[arg-type]  # fields by name


def test_where_nothing_was_made_there_is_none(schedules: Schedules, tmp_path: Path) -> None:
    """And looking makes nothing."""
    assert ((), None) == (schedules.find(), schedules.next_due())
    assert [] == [*tmp_path.iterdir()]


def test_one_comes_back_as_it_was_stored(schedules: Schedules, clock: FakeClock) -> None:
    """Each of its fields, and by its name."""
    at = clock.now()
    full = a_schedule(
        clock,
        timing=Timing(cron="0 8 * * *", tz="Europe/Berlin", missed=Missed.ONCE, overlap=Overlap.QUEUE),
        spec=JobSpec(command=("printf", "\u00e4"), env={"A": "1"}, timeout=HOUR),
        principal="ci",
        token_id="tok_1",
        last_at=at,
        last_job_id=JobId("job_1"),
        missed_count=3,
        missed_at=at - HOUR,
        skipped_count=2,
        skipped_at=at - 2 * HOUR,
        error="why",
    )  # fmt: skip
    asleep = a_schedule(clock, "asleep", state=ScheduleState.PAUSED, next_at=None)
    for each in (full, asleep):
        schedules.add(each)

    assert ((asleep, full), (full,), ()) == (
        schedules.find(), schedules.find("nightly"), schedules.find("none"),
    )  # fmt: skip
    assert at + HOUR == schedules.next_due()


def test_a_name_is_taken_once(schedules: Schedules, clock: FakeClock) -> None:
    """Unless the one that has it is to be replaced, and is the one that was meant."""
    first, second = a_schedule(clock), a_schedule(clock)
    schedules.add(first)
    for meant in (None, second):
        with pytest.raises(Conflict):
            schedules.add(second, instead_of=meant)
    schedules.add(second, instead_of=first)

    assert (second,) == schedules.find()
    assert (second, None, ()) == (
        schedules.remove("nightly"), schedules.remove("nightly"), schedules.find(),
    )  # fmt: skip


def test_of_two_changes_one_is_stored(schedules: Schedules, clock: FakeClock) -> None:
    """Whoever read an older one is told so, and may look again."""
    before = a_schedule(clock)
    schedules.add(before)
    after = replace(before, state=ScheduleState.PAUSED, next_at=None)

    assert (True, False) == (schedules.save(before, after), schedules.save(before, before))
    assert (replace(after, version=2),) == schedules.find()


def test_a_job_moves_its_schedule_on(store: Store, schedules: Schedules, clock: FakeClock) -> None:
    """Both are stored, or none: where the schedule is not what it was, there is no job."""
    schedules.add(before := a_schedule(clock))
    due = before.next_at
    step = Step(before=before, after=replace(before, next_at=clock.now() + 2 * HOUR), due_at=due)
    (job,) = store.add([Entry(job=a_job(clock), key="k", step=step)])

    (after,) = schedules.find()
    assert (clock.now() + 2 * HOUR, due, job.id, 2) == (
        after.next_at, after.last_at, after.last_job_id, after.version,
    )  # fmt: skip
    with pytest.raises(StaleWrite):
        store.add([Entry(job=a_job(clock), step=step)])
    assert (job,) == store.find(Query()).jobs
    assert (after,) == schedules.find()


def test_a_key_that_is_known_moves_it_on_with_the_job_of_then(
    store: Store, schedules: Schedules, clock: FakeClock
) -> None:
    """A time that came twice, by a clock that was set back, is that job's."""
    schedules.add(before := a_schedule(clock))
    (job,) = store.add([Entry(job=a_job(clock), key="k")])
    step = Step(before=before, after=before, due_at=clock.now())

    assert (job,) == store.add([Entry(job=a_job(clock), key="k", step=step)])
    assert [job.id] == [each.last_job_id for each in schedules.find()]
