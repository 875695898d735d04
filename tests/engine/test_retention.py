"""When what is expired goes: not before it is sure, whatever the clock is set to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.core.job import Job
from outlast.engine import verbs
from outlast.engine.public import Address
from outlast.engine.retention import MAX_MARKS, PAGE, TOMBSTONE_AGE, Mark, Retention, sure_time
from outlast.engine.service import Service
from outlast.errors import Conflict, Expired, NotFound, Unavailable
from outlast.ports.store import Entry
from outlast.store import (
    open_completions,
    open_deliveries,
    open_queues,
    open_schedules,
    open_sessions,
)
from outlast.testing.jobs import a_job, cancelled, claimed, ended
from outlast.wiring import capabilities

from .world import HOUR, SECOND, World

DAY = timedelta(days=1)
HOUR_S = 3600.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A home in which nothing runs."""
    world = World(tmp_path / "home", {})
    yield world
    world.store.close()


def sweep(world: World, boot: str = "boot") -> int:
    """Have one supervisor look once."""
    return asyncio.run(Retention(world.store, world.home, world.clock, boot).sweep())


def old_job(world: World, *, key: str | None = None) -> Job:
    """Return a job that ended now, and that printed something; it is kept for a day."""
    job = ended(world.store, world.clock, a_job(world.clock), key=key, error="")
    folder = Path(world.home.attempt(f"{job.id}/0/1"))
    folder.mkdir(parents=True)
    (folder / "stdout").write_text("printed")
    return job


def is_there(world: World, job: Job) -> tuple[bool, bool]:
    """Whether the record of *job* is there, and whether its files are."""
    try:
        world.store.get(job.id)
        stored = True
    except Expired:
        stored = False
    return stored, os.path.exists(world.home.files(job.id))


# ------------------------------------------------------------------------------------ what is sure


@pytest.mark.parametrize(
    ("marks", "now", "expected_s"),
    [
        pytest.param([], (HOUR_S, 100), None, id="nobody ever looked"),
        pytest.param([(1, 100)], (HOUR_S, 3700), None, id="less than an hour ago"),
        pytest.param([(0, 100)], (HOUR_S, 3700), 100, id="an hour ago"),
        pytest.param([(0, 100), (10, 110), (50, 150)], (HOUR_S + 10, 3710), 110, id="the latest"),
        pytest.param([(0, 100)], (HOUR_S, 10**9), 100, id="it jumps ahead now"),
        pytest.param([(0, 10**9)], (HOUR_S, 3700), 3700, id="it had jumped, and is right again"),
        pytest.param([(0, 10**9)], (HOUR_S, 50), 50, id="it went back"),
        pytest.param(
            [(0, 10**9), (60, 160)], (HOUR_S, 10**9), 160, id="it jumps ahead for the second time"
        ),
        pytest.param(
            [(0, 10**9), (60, 160), (120, 10**9)], (9 * HOUR_S, 10**9), 10**9, id="it stays ahead"
        ),
    ],
)
def test_what_is_sure_was_seen_all_the_time_for_an_hour(
    marks: list[tuple[float, int]], now: tuple[float, int], expected_s: int | None
) -> None:
    """The clock was beyond it an hour of running time ago, at every look since, and is now."""
    seen = [Mark("boot", monotonic, wall_s * 1000) for monotonic, wall_s in marks]
    sure = sure_time(seen, Mark("boot", now[0], now[1] * 1000))

    assert expected_s == (None if sure is None else sure.timestamp())


# ------------------------------------------------------------------------------------ what is told


def told(world: World) -> dict[str, Callable[[Job], object]]:
    class Nobody:
        """No supervisor; nothing that has ended needs one."""

    service = Service(
        world.store,
        Nobody(),  # type: ignore[arg-type]  # asked for nothing
        world.clock,
        world.home,
        Address(("outlast",)),
        capabilities=capabilities,
        open_sessions=lambda: open_sessions(world.home.database),
        open_deliveries=lambda: open_deliveries(world.home.database),
        open_completions=lambda: open_completions(world.home.database),
        open_schedules=lambda: open_schedules(world.home.database),
        open_queues=lambda: open_queues(world.home.database),
        arranging=Nobody(),  # type: ignore[arg-type]  # asked for nothing
    )
    return {
        "get": lambda job: service.get(verbs.Get(job.id)),
        "wait": lambda job: service.wait(verbs.Wait((job.id,))),
        "read_output": lambda job: service.read_output(verbs.ReadOutput(job.id)),
        "cancel": lambda job: service.cancel(verbs.Cancel(job.id)),
        "retry": lambda job: service.retry(verbs.Retry(job.id)),
        "list": lambda _: tuple(job.id for job in service.list(verbs.List()).jobs),
    }


@pytest.mark.parametrize("verb", ["get", "wait", "read_output", "cancel", "retry"])
def test_an_expiry_is_told_at_once(world: World, verb: str) -> None:
    """Long before anything is deleted, and by every verb."""
    job = old_job(world)
    world.clock.advance(DAY - SECOND)
    if verb != "retry":  # it would be submitted
        told(world)[verb](job)
    world.clock.advance(SECOND)

    with pytest.raises(Expired):
        told(world)[verb](job)
    assert (True, True) == is_there(world, job)


