"""The verbs over a store, with a supervisor that does what the test says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outlast.core.job import Job, JobId, JobSpec
from outlast.core.needs import Need
from outlast.core.transition import with_node
from outlast.engine import verbs
from outlast.engine.public import Address
from outlast.engine.service import Service
from outlast.engine.timed import TimedStore
from outlast.errors import Conflict, InvalidRequest, NotFound, NotTerminal, Unavailable
from outlast.ports.executor import Captured
from outlast.ports.store import Entry, Store
from outlast.store import (
    open_completions,
    open_deliveries,
    open_queues,
    open_schedules,
    open_sessions,
)
from outlast.testing.jobs import a_job, cancelled, claimed, ended
from outlast.wiring import capabilities

from .world import World, no_room_to_write

CAPTURED = Captured(env={"PATH": "/usr/bin:/bin"}, cwd="/")
TRUE = JobSpec(command=("true",))


class Scripted:
    """A `Supervision` of one who does what the test says, when he is asked to."""

    def __init__(self) -> None:
        self.wakes = 0
        self.when_asked: Callable[[], object] = lambda: None
        self.asked: list[tuple[JobId, ...]] = []
        """About which jobs it was asked why they wait, together."""

        self.obstacle: dict[str, Any] | None = {"kind": "turn", "ahead": 1}
        """What keeps each of them; None: it cannot tell."""

    def wake(self) -> None:
        self.wakes += 1

    def catch_up(self, timeout: timedelta) -> bool:
        self.when_asked()
        return True

    def cancel(self, job_id: JobId, *, nodes: frozenset[int], grace: timedelta | None) -> None:
        self.when_asked()

    def arrange(self, timeout: timedelta) -> bool:
        self.when_asked()
        return True

    def obstacles(
        self, places: Sequence[tuple[JobId, int]]
    ) -> dict[JobId, list[dict[str, Any]]] | None:
        self.asked.append(tuple(job_id for job_id, _ in places))
        return None if self.obstacle is None else {each: [self.obstacle] for each in self.asked[-1]}

    def move(self, job_id: JobId, *, queue: str | None, priority: int | None) -> None:
        self.when_asked()

    def hold(self, job_id: JobId, *, held: bool) -> None:
        self.when_asked()

    def news(self, job_ids: frozenset[JobId], *, timeout: timedelta | None = None) -> Scripted:
        return self

    def wait_changed(self, timeout: timedelta | None) -> bool:
        self.when_asked()
        return True

    def changed(self, timeout: timedelta | None) -> frozenset[JobId] | None:
        self.when_asked()
        return None

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        """Nothing is kept open."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A home in which nothing runs."""
    world = World(tmp_path / "home", {})
    yield world
    world.store.close()


@pytest.fixture
def supervisor() -> Scripted:
    return Scripted()


@pytest.fixture
def service(world: World, supervisor: Scripted) -> Service:
    """The verbs."""
    return verbs_over(world.store, world, supervisor)


def verbs_over(store: Store, world: World, supervisor: Scripted) -> Service:
    return Service(
        store,
        supervisor,
        world.clock,
        world.home,
        Address(("outlast",)),
        capabilities=capabilities,
        open_sessions=lambda: open_sessions(world.home.database),
        open_deliveries=lambda: open_deliveries(world.home.database),
        open_completions=lambda: open_completions(world.home.database),
        open_schedules=lambda: open_schedules(world.home.database),
        open_queues=lambda: open_queues(world.home.database),
        arranging=supervisor,
    )


def submit(service: Service, *specs: JobSpec, **request: Any) -> tuple[Job, ...]:
    return service.submit(verbs.Submit(specs=specs or (TRUE,), captured=CAPTURED, **request))


def files(world: World) -> list[str]:
    """Return what submissions have put into the home."""
    return sorted(
        str(path.relative_to(world.home.path))
        for name in ("jobs", "captures")
        for path in Path(world.home.path, name).rglob("*")
        if path.is_file()
    )


