"""A store driven beside a dictionary, by whatever order of calls Hypothesis comes up with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
)

from outlast.core import events as ev
from outlast.core.job import Job, JobId
from outlast.core.needs import Condition, Need
from outlast.core.state import JobStatus, Reason
from outlast.core.transition import settle, transition, with_node
from outlast.errors import Conflict, Expired, IllegalMove, InvalidRequest, NotFound
from outlast.ports.store import Entry, Query, Store
from outlast.store import open_store
from outlast.testing import FakeClock
from outlast.testing.jobs import SECOND, a_job, fulfils

TEXT = st.sampled_from(["", "a", "ä", "'; --", "%"])
LABELS = st.dictionaries(st.sampled_from(["team", "ä'"]), TEXT, max_size=2)
KEYS = st.none() | st.sampled_from(["k", "ä'"])
TIMES = st.integers(-5, 20).map(lambda seconds: seconds * SECOND)


@dataclass(frozen=True)
class Key:
    job_id: JobId
    fingerprint: str


def waiting(job: Job, after: Sequence[JobId]) -> Job:
    """Return *job* as one that waits for some others to end."""
    needs = tuple(Need(job_id=job_id, on=Condition.ANY) for job_id in after)
    return replace(job, spec=replace(job.spec, after=needs))


def is_over(job: Job, at: datetime) -> bool:
    """Whether a job's retention is over."""
    return job.expires_at is not None and job.expires_at <= at


