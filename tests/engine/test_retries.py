"""Second tries under a supervisor: commands that take no time, on a clock to drive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast.core.job import Job, JobSpec
from outlast.engine.capture import write_capture
from outlast.engine.supervisor import Supervisor
from outlast.ports.executor import Captured
from outlast.testing import Life

from .world import HOUR, SECOND, World

LIVES = {
    "ends": Life(after=SECOND),
    "fails": Life(after=SECOND, exit_code=7),
    "hangs": Life(after=None),
    "cannot start": Life(unstartable="no such program"),
    "vanishes": Life(after=SECOND, is_lost=True),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of the lives above."""
    world = World(tmp_path / "home", LIVES)
    yield world
    world.store.close()


def idle(supervisor: Supervisor) -> bool:
    """Whether it has nothing to do; woken, since its alarm knows nothing of a driven clock."""
    supervisor.wake()
    return supervisor.is_idle


def tries(job: Job) -> list[tuple[int, str | None]]:
    """Each attempt of a job's one node, with why it ended."""
    (node,) = job.nodes
    return [*((each.number, each.reason) for each in node.earlier), (node.attempt, node.reason)]


def test_what_fails_is_tried_again_as_often_as_was_asked(world: World) -> None:
    """Each attempt starts once and is kept apart; what was not asked for is not tried again."""
    specs = {
        "fails": JobSpec(shell="fails", retries=2),
        "cannot start": JobSpec(shell="cannot start", retries=1),
        "times out": JobSpec(shell="hangs", timeout=5 * SECOND, retries=1),
        "lost": JobSpec(shell="vanishes", retries=2),
        "lost, again": JobSpec(shell="vanishes", retries=1, if_lost="restart"),
        "another code": JobSpec(shell="fails", retries=2, retry_on=("exit:8",)),
        "ends": JobSpec(shell="ends", retries=2),
    }
    jobs = dict(zip(specs, world.submit(*specs.values()), strict=True))

    async def live() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: idle(supervisor), step=SECOND / 2)

    asyncio.run(live())

    after = {name: world.job(job) for name, job in jobs.items()}
    assert {
        "fails": [(1, "exit_nonzero"), (2, "exit_nonzero"), (3, "exit_nonzero")],
        "cannot start": [(1, "spawn_failed"), (2, "spawn_failed")],
        "times out": [(1, "timeout"), (2, "timeout")],
        "lost": [(1, "lost")],
        "lost, again": [(1, "lost"), (2, "lost")],
        "another code": [(1, "exit_nonzero")],
        "ends": [(1, None)],
    } == {name: tries(job) for name, job in after.items()}
    (node,) = after["fails"].nodes
    assert [7, 7] == [each.exit_code for each in node.earlier]
    ends = [(each.started_at, each.stopped_at) for each in node.earlier]
    starts = [*(start for start, _ in ends[1:]), node.started_at]
    pairs = zip(ends, starts, strict=True)
    assert all(gone and begun and gone + SECOND <= begun for (_, gone), begun in pairs)
    assert node.earlier[0].started_at == after["fails"].started_at
    assert len(world.host.started) == len(set(world.host.started))


def test_who_waits_for_a_try_holds_no_place(world: World) -> None:
    """Others run meanwhile; its next try waits for its turn as they do, and for no queue's clock."""
    again = JobSpec(shell="fails", retries=1, queue_timeout=5 * SECOND)
    first, second = world.submit(again, JobSpec(shell="hangs"))

    async def live() -> None:
        async with world.supervisor(max_running=1) as supervisor:
            await world.until(lambda: world.job(second).started_at is not None, step=SECOND / 2)
            world.clock.advance(6 * SECOND)
            assert not idle(supervisor)
            await supervisor.catch_up()
            waiting = world.job(first)
            assert ("running", "pending") == (waiting.status, waiting.nodes[0].status)
            assert (1, 1) == (supervisor.running, supervisor.queued)
            await supervisor.cancel(second.id, frozenset(), None)
            await world.until(lambda: idle(supervisor), step=SECOND / 2)

    asyncio.run(live())

    assert [(1, "exit_nonzero"), (2, "exit_nonzero")] == tries(world.job(first))


def test_the_next_supervisor_tries_again_what_one_left(world: World) -> None:
    """Whatever it was at: the failed attempt is not forgotten, nor made twice."""
    (job,) = world.submit(JobSpec(shell="fails", retries=2, retry_delay=HOUR))

    async def until_attempt(number: int) -> None:
        async with world.supervisor():
            await world.until(lambda: world.job(job).nodes[0].attempt == number, step=SECOND / 4)

    async def until_it_waits(number: int) -> None:
        async with world.supervisor():
            await world.until(
                lambda: len(world.job(job).nodes[0].earlier) == number, step=SECOND / 4
            )

    asyncio.run(until_it_waits(1))
    world.clock.advance(2 * HOUR)
    asyncio.run(until_attempt(2))
    world.clock.advance(5 * SECOND)
    asyncio.run(until_it_waits(2))

    async def live() -> None:
        async with world.supervisor(boot_id="another") as supervisor:
            await world.until(lambda: idle(supervisor), step=HOUR / 8)

    asyncio.run(live())

    assert [(1, "exit_nonzero"), (2, "exit_nonzero"), (3, "exit_nonzero")] == tries(world.job(job))
    assert [f"{job.id}/0/{n}" for n in (1, 2, 3)] == world.host.started


def test_a_cancel_ends_the_tries(world: World) -> None:
    """Between two of them there is nothing to stop, and nothing begins any more."""
    (job,) = world.submit(JobSpec(shell="fails", retries=5, retry_delay=HOUR))

    async def live() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: bool(world.job(job).nodes[0].earlier), step=SECOND / 4)
            await world.until(lambda: supervisor.queued == 1)
            await supervisor.cancel(job.id, frozenset(), None)
            after = world.job(job)
            assert ("cancelled", True) == (after.status, after.is_settled)
            assert supervisor.is_idle
            world.clock.advance(2 * HOUR)
            await supervisor.catch_up()

    asyncio.run(live())

    assert [f"{job.id}/0/1"] == world.host.started


def test_its_environment_is_kept_until_the_last_try_has_begun(world: World) -> None:
    """Every attempt inherits the same; then the file goes."""
    capture = Path(world.home.capture("held"))
    write_capture(str(capture), Captured(env={"A": "1"}))
    (job,) = world.submit(JobSpec(shell="fails", retries=1), capture="held")

    async def live() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: idle(supervisor), step=SECOND / 4)

    asyncio.run(live())

    assert [(1, "exit_nonzero"), (2, "exit_nonzero")] == tries(world.job(job))
    assert not capture.exists()
