"""What every store of sessions promises, as tests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from threading import Barrier
from typing import Any, Final, TypeAlias

from ..core.hostspec import HostSpec
from ..core.job import Job, JobId, JobSpec, SessionId
from ..core.session import Session
from ..errors import Conflict, NotFound, NotTerminal
from ..ports.sessions import Sessions
from ..ports.store import Entry, Query, Store
from .clock import FakeClock
from .demand import raises
from .jobs import SECOND, a_job, cancelled, claimed

KNOWN: Final = {
    "a@db:22": HostSpec(address="10.0.0.7", jump="edge", key="/k", passphrase="env:P"),  # noqa: S106 - only a reference
    "edge": HostSpec(user="ops", port=2222),
}

PATIENCE_S: Final = 60.0

OpenSessions: TypeAlias = Callable[[], Sessions]
OpenStore: TypeAlias = Callable[[], Store]


def a_session(clock: FakeClock, **fields: Any) -> Session:
    """Return a new session."""
    return Session(
        id=SessionId(f"ses_{clock.new_token()}"),
        **{"name": "web", "host": "web1", "created_at": clock.now(), **fields},
    )


def a_job_in(session: Session, clock: FakeClock) -> Job:
    """Return a new job of *session*."""
    spec = JobSpec(command=("true",), session=session.name, session_id=session.id)
    return replace(a_job(clock), spec=spec)


class SessionsContract:
    """
    Inherit from this, and give the fixtures `open_store` (see `StoreContract`) and
    `open_sessions`: a function that opens the sessions of the same database once more.
    """

    races = 200
    """How often the end of a command and a caller's leave are driven to the same instant."""

    def test_nothing_opened_is_nothing_found(self, open_sessions: OpenSessions) -> None:
        """No name is known, whatever it is."""
        sessions = open_sessions()

        assert () == sessions.find()
        for name in ("web", "", "\0", "\udcff", "x" * 10_000):
            with raises(NotFound):
                sessions.get(name)

    def test_a_session_comes_back_as_it_was_opened(self, open_sessions: OpenSessions) -> None:
        """By its name and in the list, which is in the order of opening."""
        clock = FakeClock()
        first, second = a_session(clock), a_session(clock, name="db", host="a@db:22", hosts=KNOWN)
        for session in (first, second):
            open_sessions().open(session)

        assert (first, second) == open_sessions().find()
        assert second == open_sessions().get("db")
        assert "idle" == second.state

    def test_a_name_is_one_open_session_s(self, open_sessions: OpenSessions) -> None:
        """Of many that open one at once, one does; the others are told."""
        clock = FakeClock()
        made = [a_session(clock) for _ in range(8)]

        def try_open(session: Session) -> bool:
            try:
                open_sessions().open(session)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(4) as threads:
            opened = list(threads.map(try_open, made))

        assert [made[opened.index(True)]] == list(open_sessions().find())
        assert 1 == sum(opened)

    def test_a_session_knows_its_jobs(
        self, open_sessions: OpenSessions, open_store: OpenStore
    ) -> None:
        """What runs, what waits in order, what came last, and when; other jobs are none of its."""
        clock, sessions, store = FakeClock(), open_sessions(), open_store()
        session = a_session(clock)
        sessions.open(session)
        over = a_job_in(session, clock)
        store.add([Entry(job=over)])
        store.save([(over, cancelled(over, clock))])
        store.add([Entry(job=a_job(clock))])
        clock.advance(SECOND)
        runs, *waiting = jobs = [a_job_in(session, clock) for _ in range(3)]
        store.add([Entry(job=job) for job in jobs])

        known = sessions.get("web")
        assert tuple(job.id for job in jobs) == known.queued
        assert ("queued", jobs[-1].id) == (known.state, known.last_job)
        assert clock.now() == known.last_used_at
        begun = claimed(runs, clock)
        store.save([(runs, begun)])
        known = sessions.get("web")
        assert ("running", runs.id) == (known.state, known.running)
        assert tuple(job.id for job in waiting) == known.queued

    def test_a_session_knows_its_host_anew(self, open_sessions: OpenSessions) -> None:
        """What is known of the host is replaced, and nothing else; in a closed one, nothing is."""
        clock, sessions = FakeClock(), open_sessions()
        session, other = a_session(clock, hosts=KNOWN), a_session(clock, name="db")
        for each in (session, other):
            sessions.open(each)
        anew = replace(session, hosts={"web1": HostSpec(password="memory:p")})  # noqa: S106 - only a reference

        open_sessions().reconnect(anew)
        assert (anew, other) == sessions.find()
        with raises(Conflict):
            sessions.reconnect(replace(anew, id=SessionId("ses_none")))

    def test_a_command_goes_on_in_the_background_once(
        self, open_sessions: OpenSessions, open_store: OpenStore
    ) -> None:
        """From the first time on, and beyond its end; one that has ended first never does."""
        clock, sessions, store = FakeClock(), open_sessions(), open_store()
        session = a_session(clock)
        sessions.open(session)
        left, ended, stays = jobs = [a_job_in(session, clock) for _ in range(3)]
        store.add([*(Entry(job=job) for job in jobs), Entry(job=(alone := a_job(clock)))])
        store.save([(ended, cancelled(ended, clock))])

        at = clock.now()
        assert None is sessions.background(left.id)
        assert at == sessions.background(left.id, at=at)
        assert at == open_sessions().background(left.id, at=at + SECOND)
        assert None is sessions.background(ended.id, at=at)
        assert None is sessions.background(alone.id, at=at)
        assert None is sessions.background(JobId("job_none"), at=at)
        known = sessions.get("web")
        assert {left.id: at} == known.left_at
        assert (at, "async_mode") == (known.async_since, known.state)
        store.save([(left, cancelled(left, clock))])
        assert (at, None) == (sessions.background(left.id), sessions.background(stays.id))
        assert "queued" == sessions.get("web").state

    def test_of_an_end_and_a_caller_s_leave_one_is_first(
        self, open_sessions: OpenSessions, open_store: OpenStore
    ) -> None:
        """
        Both at the same instant, from two threads, again and again: whoever leaves is told either
        that it goes on, and all see so, or that it has ended, and all see that.
        """
        clock, sessions, store = FakeClock(), open_sessions(), open_store()
        session, at = a_session(clock), clock.now()
        sessions.open(session)
        jobs = [a_job_in(session, clock) for _ in range(self.races)]
        store.add([Entry(job=job) for job in jobs])
        gate = Barrier(2, timeout=PATIENCE_S)

        def leave(job: Job) -> datetime | None:
            gate.wait()
            left = sessions.background(job.id, at=at)
            # Who was not left has ended: there is an end to be told.
            assert left is not None or store.get(job.id).is_terminal
            return left

        def end(job: Job) -> None:
            gate.wait()
            store.save([(job, cancelled(job, clock))])

        with ThreadPoolExecutor(2) as threads:
            for job in jobs:
                told, ended = threads.submit(leave, job), threads.submit(end, job)
                ended.result()
                assert told.result() == sessions.background(job.id)
                assert store.get(job.id).is_terminal

    def test_a_session_is_closed_with_its_last_job(
        self, open_sessions: OpenSessions, open_store: OpenStore
    ) -> None:
        """Then it takes no other, its name is free, and it is told as long as a job of it is kept."""
        clock, sessions, store = FakeClock(), open_sessions(), open_store()
        session, anew = a_session(clock), a_session(clock)
        sessions.open(session)
        last = a_job_in(session, clock)
        store.add([Entry(job=last, closes=session.id)])

        with raises(NotFound):
            sessions.get("web")
        assert () == sessions.find()
        (closed,) = sessions.find(closed=True)
        assert ("closed", last.created_at) == (closed.state, closed.closed_at)
        for refused in (
            Entry(job=a_job_in(session, clock)),
            Entry(job=a_job_in(session, clock), closes=session.id),
        ):
            with raises(Conflict):
                store.add([Entry(job=a_job(clock)), refused])
        assert (last,) == store.find(Query()).jobs
        again = replace(last, id=a_job(clock).id, spec=replace(last.spec, session=None))
        store.add([Entry(job=again)])
        assert again.id == sessions.find(closed=True)[0].last_job

        store.expire([last.id, again.id], at=clock.now(), forget_before=clock.now())
        sessions.open(anew)
        assert (anew,) == sessions.find(closed=True)

    def test_a_session_in_use_is_not_closed(
        self, open_sessions: OpenSessions, open_store: OpenStore
    ) -> None:
        """As long as something in it has not ended; that is named, and nothing is stored."""
        clock, sessions, store = FakeClock(), open_sessions(), open_store()
        session = a_session(clock)
        sessions.open(session)
        job = a_job_in(session, clock)
        store.add([Entry(job=job)])

        with raises(NotTerminal) as told:
            store.add([Entry(job=a_job_in(session, clock), closes=session.id)])
        assert job.id == told[0].job_id
        assert (job.id,) == sessions.get("web").queued
        store.save([(job, cancelled(job, clock))])
        store.add([Entry(job=a_job_in(session, clock), closes=session.id)])
        assert () == sessions.find()

    def test_closing_twice_is_closing(self, open_sessions: OpenSessions) -> None:
        """The second close does nothing, and what was stored is there for the next to open."""
        sessions, session = open_sessions(), a_session(FakeClock())
        sessions.open(session)
        sessions.close()
        sessions.close()

        assert session == open_sessions().get("web")
