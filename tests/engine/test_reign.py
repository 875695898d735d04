"""One supervisor's time in office: when it leaves, what it leaves behind, what it deletes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from outlast.clock import SystemClock
from outlast.core.job import Job, JobSpec
from outlast.core.machine import Machine
from outlast.core.schedule import Schedule, Timing
from outlast.engine import wire
from outlast.engine.deliveries import Deliverer, InForce
from outlast.engine.reign import Reign
from outlast.engine.tidings import Tidings
from outlast.engine.work import has_work
from outlast.errors import Expired, Unavailable
from outlast.executors import capabilities
from outlast.home import Lock
from outlast.ports.deliveries import Answer, Deliveries, Message
from outlast.ports.executor import Handle, Launch
from outlast.recurring import make_almanac
from outlast.store import open_deliveries, open_queues, open_schedules, open_store
from outlast.testing import FakeExecutor, Life
from outlast.testing.jobs import a_job, ended

from .world import HOUR, PATIENCE_S, World

LIVES = {"ends": Life(), "stays": Life(after=None)}
DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of the lives above."""
    world = World(tmp_path / "home", LIVES)
    yield world
    world.store.close()


class Office:
    """Reigns over a home, with hooks where the test wants to do something."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.readied = 0
        self.when_ready: Callable[[], object] = lambda: None
        self.when_free: Callable[[], object] = lambda: None
        self.make_executor: Callable[[], FakeExecutor] = lambda: FakeExecutor(world.host)
        self.idle_exit = timedelta()

    def make_tidings(self, deliveries: Deliveries) -> Tidings:
        """Return those of a home from which nobody is reached."""
        world = self.world

        def make() -> Deliverer:
            in_force = InForce(lambda: (None, {}))
            return Deliverer(
                deliveries, Unreachable(), world.clock, world.home, in_force, chance=lambda: 0.0
            )

        return Tidings(
            make,
            is_needed=lambda: deliveries.next_due() is not None,
            tells_all=lambda: False,
        )

    def run(self) -> None:
        """Reign once, until that is over by itself."""

        async def live() -> None:
            async with asyncio.timeout(PATIENCE_S):
                await self.reign().run(self._ready)

        asyncio.run(live())

    def reign(self) -> Reign:
        world = self.world
        return Reign(
            world.home,
            lambda: FreedLock(self),
            lambda: open_store(world.home.database, migrate=True),
            lambda _: {"local": self.make_executor()},
            world.clock,
            version="1.2.3",
            max_running=9,
            machine=Machine(),
            idle_exit=self.idle_exit,
            in_force={"max_running": 9},
            open_deliveries=lambda: open_deliveries(world.home.database),
            open_queues=lambda: open_queues(world.home.database),
            make_tidings=self.make_tidings,
            open_schedules=lambda: open_schedules(world.home.database),
            make_almanac=partial(make_almanac, world.home, capabilities),
        )

    def _ready(self) -> None:
        self.readied += 1
        self.when_ready()


class Unreachable:
    """A network in which nobody answers."""

    async def send(self, message: Message) -> Answer:
        return Answer(error="nobody answers")


class FreedLock(Lock):
    """A lock that tells when it is given up."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.world.home)
        self._office = office

    def release(self) -> None:
        super().release()
        self._office.when_free()


def let_time_pass(world: World) -> None:
    """Have the clock go on, ten times as fast as it does."""
    world.clock.advance(timedelta(milliseconds=100))
    call_soon(0.01, let_time_pass, world)


def call_soon(seconds: float, call: Callable[..., object], *args: Any) -> None:
    asyncio.get_running_loop().call_later(seconds, call, *args)


def test_a_supervisor_stays_for_what_will_be_due(world: World) -> None:
    """However long it has nothing to do, until it is asked to leave; another one is wanted then."""
    with closing(open_schedules(world.home.database)) as schedules:
        open_store(world.home.database, migrate=True).close()
        spec, now = JobSpec(command=("true",)), SystemClock().now()
        timing = Timing(every=DAY)
        schedules.add(
            Schedule(
                id="sch_1",
                name="daily",
                timing=timing,
                spec=spec,
                created_at=now,
                next_at=now + DAY,
            )
        )
        assert has_work(
            world.store, partial(open_deliveries, world.home.database), lambda: schedules
        )
    office, asked = Office(world), []

    def leave() -> None:
        asked.append(True)
        os.kill(os.getpid(), signal.SIGTERM)

    def when_ready() -> None:
        let_time_pass(world)
        call_soon(0.3, leave)

    office.when_ready = when_ready
    office.run()

    assert ([True], 1) == (asked, office.readied)


def test_a_supervisor_without_work_leaves(world: World) -> None:
    """After its idle time, and with nothing of it left in the home."""
    office = Office(world)
    office.idle_exit = timedelta(milliseconds=20)
    office.when_ready = lambda: let_time_pass(world)
    office.run()

    assert 1 == office.readied
    assert not os.path.exists(f"{world.home.path}/{wire.SOCKET}")
    with Lock(world.home):
        pass


def test_a_supervisor_with_work_stays_until_it_is_done(world: World) -> None:
    """However long ago its idle time would have passed."""
    (job,) = world.submit(JobSpec(shell="stays"))
    office = Office(world)
    office.idle_exit = timedelta(milliseconds=20)

    def work() -> None:
        assert world.job(job).status == "running"
        world.clock.advance(DAY)
        call_soon(0, world.host.stop, f"{job.id}/0/1", timedelta())
        let_time_pass(world)

    office.when_ready = lambda: call_soon(0.1, work)
    office.run()

    assert world.job(job).is_settled


