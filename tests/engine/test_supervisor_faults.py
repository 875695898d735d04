"""What a supervisor does where something fails it: the store, an executor, somebody else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.core.job import Job, JobId, JobSpec, attempt_key
from outlast.core.sight import Gone, Sight
from outlast.core.state import NodeStatus
from outlast.core.transition import with_node
from outlast.engine.capture import SECRET_MARK, write_capture
from outlast.engine.turns import HELD_JOBS
from outlast.errors import NotFound, Unavailable
from outlast.ports.executor import Captured, Handle, Launch
from outlast.testing import FakeExecutor, FakeHost, Life

from .world import HOUR, SECOND, World, no_room_to_write

LIVES = {
    "ends": Life(),
    "takes a second": Life(after=SECOND),
    "stays": Life(after=None),
    "ignores SIGTERM": Life(after=None, heeds_term=False),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of the lives above."""
    world = World(tmp_path / "home", LIVES)
    yield world
    world.store.close()


class Reluctant(FakeExecutor):
    """An executor whose machine refuses what the test says, as a full one does."""

    def __init__(self, host: FakeHost) -> None:
        super().__init__(host)
        self.refused: list[str] = []
        self.refuses: set[str] = set()

    def _try(self, what: str) -> None:
        if what in self.refuses:
            self.refused.append(what)
            raise OSError(f"no room to {what}")

    async def launch(self, launch: Launch) -> None:
        self._try("launch")
        await super().launch(launch)

    async def stop(self, handle: Handle, *, grace: timedelta) -> None:
        self._try("stop")
        await super().stop(handle, grace=grace)


def is_there(path: str) -> bool:
    return os.path.exists(path)


def fate(job: Job) -> tuple[str, str | None]:
    return str(job.status), job.reason


# --------------------------------------------------------------------------------------- the store


def test_a_store_that_is_out_of_reach_at_the_start_is_read_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then nothing that a job may still need is taken for forgotten."""
    old = world.home.capture("old")
    write_capture(old, Captured(env={}))
    os.utime(old, (0, 0))
    (job,) = world.submit(JobSpec(shell="ends"), capture="old")

    async def live() -> None:
        with world.store_is_out_of_reach():
            starting = world.supervisor()
            supervisor = await starting.__aenter__()
        try:
            assert is_there(old)
            await world.until(lambda: world.job(job).is_settled)
            assert supervisor.is_idle
        finally:
            await starting.__aexit__(None, None, None)

    asyncio.run(live())

    assert ("complete", None) == fate(world.job(job))
    assert not os.path.exists(old), "nobody needs it any more"
    assert "out of reach" in caplog.text


def test_an_end_that_cannot_be_stored_is_stored_later(world: World) -> None:
    """It is told to nobody before it is."""
    (job,) = world.submit(JobSpec(shell="takes a second"))

    async def live() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: world.job(job).status == "running")
            world.told.clear()
            with no_room_to_write():
                world.clock.advance(SECOND)
                await supervisor.catch_up()
                assert [] == world.told
                assert "running" == world.job(job).status
            await world.until(lambda: world.job(job).is_settled)

    asyncio.run(live())

    assert [job.id] == list(dict.fromkeys(world.told))
    assert ("complete", None) == fate(world.job(job))


def test_a_store_that_is_out_of_reach_is_told_once_however_many_want_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """And once more when it is back: neither fills a disk that may be full with words."""
    caplog.set_level("WARNING", "outlast.supervisor")
    (job,) = world.submit(JobSpec(shell="ends"))

    async def live() -> None:
        with world.store_is_out_of_reach():
            starting = world.supervisor()
            supervisor = await starting.__aenter__()
            for _ in range(50):
                await supervisor.catch_up()
        try:
            await world.until(lambda: world.job(job).is_settled)
        finally:
            await starting.__aexit__(None, None, None)

    asyncio.run(live())

    told = [each.getMessage() for each in caplog.records if each.name == "outlast.supervisor"]
    assert 2 == len(told), told
    assert told[0].startswith("the store is out of reach, and is tried again: ")
    assert told[1] == "the store is within reach again"


def test_a_wait_in_the_queue_ends_though_the_store_was_away_when_it_should_have(
    world: World,
) -> None:
    """Also for one of so many that not all are kept in memory."""
    world.submit(JobSpec(shell="stays"), *[JobSpec(shell="ends")] * HELD_JOBS)
    (late,) = world.submit(JobSpec(shell="ends", queue_timeout=SECOND))

    async def live() -> None:
        async with world.supervisor(max_running=1) as supervisor:
            world.clock.advance(SECOND)
            with world.store_is_out_of_reach():
                await supervisor.catch_up()
            await world.until(lambda: world.job(late).is_settled)

    asyncio.run(live())

    assert ("failed", "queue_timeout") == fate(world.job(late))


def test_a_cancel_that_cannot_be_stored_is_told_and_starts_nothing(world: World) -> None:
    """What was claimed and not begun when it came does not begin afterwards."""
    (job,) = world.submit(JobSpec(shell="stays"))

    async def live() -> None:
        with world.store_is_out_of_reach():
            starting = world.supervisor()
            supervisor = await starting.__aenter__()
        try:
            with no_room_to_write():
                await supervisor.catch_up()  # claimed, as far as that goes without a store
                with pytest.raises(Unavailable):
                    await supervisor.cancel(job.id, frozenset(), None)
            await world.until(lambda: world.job(job).is_settled)
        finally:
            await starting.__aexit__(None, None, None)

    asyncio.run(live())

    assert ("cancelled", "cancelled") == fate(world.job(job))
    assert [] == world.host.started


def test_who_arranges_a_job_while_nothing_can_be_stored_is_told_why(world: World) -> None:
    """What the store says, and what helps: a file that may not grow is not just out of reach."""
    ends, waits = world.submit(JobSpec(shell="takes a second"), JobSpec(shell="ends"))

    async def live() -> None:
        async with world.supervisor(1) as supervisor:
            await world.until(lambda: world.job(ends).status == "running")
            with no_room_to_write():
                world.clock.advance(SECOND)
                await supervisor.catch_up()
                with pytest.raises(Unavailable) as refused:
                    await supervisor.move(waits.id, "other", None)
            assert "could not be written" in refused.value.message
            assert "ulimit -f" in refused.value.message
            assert refused.value.suggestion
            assert waits.id == refused.value.job_id

    asyncio.run(live())


# ------------------------------------------------------------------------------------ the executor


def test_a_launch_that_is_refused_is_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine without room for another process loses no job."""
    (job,) = world.submit(JobSpec(shell="ends"))
    executor = Reluctant(world.host)
    executor.refuses = {"launch"}

    async def live() -> None:
        async with world.supervisor(executor=executor):
            await world.until(lambda: len(executor.refused) > 1)
            executor.refuses.clear()
            await world.until(lambda: world.job(job).is_settled)

    asyncio.run(live())

    assert ("complete", None) == fate(world.job(job))
    assert "could not be launched" in caplog.text


