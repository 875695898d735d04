"""What every store of completions promises, as tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ..core.job import Job, JobSpec
from ..core.onend import on_end_job
from ..errors import Expired, InvalidRequest
from ..ports.completions import Completions
from ..ports.store import Entry, Query, Store
from .clock import FakeClock
from .demand import raises
from .jobs import a_job, cancelled, claimed

OpenCompletions: TypeAlias = Callable[[], tuple[Store, Completions]]
"""Opens the jobs and the completions of the test's database; of another one with each fixture."""


def ended(store: Store, clock: FakeClock, count: int) -> list[Job]:
    """Store jobs and then their ends, the last one's first. Returns them in the order of those."""
    jobs = store.add([Entry(job=a_job(clock)) for _ in range(count)])
    ends = [(job, cancelled(job, clock)) for job in reversed(jobs)]
    for each in ends:
        store.save([each])
    return [store.get(job.id) for job, _ in ends]


class CompletionsContract:
    """
    Inherit from this, and give the fixtures `open_completions` and `open_others`, each an
    `OpenCompletions` of a database of its own.
    """

    def test_each_end_comes_once_and_in_its_order(self, open_completions: OpenCompletions) -> None:
        """Whatever the size of the pages, and whoever asks: ends as they were stored, each once."""
        store, completions = open_completions()
        jobs = ended(store, FakeClock(), 7)

        for limit in (1, 2, 7, 100):
            seen, cursor = list[Job](), None
            while page := completions.after(cursor, limit=limit):
                assert len(page) <= limit
                assert page.next_cursor == page.completions[-1].cursor
                seen += [each.job for each in page]
                cursor = page.next_cursor
                completions = open_completions()[1]
            assert jobs == seen

    def test_what_has_not_ended_is_no_completion(self, open_completions: OpenCompletions) -> None:
        """A cursor of before an end gives it once it is stored, and where nothing came is kept."""
        store, completions = open_completions()
        clock = FakeClock()
        empty = completions.after(None, limit=5)
        (job,) = store.add([Entry(job=a_job(clock))])
        waiting = completions.after(empty.next_cursor, limit=5)
        store.save([(job, cancelled(job, clock))])

        assert ((), ()) == (empty.completions, waiting.completions)
        for cursor in (None, empty.next_cursor, waiting.next_cursor):
            assert [job.id] == [each.job.id for each in completions.after(cursor, limit=5)]

    def test_a_second_write_is_no_second_end(self, open_completions: OpenCompletions) -> None:
        """What is learnt of a job after its end is told with it; a stale write is no end."""
        store, completions = open_completions()
        clock = FakeClock()
        (job,) = store.add([Entry(job=a_job(clock))])
        over = cancelled(job, clock)
        store.save([(job, over)])
        store.save([(job, over)])
        stored = store.get(job.id)
        store.save([(stored, stored)])

        assert [store.get(job.id)] == [each.job for each in completions.after(None, limit=5)]

    def test_a_job_may_be_stored_ended(self, open_completions: OpenCompletions) -> None:
        """One that has ended when it is stored has its completion with it."""
        store, completions = open_completions()
        clock = FakeClock()
        (job,) = store.add([Entry(job=cancelled(a_job(clock), clock))])

        assert [job.id] == [each.job.id for each in completions.after(None, limit=5)]

    def test_what_an_end_begins_comes_with_it(self, open_completions: OpenCompletions) -> None:
        """With the end that was stored, and no other; one that is there, or was, stays as it is."""
        store, completions = open_completions()
        clock = FakeClock()
        spec = JobSpec(command=("true",), on_end="tell")
        first, late = store.add([Entry(job=replace(a_job(clock), spec=spec)) for _ in range(2)])
        store.save([(late, claimed(late, clock))])
        ends = [(job, cancelled(job, clock)) for job in (first, late)]
        then, never = (on_end_job(end) for _, end in ends)

        assert {late.id} == store.save(ends, begun=[then, never])
        assert [first.id, late.id, then.id] == [
            job.id for job in store.find(Query(oldest_first=True))
        ]
        assert then == store.get(then.id)
        runs = claimed(then, clock)
        store.save([(then, runs)])
        over = store.get(first.id)
        store.save([(over, over)], begun=[then])
        assert replace(runs, version=1) == store.get(then.id)
        store.expire([then.id], at=clock.now(), forget_before=clock.now())
        over = store.get(first.id)
        store.save([(over, over)], begun=[then])
        with raises(Expired):
            store.get(then.id)
        assert [first.id] == [each.job.id for each in completions.after(None, limit=5)]

    def test_an_end_goes_with_its_job(self, open_completions: OpenCompletions) -> None:
        """Gone with the record; the places of the others stay, and are not given away again."""
        store, completions = open_completions()
        clock = FakeClock()
        jobs = ended(store, clock, 3)
        (first, _, last) = completions.after(None, limit=5)
        store.expire([jobs[2].id, jobs[1].id], at=clock.now(), forget_before=clock.now())

        assert [first] == list(completions.after(None, limit=5))
        assert () == completions.after(first.cursor, limit=5).completions
        (new,) = ended(store, clock, 1)
        for cursor in (first.cursor, last.cursor):
            assert [new.id] == [each.job.id for each in completions.after(cursor, limit=5)]

    def test_a_cursor_of_elsewhere_is_refused(
        self, open_completions: OpenCompletions, open_others: OpenCompletions
    ) -> None:
        """Of another store, of a later state of this one, and what is none at all."""
        store, completions = open_completions()
        ended(store, FakeClock(), 2)
        others, other_completions = open_others()
        cursor = completions.after(None, limit=1).next_cursor

        with raises(InvalidRequest):
            other_completions.after(cursor, limit=1)
        ended(others, FakeClock(), 2)
        later = completions.after(None, limit=2).next_cursor[:-1] + "3"
        garbage = ("", "x", cursor + " ", "\0", "\udcff", cursor.upper() + "G", "9" * 99, "0-0")
        for given in (*garbage, later):
            with raises(InvalidRequest):
                completions.after(given, limit=1)
        with raises(InvalidRequest):
            other_completions.after(cursor, limit=1)