def test_work_that_came_while_it_left_is_not_left_alone(world: World) -> None:
    """Given up first, read once more then: one of both sees it, whoever submits when."""
    office = Office(world)
    jobs: list[Job] = []

    def submit_once() -> None:
        if not jobs:
            jobs.extend(world.submit(JobSpec(shell="ends")))

    office.when_free = submit_once
    office.run()

    assert 2 == office.readied
    assert "complete" == world.job(jobs[0]).status


def test_nobody_keeps_speaking_to_a_supervisor_that_has_left(world: World) -> None:
    """Also where the same process takes office again: a wake to the one before would be lost."""
    (job,) = world.submit(JobSpec(shell="stays"))
    office = Office(world)
    heard: list[bytes] = []

    async def speak() -> None:
        reader, writer = await asyncio.open_unix_connection(f"{world.home.path}/{wire.SOCKET}")
        await reader.readline()
        world.host.stop(f"{job.id}/0/1", timedelta())
        while line := await reader.readline():
            heard.append(line)
        writer.close()
        world.host.stop(f"{world.jobs()[-1].id}/0/1", timedelta())

    def ready() -> None:
        if office.readied == 1:
            talks.append(asyncio.create_task(speak()))

    def free() -> None:
        if office.readied == 1:
            world.submit(JobSpec(shell="stays"))

    talks: list[asyncio.Task[None]] = []
    office.when_ready, office.when_free = ready, free
    office.run()

    assert [True] == [talk.done() for talk in talks]
    assert [] == heard
    assert all(job.is_settled for job in world.jobs())


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_supervisor_that_is_asked_to_leave_does(world: World, signum: int) -> None:
    """At once, and with work: what runs goes on, and what waits, waits."""
    (job,) = world.submit(JobSpec(shell="stays"))
    office = Office(world)
    office.when_ready = lambda: call_soon(0, os.kill, os.getpid(), signum)
    office.run()

    assert 1 == office.readied
    assert not world.job(job).is_terminal


def test_one_home_has_one_supervisor(world: World) -> None:
    """The second one is told whose it is."""
    with Lock(world.home), pytest.raises(Unavailable, match="owns the home"):
        Office(world).run()


class Broken(FakeExecutor):
    """An executor with a fault, at a launch or when it looks."""

    async def launch(self, launch: Launch) -> None:
        raise ZeroDivisionError("a fault of ours")

    async def look(self, handle: Handle) -> Any:
        raise ZeroDivisionError("a fault of ours")


def test_a_supervisor_that_breaks_leaves(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """It does not begin again by itself: it would break again, and again."""
    office = Office(world)
    office.idle_exit = DAY
    office.make_executor = lambda: Broken(world.host)

    def submit() -> None:
        world.submit(JobSpec(shell="ends"))
        os.kill(os.getpid(), signal.SIGHUP)

    office.when_ready = submit
    office.run()

    assert 1 == office.readied
    assert "the supervisor broke" in caplog.text
    with Lock(world.home):
        pass


def test_a_supervisor_that_breaks_at_the_start_gives_the_home_up(world: World) -> None:
    """And hangs up on everybody."""
    office = Office(world)
    office.make_executor = lambda: Broken(world.host)
    world.submit(JobSpec(shell="ends"))
    with pytest.raises(ZeroDivisionError):
        office.run()

    assert 0 == office.readied
    with Lock(world.home):
        pass


def test_a_socket_that_was_removed_is_made_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """At a SIGHUP from who could not find it; what came meanwhile is begun."""
    office = Office(world)
    office.idle_exit = DAY
    path = f"{world.home.path}/{wire.SOCKET}"
    is_back: list[bool] = []

    async def disturb() -> None:
        os.kill(os.getpid(), signal.SIGHUP)  # it is there: nothing happens
        await asyncio.sleep(0.01)
        os.unlink(path)
        (job,) = world.submit(JobSpec(shell="ends"))
        os.kill(os.getpid(), signal.SIGHUP)
        await world.until(lambda: world.job(job).is_settled)
        is_back.append(os.path.exists(path))  # noqa: ASYNC240 - a test may
        os.kill(os.getpid(), signal.SIGTERM)

    talks: list[asyncio.Task[None]] = []
    office.when_ready = lambda: talks.append(asyncio.create_task(disturb()))
    office.run()

    assert [True] == is_back
    assert 1 == caplog.text.count("it is made again")


# ---------------------------------------------------------------------------------------- sweeping


def is_stored(world: World, job: Job) -> bool:
    with suppress(Expired):
        return world.store.get(job.id).id == job.id
    return False


def test_each_supervisor_deletes_what_is_surely_expired(world: World) -> None:
    """As soon as it comes: what another one saw beyond its time an hour ago."""
    job = ended(world.store, world.clock, a_job(world.clock))
    Path(world.home.files(job.id)).mkdir()
    there = []
    for passed in (DAY, HOUR / 2, HOUR / 2):
        world.clock.advance(passed)
        office = Office(world)
        office.idle_exit = timedelta(milliseconds=20)
        office.when_ready = lambda: let_time_pass(world)
        office.run()
        there.append((is_stored(world, job), os.path.exists(world.home.files(job.id))))

    assert [(True, True), (True, True), (False, False)] == there


def test_a_sweep_that_fails_is_tried_again_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Jobs are carried on all the same."""
    Path(world.home.path, "retention.json.new").mkdir()
    (job,) = world.submit(JobSpec(shell="ends"))
    office = Office(world)
    office.idle_exit = timedelta(milliseconds=20)
    office.when_ready = lambda: let_time_pass(world)
    office.run()

    assert "retention is tried again later" in caplog.text
    assert "complete" == world.job(job).status
