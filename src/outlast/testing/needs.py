"""What every store promises of jobs that wait for others, as tests: a part of `StoreContract`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from ..core.job import Job, JobId, JobSpec
from ..core.needs import needs_from_json
from ..errors import Expired, InvalidRequest
from ..ports.store import Entry, Query, Store
from .clock import FakeClock
from .demand import raises
from .jobs import a_job, cancelled, ended

OpenStore: TypeAlias = Callable[[], Store]


def waiting(clock: FakeClock, *needs: str) -> Job:
    """Return a new job that waits for others, each an id or a condition and an id."""
    return replace(a_job(clock), spec=JobSpec(command=("true",), after=needs_from_json(needs)))


class NeedsContract:
    """Nothing goes that somebody has still to learn of. It asks for `open_store`."""

    def test_what_is_waited_for_is_kept_until_nobody_waits(self, open_store: OpenStore) -> None:
        """Past its retention too, and whoever would have it removed; then it goes like any other."""
        store, clock = open_store(), FakeClock()
        needed, free = (ended(store, clock, a_job(clock), error="") for _ in range(2))
        waits = waiting(clock, needed.id)
        over = waiting(clock, needed.id, f"any:{free.id}")
        store.add([Entry(job=waits), Entry(job=over)])
        store.save([(over, cancelled(over, clock))])
        clock.advance(timedelta(days=2))
        old = Query(expired_at=clock.now(), oldest_first=True)

        assert waits == store.get(waits.id)
        assert [free.id] == [job.id for job in store.find(old)]
        assert [over.id, waits.id] == [job.id for job in store.find(Query(after=needed.id))]
        store.expire([needed.id, free.id], at=clock.now(), forget_before=clock.now())
        assert needed == store.get(needed.id)
        with raises(Expired):
            store.get(free.id)

        store.save([(waits, cancelled(waits, clock))])
        store.expire([needed.id], at=clock.now(), forget_before=clock.now())
        with raises(Expired):
            store.get(needed.id)
        assert () == store.find(Query(after=JobId(needed.id))).jobs

    def test_what_is_not_there_is_not_waited_for(self, open_store: OpenStore) -> None:
        """Never stored, deleted, or past its retention: each is told, and nothing is stored."""
        store, clock = open_store(), FakeClock()
        old, gone = (ended(store, clock, a_job(clock)) for _ in range(2))
        store.expire([gone.id], at=clock.now(), forget_before=clock.now())
        clock.advance(timedelta(days=2))
        late = waiting(clock, old.id, gone.id, "job_none")

        with raises(InvalidRequest) as told:
            store.add([Entry(job=a_job(clock)), Entry(job=late)])
        assert 3 == len(told[0].faults)
        assert (old,) == store.find(Query()).jobs

    def test_who_waits_and_what_is_waited_for_go_one_after_the_other(
        self, open_store: OpenStore
    ) -> None:
        """Asked for in one call, whatever the order: what goes leaves its tombstone, the rest stays."""
        store, clock = open_store(), FakeClock()
        needed = ended(store, clock, a_job(clock))
        waits = waiting(clock, needed.id)
        store.add([Entry(job=waits)])

        store.expire([waits.id, needed.id], at=clock.now(), forget_before=clock.now())
        assert needed == store.get(needed.id)
        store.expire([needed.id], at=clock.now(), forget_before=clock.now())
        for job in (needed, waits):
            with raises(Expired):
                store.get(job.id)
