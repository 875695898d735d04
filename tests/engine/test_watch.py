"""Watching many: each job as it stands, then as its status changes, read only when it may have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from outlast import Client
from outlast.core.job import Job, JobId
from outlast.core.state import JobStatus
from outlast.engine import verbs
from outlast.engine.watch import changes
from outlast.errors import NotFound
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job

A, B = JobId("a"), JobId("b")


class World:
    """Two jobs, and a subscription whose news are written down beforehand."""

    def __init__(self, *news: Callable[[World], frozenset[JobId] | None]) -> None:
        self.clock = FakeClock()
        new = a_job(self.clock)
        self.jobs = {id_: replace(new, id=id_) for id_ in (A, B)}
        self.news = list(news)
        self.reads: list[JobId] = []
        self.is_open = False

    def becomes(self, job_id: JobId, status: str) -> None:
        self.jobs[job_id] = replace(self.jobs[job_id], status=JobStatus(status))

    def read(self, job_id: JobId) -> Job:
        self.reads.append(job_id)
        return self.jobs[job_id]

    def subscribe(self, job_ids: frozenset[JobId], timeout: timedelta | None) -> World:
        self.is_open = True
        return self

    def watch(self, timeout: timedelta | None = None) -> list[tuple[str, str]]:
        found = changes(verbs.Wait((A, B), timeout=timeout), self.clock, self.read, self.subscribe)
        return [(job.id, str(job.status)) for job in found]

    # As `News` ------------------------------------------------------------------------------

    def wait_changed(self, timeout: timedelta | None) -> bool:
        return self.changed(timeout) != frozenset()

    def changed(self, timeout: timedelta | None) -> frozenset[JobId] | None:
        if not self.news and timeout is not None:
            self.clock.advance(timeout)
            return frozenset()
        return self.news.pop(0)(self)

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self.is_open = False


def told(*statuses: tuple[JobId, str]) -> Callable[[World], frozenset[JobId] | None]:
    """News of what becomes of some."""

    def come(world: World) -> frozenset[JobId]:
        for job_id, status in statuses:
            world.becomes(job_id, status)
        return frozenset(job_id for job_id, _ in statuses)

    return come


def broken(world: World) -> None:
    """The subscription broke, and A ended meanwhile."""
    world.becomes(A, "failed")


def test_each_change_is_told_once() -> None:
    """First how each stands, then what becomes of it, to the end of all."""
    world = World(told((A, "running")), told((A, "running")), told((A, "complete"), (B, "failed")))
    expected = [("a", "queued"), ("b", "queued"), ("a", "running")]

    found = world.watch()
    assert expected == found[:3]
    assert {("a", "complete"), ("b", "failed")} == set(found[3:])
    assert not world.is_open


def test_only_what_may_have_changed_is_read() -> None:
    """A thousand jobs must not be read for each that ends."""
    world = World(told((A, "complete")), told((B, "complete")))
    world.watch()

    assert [A, B, A, B, A, B] == world.reads


def test_all_are_read_where_news_were_lost() -> None:
    """Nobody waits for what has long been over."""
    world = World(broken, told((B, "complete")))

    assert ("a", "failed") in world.watch()


def test_the_end_of_patience_ends_it() -> None:
    """Without an error: what still runs was told as that."""
    world = World(told((A, "running")))

    assert ("a", "running") == world.watch(timeout=timedelta(seconds=5))[-1]
    assert not world.is_open


def test_what_is_over_needs_no_subscription() -> None:
    """A look is enough."""
    world = World()
    for job_id in (A, B):
        world.becomes(job_id, "complete")

    assert 2 == len(world.watch())


def test_the_library_watches_real_jobs(client: Client) -> None:
    """Crowds in one call, each to its end."""
    jobs = client.submit_many([{"command": ["true"]}, {"command": ["false"]}] * 10)
    last = {
        job.id: str(job.status) for job in client.watch([job.id for job in jobs], timeout="60s")
    }

    assert ["complete", "failed"] * 10 == [last[job.id] for job in jobs]


def test_a_job_that_is_not_there_is_told(client: Client) -> None:
    """As everywhere."""
    with pytest.raises(NotFound):
        list(client.watch(["job_none"]))