def test_a_list_leaves_out_what_is_expired(world: World) -> None:
    """At once, too."""
    job = old_job(world)
    assert (job.id,) == told(world)["list"](job)
    world.clock.advance(DAY)

    assert () == told(world)["list"](job)


# --------------------------------------------------------------------------------- what is deleted


def test_an_hour_of_running_time_after_its_expiry_a_job_goes(world: World) -> None:
    """Record and files; the id stays known, and the key taken, for a year."""
    job = old_job(world, key="key")
    world.clock.advance(DAY)
    assert 0 == sweep(world)
    world.clock.advance(HOUR - SECOND)
    assert 0 == sweep(world)
    assert (True, True) == is_there(world, job)
    world.clock.advance(SECOND)
    assert 1 == sweep(world)
    assert (False, False) == is_there(world, job)

    again = a_job(world.clock)
    with pytest.raises(Expired):
        world.store.add([Entry(job=again, key="key")])
    with pytest.raises(Conflict):
        world.store.add([Entry(job=again, key="key", fingerprint="another")])
    world.clock.advance(TOMBSTONE_AGE)
    sweep(world)
    with pytest.raises(Expired):
        world.store.get(job.id)
    world.clock.advance(2 * HOUR)
    sweep(world)
    with pytest.raises(NotFound):
        world.store.get(job.id)


def test_a_clock_that_jumps_ahead_deletes_nothing(world: World) -> None:
    """Twice, even: not before it has stayed there for an hour, under one boot."""
    job = old_job(world)
    sweep(world)
    for _ in range(2):
        world.clock.advance(timedelta(minutes=2))
        world.clock.jump(40 * DAY)
        assert 0 == sweep(world)
        world.clock.jump(-40 * DAY)
        world.clock.advance(HOUR + SECOND)
        assert 0 == sweep(world)
    world.clock.jump(40 * DAY)
    assert 0 == sweep(world)
    world.clock.advance(HOUR)
    assert 0 == sweep(world, boot="the next")

    assert (True, True) == is_there(world, job)


def test_supervisors_that_come_and_go_quickly_delete_as_well(world: World) -> None:
    """However many of them look within the hour."""
    job = old_job(world)
    world.clock.advance(DAY)
    deleted = 0
    for _ in range(4 * MAX_MARKS):
        deleted += sweep(world)
        world.clock.advance(HOUR / (2 * MAX_MARKS))

    assert 1 == deleted
    assert (False, False) == is_there(world, job)


@pytest.mark.parametrize(
    "content", ["", "{", "[[1, 2]]", "[1]", '[["boot", "x", 0]]', '[["boot", 0, Infinity]]']
)
def test_a_damaged_note_of_the_time_is_begun_anew(world: World, content: str) -> None:
    """It costs an hour, and nothing else."""
    old_job(world)
    world.clock.advance(DAY)
    Path(world.home.path, "retention.json").write_text(content)
    assert 0 == sweep(world)
    world.clock.advance(HOUR)

    assert 1 == sweep(world)


def test_what_is_not_known_to_be_gone_is_kept(world: World) -> None:
    """A process of it may be left: its files stay, and keep nobody else's."""
    ids = []
    for _ in range(PAGE):
        job = a_job(world.clock)
        world.store.add([Entry(job=job)])
        world.store.save([(job, cancelled(claimed(job, world.clock), world.clock))])
        ids.append(job.id)
    jobs = [old_job(world) for _ in range(PAGE + 1)]
    world.clock.advance(DAY)
    sweep(world)
    world.clock.advance(HOUR)

    assert PAGE + 1 == sweep(world)
    assert ids == [world.store.get(job_id).id for job_id in ids]
    assert {(False, False)} == {is_there(world, job) for job in jobs}


def test_others_work_while_many_are_deleted(world: World) -> None:
    """A page at a time."""
    for _ in range(3 * PAGE):
        ended(world.store, world.clock, a_job(world.clock))
    world.clock.advance(DAY)
    sweep(world)
    world.clock.advance(HOUR)

    async def live() -> tuple[int, int]:
        turns = 0

        async def work() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        working = asyncio.create_task(work())
        deleted = await Retention(world.store, world.home, world.clock, "boot").sweep()
        working.cancel()
        return deleted, turns

    deleted, turns = asyncio.run(live())

    assert 3 * PAGE == deleted
    assert turns >= 2


def test_files_whose_record_could_not_be_deleted_are_no_loss(world: World) -> None:
    """The job is swept again: there are never files that nobody knows of."""
    job = old_job(world)
    world.clock.advance(DAY)
    sweep(world)
    world.clock.advance(HOUR)
    with world.store_is_out_of_reach(), pytest.raises(Unavailable):
        sweep(world)
    os.unlink(f"{world.home.files(job.id)}/0/1/stdout")  # as far as one got who was killed

    assert 1 == sweep(world)
    assert (False, False) == is_there(world, job)


def test_a_job_that_is_kept_for_ever_so_short_is_not_deleted_at_once(world: World) -> None:
    """Its caller may be about to read it."""
    job = a_job(world.clock)
    job = replace(job, spec=replace(job.spec, retention=timedelta()))
    job = ended(world.store, world.clock, job)

    assert 0 == sweep(world)
    assert job.id == world.store.get(job.id).id