def test_what_was_cancelled_before_its_launch_succeeded_never_begins(world: World) -> None:
    """A launch that was to be tried again is not."""
    (job,) = world.submit(JobSpec(shell="stays"))
    executor = Reluctant(world.host)
    executor.refuses = {"launch"}

    async def live() -> None:
        async with world.supervisor(executor=executor) as supervisor:
            await supervisor.cancel(job.id, frozenset(), None)
            executor.refuses.clear()
            await supervisor.catch_up()
            await world.until(lambda: world.job(job).is_settled)

    asyncio.run(live())

    assert ("cancelled", "cancelled") == fate(world.job(job))
    assert [] == world.host.started


def test_a_stop_that_is_refused_is_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The wish cannot be left on a full disk: the cancel stands, and the command is ended later."""
    (job,) = world.submit(JobSpec(shell="stays"))
    executor = Reluctant(world.host)

    async def live() -> None:
        async with world.supervisor(executor=executor) as supervisor:
            await world.until(lambda: world.job(job).status == "running")
            executor.refuses = {"stop"}
            await supervisor.cancel(job.id, frozenset(), None)
            assert "cancelled" == world.job(job).status
            assert not world.job(job).is_settled
            executor.refuses.clear()
            await world.until(lambda: world.job(job).is_settled)

    asyncio.run(live())

    assert ["stop"] == executor.refused
    assert "could not be stopped" in caplog.text


class Deaf(FakeExecutor):
    """An executor whose news end, or break, when the test says so."""

    def __init__(self, host: FakeHost, fault: Exception | None) -> None:
        super().__init__(host)
        self.fault = fault
        self.is_over = asyncio.Event()

    async def watch(self, handles: object) -> AsyncIterator[tuple[str, Sight]]:
        await self.is_over.wait()
        if self.fault is not None:
            raise self.fault
        for nothing in ():
            yield nothing


@pytest.mark.parametrize("fault", [None, ValueError("a fault of its own")], ids=["ends", "raises"])
def test_a_supervisor_that_hears_nothing_more_gives_up(
    world: World, fault: Exception | None
) -> None:
    """Deaf to an executor, it must not go on as if all were well."""

    async def live() -> None:
        executor = Deaf(world.host, fault)
        async with world.supervisor(executor=executor):
            executor.is_over.set()
            await asyncio.sleep(0.05)

    with pytest.raises(RuntimeError if fault is None else ValueError):
        asyncio.run(live())


class Gossip(FakeExecutor):
    """An executor that tells of attempts that nobody asked it about, too."""

    def __init__(self, host: FakeHost, *keys: str) -> None:
        super().__init__(host)
        self.keys = keys

    async def watch(self, handles: AsyncIterable[Handle]) -> AsyncIterator[tuple[str, Sight]]:
        async for key, seen in super().watch(handles):
            for other in self.keys:
                yield other, Gone()
            yield key, seen


def test_news_of_an_attempt_that_is_not_the_current_one_changes_nothing(world: World) -> None:
    """Nor does news of a job that nobody knows."""
    (job,) = world.submit(JobSpec(shell="takes a second"))
    executor = Gossip(world.host, attempt_key(job.id, 0, 7), "job_none/0/1")

    async def live() -> None:
        async with world.supervisor(executor=executor) as supervisor:
            await world.until(lambda: world.job(job).status == "running")
            await world.until(lambda: supervisor.is_idle, step=SECOND)

    asyncio.run(live())

    assert ("complete", None) == fate(world.job(job))


# ------------------------------------------------------------------------------- what is inherited


@pytest.mark.parametrize(
    ("held", "secret_env", "expected"),
    [
        (None, {}, ("failed", "secret_unavailable")),
        ({"A": "1"}, {"PW": "env:PW"}, ("failed", "secret_unavailable")),
        ({"A": "1", SECRET_MARK + "env:PW": "x"}, {"PW": "env:PW"}, ("complete", None)),
    ],
    ids=["gone", "without the secret", "whole"],
)
def test_a_command_begins_with_what_it_is_to_inherit_or_not_at_all(
    world: World,
    held: dict[str, str] | None,
    secret_env: dict[str, str],
    expected: tuple[str, str | None],
) -> None:
    """The file is gone with the last who needed it."""
    if held is not None:
        write_capture(world.home.capture("held"), Captured(env=held))
    (job,) = world.submit(JobSpec(shell="ends", secret_env=secret_env), capture="held")

    async def live() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: supervisor.is_idle)

    asyncio.run(live())

    assert expected == fate(world.job(job))
    assert [] == os.listdir(world.home.capture(""))


def test_what_has_begun_needs_its_environment_no_more(world: World) -> None:
    """Claimed and begun by a supervisor that died before it said so: it goes on."""
    (job,) = world.submit(JobSpec(shell="takes a second"), capture="gone")
    node = replace(job.nodes[0], attempt=1, boot_id="boot")
    world.store.save([(job, with_node(job, node))])
    world.host.launch(
        Launch(key=attempt_key(job.id, 0, 1), spec=job.spec, captured=Captured(env={}))
    )

    async def live() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: supervisor.is_idle, step=SECOND)

    asyncio.run(live())

    assert ("complete", None) == fate(world.job(job))
    assert 1 == len(world.host.started)


# ------------------------------------------------------------------------------------ somebody else


def cancelled_by_somebody_else(world: World, job: Job) -> None:
    now = world.clock.now()
    node = replace(
        job.nodes[0],
        status=NodeStatus.CANCELLED,
        reason="cancelled",
        completed_at=now,
        stopped_at=now,
    )
    world.store.save([(job, with_node(job, node))])


def test_what_somebody_else_changed_is_read_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing begins on the strength of what could not be stored."""
    first, second, job = world.submit(
        JobSpec(shell="takes a second"), JobSpec(shell="stays"), JobSpec(shell="ends")
    )

    async def live() -> None:
        async with world.supervisor(max_running=2) as supervisor:
            cancelled_by_somebody_else(world, job)
            await world.until(lambda: world.job(first).is_settled, step=SECOND)
            await supervisor.cancel(second.id, frozenset(), timedelta())
            await world.until(lambda: supervisor.is_idle)

    asyncio.run(live())

    assert ("complete", None) == fate(world.job(first))
    assert ("cancelled", "cancelled") == fate(world.job(job))
    assert [attempt_key(each.id, 0, 1) for each in (first, second)] == world.host.started
    assert "changed by somebody else" in caplog.text


