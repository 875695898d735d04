"""A time of day that is set while a supervisor works: what is due at some time of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outlast.core.job import JobSpec
from outlast.core.schedule import Timing
from outlast.testing import Life

from .test_retries import idle, tries
from .test_schedules import Home
from .world import HOUR, SECOND, World

QUARTER = HOUR / 4


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    world = World(tmp_path / "home", {"fails": Life(after=SECOND, exit_code=7)})
    home = Home(world)
    yield home
    home.desk.close()
    world.store.close()


def pass_quarters(home: Home, count: int) -> list[datetime]:
    """Let so many quarters of an hour pass, each job ending in its own. Returns when they began."""
    times = []
    for _ in range(count):
        home.turn(QUARTER)
        home.turn(timedelta())  # one that has set its next time anew looks again at once
        times.append(home.world.clock.now())
        for job in home.world.jobs():
            if not job.is_terminal:
                home.end(job)
    return times


def test_a_clock_that_is_set_runs_nothing_twice_and_loses_nothing(home: Home) -> None:
    """
    Each time that the clock comes to by itself is one job, however often it does; each that it is
    set past is told as missed.
    """
    home.add()
    clock = home.world.clock
    start, came, missed = clock.now(), set[datetime](), 0
    for hours in (0, -2.5, 0.5, 10, -10, -0.25, 30, -26.5, 1.75):
        before = clock.now()
        after = clock.jump(hours * HOUR)
        missed += max(0, (after - start) // HOUR - (before - start) // HOUR)
        came.update(at for at in pass_quarters(home, 22) if not (at - start) % HOUR)

    began = [job.created_at for job in home.world.jobs()]
    assert sorted(came) == sorted(began)
    assert missed == home.schedules.find()[0].missed_count


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("2026-03-28", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        ("2026-10-24", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
    ],
    ids=["an-hour-is-left-out", "an-hour-comes-twice"],
)
def test_each_night_has_one_run_where_clocks_change(
    home: Home, first: str, expected: list[str]
) -> None:
    """By the time zone's own clock, at the end of an hour that is left out, and once in one that comes twice."""
    home.world.clock.jump(
        datetime.fromisoformat(first).replace(tzinfo=UTC) - home.world.clock.now()
    )
    home.add(timing=Timing(cron="30 2 * * *", tz="Europe/Berlin"))
    pass_quarters(home, 3 * 24 * 4)

    began = [f"{job.created_at:%m-%d %H:%M}" for job in home.world.jobs()]
    (after,) = home.schedules.find()
    assert (expected, 0, 0) == (began, after.missed_count, after.skipped_count)


def test_a_try_and_a_start_that_are_put_off_come_once(home: Home) -> None:
    """With the clock set back they come by what it tells then; set forward, at once."""
    world, start = home.world, home.world.clock.now()
    again, later = world.submit(
        JobSpec(shell="fails", retries=2, retry_delay=HOUR),
        JobSpec(shell="fails", start_at=start + 2 * HOUR),
    )

    async def live() -> None:
        async with world.supervisor() as supervisor:

            def has_failed(times: int) -> bool:
                supervisor.wake()  # its alarm knows nothing of a driven clock
                return len(world.job(again).nodes[0].earlier) == times

            await world.until(lambda: has_failed(1), step=SECOND / 4)
            world.clock.jump(-5 * HOUR)
            world.clock.advance(5 * HOUR)
            await supervisor.catch_up()
            assert [f"{again.id}/0/1"] == world.host.started
            await world.until(lambda: has_failed(2), step=HOUR / 8)
            world.clock.jump(10 * HOUR)
            await world.until(lambda: idle(supervisor), step=SECOND / 4)

    asyncio.run(live())

    assert [(number, "exit_nonzero") for number in (1, 2, 3)] == tries(world.job(again))
    assert [(1, "exit_nonzero")] == tries(world.job(later))
    assert 4 == len(world.host.started)
