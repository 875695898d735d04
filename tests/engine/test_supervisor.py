"""The supervisor's whole work without a process: commands that take no time, on a clock to drive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outlast.core.job import Job, JobSpec
from outlast.store import open_sessions
from outlast.testing import Life
from outlast.testing.sessions import a_session

from .world import HOUR, SECOND, World

LIVES = {
    "ends": Life(after=3 * SECOND),
    "fails": Life(after=SECOND, exit_code=7),
    "crashes": Life(after=2 * SECOND, signal=11),
    "hangs": Life(after=None),
    "cannot start": Life(unstartable="no such program"),
    "vanishes": Life(after=SECOND, is_lost=True),
}

ENDS = {
    "ends": ("complete", None, 0, 3 * SECOND),
    "fails": ("failed", "exit_nonzero", 7, SECOND),
    "crashes": ("failed", "signal", None, 2 * SECOND),
    "hangs": ("failed", "timeout", -1, 60 * SECOND),
    "cannot start": ("failed", "spawn_failed", None, None),
    "vanishes": ("failed", "lost", None, None),
}


def end_of(job: Job) -> tuple[object, ...]:
    """Return how *job* ended, and how long it took where that is known."""
    (node,) = job.nodes
    is_known = job.completed_at and job.started_at and job.reason != "lost"
    took = job.completed_at - job.started_at if is_known else None  # type: ignore[operator]  # both are there
    return job.status, job.reason, node.exit_code, took


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of the lives above."""
    world = World(tmp_path / "home", LIVES)
    yield world
    world.store.close()


def test_a_thousand_jobs_come_to_their_true_ends(world: World) -> None:
    """Each ends as its command did, and took the time that it takes; each began once."""
    words = [list(LIVES)[number % len(LIVES)] for number in range(1000)]
    world.submit(*(JobSpec(shell=each, timeout=60 * SECOND) for each in words))

    async def live() -> None:
        async with world.supervisor(max_running=100) as supervisor:
            await world.until(lambda: supervisor.is_idle, step=SECOND)

    asyncio.run(live())

    assert [ENDS[each] for each in words] == [end_of(job) for job in world.jobs()]
    began = [each for each in words if each != "cannot start"]
    assert len(began) == len(set(world.host.started)) == len(world.host.started)


def test_the_next_supervisor_goes_on_where_one_left(world: World) -> None:
    """What ended while nobody was looking is told as it was, and nothing begins twice."""
    words = ["ends", "hangs", "fails", "vanishes"]
    world.submit(*(JobSpec(shell=each, timeout=60 * SECOND) for each in words))

    async def begin() -> None:
        async with world.supervisor(max_running=9):
            await world.until(lambda: all(job.status == "running" for job in world.jobs()))

    async def go_on() -> None:
        async with world.supervisor(max_running=9) as supervisor:
            await world.until(lambda: supervisor.is_idle)

    asyncio.run(begin())
    world.clock.advance(60 * SECOND)
    asyncio.run(go_on())

    assert [ENDS[each] for each in words] == [end_of(job) for job in world.jobs()]
    assert len(words) == len(world.host.started)


def test_what_may_begin_later_begins_then_whoever_is_supervisor(tmp_path: Path) -> None:
    """By the time of day, in the order of these times, and a higher priority first; never sooner."""
    world = World(tmp_path / "home", {"ends": Life(after=SECOND / 100)})
    start = world.clock.now()
    specs = {
        "later": JobSpec(shell="ends", delay=9 * SECOND),
        "at": JobSpec(shell="ends", start_at=start + 5 * SECOND),
        "low": JobSpec(shell="ends", start_at=start + 9 * SECOND, priority=-1),
        "cancelled": JobSpec(shell="ends", delay=5 * SECOND),
    }
    jobs = dict(zip(specs, world.submit(*specs.values()), strict=True))

    def began() -> list[str]:
        found = {name: world.job(job) for name, job in jobs.items()}
        times = {name: job.started_at for name, job in found.items() if job.started_at is not None}
        return sorted(times, key=lambda name: (times[name], name))

    async def first() -> None:
        async with world.supervisor(1) as supervisor:
            await supervisor.cancel(jobs["cancelled"].id, frozenset(), None)
            assert ([], 3, False) == (began(), supervisor.queued, supervisor.is_idle)
            await world.until(lambda: began() == ["at"], step=SECOND / 10)

    async def second() -> None:
        world.clock.advance(HOUR)
        async with world.supervisor(1) as supervisor:
            await world.until(lambda: supervisor.is_idle, step=SECOND / 10)

    asyncio.run(first())
    at = world.job(jobs["at"])
    assert at.started_at is not None
    assert start + 5 * SECOND <= at.started_at
    asyncio.run(second())
    assert ["at", "later", "low"] == began()
    assert ("cancelled", None) == (
        world.job(jobs["cancelled"]).status,
        world.job(jobs["cancelled"]).started_at,
    )
    world.store.close()


def test_a_session_goes_on_when_what_was_cancelled_is_gone(tmp_path: Path) -> None:
    """
    A cancel is final at once, and its command lives on for its grace: until then nothing else
    begins in the session, under the next supervisor either. Elsewhere its turn is another's at once.
    """
    holds_on = Life(after=None, heeds_term=False)
    world = World(tmp_path / "home", {"holds on": holds_on, "ends": Life(after=3 * SECOND)})
    session = a_session(world.clock)
    with closing(open_sessions(world.home.database)) as sessions:
        sessions.open(session)
    of_session = {"session": session.name, "session_id": session.id}
    queue = {"queue": "q", "queue_width": 1}
    jobs = world.submit(
        JobSpec(shell="holds on", grace=30 * SECOND, **of_session),  # type: ignore[arg-type]  # keys of a spec
        JobSpec(shell="ends", **of_session),  # type: ignore[arg-type]  # keys of a spec
        JobSpec(shell="holds on", grace=30 * SECOND, **queue),  # type: ignore[arg-type]  # keys of a spec
        JobSpec(shell="ends", **queue),  # type: ignore[arg-type]  # keys of a spec
    )

    def statuses() -> list[str]:
        return [str(world.job(job).status) for job in jobs]

    async def cancel() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: statuses()[::2] == ["running", "running"])
            for job in jobs[::2]:
                await supervisor.cancel(job.id, frozenset(), None)
            await world.until(lambda: statuses()[3] == "running")
            assert ["cancelled", "queued", "cancelled", "running"] == statuses()

    async def go_on() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: statuses()[3] == "complete", step=SECOND)
            assert ["cancelled", "queued", "cancelled", "complete"] == statuses()
            await world.until(lambda: supervisor.is_idle, step=SECOND)

    asyncio.run(cancel())
    asyncio.run(go_on())

    first, second = map(world.job, jobs[:2])
    world.store.close()
    assert "complete" == second.status
    assert first.stopped_at is not None
    assert second.started_at is not None
    assert first.stopped_at <= second.started_at