def test_of_many_that_wait_those_that_are_gone_are_passed_over(world: World) -> None:
    """Of those that are not kept in memory, what is stored by then decides."""
    (first, *_) = world.submit(JobSpec(shell="stays"), *[JobSpec(shell="ends")] * HELD_JOBS)
    ended, deleted, overdue = world.submit(
        JobSpec(shell="ends"), JobSpec(shell="ends"), JobSpec(shell="ends", queue_timeout=SECOND)
    )

    async def live() -> None:
        async with world.supervisor(max_running=1) as supervisor:
            cancelled_by_somebody_else(world, ended)
            at = world.clock.now()
            world.store.expire([deleted.id, overdue.id], at=at, forget_before=at)
            world.clock.advance(SECOND)
            await supervisor.cancel(first.id, frozenset(), timedelta())
            await world.until(lambda: supervisor.is_idle)

    asyncio.run(live())

    assert ("cancelled", "cancelled") == fate(world.job(ended))
    assert HELD_JOBS + 1 == len(world.host.started)


def test_what_ran_under_another_boot_is_gone(world: World) -> None:
    """It is told as such, and not begun again; what had not been claimed begins."""
    (job, waiting) = world.submit(JobSpec(shell="stays"), JobSpec(shell="ends"))
    world.store.save([(job, with_node(job, replace(job.nodes[0], attempt=1, boot_id="earlier")))])

    async def live() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: supervisor.is_idle)

    asyncio.run(live())

    assert ("failed", "host_rebooted") == fate(world.job(job))
    assert ("complete", None) == fate(world.job(waiting))
    assert [attempt_key(waiting.id, 0, 1)] == world.host.started