def running(world: World) -> Job:
    """Return a job that runs."""
    job = a_job(world.clock)
    world.store.add([Entry(job=job)])
    world.store.save([(job, claimed(job, world.clock))])
    return world.job(job)


def ends(world: World, job: Job) -> Callable[[], None]:
    """Return what a supervisor does to find that *job* has ended, and all of it is gone."""

    def act() -> None:
        before = world.job(job)
        after = cancelled(before, world.clock)
        node = replace(after.nodes[0], stopped_at=world.clock.now())
        world.store.save([(before, with_node(after, node))])

    return act


# ---------------------------------------------------------------------------------------- submitting


def test_a_submission_is_stored_with_what_it_needs(
    world: World, service: Service, supervisor: Scripted
) -> None:
    """One environment for all of it, the input of each beside its attempts, and a wake."""
    one, two = submit(service, TRUE, TRUE, stdin=b"text")

    assert sorted(
        [f"captures/{one.capture}", f"jobs/{one.id}/stdin", f"jobs/{two.id}/stdin"]
    ) == files(world)
    assert one.capture == two.capture
    assert (f"{world.home.files(one.id)}/stdin", 1) == (one.spec.stdin, supervisor.wakes)


def test_a_key_stands_for_one_job(world: World, service: Service) -> None:
    """Asked for again, it is the job that it was, and what was put aside for another one is not."""
    (job,) = submit(service, keys=("key",), stdin=b"text")
    before = files(world)

    assert (job.id,) == tuple(each.id for each in submit(service, keys=("key",), stdin=b"text"))
    assert before == files(world)
    for other in ({"stdin": b"other"}, {"specs": (replace(TRUE, name="other"),)}):
        request = {"specs": (TRUE,), "stdin": b"text", "keys": ("key",), **other}
        with pytest.raises(Conflict):
            service.submit(verbs.Submit(captured=CAPTURED, **request))
    assert before == files(world)


def test_of_two_keys_the_new_one_begins(world: World, service: Service) -> None:
    """What it needs stays."""
    (old,) = submit(service, keys=("old",), stdin=b"text")
    same, new = submit(service, TRUE, TRUE, keys=("old", "new"), stdin=b"text")

    assert old.id == same.id
    assert sorted(
        f"{name}"
        for job in (old, new)
        for name in (f"captures/{job.capture}", f"jobs/{job.id}/stdin")
    ) == files(world)


def test_an_empty_key_is_refused(world: World, service: Service) -> None:
    """It would stand for everything."""
    with pytest.raises(InvalidRequest, match="empty"):
        submit(service, keys=("",))
    with pytest.raises(InvalidRequest, match="no program"):
        submit(service, JobSpec(command=("no-such-program-here",)))

    assert [] == files(world)


def test_a_submission_from_elsewhere_inherits_nothing(world: World, service: Service) -> None:
    """Nor is it asked what this machine thinks of it."""
    (job,) = service.submit(verbs.Submit(specs=(JobSpec(command=("no-such-program",)),)))

    assert (None, []) == (job.capture, files(world))


def test_a_full_disk_refuses_a_submission_whole(world: World, service: Service) -> None:
    """With words, and without a trace."""
    submit(service)
    before = files(world), world.jobs()
    with no_room_to_write(), pytest.raises(Unavailable):
        submit(service, stdin=b"text")
    with world.store_is_out_of_reach(), pytest.raises(Unavailable):
        submit(service, stdin=b"text")

    assert before == (files(world), world.jobs())


# ------------------------------------------------------------------------------------------ reading


def test_what_has_not_ended_is_asked_about_first(
    world: World, service: Service, supervisor: Scripted
) -> None:
    """By each verb that tells how a job stands, and of what is settled nobody is asked."""
    for ask in (
        lambda job: service.get(verbs.Get(job.id)),
        lambda job: service.list(verbs.List()).jobs[0],
    ):
        job = running(world)
        supervisor.when_asked = ends(world, job)
        assert "cancelled" == ask(job).status
        supervisor.when_asked = lambda: pytest.fail("asked for nothing")
        assert "cancelled" == ask(job).status
        service.delete(verbs.Delete((job.id,)))


