"""What every store promises, as tests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from ..core.job import Job, JobId
from ..core.state import JobStatus
from ..errors import Conflict, Expired, InvalidRequest, NotFound
from ..ports.store import Entry, Page, Query
from .clock import FakeClock
from .demand import raises
from .jobs import SECOND, a_full_job, a_job, cancelled, claimed, ended, fulfils, some_lives
from .needs import NeedsContract, OpenStore


class StoreContract(NeedsContract):
    """
    Inherit from this, and give a fixture `open_store`: a function that opens the test's database
    once more, which is empty at first, and whose stores are closed at the end.

        class TestMyStore(StoreContract):
            @pytest.fixture
            def open_store(self, tmp_path):
                with ExitStack() as stack:
                    yield lambda: stack.enter_context(closing(MyStore(tmp_path)))
    """

    def test_an_empty_store_answers(self, open_store: OpenStore) -> None:
        """Where nothing was stored, nothing is found, and no id is known."""
        store = open_store()

        assert Page(jobs=(), next_cursor=None) == store.find(Query())
        with raises(NotFound):
            store.get(JobId("job_none"))

    def test_a_job_comes_back_as_it_was_stored(self, open_store: OpenStore) -> None:
        """Every field of a job, its spec and its nodes survives the way into the store and out."""
        clock = FakeClock()
        job = a_full_job(clock)

        assert (job,) == open_store().add([Entry(job=job, key="k", fingerprint="f")])
        assert job == open_store().get(job.id)
        assert (job,) == open_store().find(Query()).jobs

    def test_jobs_are_stored_in_the_order_given(self, open_store: OpenStore) -> None:
        """Jobs of one call come back oldest first in its order, whatever their ids and times."""
        store, clock = open_store(), FakeClock()
        jobs = [a_job(clock, created_at=clock.jump(-SECOND)) for _ in range(20)]

        assert tuple(jobs) == store.add([Entry(job=job) for job in jobs])
        assert tuple(jobs) == store.find(Query(oldest_first=True)).jobs
        assert tuple(reversed(jobs)) == store.find(Query()).jobs

    def test_nothing_to_add_is_nothing_added(self, open_store: OpenStore) -> None:
        """An empty call stores nothing."""
        store = open_store()

        assert () == store.add([])
        assert () == store.find(Query()).jobs

    # ------------------------------------------------------------------------------------- keys

    def test_a_known_key_gives_the_job_it_stands_for(self, open_store: OpenStore) -> None:
        """The second submission under a key stores nothing and returns the first one's job."""
        store, clock = open_store(), FakeClock()
        first, second, other = a_job(clock), a_job(clock), a_job(clock)
        store.add([Entry(job=first, key="k", fingerprint="f")])

        again = open_store().add([Entry(job=other), Entry(job=second, key="k", fingerprint="f")])

        assert (other, first) == again
        with raises(NotFound):
            store.get(second.id)

    def test_a_key_gives_its_job_as_it_stands_now(self, open_store: OpenStore) -> None:
        """A job that has failed since is still what its key stands for."""
        store, clock = open_store(), FakeClock()
        failed = ended(store, clock, a_job(clock), key="k")

        assert (failed,) == store.add([Entry(job=a_job(clock), key="k")])

    def test_a_key_stands_for_one_job_within_a_call_too(self, open_store: OpenStore) -> None:
        """Two entries of one call under the same key are one job."""
        store, clock = open_store(), FakeClock()
        first, second = a_job(clock), a_job(clock)

        stored = store.add([Entry(job=first, key="k"), Entry(job=second, key="k")])

        assert (first, first) == stored
        assert (first,) == store.find(Query()).jobs

    def test_keys_of_different_principals_never_meet(self, open_store: OpenStore) -> None:
        """The same key of two principals stands for two jobs, even with different payloads."""
        store, clock = open_store(), FakeClock()
        ann, ben = a_job(clock), a_job(clock)
        store.add([Entry(job=ann, key="k", principal="ann", fingerprint="a")])

        assert (ben,) == store.add([Entry(job=ben, key="k", principal="ben", fingerprint="b")])

    def test_a_key_with_another_payload_is_a_conflict(self, open_store: OpenStore) -> None:
        """One conflict, stored or within the call, and nothing of the whole call is stored."""
        store, clock = open_store(), FakeClock()
        first = a_job(clock)
        store.add([Entry(job=first, key="k", fingerprint="f")])

        with raises(Conflict) as told:
            store.add([Entry(job=a_job(clock)), Entry(job=a_job(clock), key="k", fingerprint="g")])
        assert [first.id] == [error.job_id for error in told]
        with raises(Conflict):
            store.add([Entry(job=a_job(clock), key="n", fingerprint=text) for text in "ab"])
        assert (first,) == store.find(Query()).jobs

    # ------------------------------------------------------------------------------------- save

    def test_a_change_is_stored_where_the_version_is_the_one_read(
        self, open_store: OpenStore
    ) -> None:
        """A saved job is what every other reader gets, one version on."""
        store, clock = open_store(), FakeClock()
        before = a_job(clock, nodes=3)
        store.add([Entry(job=before)])
        after = replace(claimed(before, clock, index=1), capture=None)

        assert frozenset() == store.save([(before, after)])
        assert replace(after, version=1) == open_store().get(before.id)

    def test_who_has_read_a_job_sees_each_change_of_it(self, open_store: OpenStore) -> None:
        """By whomever it is changed or deleted: nobody is told again what was read before that."""
        mine, other, clock = open_store(), open_store(), FakeClock()
        before = a_job(clock)
        mine.add([Entry(job=before)])
        assert [before] * 3 == [mine.get(before.id), mine.get(before.id), other.get(before.id)]

        after = claimed(before, clock)
        mine.save([(before, after)])
        stored = replace(after, version=1)
        assert [stored] * 2 == [mine.get(before.id), other.get(before.id)]
        other.expire([before.id], at=clock.now(), forget_before=clock.now() - SECOND)
        for store in (mine, other):
            with raises(Expired):
                store.get(before.id)

    def test_a_stale_change_is_left_out_and_told(self, open_store: OpenStore) -> None:
        """Of several changes, those whose job was changed by others stay undone; the rest is done."""
        store, clock = open_store(), FakeClock()
        raced, free, gone = a_job(clock), a_job(clock), a_job(clock)
        store.add([Entry(job=raced), Entry(job=free)])
        won = claimed(raced, clock)
        open_store().save([(raced, won)])

        stale = store.save([(job, cancelled(job, clock)) for job in (raced, free, gone)])

        assert {raced.id, gone.id} == stale
        assert replace(won, version=1) == store.get(raced.id)
        assert JobStatus.CANCELLED == store.get(free.id).status

    def test_one_call_may_carry_a_job_through_several_changes(self, open_store: OpenStore) -> None:
        """Changes happen in the order given, each on what the one before it left."""
        store, clock = open_store(), FakeClock()
        job = a_job(clock)
        store.add([Entry(job=job)])
        first = replace(claimed(job, clock), version=1)
        second = cancelled(first, clock)

        assert frozenset() == store.save(iter([(job, first), (first, second)]))
        assert replace(second, version=2) == store.get(job.id)

    def test_what_is_learnt_after_the_end_is_stored(self, open_store: OpenStore) -> None:
        """A change that leaves every status as it was is a change."""
        store, clock = open_store(), FakeClock()
        before = cancelled(a_job(clock, nodes=2), clock)
        store.add([Entry(job=before)])
        after = replace(before, nodes=tuple(replace(n, late_exit_code=3) for n in before.nodes))

        store.save([(before, after)])

        assert replace(after, version=1) == store.get(before.id)

    def test_what_a_command_said_is_kept_even_if_it_is_no_text(self, open_store: OpenStore) -> None:
        """An error with bytes that are no UTF-8 loses nobody the verdict."""
        store, clock = open_store(), FakeClock()
        job = ended(store, clock, a_job(clock), error="no such file: caf\udce9 \u00e9")

        error = store.get(job.id).nodes[0].error

        assert error is not None
        assert error.startswith("no such file: caf")
        assert error.endswith("\u00e9")

    # ------------------------------------------------------------------------------------- find

    def test_pages_tell_every_job_once(self, open_store: OpenStore) -> None:
        """Cursors lead through all jobs without a gap, though more are added on the way."""
        store, clock = open_store(), FakeClock()
        jobs = [a_job(clock) for _ in range(7)]
        store.add([Entry(job=job) for job in jobs])

        query, seen = Query(limit=3), list[Job]()
        while True:
            page = store.find(query)
            seen += page.jobs
            store.add([Entry(job=a_job(clock))])
            if page.next_cursor is None:
                break
            query = replace(query, cursor=page.next_cursor)

        assert jobs[::-1] == seen

    def test_the_last_page_says_so(self, open_store: OpenStore) -> None:
        """A page that ends with the last job has no cursor, full as it may be."""
        store, clock = open_store(), FakeClock()
        store.add([Entry(job=a_job(clock)) for _ in range(4)])
        first = store.find(Query(limit=2, oldest_first=True))
        second = store.find(Query(limit=2, oldest_first=True, cursor=first.next_cursor))

        assert (2, 2) == (len(first.jobs), len(second.jobs))
        assert second.next_cursor is None

    def test_a_later_look_goes_on_where_the_last_one_ended(self, open_store: OpenStore) -> None:
        """Oldest first, whoever resumes sees just what was stored since, and never misses any."""
        store, clock = open_store(), FakeClock()
        query, seen, jobs = Query(limit=2, oldest_first=True, unsettled=True), list[Job](), []

        for number in (0, 1, 0, 2, 3, 0, 5):
            new = [a_job(clock) for _ in range(number)]
            jobs += new
            store.add([Entry(job=job) for job in new])
            store.expire([job.id for job in seen[-1:]], at=clock.now(), forget_before=clock.now())
            while True:
                page = store.find(query)
                seen += page.jobs
                query = replace(query, cursor=page.resume)
                if page.next_cursor is None:
                    break

        assert jobs == seen
        assert store.find(Query(limit=1)).resume is None

    def test_conditions_hold_together(self, open_store: OpenStore) -> None:
        """Each condition, and every pair of them, finds just the jobs for which it is true."""
        store, clock = open_store(), FakeClock()
        jobs = some_lives(store, clock)
        a_failed_one = next(job for job in jobs[12:] if job.status == JobStatus.FAILED)
        conditions: list[dict[str, Any]] = [
            {"statuses": frozenset({JobStatus.FAILED})},
            {"statuses": frozenset({JobStatus.QUEUED, JobStatus.CANCELLED, JobStatus.RUNNING})},
            {"statuses": frozenset(JobStatus)},
            {"labels": {"team": "a"}},
            {"labels": {"team": "a", "odd": "yes"}},
            {"labels": {"team": "nobody's"}},
            {"since": jobs[len(jobs) // 2].created_at},
            {"since": clock.now() + SECOND},
            {"unsettled": True},
            {"ended_before": a_failed_one.completed_at},
            {"expired_at": a_failed_one.expires_at},
            {"oldest_first": True},
        ]

        for first in conditions:
            for second in conditions:
                query = Query(**{**first, **second})
                expected = [job.id for job in jobs if fulfils(job, query)]
                actual = [job.id for job in store.find(query).jobs]
                assert (expected if query.oldest_first else expected[::-1]) == actual, query

    def test_jobs_are_found_by_time_even_if_the_clock_was_set_back(
        self, open_store: OpenStore
    ) -> None:
        """A job of a time that came twice is found whichever time it was created."""
        store, clock = open_store(), FakeClock()
        jobs = [a_job(clock, created_at=clock.jump(step * SECOND)) for step in (1, 9, -5, 1, 1)]
        for job in jobs:
            store.add([Entry(job=job)])

        for moment in sorted({job.created_at for job in jobs}):
            expected = {job.id for job in jobs if job.created_at >= moment}
            assert expected == {job.id for job in store.find(Query(since=moment)).jobs}

    def test_a_cursor_that_is_none_is_refused(self, open_store: OpenStore) -> None:
        """What no page gave is told as the caller's fault, whatever it is."""
        store, clock = open_store(), FakeClock()
        store.add([Entry(job=a_job(clock)) for _ in range(2)])
        given = store.find(Query(limit=1)).next_cursor or ""

        for cursor in ("", "x", "1; DROP TABLE jobs", "\0", "\udcff", "9" * 99, given + " "):
            with raises(InvalidRequest):
                store.find(Query(cursor=cursor))
        with raises(InvalidRequest):
            store.find(Query(cursor=given, oldest_first=True))

    def test_a_page_has_room_for_a_job(self, open_store: OpenStore) -> None:
        """A limit below 1, or above what a database can count, is the caller's fault."""
        store = open_store()
        store.add([Entry(job=a_job(FakeClock()))])

        for limit in (0, -1, 1 << 63):
            with raises(InvalidRequest):
                store.find(Query(limit=limit))

    def test_text_that_is_none_finds_nothing(self, open_store: OpenStore) -> None:
        """Ids and labels from a command line may be any bytes: such a job is not there."""
        store = open_store()
        store.add([Entry(job=a_job(FakeClock()))])

        for text in ("", "\0", "\udcff", "'; --", "x" * 100_000):
            with raises(NotFound):
                store.get(JobId(text))
        with raises(InvalidRequest):
            store.find(Query(labels={"team": "\udcff"}))

    # ----------------------------------------------------------------------------------- expire

    def test_an_expired_job_leaves_a_tombstone(self, open_store: OpenStore) -> None:
        """It is gone from every list, and its id says that it was there."""
        store, clock = open_store(), FakeClock()
        gone, kept = a_job(clock, labels={"team": "a"}), a_job(clock, labels={"team": "a"})
        store.add([Entry(job=gone), Entry(job=kept)])

        store.expire(
            [gone.id, gone.id, JobId("job_none")], at=clock.now(), forget_before=clock.now()
        )
        store.expire([gone.id], at=clock.now(), forget_before=clock.now())

        with raises(Expired):
            store.get(gone.id)
        assert (kept,) == store.find(Query(labels={"team": "a"})).jobs
        assert {gone.id} == store.save([(gone, cancelled(gone, clock))])

    def test_a_key_is_taken_until_the_tombstone_goes(self, open_store: OpenStore) -> None:
        """A key of a job that is no more is told as such, then free for another job."""
        store, clock = open_store(), FakeClock()
        gone, new = a_job(clock), a_job(clock)
        store.add([Entry(job=gone, key="k", fingerprint="f")])
        store.expire([gone.id], at=clock.now(), forget_before=clock.now())

        with raises(Expired):
            store.add([Entry(job=a_job(clock)), Entry(job=new, key="k", fingerprint="f")])
        with raises(Conflict):
            store.add([Entry(job=new, key="k", fingerprint="g")])
        assert () == store.find(Query()).jobs

        store.expire([], at=clock.now(), forget_before=clock.now() + SECOND)
        with raises(NotFound) as told:
            store.get(gone.id)
        assert type(told[0]) is NotFound
        assert (new,) == store.add([Entry(job=new, key="k", fingerprint="g")])

    # ------------------------------------------------------------------------------------ sharing

    def test_threads_may_share_a_store(self, open_store: OpenStore) -> None:
        """Threads that add, change and read through one store lose nothing."""
        store, clock = open_store(), FakeClock()

        def live(_: int) -> JobId:
            job = a_job(clock, labels={"team": "a"})
            store.add([Entry(job=job)])
            store.save([(job, cancelled(job, clock))])
            assert store.find(Query(limit=5)).jobs
            return store.get(job.id).id

        with ThreadPoolExecutor(8) as threads:
            ids = set(threads.map(live, range(80)))

        found = store.find(Query(statuses=frozenset({JobStatus.CANCELLED}))).jobs
        assert ids == {job.id for job in found}

    def test_closing_twice_is_closing(self, open_store: OpenStore) -> None:
        """The second close does nothing, and what was stored is there for the next to open."""
        store, job = open_store(), a_job(FakeClock())
        store.add([Entry(job=job)])

        store.close()
        store.close()

        assert job == open_store().get(job.id)