# -------------------------------------------------------------------------------------- cancelling


def test_the_next_supervisor_goes_on_stopping(world: World) -> None:
    """What was cancelled and is not gone is no less cancelled for a change of supervisors."""
    (job,) = world.submit(JobSpec(shell="ignores SIGTERM", grace=SECOND))

    async def cancel() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: world.job(job).status == "running")
            await supervisor.cancel(job.id, frozenset(), HOUR)

    async def go_on() -> None:
        async with world.supervisor() as supervisor:
            assert 0 == supervisor.running
            await world.until(lambda: supervisor.is_idle, step=SECOND)

    asyncio.run(cancel())
    assert not world.job(job).is_settled
    asyncio.run(go_on())

    assert ("cancelled", "cancelled") == fate(world.job(job))
    assert world.job(job).is_settled


def test_a_cancel_meets_each_node_where_it_is(world: World) -> None:
    """Running, waiting, ended and unknown; stored and told when it returns."""
    (job,) = world.submit(JobSpec(shell="ignores SIGTERM", grace=HOUR), nodes=3)

    async def live() -> None:
        async with world.supervisor(max_running=2) as supervisor:
            await world.until(lambda: world.job(job).nodes[1].status == "running")
            await supervisor.cancel(job.id, frozenset({2}), None)
            assert 0 == supervisor.queued
            assert ["running", "running", "cancelled"] == [
                str(node.status) for node in world.job(job).nodes
            ]
            await supervisor.cancel(job.id, frozenset(), None)
            assert ("cancelled", "cancelled") == fate(world.job(job))
            assert not world.job(job).is_settled
            # The second one is harder: it does not wait for the grace.
            await supervisor.cancel(job.id, frozenset(), timedelta())
            await world.until(lambda: supervisor.is_idle)
            await supervisor.cancel(job.id, frozenset(), None)  # silent: it is over
            with pytest.raises(NotFound):
                await supervisor.cancel(JobId("job_none"), frozenset(), None)

    asyncio.run(live())

    assert world.job(job).is_settled
    assert 2 == len(world.host.started)


def test_an_end_that_is_there_already_is_taken_in_before_a_cancel(world: World) -> None:
    """Though no news of it has come yet: who ended by himself was not cancelled."""
    (job,) = world.submit(JobSpec(shell="takes a second"))

    async def live() -> None:
        executor = Deaf(world.host, None)
        async with world.supervisor(executor=executor) as supervisor:
            world.clock.advance(SECOND)
            await supervisor.cancel(job.id, frozenset(), None)
            assert ("complete", None) == fate(world.job(job))

    asyncio.run(live())


def test_the_queue_s_clock_rings_by_itself(world: World) -> None:
    """Nobody has to ask: a job whose time is over is told so."""
    (_, job) = world.submit(
        JobSpec(shell="stays"), JobSpec(shell="ends", queue_timeout=timedelta(milliseconds=50))
    )

    async def live() -> None:
        async with world.supervisor(max_running=1) as supervisor:
            world.watched.add(job.id)
            world.clock.advance(timedelta(milliseconds=20))
            await supervisor.catch_up()  # the alarm is set anew, for what is left
            world.clock.advance(timedelta(milliseconds=30))
            await world.until(lambda: world.job(job).is_settled)

    asyncio.run(live())

    assert ("failed", "queue_timeout") == fate(world.job(job))