class StoreMachine(RuleBasedStateMachine):
    """What the store holds is what the dictionary holds, after every call."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.clock = FakeClock()
        self.store: Store = self.open()
        self.jobs: dict[JobId, Job] = {}
        self.read: dict[JobId, Job] = {}
        """Jobs as they were when last asked for: some are stale by now."""
        self.keys: dict[tuple[str, str], Key] = {}
        self.tombstones: dict[JobId, datetime] = {}

    def open(self) -> Store:
        return open_store(Path(self.folder) / "outlast.db")

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize(target=ids)
    def nobody(self) -> JobId:
        return JobId("job_nobody's")

    @rule(
        target=ids,
        drawn=st.lists(
            st.tuples(
                LABELS, st.integers(1, 3), KEYS, st.sampled_from("ab"), st.sampled_from("fg")
            ),
            max_size=4,
        ),
        after=st.lists(ids, max_size=2, unique=True),
        held=st.booleans(),
        jump=st.integers(-3, 5),
    )
    def add(  # type: ignore[no-untyped-def]  # Hypothesis's own type for many values
        self,
        drawn: Sequence[tuple[dict[str, str], int, str | None, str, str]],
        after: list[JobId],
        held: bool,
        jump: int,
    ):
        self.clock.jump(jump * SECOND)
        entries = [
            Entry(
                job=waiting(a_job(self.clock, labels=labels, nodes=nodes, held=held), after),
                key=key,
                principal=principal,
                fingerprint=fingerprint,
            )
            for labels, nodes, key, principal, fingerprint in drawn
        ]
        jobs, keys, expected = dict(self.jobs), dict(self.keys), list[Job]()
        for entry in entries:
            job = entry.job
            if entry.key is not None:
                known = keys.setdefault(
                    (entry.principal, entry.key), Key(job.id, entry.fingerprint)
                )
                if known.fingerprint != entry.fingerprint:
                    with pytest.raises(Conflict):
                        self.store.add(entries)
                    return multiple()
                if known.job_id in self.tombstones:
                    with pytest.raises(Expired):
                        self.store.add(entries)
                    return multiple()
                job = jobs.get(known.job_id, job)
            jobs.setdefault(job.id, job)
            expected.append(job)
        if any(
            (there := self.jobs.get(need.job_id)) is None or is_over(there, job.created_at)
            for job in expected
            if job.id not in self.jobs
            for need in job.spec.after
        ):
            with pytest.raises(InvalidRequest):
                self.store.add(entries)
            return multiple()

        assert tuple(expected) == self.store.add(entries)
        self.jobs, self.keys = jobs, keys
        return multiple(*(job.id for job in expected))

    @rule(job_id=ids, held=st.booleans(), queue=st.none() | TEXT, priority=st.integers(-20, 20))
    def arrange(
        self,
        job_id: JobId,
        held: bool,
        queue: str | None,
        priority: int,
    ) -> None:
        if (before := self.jobs.get(job_id)) is not None:
            after = replace(before, held=held, queue=queue, priority=priority)
            assert frozenset() == self.store.save([(before, after)])
            self.jobs[job_id] = replace(after, version=before.version + 1)

    @rule(job_id=ids)
    def get(self, job_id: JobId) -> None:
        if job_id in self.jobs:
            job = self.store.get(job_id)
            assert self.jobs[job_id] == job
            self.read[job_id] = job
            return
        with pytest.raises(NotFound) as told:
            self.store.get(job_id)
        assert (job_id in self.tombstones) == isinstance(told.value, Expired)

    @rule(job_ids=st.lists(ids, max_size=3), which=st.integers(0, 3), stale=st.booleans())
    def save(self, job_ids: list[JobId], which: int, stale: bool) -> None:
        changes, refused = [], set()
        for job_id in job_ids:
            now = self.jobs.get(job_id)
            before = self.read.get(job_id) if stale or now is None else now
            if before is None:
                continue
            after = self.lived_on(before, which)
            changes.append((before, after))
            if now is None or now.version != before.version:
                refused.add(job_id)
            else:
                self.jobs[job_id] = replace(after, version=now.version + 1)
        assert refused == self.store.save(changes)

    def lived_on(self, job: Job, which: int) -> Job:
        at = self.clock.now()
        for node in job.nodes:
            events: list[ev.Event] = [
                ev.Claimed(at=at, attempt=node.attempt + 1, boot_id="boot"),
                ev.Started(at=at, attempt=node.attempt, containment="group"),
                ev.Failed(at=at, attempt=node.attempt, reason=Reason.LOST, error="\u00e4"),
                ev.CancelRequested(at=at),
            ]
            with suppress(IllegalMove):
                job = with_node(job, transition(node, events[(which + node.index) % 4]))
            with suppress(IllegalMove):
                stopped = ev.Stopped(attempt=node.attempt, at=at)
                job = with_node(job, settle(job.nodes[node.index], stopped))
        return job

    @rule(job_ids=st.lists(ids, max_size=2), keep=st.integers(0, 3))
    def expire(self, job_ids: list[JobId], keep: int) -> None:
        now = self.clock.advance(SECOND)
        forget_before = now - keep * SECOND
        self.store.expire(job_ids, at=now, forget_before=forget_before)
        waited_for = self.waited_for()
        for job_id in job_ids:
            if job_id not in waited_for and self.jobs.pop(job_id, None):
                self.tombstones[job_id] = now
        forgotten = {job_id for job_id, at in self.tombstones.items() if at < forget_before}
        self.tombstones = {
            job_id: at for job_id, at in self.tombstones.items() if job_id not in forgotten
        }
        self.keys = {name: key for name, key in self.keys.items() if key.job_id not in forgotten}

    def waited_for(self) -> set[JobId]:
        """The jobs whose end somebody who has not begun is still to learn."""
        queued = [job for job in self.jobs.values() if job.status == JobStatus.QUEUED]
        return {need.job_id for job in queued for need in job.spec.after}

    @rule(
        query=st.builds(
            Query,
            statuses=st.frozensets(st.sampled_from(JobStatus)),
            labels=LABELS,
            unsettled=st.booleans(),
            oldest_first=st.booleans(),
            limit=st.integers(1, 4),
        ),
        since=st.none() | TIMES,
        ended=st.none() | TIMES,
        expired=st.none() | TIMES,
        after=st.none() | ids,
    )
    def find(
        self,
        query: Query,
        since: timedelta | None,
        ended: timedelta | None,
        expired: timedelta | None,
        after: JobId | None,
    ) -> None:
        start = FakeClock().now()
        query = replace(
            query,
            since=None if since is None else start + since,
            ended_before=None if ended is None else start + ended,
            expired_at=None if expired is None else start + timedelta(days=1) + expired,
            after=after,
        )
        kept = set() if expired is None else self.waited_for()
        expected = [
            job
            for job in self.jobs.values()
            if fulfils(job, query) and job.id not in kept and (after is None or after in self.jobs)
        ]
        found: list[Job] = []
        while True:
            page = self.store.find(query)
            found += page.jobs
            assert len(page.jobs) <= query.limit
            if page.next_cursor is None:
                break
            assert len(page.jobs) == query.limit
            query = replace(query, cursor=page.next_cursor)

        assert (expected if query.oldest_first else expected[::-1]) == found

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.open()


StoreMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestStoreMachine = StoreMachine.TestCase
