"""What every store of deliveries promises, as tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

from ..core.delivery import Delivery, DeliveryState, Try
from ..core.job import Job, JobId
from ..ports.deliveries import Deliveries
from ..ports.store import Entry, Query, Store
from .clock import FakeClock
from .jobs import a_job, cancelled

OpenDeliveries: TypeAlias = Callable[[], tuple[Store, Deliveries]]

SECOND = timedelta(seconds=1)
NOBODY: dict[str, Any] = {"but": (), "not_to": ()}


def a_delivery(job: Job, clock: FakeClock, **fields: Any) -> Delivery:
    """Return one that is due now."""
    return Delivery(
        **{
            "id": f"msg_{clock.new_token()}",
            "job_id": job.id,
            "url": "https://ci.example/hook",
            "secret": "secret:HOOK",
            "event": "job.cancelled",
            "created_at": clock.now(),
            "due_at": clock.now(),
            **fields,
        }
    )


def told(store: Store, clock: FakeClock, *fields: dict[str, Any]) -> tuple[Job, list[Delivery]]:
    """Store a job and its end, with a delivery for each of *fields*."""
    (job,) = store.add([Entry(job=a_job(clock))])
    due = [a_delivery(job, clock, **each) for each in fields or ({},)]
    store.save([(job, cancelled(job, clock))], due=due)
    return job, due


def after(delivery: Delivery, clock: FakeClock, status: int | None, **fields: Any) -> Delivery:
    """Return *delivery* after a try now."""
    this = Try(
        attempt=delivery.attempts + 1,
        at=clock.now(),
        took=timedelta(milliseconds=7),
        status=status,
        error=None if status == 204 else "no",
    )
    return replace(
        delivery, attempts=this.attempt, tries=(*delivery.tries, this), since=0, **fields
    )


class DeliveriesContract:
    """
    Inherit from this, and give the fixture `open_deliveries`: a function that opens the jobs and
    the deliveries of the same database once more.
    """

    def test_where_nothing_was_made_nothing_is_due(self, open_deliveries: OpenDeliveries) -> None:
        """And nothing is found."""
        _, deliveries = open_deliveries()

        assert None is deliveries.next_due()
        assert () == deliveries.find()
        assert () == deliveries.due(FakeClock().now(), limit=9, **NOBODY)

    def test_what_is_due_comes_with_the_end(self, open_deliveries: OpenDeliveries) -> None:
        """As it was made, for whoever looks."""
        clock = FakeClock()
        store, deliveries = open_deliveries()
        _, (due,) = told(store, clock, {"is_servers": True, "url": "https://x.example/?a=1"})

        assert (due,) == open_deliveries()[1].find()
        assert (due,) == deliveries.due(clock.now(), limit=9, **NOBODY)
        assert clock.now() == deliveries.next_due()

    def test_what_was_not_stored_makes_nothing_due(self, open_deliveries: OpenDeliveries) -> None:
        """An end that came too late is not told; that of another job in the same write is."""
        clock = FakeClock()
        store, deliveries = open_deliveries()
        late, fine = store.add([Entry(job=a_job(clock)) for _ in range(2)])
        store.save([(late, cancelled(late, clock))])
        due = [a_delivery(job, clock) for job in (late, fine)]
        stale = store.save([(job, cancelled(job, clock)) for job in (late, fine)], due=due)

        assert {late.id} == stale
        assert (due[1],) == deliveries.find()

    def test_who_is_due_for_longest_comes_first(self, open_deliveries: OpenDeliveries) -> None:
        """As many as asked for; none before its time, none of those that are left out."""
        clock = FakeClock()
        store, deliveries = open_deliveries()
        now = clock.now()
        _, due = told(
            store,
            clock,
            {"due_at": now + SECOND},
            {"due_at": now - SECOND},
            {"due_at": now},
            {"due_at": now, "url": "https://other.example/"},
        )

        assert [due[1], due[2]] == [*deliveries.due(now, limit=2, **NOBODY)]
        assert [due[2], due[3]] == [*deliveries.due(now, limit=9, but=[due[1].id], not_to=[])]
        assert [due[3]] == [*deliveries.due(now, limit=9, but=[], not_to=["https://ci.example"])]
        assert now - SECOND == deliveries.next_due()

    def test_a_try_is_kept_with_what_comes_next(self, open_deliveries: OpenDeliveries) -> None:
        """Due again, then delivered, and due no more."""
        clock = FakeClock()
        store, deliveries = open_deliveries()
        _, (due,) = told(store, clock)
        again = after(due, clock, 500, due_at=clock.now() + SECOND)
        deliveries.record(again)
        assert (again,) == deliveries.find()
        assert clock.now() + SECOND == deliveries.next_due()

        over = after(again, clock, 204, due_at=None, state=DeliveryState.DELIVERED)
        deliveries.record(over)
        assert (over,) == open_deliveries()[1].find()
        assert None is deliveries.next_due()

    def test_a_try_is_recorded_once(self, open_deliveries: OpenDeliveries) -> None:
        """What comes a second time, or too late, changes nothing."""
        clock = FakeClock()
        store, deliveries = open_deliveries()
        _, (due,) = told(store, clock)
        first = after(due, clock, 204, due_at=None, state=DeliveryState.DELIVERED)
        for each in (first, after(due, clock, 500, due_at=clock.now())):
            deliveries.record(each)

        assert (first,) == deliveries.find()

    def test_it_is_found_by_job_and_state(self, open_deliveries: OpenDeliveries) -> None:
        """The newest first, and so many."""
        clock = FakeClock()
        store, deliveries = open_deliveries()
        job, (one,) = told(store, clock)
        _, (two,) = told(store, clock)
        failed = after(one, clock, 410, due_at=None, state=DeliveryState.FAILED)
        deliveries.record(failed)

        assert (two, failed) == deliveries.find()
        assert (two,) == deliveries.find(limit=1)
        assert (failed,) == deliveries.find(job_id=job.id)
        assert (failed,) == deliveries.find(states=[DeliveryState.FAILED])
        assert () == deliveries.find(job_id=job.id, states=[DeliveryState.DUE])
        assert () == deliveries.find(job_id=JobId("job_none"))

    def test_what_is_not_delivered_can_be_due_again(self, open_deliveries: OpenDeliveries) -> None:
        """At once, and with its pauses from the beginning; what was delivered stays so."""
        clock = FakeClock()
        store, deliveries = open_deliveries()
        job, due = told(store, clock, {}, {}, {})
        deliveries.record(after(due[0], clock, 204, due_at=None, state=DeliveryState.DELIVERED))
        deliveries.record(after(due[1], clock, 410, due_at=None, state=DeliveryState.FAILED))
        deliveries.record(after(due[2], clock, 500, due_at=clock.now() + SECOND))
        now = clock.advance(SECOND / 2)
        again = deliveries.again(job.id, at=now)

        assert {due[1].id, due[2].id} == {each.id for each in again}
        assert {(DeliveryState.DUE, now, 1, 1)} == {
            (each.state, each.due_at, each.attempts, each.since) for each in again
        }
        assert () == deliveries.again(JobId("job_none"), at=now)

    def test_they_go_with_their_job(self, open_deliveries: OpenDeliveries) -> None:
        """Tries and all; what comes of one that was being sent is kept nowhere."""
        clock = FakeClock()
        store, deliveries = open_deliveries()
        job, (due,) = told(store, clock)
        store.expire([job.id], at=clock.now(), forget_before=clock.now())
        deliveries.record(after(due, clock, 204, due_at=None, state=DeliveryState.DELIVERED))

        assert () == deliveries.find()
        assert None is deliveries.next_due()

    def test_a_job_stays_until_its_end_is_told(self, open_deliveries: OpenDeliveries) -> None:
        """Its retention may be over long before: it is found as expired once nothing is due."""
        clock = FakeClock()
        store, deliveries = open_deliveries()
        job, (due,) = told(store, clock)
        long_after = Query(expired_at=clock.now() + timedelta(days=400), oldest_first=True)
        before = store.find(long_after).jobs
        deliveries.record(after(due, clock, 410, due_at=None, state=DeliveryState.FAILED))

        assert () == before
        assert [job.id] == [each.id for each in store.find(long_after)]