@pytest.mark.parametrize(
    "request_",
    [{"stream": "stdin"}, {"offset": -1}, {"limit": -1}, {"node": 1}, {"node": -1}],
)
def test_output_that_cannot_be_is_refused(
    world: World, service: Service, request_: dict[str, Any]
) -> None:
    """In words; of a command that never began there is none."""
    job = ended(world.store, world.clock, a_job(world.clock))
    assert b"" == service.read_output(verbs.ReadOutput(job.id))

    with pytest.raises(InvalidRequest):
        service.read_output(verbs.ReadOutput(job.id, **request_))


def test_a_wait_ends_with_all_or_any_or_in_time(
    world: World, service: Service, supervisor: Scripted
) -> None:
    """Whatever comes first; the jobs as they stand then, in the order asked for."""
    one, two = running(world), running(world)
    both = (two.id, one.id)
    supervisor.when_asked = lambda: world.clock.advance(timedelta(seconds=1))
    waited = service.wait(verbs.Wait(both, timeout=timedelta(seconds=3)))
    assert [(two.id, "running"), (one.id, "running")] == [(job.id, job.status) for job in waited]

    supervisor.when_asked = ends(world, one)
    waited = service.wait(verbs.Wait(both, any=True))
    assert ["running", "cancelled"] == [job.status for job in waited]

    supervisor.when_asked = ends(world, two)
    assert ["cancelled", "cancelled"] == [job.status for job in service.wait(verbs.Wait(both))]
    with pytest.raises(NotFound):
        service.wait(verbs.Wait((JobId("job_none"),)))


def test_jobs_that_are_watched_are_told_as_they_change(
    world: World, service: Service, supervisor: Scripted
) -> None:
    """Each once as it stands, and then as its status changes; until all have ended, or in time."""
    one, two = running(world), running(world)
    both = (one.id, two.id)
    acts = [ends(world, one), lambda: None, ends(world, two)]

    def act() -> None:
        acts.pop(0)()

    supervisor.when_asked = act
    told = [(job.id, str(job.status)) for job in service.watch(verbs.Wait(both))]
    assert [
        (one.id, "running"),
        (two.id, "running"),
        (one.id, "cancelled"),
        (two.id, "cancelled"),
    ] == told

    assert 2 == len(list(service.watch(verbs.Wait(both)))), "nobody is asked about what has ended"
    still = running(world)
    supervisor.when_asked = lambda: world.clock.advance(timedelta(seconds=1))
    wait = verbs.Wait((still.id,), timeout=timedelta(seconds=3))
    assert ["running"] == [job.status for job in service.watch(wait)]


# --------------------------------------------------------------------------- cancelling and deleting


def test_a_cancel_tells_whether_it_changed_anything(
    world: World, service: Service, supervisor: Scripted
) -> None:
    """The second one does not; and it stays until all is gone only where it is asked to."""
    job = running(world)
    with pytest.raises(InvalidRequest, match="no node 7"):
        service.cancel(verbs.Cancel(job.id, nodes=frozenset({7})))

    def cancel() -> None:
        world.store.save([(job, cancelled(job, world.clock))])
        supervisor.when_asked = ends_now

    def ends_now() -> None:
        before = world.job(job)
        node = replace(before.nodes[0], stopped_at=world.clock.now())
        world.store.save([(before, with_node(before, node))])

    supervisor.when_asked = cancel
    after, changed = service.cancel(verbs.Cancel(job.id, wait_stopped=timedelta(seconds=9)))
    assert ("cancelled", True, True) == (after.status, after.is_settled, changed)
    after, changed = service.cancel(verbs.Cancel(job.id))

    assert ("cancelled", False) == (after.status, changed)


