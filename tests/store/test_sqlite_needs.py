"""Whom a job waits for, in the store: nothing goes that somebody has still to learn of."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.core.job import JobId, JobSpec
from outlast.core.needs import needs_from_json
from outlast.errors import Expired, InvalidRequest
from outlast.ports.store import Entry, Query
from outlast.store import open_store
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job, cancelled, ended


def test_what_is_waited_for_is_kept_until_nobody_waits(tmp_path: Path) -> None:
    """Past its retention too, and whoever would have it removed; then it goes like any other."""
    clock = FakeClock()
    with closing(open_store(tmp_path / "outlast.db")) as store:
        needed, free = (ended(store, clock, a_job(clock), error="") for _ in range(2))
        after = JobSpec(command=("true",), after=needs_from_json([needed.id, f"any:{free.id}"]))
        waits = replace(a_job(clock), spec=replace(after, after=after.after[:1]))
        over = replace(a_job(clock), spec=after)
        store.add([Entry(job=waits), Entry(job=over)])
        store.save([(over, cancelled(over, clock))])
        clock.advance(timedelta(days=2))
        old = Query(expired_at=clock.now(), oldest_first=True)

        assert [free.id] == [job.id for job in store.find(old)]
        assert [over.id, waits.id] == [job.id for job in store.find(Query(after=needed.id))]
        store.expire([needed.id, free.id], at=clock.now(), forget_before=clock.now())
        assert needed == store.get(needed.id)
        with pytest.raises(Expired):
            store.get(free.id)

        late = replace(a_job(clock), spec=after)
        with pytest.raises(InvalidRequest) as refused:
            store.add([Entry(job=late)])
        assert (
            f"after: the job {needed.id} is one whose retention is over",
            f"after: the job {free.id} was deleted, or its retention is over",
        ) == refused.value.faults

        store.save([(waits, cancelled(waits, clock))])
        store.expire([needed.id], at=clock.now(), forget_before=clock.now())
        with pytest.raises(Expired):
            store.get(needed.id)
        assert () == store.find(Query(after=JobId(needed.id))).jobs
