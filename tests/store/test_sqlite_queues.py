"""Queues in SQLite: created, changed and forgotten beside the jobs that stand in them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from outlast.core.attempt import Attempt
from outlast.core.job import Job, Limits
from outlast.core.queue import Queue, QueueStanding, QueueState
from outlast.core.state import JobStatus
from outlast.core.transition import with_node
from outlast.errors import Conflict, NotFound, NotTerminal
from outlast.ports.queues import Queues
from outlast.ports.store import Entry, Query, Store
from outlast.store import open_queues, open_store
from outlast.store.sql import sqlite_queues as sql
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job, cancelled, claimed


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "outlast.db")) as store:
        yield store


@pytest.fixture
def queues(tmp_path: Path, store: Store) -> Iterator[Queues]:
    with closing(open_queues(tmp_path / "outlast.db")) as queues:
        yield queues


def stored(store: Store, clock: FakeClock, **fields: object) -> Job:
    (job,) = store.add([Entry(job=a_job(clock, **fields))])
    return job


def test_where_there_is_no_database_there_is_default(tmp_path: Path) -> None:
    """Before the first job there is the queue of those that name none, and no other."""
    with closing(open_queues(tmp_path / "outlast.db")) as queues:
        assert {} == queues.find()
        assert (QueueStanding(queue=Queue(name="default")),) == queues.standings()


def test_a_queue_comes_back_as_it_was_stored(queues: Queues, clock: FakeClock) -> None:
    """All that is said of it, and what it is changed to; a second one of its name is none."""
    disk = Queue(
        name="disk",
        width=2,
        max_cpus=1.5,
        max_memory_bytes=1 << 40,
        state=QueueState.DRAINING,
        created_at=clock.now(),
    )
    queues.add(disk)
    with pytest.raises(Conflict, match="already"):
        queues.add(disk)
    assert {"disk": disk} == queues.find()

    changed = {"width": None, "max_cpus": None, "state": QueueState.OPEN}
    queues.change("disk", changed)

    assert {"disk": replace(disk, **changed)} == queues.find()  # type: ignore[arg-type]  # fields of a queue


def test_default_can_be_changed_and_need_not_be_created(queues: Queues) -> None:
    """Of any other queue a change tells that it is not there."""
    queues.change("default", {"state": QueueState.PAUSED})

    assert {"default": Queue(name="default", state=QueueState.PAUSED)} == queues.find()
    with pytest.raises(NotFound, match="none"):
        queues.change("none", {"width": 1})
    with pytest.raises(NotFound, match="none"):
        queues.delete("none")


def test_a_queue_with_a_job_is_not_deleted(store: Store, queues: Queues, clock: FakeClock) -> None:
    """It stays as it was until the last of them has ended."""
    queues.add(disk := Queue(name="disk"))
    job = stored(store, clock, queue="disk")

    with pytest.raises(NotTerminal, match="1 of its jobs") as told:
        queues.delete("disk")
    assert "outlast queue drain disk" in str(told.value.suggestion)
    assert {"disk": disk} == queues.find()

    store.save([(job, cancelled(job, clock))])
    queues.delete("disk")
    assert {} == queues.find()


def test_standings_count_what_runs_and_what_waits(
    store: Store, queues: Queues, clock: FakeClock
) -> None:
    """Nodes that run, and jobs of which nothing has begun; also in queues that nobody created."""
    queues.add(disk := Queue(name="disk", width=1))
    queues.add(tape := Queue(name="tape"))
    for queue in (None, "disk", "disk", "odd one"):
        stored(store, clock, queue=queue)
    two = stored(store, clock, queue="disk", nodes=3)
    store.save([(two, claimed(claimed(two, clock), clock, index=2))])
    ended = stored(store, clock, queue="disk")
    store.save([(ended, cancelled(ended, clock))])

    standings = (
        QueueStanding(queue=Queue(name="default"), waiting=1),
        QueueStanding(queue=disk, running=2, waiting=2),
        QueueStanding(queue=Queue(name="odd one"), waiting=1),
        QueueStanding(queue=tape),
    )
    assert standings == queues.standings()
    assert standings == tuple(queues.standings(each.queue.name)[0] for each in standings)


def test_what_is_to_be_tried_again_waits(store: Store, queues: Queues, clock: FakeClock) -> None:
    """Between two attempts nothing of a job runs, though it has begun."""
    job = stored(store, clock, queue="disk")
    at = clock.now()
    failed = Attempt(number=1, reason="exit_nonzero", exit_code=75, completed_at=at, stopped_at=at)
    node = replace(job.nodes[0], attempt=1, earlier=(failed,), retry_at=at)
    between = with_node(job, node)
    store.save([(job, replace(between, status=JobStatus.RUNNING, started_at=at))])

    assert QueueStanding(queue=Queue(name="disk"), waiting=1) in queues.standings()


@pytest.mark.parametrize(
    ("disk", "fault"),
    [
        pytest.param(Queue(name="disk", state=QueueState.DRAINING), "being drained", id="drained"),
        pytest.param(Queue(name="disk", max_cpus=2.0), "cpus is 2.5, .* has 2$", id="cpus"),
        pytest.param(Queue(name="disk", max_memory_bytes=1 << 30), "is 2g, .* has 1g", id="memory"),
    ],
)
def test_a_queue_refuses_what_it_will_never_begin(
    store: Store, queues: Queues, clock: FakeClock, disk: Queue, fault: str
) -> None:
    """With all that came in the same call; other queues take it."""
    queues.add(disk)
    job = a_job(clock, queue="disk")
    job = replace(job, spec=replace(job.spec, limits=Limits(cpus=2.5, memory_bytes=2 << 30)))

    with pytest.raises(Conflict, match=fault):
        store.add([Entry(job=a_job(clock)), Entry(job=job)])
    assert () == store.find(Query()).jobs
    store.add([Entry(job=replace(job, queue="other"))])


def test_a_key_finds_its_job_in_a_queue_that_is_drained(
    store: Store, queues: Queues, clock: FakeClock
) -> None:
    """Asked again, it is the same job: nothing new is submitted."""
    queues.add(Queue(name="disk"))
    job = a_job(clock, queue="disk")
    store.add([Entry(job=job, key="k")])
    queues.change("disk", {"state": QueueState.DRAINING})

    assert (job,) == store.add([Entry(job=a_job(clock, queue="disk"), key="k")])


def test_jobs_are_found_by_their_queue(store: Store, clock: FakeClock) -> None:
    """As they stand now; those that name none are in `default`."""
    moved, other, none = (stored(store, clock, queue=each) for each in ("disk", "disk", None))
    after = replace(moved, queue="tape", priority=-3)
    store.save([(moved, after)])
    after = replace(after, version=1)

    for queue, job in (("tape", after), ("disk", other), ("default", none)):
        assert (job,) == store.find(Query(queue=queue)).jobs
    assert () == store.find(Query(queue="none")).jobs


@pytest.mark.parametrize("query", [sql.WAITING, sql.RUNNING], ids=["waiting", "running"])
def test_standings_of_many_jobs_read_an_index(tmp_path: Path, query: str) -> None:
    """Of those alone that have not ended: 100,000 that wait are counted in 20 ms."""
    open_store(tmp_path / "outlast.db", migrate=True).close()
    with closing(sqlite3.connect(tmp_path / "outlast.db")) as database:
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}")]

    assert [step for step in plan if re.search(r"SEARCH .* INDEX jobs_in_queue \(status=", step)]
    assert not [step for step in plan if re.match(r"SCAN (jobs|nodes|j|n)\b", step)]
