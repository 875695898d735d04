"""Which times of a schedule have come, and which have passed while nobody was there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from outlast.core.job import JobId, JobSpec
from outlast.core.needs import Need
from outlast.core.schedule import (
    LATE,
    MOST,
    Missed,
    Overlap,
    Schedule,
    ScheduleState,
    Timing,
    begun,
    look,
    name_fault,
    paused,
    refused,
    resumed,
    skipped,
    spec_faults,
    spec_of_run,
    steps_of,
)

START = datetime(2026, 1, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
HOURLY = steps_of(HOUR, START)


def a_schedule(missed: Missed = Missed.SKIP, **fields: object) -> Schedule:
    """Return one that is due an hour after its start."""
    schedule = Schedule(
        id="sch_1",
        name="nightly",
        timing=Timing(every=HOUR, missed=missed),
        spec=JobSpec(command=("true",)),
        created_at=START,
        next_at=START + HOUR,
    )
    return replace(schedule, **fields)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("missed", "now", "due", "passed", "following"),
    [
        pytest.param(Missed.SKIP, HOUR, HOUR, 0, 2 * HOUR, id="just-in-time"),
        pytest.param(Missed.SKIP, HOUR + LATE, HOUR, 0, 2 * HOUR, id="a-minute-late"),
        pytest.param(Missed.SKIP, HOUR + LATE + SECOND, None, 1, 2 * HOUR, id="too-late"),
        pytest.param(Missed.SKIP, 3 * HOUR, 3 * HOUR, 2, 4 * HOUR, id="back-for-the-third"),
        pytest.param(Missed.SKIP, 3.5 * HOUR, None, 3, 4 * HOUR, id="all-were-missed"),
        pytest.param(Missed.ONCE, HOUR + LATE + SECOND, HOUR, 0, 2 * HOUR, id="once-for-one"),
        pytest.param(Missed.ONCE, 3.5 * HOUR, 3 * HOUR, 2, 4 * HOUR, id="once-for-all"),
    ],
)
def test_what_passed_is_due_or_was_missed(
    missed: Missed, now: timedelta, due: timedelta | None, passed: int, following: timedelta
) -> None:
    """At most one job begins, for the last time; each other time is counted; what comes, comes."""
    step = look(a_schedule(missed), START + now, HOURLY)

    assert step is not None
    assert (None if due is None else START + due) == step.due_at
    assert (passed, START + following) == (step.after.missed_count, step.after.next_at)
    assert (passed > 0) == (step.after.missed_at is not None)


def test_before_its_time_and_while_it_is_paused_nothing_is_due() -> None:
    """Nor where it has no time left."""
    there = a_schedule()

    assert look(there, START + HOUR - SECOND, HOURLY) is None
    assert look(paused(there), START + 5 * HOUR, HOURLY) is None
    assert look(replace(there, next_at=None), START + 5 * HOUR, HOURLY) is None


def test_no_time_comes_twice_where_the_clock_is_set_back_a_little() -> None:
    """The next time stays where it was; one that a clock far ahead had left is set anew."""
    step = look(a_schedule(), START + HOUR, HOURLY)
    assert step is not None
    ran = step.after

    assert look(ran, START + HOUR / 2, HOURLY) is None
    back = look(replace(ran, next_at=START + 1000 * HOUR), START + HOUR / 2, HOURLY)

    assert back is not None
    assert (None, START + HOUR, 0) == (back.due_at, back.after.next_at, back.after.missed_count)


def test_after_years_away_it_counts_no_further_than_it_can() -> None:
    """And goes on from now."""
    now = START + 10 * MOST * HOUR + HOUR / 2
    step = look(a_schedule(), now, HOURLY)

    assert step is not None
    assert (MOST, now + HOUR / 2) == (step.after.missed_count, step.after.next_at)


def test_times_that_end_are_the_last() -> None:
    """Then nothing is due any more."""
    step = look(a_schedule(), START + HOUR, lambda _: None)

    assert step is not None
    assert (START + HOUR, None) == (step.due_at, step.after.next_at)
    assert look(replace(a_schedule(), next_at=START + HOUR), START, lambda _: None) is None


def test_what_became_of_a_time_is_told() -> None:
    """The job that began; that the last one had not ended; why none may."""
    step = look(a_schedule(error="no"), START + HOUR, HOURLY)
    assert step is not None
    began, left_out, not_allowed = begun(step, JobId("job_1")), skipped(step), refused(step, "why")

    assert (START + HOUR, "job_1", None) == (
        began.after.last_at, began.after.last_job_id, began.after.error,
    )  # fmt: skip
    assert (None, 1, START + HOUR) == (
        left_out.due_at, left_out.after.skipped_count, left_out.after.skipped_at,
    )  # fmt: skip
    assert (None, "why", 1, START + HOUR) == (
        not_allowed.due_at, not_allowed.after.error,
        not_allowed.after.missed_count, not_allowed.after.missed_at,
    )  # fmt: skip


def test_what_passed_in_a_pause_was_not_missed() -> None:
    """It goes on with the next time; what is active stays as it is."""
    after = resumed(paused(a_schedule()), START + 5.5 * HOUR, HOURLY)

    assert (ScheduleState.ACTIVE, START + 6 * HOUR, 0) == (
        after.state, after.next_at, after.missed_count,
    )  # fmt: skip
    assert after is resumed(after, START + 9 * HOUR, HOURLY)


def test_a_run_tells_whose_it_is() -> None:
    """By its label, and by its name where it has none; those that wait have a queue."""
    mine = a_schedule(spec=JobSpec(command=("true",), name="mine", labels={"team": "a"}))
    waits = a_schedule(timing=Timing(every=HOUR, overlap=Overlap.QUEUE))

    assert ("mine", {"team": "a", "schedule": "nightly"}, None) == (
        (spec := spec_of_run(mine)).name, spec.labels, spec.queue,
    )  # fmt: skip
    assert ("nightly", "schedule:nightly", 1) == (
        (spec := spec_of_run(waits)).name, spec.queue, spec.queue_width,
    )  # fmt: skip


def test_what_cannot_be_repeated_is_told_whole() -> None:
    """One time, somebody's session, our own label, and a second queue."""
    spec = JobSpec(
        command=("true",), start_at=START, labels={"schedule": "x"}, session="s", queue="q"
    )

    assert 4 == len(spec_faults(spec, Timing(every=HOUR, overlap=Overlap.QUEUE)))
    assert "overlap queue" in spec_faults(
        JobSpec(command=("true",), on=("web1",)), Timing(every=HOUR, overlap=Overlap.QUEUE)
    )[0]  # fmt: skip
    needs = JobSpec(command=("true",), after=(Need(job_id=JobId("job_1")),))
    assert "end once" in spec_faults(needs, Timing(every=HOUR))[0]
    assert [] == spec_faults(JobSpec(command=("true",)), Timing(every=HOUR))


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "a" * 65, None, 7])
def test_what_is_no_name_is_told(name: object) -> None:
    """A name stands in paths and commands."""
    assert "is no name for a schedule" in (name_fault(name) or "")
    assert name_fault("back-up.2") is None
