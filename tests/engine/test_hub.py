"""One subscription for all who wait in a loop: woken by what happens, whoever carries the jobs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from outlast import Client
from outlast.core.job import JobId
from outlast.engine.follow import Mark
from outlast.engine.hub import Hub
from outlast.engine.listener import Heard, Listener
from outlast.engine.public import Address
from outlast.engine.service import Service
from outlast.engine.tailing import Tailing
from outlast.settings import load_settings
from outlast.wiring import make_hub

from ..world import PATIENCE_S, end_all, kill, supervisor_of

T = TypeVar("T")


@asynccontextmanager
async def hub() -> AsyncIterator[tuple[Service, Hub]]:
    """A hub at work, over the home of the test."""
    service, made = make_hub(load_settings(), Address(("outlast",)))
    keeping = asyncio.create_task(made.run())
    try:
        yield service, made
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        service.close()


def live(story: Coroutine[Any, Any, T]) -> T:
    """Return what comes of a story, in time."""

    async def bounded() -> T:
        async with asyncio.timeout(PATIENCE_S):
            return await story

    return asyncio.run(bounded())


async def heard_of(listener: Listener, job_id: JobId) -> Heard:
    """Return what was told together with news of that job."""
    while True:
        heard = await listener.heard(None)
        assert heard is not None
        if heard.jobs is None or job_id in heard.jobs:
            return heard


@pytest.fixture
def jobs(home: Path, client: Client) -> Any:
    """The library's door; at the end nothing runs."""
    yield client
    end_all(home)


def test_many_wait_without_a_thread(jobs: Client, tmp_path: Path) -> None:
    """Two hundred stay for one job's end: all are woken, and no thread was made for any."""
    gate = tmp_path / "gate"
    job = jobs.submit(shell=f"until [ -e {gate} ]; do sleep 0.02; done")

    async def story() -> tuple[int, set[str]]:
        async with hub() as (service, made):

            async def read(job_id: JobId) -> Any:
                return await made.get(service, job_id)

            known = await read(job.id)
            stays = [
                asyncio.create_task(made.stay({job.id: known}, None, read)) for _ in range(200)
            ]
            with made.listen([job.id]) as listener:
                while not made.is_current:
                    await listener.heard(None)
            threads = threading.active_count()
            gate.touch()
            ended = await asyncio.gather(*stays)
            return threads, {str(each[job.id].status) for each in ended}

    threads, fates = live(story())

    assert {"complete"} == fates
    assert threads < 20


def test_a_supervisor_that_dies_is_made_again_and_all_is_read_anew(jobs: Client) -> None:
    """Whoever listens is told that anything may have changed; work is not left alone."""
    job = jobs.submit(["sleep", "600"])

    async def story() -> tuple[bool, Heard]:
        async with hub() as (_, made):
            with made.listen([job.id]) as listener:
                while not made.is_current:
                    await listener.heard(None)
                first = await asyncio.to_thread(supervisor_of, jobs)
                await asyncio.to_thread(kill, first)
                while (heard := await heard_of(listener, job.id)).jobs is not None:
                    pass
                while not made.is_current:
                    await listener.heard(None)
                second = await asyncio.to_thread(supervisor_of, jobs)
                return second not in (None, first), heard

    assert (True, Heard(None)) == live(story())


def test_a_process_that_leaves_wakes_all_who_listen(jobs: Client) -> None:
    """Those of one job, those of all, and whoever comes too late."""
    job = jobs.submit(["sleep", "600"])

    async def story() -> list[bool]:
        async with hub() as (service, made):
            with made.listen([job.id]) as one, made.listen(None) as every:
                made.leave()
                told = [await each.heard(None) for each in (one, every)]
            with made.listen([job.id]) as late:
                told.append(await late.heard(None))
            marks = {(0, "stdout"): Mark(0)}
            *_, last = [each async for each in Tailing(service, made, job.id, marks).events(60)]
            assert last == (True,)
            return [each is not None and each.is_leaving for each in told]

    assert [True, True, True] == live(story())
