"""Closing a session while others use it: each case that a race can come to, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.core.job import Job
from outlast.core.session import Session
from outlast.engine import verbs
from outlast.engine.sessions import TRIES, SessionDesk
from outlast.errors import NotFound, NotTerminal
from outlast.home import Home
from outlast.ports.store import Entry, Store
from outlast.store import open_sessions, open_store
from outlast.testing import FakeClock
from outlast.testing.jobs import a_job, cancelled
from outlast.testing.sessions import a_job_in, a_session


class Nobody:
    """A supervisor that has nothing to catch up with."""

    def catch_up(self, patience: timedelta) -> None:
        del patience


class Others:
    """Stores what it is given, after somebody else has done something, so many times."""

    def __init__(self, home: Home) -> None:
        self.clock = FakeClock()
        self.store: Store = open_store(home.database)
        self.session: Session = a_session(self.clock)
        self.times = 0
        self.ended = 0
        self.closes_first = False

    def submit(self, request: verbs.Submit) -> tuple[Job, ...]:
        """Store the last job of the session, or fail as the store does."""
        if self.times:
            self.times -= 1
            closes = self.session.id if self.closes_first else None
            self.store.add([Entry(job=a_job_in(self.session, self.clock), closes=closes)])
        (spec,) = request.specs
        job = Job(
            id=self.clock.new_job_id(self.clock.now()),
            spec=spec,
            nodes=a_job(self.clock).nodes,
            created_at=self.clock.now(),
        )
        return self.store.add([Entry(job=job, closes=request.closes)])

    def cancel(self, request: verbs.Cancel) -> None:
        """Cancel a job that waits."""
        job = self.store.get(request.job_id)
        self.store.save([(job, cancelled(job, self.clock))])
        self.ended += 1


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(str(tmp_path / "home"))
    home.prepare()
    return home


@pytest.fixture
def others(home: Home) -> Iterator[Others]:
    others = Others(home)
    with closing(others.store), closing(open_sessions(home.database)) as sessions:
        sessions.open(others.session)
        yield others


@pytest.fixture
def desk(home: Home, others: Others) -> Iterator[SessionDesk]:
    supervision: object = Nobody()
    with closing(
        SessionDesk(open_sessions(home.database), supervision, others.clock, home)  # type: ignore[arg-type]  # asked for nothing else
    ) as desk:
        yield desk


def close(desk: SessionDesk, others: Others, *, cancel: bool) -> Session:
    request = verbs.CloseSession(name="web", cancel=cancel)
    return desk.close_session(request, others.submit, others.cancel)


def test_what_comes_in_between_is_ended_too(desk: SessionDesk, others: Others) -> None:
    """Where all is to be ended, what was submitted meanwhile is no exception."""
    others.times = 3

    assert "closed" == close(desk, others, cancel=True).state
    assert 3 == others.ended
    with pytest.raises(NotFound):
        desk.get(verbs.Session(name="web"))


def test_what_comes_in_between_keeps_it_open(desk: SessionDesk, others: Others) -> None:
    """Where nothing is to be ended, it is told as what is in the way, and waits on."""
    others.times = 1
    with pytest.raises(NotTerminal) as told:
        close(desk, others, cancel=False)

    (waits,) = desk.get(verbs.Session(name="web")).queued
    assert waits == told.value.job_id
    assert 0 == others.ended


def test_one_that_never_rests_is_given_up(desk: SessionDesk, others: Others) -> None:
    """After so many tries it is told as in use, and is still open."""
    others.times = TRIES
    with pytest.raises(NotTerminal):
        close(desk, others, cancel=True)

    assert "queued" == desk.get(verbs.Session(name="web")).state


def test_of_two_who_close_it_one_does(desk: SessionDesk, others: Others) -> None:
    """The other is told that there is no such session any more."""
    others.times, others.closes_first = 1, True
    with pytest.raises(NotFound):
        close(desk, others, cancel=True)

    (closed,) = desk.find(verbs.Sessions(closed=True))
    assert "closed" == closed.state