def test_only_what_is_gone_is_deleted(world: World, service: Service, supervisor: Scripted) -> None:
    """All of it or nothing; of what has just ended the supervisor knows."""
    job, done = running(world), ended(world.store, world.clock, a_job(world.clock))
    for each in (job, done):
        os.makedirs(world.home.files(each.id))
    with pytest.raises(NotTerminal, match="only what has ended") as refused:
        service.delete(verbs.Delete((done.id, job.id)))
    assert f"outlast job cancel {job.id}" in str(refused.value.suggestion)
    assert os.path.exists(world.home.files(done.id))
    with pytest.raises(NotTerminal, match="tried again"):
        service.retry(verbs.Retry(job.id))

    supervisor.when_asked = ends(world, job)
    assert (done.id, job.id) == service.delete(verbs.Delete((done.id, job.id)))
    for each in (job, done):
        assert not os.path.exists(world.home.files(each.id))
        with pytest.raises(NotFound):
            service.get(verbs.Get(each.id))


def test_a_clock_that_jumped_ahead_forgets_no_key_at_a_deletion(
    world: World, service: Service
) -> None:
    """How long a key stays taken is not for whoever deletes something to say."""
    old, job = (ended(world.store, world.clock, a_job(world.clock)) for _ in range(2))
    service.delete(verbs.Delete((old.id,)))
    world.clock.jump(timedelta(days=3000))
    service.delete(verbs.Delete((job.id,)))

    with pytest.raises(NotFound, match="was deleted"):
        service.get(verbs.Get(old.id))


def test_why_a_page_of_jobs_waits_is_asked_once(
    world: World, service: Service, supervisor: Scripted
) -> None:
    """About those that wait, and of a job that runs or has ended nobody is asked at all."""
    runs, over = running(world), running(world)
    ends(world, over)()
    for job in (runs, over):
        assert () == service.explained([service.get(verbs.Get(job.id))])[0].waiting_for
    assert [] == supervisor.asked

    waiting = submit(service, *[TRUE] * 250)
    page = service.list(verbs.List(limit=250))
    assert [tuple(job.id for job in page)] == supervisor.asked
    assert {job.id for job in waiting} == {*supervisor.asked[0]}
    expected = [{"kind": "turn", "message": "its turn, after 1 other", "ahead": 1}]
    assert [expected] * 250 == [service.public(job)["waiting_for"] for job in page]


def test_whom_a_page_of_jobs_waits_for_is_read_once(world: World, supervisor: Scripted) -> None:
    """However many of them do, and not at all where it stands on the page itself."""
    asked: list[str] = []
    store = TimedStore(world.store, world.clock, lambda operation, _: asked.append(operation))
    service = verbs_over(store, world, supervisor)
    (first,) = submit(service, TRUE)
    for _ in range(3):
        world.clock.advance(timedelta(seconds=1))
        (last,) = submit(service, replace(TRUE, after=(Need(job_id=first.id),)))
    world.clock.advance(timedelta(seconds=1))
    submit(service, replace(TRUE, after=(Need(job_id=last.id),)))
    asked.clear()

    page = service.list(verbs.List(limit=4))

    kinds = [[each.kind for each in job.waiting_for] for job in page]
    assert ([["jobs", "turn"]] * 4, 1) == (kinds, asked.count("get"))


def test_a_paused_queue_is_told_without_a_supervisor(
    service: Service, supervisor: Scripted
) -> None:
    """As it is stored; of the rest nobody knows, and nothing is guessed."""
    supervisor.obstacle = None
    service.queues.create("disk")
    service.queues.pause("disk")
    jobs = submit(service, replace(TRUE, queue="disk"), TRUE)

    told = [service.public(job).get("waiting_for") for job in service.explained(jobs)]
    paused = {"kind": "queue_paused", "message": "its queue is paused", "queue": "disk"}
    assert [[paused], None] == told
    service.close_desks()
