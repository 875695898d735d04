"""What every store of queues promises, as tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from ..core.attempt import Attempt
from ..core.job import Job, Limits
from ..core.queue import Queue, QueueStanding, QueueState
from ..core.state import JobStatus
from ..core.transition import with_node
from ..errors import Conflict, NotFound, NotTerminal
from ..ports.queues import Queues
from ..ports.store import Entry, Query, Store
from .clock import FakeClock
from .demand import raises
from .jobs import a_job, cancelled, claimed

OpenQueues: TypeAlias = Callable[[], tuple[Store, Queues]]
"""Opens the jobs and the queues of the test's database once more."""


def stored(store: Store, clock: FakeClock, **fields: Any) -> Job:
    """Return a new job once it is stored."""
    (job,) = store.add([Entry(job=a_job(clock, **fields))])
    return job


class QueuesContract:
    """Inherit from this, and give the fixture `open_queues`, an `OpenQueues`."""

    def test_where_nothing_was_made_there_is_default(self, open_queues: OpenQueues) -> None:
        """The queue of jobs that name none, and no other."""
        _, queues = open_queues()

        assert {} == queues.find()
        assert (QueueStanding(queue=Queue(name="default")),) == queues.standings()

    def test_a_queue_comes_back_as_it_was_stored(self, open_queues: OpenQueues) -> None:
        """All that is said of it, and what it is changed to; a second one of its name is none."""
        (_, mine), (_, others) = open_queues(), open_queues()
        disk = Queue(
            name="disk",
            width=2,
            max_cpus=1.5,
            max_memory_bytes=1 << 40,
            state=QueueState.DRAINING,
            created_at=FakeClock().now(),
        )
        mine.add(disk)
        with raises(Conflict):
            others.add(disk)
        assert {"disk": disk} == others.find()

        changed: dict[str, Any] = {"width": None, "max_cpus": None, "state": QueueState.OPEN}
        others.change("disk", **changed)

        assert {"disk": replace(disk, **changed)} == mine.find()

    def test_default_can_be_changed_and_need_not_be_created(self, open_queues: OpenQueues) -> None:
        """Of any other queue a change tells that it is not there."""
        _, queues = open_queues()
        queues.change("default", state=QueueState.PAUSED)

        assert {"default": Queue(name="default", state=QueueState.PAUSED)} == queues.find()
        with raises(NotFound):
            queues.change("none", width=1)
        with raises(NotFound):
            queues.delete("none")

    def test_several_are_changed_together(self, open_queues: OpenQueues) -> None:
        """All of them, or none where one is not there."""
        _, queues = open_queues()
        for name in ("disk", "tape"):
            queues.add(Queue(name=name, width=3))
        with raises(NotFound):
            queues.change("disk", "none", "tape", state=QueueState.PAUSED)
        assert {QueueState.OPEN} == {each.state for each in queues.find().values()}

        queues.change("disk", "default", "tape", state=QueueState.PAUSED)

        assert {("default", None), ("disk", 3), ("tape", 3)} == {
            (each.name, each.width)
            for each in queues.find().values()
            if each.state is QueueState.PAUSED
        }

    def test_a_queue_with_a_job_is_not_deleted(self, open_queues: OpenQueues) -> None:
        """It stays as it was until the last of them has ended."""
        clock = FakeClock()
        store, queues = open_queues()
        queues.add(disk := Queue(name="disk"))
        job = stored(store, clock, queue="disk")

        with raises(NotTerminal):
            queues.delete("disk")
        assert {"disk": disk} == queues.find()

        store.save([(job, cancelled(job, clock))])
        queues.delete("disk")
        assert {} == queues.find()

    def test_standings_count_what_runs_and_what_waits(self, open_queues: OpenQueues) -> None:
        """Nodes that run, and jobs of which nothing has begun; also in queues that nobody created."""
        clock = FakeClock()
        store, queues = open_queues()
        queues.add(disk := Queue(name="disk", width=1))
        queues.add(tape := Queue(name="tape"))
        for queue in (None, "disk", "disk", "odd one"):
            stored(store, clock, queue=queue)
        two = stored(store, clock, queue="disk", nodes=3)
        store.save([(two, claimed(claimed(two, clock), clock, index=2))])
        over = stored(store, clock, queue="disk")
        store.save([(over, cancelled(over, clock))])

        standings = (
            QueueStanding(queue=Queue(name="default"), waiting=1),
            QueueStanding(queue=disk, running=2, waiting=2),
            QueueStanding(queue=Queue(name="odd one"), waiting=1),
            QueueStanding(queue=tape),
        )
        assert standings == queues.standings()
        assert standings == tuple(queues.standings(each.queue.name)[0] for each in standings)

    def test_what_is_to_be_tried_again_waits(self, open_queues: OpenQueues) -> None:
        """Between two attempts nothing of a job runs, though it has begun."""
        clock = FakeClock()
        store, queues = open_queues()
        job = stored(store, clock, queue="disk")
        at = clock.now()
        failed = Attempt(
            number=1, reason="exit_nonzero", exit_code=75, completed_at=at, stopped_at=at
        )
        node = replace(job.nodes[0], attempt=1, earlier=(failed,), retry_at=at)
        between = with_node(job, node)
        store.save([(job, replace(between, status=JobStatus.RUNNING, started_at=at))])

        assert QueueStanding(queue=Queue(name="disk"), waiting=1) in queues.standings()

    def test_a_queue_refuses_what_it_will_never_begin(self, open_queues: OpenQueues) -> None:
        """With all that came in the same call, every fault told; other queues take it."""
        clock = FakeClock()
        store, queues = open_queues()
        queues.add(Queue(name="small", max_cpus=2.0, max_memory_bytes=1 << 30))
        queues.add(Queue(name="shut", state=QueueState.DRAINING))
        big = a_job(clock, queue="small")
        big = replace(big, spec=replace(big.spec, limits=Limits(cpus=2.5, memory_bytes=2 << 30)))

        for job, count in ((big, 2), (replace(big, queue="shut"), 1)):
            with raises(Conflict) as told:
                store.add([Entry(job=a_job(clock)), Entry(job=job)])
            assert count == len(told[0].faults)
        assert () == store.find(Query()).jobs
        store.add([Entry(job=replace(big, queue="other"))])

    def test_a_key_finds_its_job_in_a_queue_that_is_drained(self, open_queues: OpenQueues) -> None:
        """Asked again, it is the same job: nothing new is submitted."""
        clock = FakeClock()
        store, queues = open_queues()
        queues.add(Queue(name="disk"))
        job = a_job(clock, queue="disk")
        store.add([Entry(job=job, key="k")])
        queues.change("disk", state=QueueState.DRAINING)

        assert (job,) == store.add([Entry(job=a_job(clock, queue="disk"), key="k")])

    def test_jobs_are_found_by_their_queue(self, open_queues: OpenQueues) -> None:
        """As they stand now; those that name none are in `default`."""
        clock = FakeClock()
        store, _ = open_queues()
        moved, other, none = (stored(store, clock, queue=each) for each in ("disk", "disk", None))
        after = replace(moved, queue="tape", priority=-3)
        store.save([(moved, after)])
        after = replace(after, version=1)

        for queue, job in (("tape", after), ("disk", other), ("default", none)):
            assert (job,) == store.find(Query(queue=queue)).jobs
        assert () == store.find(Query(queue="none")).jobs
