"""A supervisor goes by the queues as they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast.core.job import JobSpec, Limits
from outlast.core.queue import Queue, QueueState
from outlast.errors import Conflict, Unavailable
from outlast.testing import Life

from .world import HOUR, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A home whose commands take an hour each."""
    world = World(tmp_path / "home", {"true": Life(after=HOUR)})
    yield world
    world.store.close()


def spec(**fields: object) -> JobSpec:
    return JobSpec(command=("true",), queue="disk", **fields)  # type: ignore[arg-type]  # its fields


def running(world: World) -> list[int]:
    """Return which of the jobs run, by their place in the order of submission."""
    return [place for place, job in enumerate(world.jobs()) if job.status == "running"]


def test_what_jobs_need_is_added_up(world: World) -> None:
    """And given back with their end; the one that waits for it is overtaken by nobody."""
    needs = (1.0, 1.0, 2.0, 0.5)
    world.submit(*(spec(limits=Limits(cpus=cpus)) for cpus in needs))
    queues = {"disk": Queue(name="disk", max_cpus=2.5)}

    async def live() -> None:
        async with world.supervisor(queues=queues) as supervisor:
            await world.until(lambda: running(world) == [0, 1])
            await supervisor.catch_up()
            assert [0, 1] == running(world)
            world.clock.advance(HOUR)
            await world.until(lambda: running(world) == [2, 3])

    asyncio.run(live())


def test_a_change_holds_from_the_next_look_on(world: World) -> None:
    """A queue that was paused before a look begins nothing after it."""
    queues = {"disk": Queue(name="disk", width=1)}
    world.submit(spec(), spec())

    async def live() -> None:
        async with world.supervisor(queues=queues) as supervisor:
            await world.until(lambda: running(world) == [0])
            queues["disk"] = Queue(name="disk", width=2, state=QueueState.PAUSED)
            await supervisor.catch_up()
            assert [0] == running(world)
            queues["disk"] = Queue(name="disk", width=2)
            await supervisor.catch_up()
            await world.until(lambda: running(world) == [0, 1])

    asyncio.run(live())


def test_a_move_is_stored_before_it_is_told(world: World) -> None:
    """And what cannot be stored has not happened."""
    queues = {"disk": Queue(name="disk", state=QueueState.PAUSED)}
    (job,) = world.submit(spec())

    async def live() -> None:
        async with world.supervisor(queues=queues) as supervisor:
            await supervisor.move(job.id, None, 3)
            assert ("disk", 3) == (world.job(job).queue, world.job(job).priority)
            with world.store_is_out_of_reach(), pytest.raises(Unavailable):
                await supervisor.move(job.id, "default", None)
            assert "disk" == world.job(job).queue
            assert job.id in world.told

            queues["full"] = Queue(name="full", state=QueueState.DRAINING)
            with pytest.raises(Conflict, match="drained"):
                await supervisor.move(job.id, "full", None)
            await supervisor.move(job.id, "default", None)
            await world.until(lambda: running(world) == [0])
            await supervisor.move(job.id, "default", 3)  # asked again: so it is
            with pytest.raises(Conflict, match="begun"):
                await supervisor.move(job.id, "disk", None)

    asyncio.run(live())
