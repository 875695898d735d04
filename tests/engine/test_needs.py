"""Who waits for whose end: any graph of needs comes to the ends that its words say."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.core.job import Job, JobId, JobSpec
from outlast.core.needs import Condition, Need, needs_from_json
from outlast.core.state import JobStatus, Reason
from outlast.engine.needs import Needs
from outlast.testing import FakeClock, Life
from outlast.testing.jobs import a_job

from .world import HOUR, SECOND, World

Graph = list[tuple[dict[int, Condition], JobStatus]]
"""Of each job: what it waits for among those before it, and how it ends if it may begin."""

ENDS = st.sampled_from(
    [JobStatus.COMPLETE, JobStatus.FAILED, JobStatus.PARTIAL, JobStatus.CANCELLED]
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs of a few jobs, with chains and fans among them."""
    count = draw(st.integers(1, 12))
    return [
        (
            draw(
                st.dictionaries(
                    st.integers(0, each - 1), st.sampled_from(list(Condition)), max_size=3
                )
            )
            if each
            else {},
            draw(ENDS),
        )
        for each in range(count)
    ]


def by_the_words(graph: Graph) -> list[JobStatus]:
    """How each job ends by what was said of it, one after the other."""
    ends: list[JobStatus] = []
    for needs, fate in graph:
        happened = all(
            on == "any" or (on == "complete") == (ends[other] == "complete")
            for other, on in needs.items()
        )
        ends.append(fate if happened else JobStatus.FAILED)
    return ends


def jobs_of(graph: Graph) -> list[Job]:
    clock = FakeClock()
    jobs = [a_job(clock) for _ in graph]
    for place, (needs, _) in enumerate(graph):
        after = tuple(Need(job_id=jobs[other].id, on=on) for other, on in needs.items())
        jobs[place] = replace(jobs[place], spec=JobSpec(command=("true",), after=after))
    return jobs


def decided(needs: Needs) -> Iterator[tuple[JobId, str | None]]:
    """Yield what is decided, a few at a time."""
    while not needs.is_decided:
        yield from itertools.islice(needs.decided(), 2)


@given(graph=graphs(), data=st.data())
def test_any_graph_of_needs_comes_to_its_ends(graph: Graph, data: st.DataObject) -> None:
    """In whatever order they end, and whoever takes over meanwhile; and each is decided once."""
    jobs = jobs_of(graph)
    fates = {job.id: fate for job, (_, fate) in zip(jobs, graph, strict=True)}
    status: dict[JobId, JobStatus] = dict.fromkeys(fates, JobStatus.QUEUED)
    begins: set[JobId] = set()

    def end(needs: Needs, job_id: JobId, how: JobStatus) -> None:
        status[job_id] = how
        begins.discard(job_id)
        needs.note_end(replace(next(job for job in jobs if job.id == job_id), status=how))

    def decide(needs: Needs) -> None:
        for job_id, why in decided(needs):
            assert status[job_id] == JobStatus.QUEUED
            assert job_id not in begins
            if why is None:
                begins.add(job_id)
            else:
                end(needs, job_id, JobStatus.FAILED)

    def taken_over() -> Needs:
        needs = Needs(status.get)
        begins.clear()
        for job in jobs:
            if status[job.id] == JobStatus.QUEUED:
                if needs.take_up(job) is not None:
                    end(needs, job.id, JobStatus.FAILED)
                elif job.id not in needs:
                    begins.add(job.id)
        decide(needs)
        return needs

    needs = taken_over()
    while begins:
        if data.draw(st.booleans(), "another supervisor"):
            needs = taken_over()
        job_id = data.draw(st.sampled_from(sorted(begins)), "ends")
        end(needs, job_id, fates[job_id])
        decide(needs)

    assert by_the_words(graph) == [status[job.id] for job in jobs]
    assert 0 == len(needs)


LIVES = {"ends": Life(after=3 * SECOND), "fails": Life(after=SECOND, exit_code=7)}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of the lives above."""
    world = World(tmp_path / "home", LIVES)
    yield world
    world.store.close()


def after(word: str, *needs: str, **fields: Any) -> JobSpec:
    return JobSpec(shell=word, after=needs_from_json(needs), **fields)


def test_who_waits_begins_when_the_last_need_is_met(world: World) -> None:
    """Not sooner, holding nobody's place meanwhile; and an end of another kind is passed on."""
    good, bad = world.submit(JobSpec(shell="ends"), JobSpec(shell="fails"))
    waits, cleans, never = world.submit(
        after("ends", good.id, f"any:{bad.id}"),
        after("ends", f"failed:{bad.id}"),
        after("ends", bad.id, good.id),
    )
    (last,) = world.submit(after("ends", never.id))
    (beside,) = world.submit(JobSpec(shell="ends"))

    async def live() -> None:
        async with world.supervisor(1) as supervisor:
            await world.until(lambda: supervisor.is_idle, step=SECOND / 10)

    asyncio.run(live())

    ends = {name: world.job(job) for name, job in locals().items() if isinstance(job, Job)}
    assert {
        "good": ("complete", None),
        "bad": ("failed", "exit_nonzero"),
        "waits": ("complete", None),
        "cleans": ("complete", None),
        "never": ("failed", "dependency_failed"),
        "last": ("failed", "dependency_failed"),
        "beside": ("complete", None),
    } == {name: (job.status, job.reason) for name, job in ends.items()}
    begun = sorted((job.started_at, name) for name, job in ends.items() if job.started_at)
    # Those that wait stand at the end of the line only once they may begin.
    assert ["good", "bad", "beside"] == [name for _, name in begun][:3]
    assert f"{bad.id} is failed, and had to complete" == ends["never"].nodes[0].error
    assert f"{never.id} is failed, and had to complete" == ends["last"].nodes[0].error


def test_who_waits_gives_up_at_its_queue_timeout(world: World) -> None:
    """Its time in the queue is counted while it waits for another one, and its end is passed on."""
    (need,) = world.submit(JobSpec(shell="ends", delay=HOUR))
    (waits,) = world.submit(after("ends", need.id, queue_timeout=5 * SECOND))
    (next_one,) = world.submit(after("ends", f"any:{waits.id}"))

    async def live() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: world.job(next_one).is_terminal, step=SECOND / 2)
            await supervisor.cancel(need.id, frozenset(), None)
            await world.until(lambda: supervisor.is_idle)

    asyncio.run(live())

    assert ("failed", Reason.QUEUE_TIMEOUT) == (world.job(waits).status, world.job(waits).reason)
    assert "complete" == world.job(next_one).status


def test_a_time_and_a_need_both_have_to_come(world: World) -> None:
    """Whichever comes first: what is delayed and waits begins after both."""
    early, late = world.submit(JobSpec(shell="ends"), JobSpec(shell="ends", delay=9 * SECOND))
    start = world.clock.now()
    first, second = world.submit(
        after("ends", early.id, delay=6 * SECOND),
        after("ends", late.id, delay=6 * SECOND),
    )

    async def live() -> None:
        async with world.supervisor() as supervisor:
            await world.until(lambda: supervisor.is_idle, step=SECOND / 10)

    asyncio.run(live())

    began = [world.job(job).started_at for job in (first, second)]
    ended = [world.job(job).completed_at for job in (early, late)]
    assert all(a is not None and a >= start + 6 * SECOND for a in began)
    assert all(
        b is not None and a is not None and a >= b for a, b in zip(began, ended, strict=True)
    )
