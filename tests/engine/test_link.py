"""A caller's end of the socket, with supervisors that answer, are mute, hang up, or are not there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outlast.clock import SystemClock
from outlast.core.job import JobId
from outlast.engine import link as module
from outlast.engine import wire
from outlast.engine.link import Link, Subscription
from outlast.engine.wire import is_older
from outlast.errors import Unavailable
from outlast.home import Home

from ..world import eventually

SOON = timedelta(milliseconds=100)
LATER = timedelta(seconds=30)
JOB = JobId("job_1")
OK = {"ok": True}

SILENCE: dict[str, Any] = {}
Answer = dict[str, Any] | None
"""What a line is answered with; None: by hanging up."""


class Supervisor:
    """A scripted end of the socket. Greets, and answers one line after another as it is told."""

    def __init__(
        self,
        home: Path,
        *answers: Answer,
        greeting: Answer | str = "own",
        is_in_a_hurry: bool = False,
    ) -> None:
        self.greeted = 0
        self.hung_up = 0
        self._is_in_a_hurry = is_in_a_hurry
        self.heard: list[Any] = []
        self.answers = list(answers)
        self._greeting = {"version": "1.2.3"} if greeting == "own" else greeting
        self._listening = socket.socket(socket.AF_UNIX)
        with wire.Address(str(home)) as path:
            self._listening.bind(path)
        self._listening.listen()
        self._path = home / wire.SOCKET
        self.peers: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # closed: that is the end
            while True:
                peer = self._listening.accept()[0]
                self.peers.append(peer)
                with suppress(OSError):  # it has left: the next one
                    self._talk(peer)

    def _talk(self, peer: socket.socket) -> None:
        if self._greeting is None:
            peer.close()
            return
        if self._greeting != "mute":
            peer.sendall(wire.encode(self._greeting))  # type: ignore[arg-type]  # it is a line
            self.greeted += 1
        if self._is_in_a_hurry:
            peer.close()
            self.hung_up += 1
            return
        reader = wire.Reader(peer)
        while self.answers and (line := reader.read(None)) is not None:
            self.heard.append(line)
            answer = self.answers.pop(0)
            if answer is None:
                peer.close()
                return
            if answer != SILENCE:
                peer.sendall(wire.encode(answer))

    def close_after(self, call: Callable[[], object]) -> None:
        """Leave once *call* was heard."""
        call()
        eventually(lambda: self.heard)
        self.close()

    def close(self) -> None:
        """Leave: hang up on everybody."""
        for each in (self._listening, *self.peers):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join()
        self._path.unlink(missing_ok=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


class Starter:
    """What starts a supervisor, as far as the test has one to start."""

    def __init__(self, start: Callable[[], object] | None = None) -> None:
        self.started = 0
        self.start = start
        self.is_ready = True
        self.is_first = True

    def __call__(self, tells: int) -> bool:
        self.started += 1
        if self.start is not None:
            self.start()
            if self.is_ready:
                os.write(tells, b"r")
        return self.is_first


@pytest.fixture
def starter() -> Starter:
    """Starts nothing, unless it is told what."""
    return Starter()


@pytest.fixture
def link(home: Path, starter: Starter) -> Iterator[Link]:
    """The end under test."""
    link = Link(str(home), "1.2.3", starter, SystemClock())
    yield link
    link.close()


Listen = Callable[..., Supervisor]


@pytest.fixture
def listen(home: Path) -> Iterator[Listen]:
    """A function that makes a scripted supervisor."""
    made: list[Supervisor] = []

    def listen(*answers: Answer, **options: Any) -> Supervisor:
        made.append(Supervisor(home, *answers, **options))
        return made[-1]

    yield listen
    for each in made:
        each.close()


PATIENCE = ("START_PATIENCE", "ANSWER_PATIENCE", "GREETING_PATIENCE")


def hasten(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Have patience end soon, all of it or what is named: how long it is, is not what is asked."""
    for name in names or PATIENCE:
        monkeypatch.setattr(module, name, SOON)


# --------------------------------------------------------------------------------------- answering


def test_a_cancel_is_answered(link: Link, listen: Listen, starter: Starter) -> None:
    """Once it is stored; the words are the verb's."""
    supervisor = listen(OK)
    link.cancel(JOB, nodes=frozenset({2, 1}), grace=timedelta(seconds=3))

    assert [{"op": "cancel", "job": JOB, "nodes": [1, 2], "grace_ms": 3000}] == supervisor.heard
    assert 0 == starter.started


def test_a_cancel_whose_answer_was_lost_is_asked_again(
    link: Link, listen: Listen, starter: Starter
) -> None:
    """The supervisor left over it; the next one is asked."""
    supervisor = listen(None)
    starter.start = lambda: supervisor.answers.append(OK)
    link.cancel(JOB, nodes=frozenset(), grace=None)

    assert 2 == len(supervisor.heard)
    assert 1 == starter.started


def test_a_cancel_that_is_refused_is_told(link: Link, listen: Listen) -> None:
    """In the supervisor's own words, or at least by its code."""
    listen({"error": "not_found", "message": "There is no such job"}, {"error": "unknown"})
    with pytest.raises(Unavailable, match="There is no such job"):
        link.cancel(JOB, nodes=frozenset(), grace=None)


def test_a_cancel_that_nobody_takes_is_told(
    link: Link, starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some tries to start somebody who would."""
    hasten(monkeypatch)
    with pytest.raises(Unavailable, match="No supervisor could be reached"):
        link.cancel(JOB, nodes=frozenset(), grace=None)

    assert 3 == starter.started


def test_a_mute_supervisor_is_told_as_such(
    link: Link, listen: Listen, starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped, perhaps: neither taken for none, nor waited for without end."""
    hasten(monkeypatch)
    listen(OK, greeting="mute")
    with pytest.raises(Unavailable, match="does not answer"):
        link.cancel(JOB, nodes=frozenset(), grace=None)
    with pytest.raises(Unavailable, match="does not answer"):
        link.status()
    assert not link.catch_up(SOON)
    assert not link.leave(SOON)
    link.wake()  # it will look at the store when it goes on

    assert 0 == starter.started


def test_who_hangs_up_before_a_word_is_nobody(link: Link, listen: Listen, starter: Starter) -> None:
    """It is just leaving."""
    listen(greeting=None)

    assert link.status() is None
    assert not link.catch_up(LATER)
    assert 1 == starter.started


def test_who_hangs_up_while_he_is_asked_is_nobody(
    link: Link, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gone after the greeting, in the middle of a question that no buffer holds."""
    hasten(monkeypatch, "START_PATIENCE")
    supervisor = listen()

    def leave() -> None:
        eventually(lambda: supervisor.greeted)
        supervisor.close()

    leaving = threading.Thread(target=leave)
    leaving.start()
    with pytest.raises(Unavailable, match="No supervisor"):
        link.cancel(JOB, nodes=frozenset(range(200_000)), grace=None)
    leaving.join()


# ------------------------------------------------------------------------------------------- waking


def test_wakes_go_over_one_connection(link: Link, listen: Listen, starter: Starter) -> None:
    """Until it breaks: then over another one, and where there is nobody, somebody is started."""
    supervisor = listen(SILENCE, SILENCE)
    link.wake()
    link.wake()
    eventually(lambda: 2 == len(supervisor.heard))
    assert 1 == len(supervisor.peers)
    supervisor.close()
    link.wake()

    assert 1 == starter.started


def test_a_wake_over_a_broken_connection_goes_over_another(link: Link, listen: Listen) -> None:
    """The one before left, and the next one is there already."""
    listen(SILENCE).close_after(link.wake)
    supervisor = listen(SILENCE)
    link.wake()

    eventually(lambda: [{"op": "wake"}] == supervisor.heard)


def test_who_came_up_meanwhile_is_woken(link: Link, listen: Listen, starter: Starter) -> None:
    """It was not there yet, and need not be started any more: it may have looked at the store."""
    came: list[Supervisor] = []
    starter.start, starter.is_first = (lambda: came.append(listen(OK))), False
    link.wake()

    assert [{"op": "wake"}] == eventually(lambda: came[0].heard)
    assert 1 == starter.started


def test_nobody_who_hangs_up_at_once_is_woken(home: Path, listen: Listen, starter: Starter) -> None:
    """After two tries somebody else is started."""
    supervisor = listen(is_in_a_hurry=True)

    class Clock(SystemClock):
        """Asked three times for each connection: the last time when that has been made."""

        asked = 0

        def monotonic(self) -> float:
            self.asked += 1
            eventually(lambda: supervisor.hung_up == self.asked // 3)
            return super().monotonic()

    Link(str(home), "1.2.3", starter, Clock()).wake()

    assert 2 == supervisor.hung_up
    assert 1 == starter.started


def test_a_forked_child_makes_its_own_connection(link: Link, listen: Listen) -> None:
    """That of its parent goes on as it was."""
    supervisor = listen(SILENCE)
    link.wake()
    eventually(lambda: supervisor.heard)
    pid = os.fork()
    if pid == 0:
        link.wake()
        os._exit(0)
    os.waitpid(pid, 0)
    link.wake()

    assert 2 == len(supervisor.peers)


# ----------------------------------------------------------------------------- who is to be spoken to


def test_an_older_supervisor_is_sent_away_first(
    link: Link, listen: Listen, starter: Starter
) -> None:
    """The next one is of our version. To ask how it is needs no such thing."""
    supervisor = listen(OK, None, greeting={"version": "0.9.1"})
    starter.start = lambda: (supervisor.close(), listen(OK))
    assert OK == link.status()
    assert link.catch_up(LATER)

    assert [{"op": "status"}, {"op": "leave"}] == supervisor.heard
    assert 1 == starter.started


@pytest.mark.parametrize(
    ("version", "than", "expected"),
    [
        ("1.2.3", "1.2.3", False),
        ("1.2.3", "1.10.0", True),
        ("1.10.0", "1.9", False),
        ("1.2", "1.2.1", True),
        ("2.0rc1", "2.0", False),
        ("None", "0.1", True),
    ],
)
def test_releases_have_an_order(version: str, than: str, expected: bool) -> None:
    """That of their numbers."""
    assert expected == is_older(version, than)


def test_to_leave_is_to_be_gone(link: Link, listen: Listen) -> None:
    """Seen by the end of the connection; False where that does not come in time."""
    assert link.leave(SOON), "nobody is there"
    supervisor = listen(OK, SILENCE)
    assert not link.leave(SOON)
    threading.Timer(0.1, supervisor.close).start()

    assert link.leave(LATER)
    assert {"op": "leave"} in supervisor.heard


# ------------------------------------------------------------------------------------- starting one


@pytest.mark.parametrize("is_first", [True, False])
def test_one_that_is_coming_up_is_waited_for(
    link: Link, listen: Listen, starter: Starter, is_first: bool
) -> None:
    """Another one does not listen yet: ours left since it has the lock, or was not even started."""

    coming = threading.Timer(0.1, lambda: listen(OK))
    starter.start, starter.is_ready, starter.is_first = coming.start, False, is_first

    assert link.catch_up(LATER)
    assert 1 == starter.started
    coming.join()  # it may answer before it is known to who closes it


@pytest.mark.parametrize("is_first", [True, False])
def test_where_one_is_killed_on_its_way_up_another_is_started(
    monkeypatch: pytest.MonkeyPatch, link: Link, listen: Listen, starter: Starter, is_first: bool
) -> None:
    """Ours, or one that somebody else had begun to start: nobody comes, so that we try again."""
    monkeypatch.setattr(module, "AGAIN_S", SOON.total_seconds())

    def start() -> None:
        if starter.started == 2:
            listen(OK)
            starter.is_ready = starter.is_first = True

    starter.start, starter.is_ready, starter.is_first = start, False, is_first

    assert link.catch_up(LATER)
    assert 2 == starter.started


def test_one_that_cannot_be_started_is_not_tried_without_end(
    monkeypatch: pytest.MonkeyPatch, link: Link, starter: Starter
) -> None:
    """It would be an interpreter and a line of its log, again and again."""
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    starter.start, starter.is_ready = (lambda: None), False

    assert not link.catch_up(timedelta(seconds=1))
    assert module.STARTS == starter.started


def test_who_asks_how_it_is_does_not_wait_for_one_killed_on_its_way_up(
    monkeypatch: pytest.MonkeyPatch, home: Path, link: Link
) -> None:
    """The right to start one is free again, and nobody listens: there is none."""
    monkeypatch.setattr(module, "AGAIN_S", SOON.total_seconds())
    monkeypatch.setattr(module, "START_PATIENCE", timedelta(hours=1))
    right = Home(str(home)).claim_start()
    assert right is not None
    threading.Timer(0.15, os.close, (right,)).start()

    assert link.status() is None


def test_one_that_never_comes_up_is_not_waited_for_longer_than_asked(
    link: Link, starter: Starter
) -> None:
    """Neither where it says nothing, nor where it left."""
    assert not link.catch_up(SOON)
    kept: list[int] = []
    starter.start, starter.is_ready = (lambda: kept.append(0)), False

    class Silent(Starter):
        def __call__(self, tells: int) -> bool:
            kept.append(os.dup(tells))
            return True

    silent = Link(link.home, "1.2.3", Silent(), SystemClock())
    assert not silent.catch_up(SOON)
    for fd in kept:
        os.close(fd)


def test_who_asks_how_it_is_waits_for_one_on_its_way_up(
    home: Path, link: Link, listen: Listen
) -> None:
    """Somebody holds the right to start one; where nobody does there is none, and none is started."""
    right = Home(str(home)).claim_start()
    assert right is not None
    coming = threading.Timer(0.1, lambda: listen({"pid": 7}))
    coming.start()

    assert {"pid": 7} == link.status()
    coming.join()
    os.close(right)


def test_one_that_comes_up_while_it_is_asked_for_is_found(
    home: Path, starter: Starter, listen: Listen
) -> None:
    """It got ready, and gave back the right to start one, just after nobody had answered."""
    right = Home(str(home)).claim_start()
    assert right is not None

    class Overtaken(Link):
        def connect(self, deadline: float, *, may_replace: bool = True) -> socket.socket | None:
            peer = super().connect(deadline, may_replace=may_replace)
            if peer is None:
                listen({"pid": 7})
                os.close(right)
            return peer

    assert {"pid": 7} == Overtaken(str(home), "1.2.3", starter, SystemClock()).status()


def test_looking_for_a_starter_keeps_none_from_starting(home: Path) -> None:
    """The right to start one is looked at, and not tried; it is seen while, and only while, held."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            Home(str(home)).is_being_started()

    onlooker = threading.Thread(target=look)
    onlooker.start()
    try:
        for _ in range(2_000):
            right = Home(str(home)).claim_start()
            assert right is not None
            assert Home(str(home)).is_being_started()
            assert Home(str(home)).claim_start() is None
            os.close(right)
            assert not Home(str(home)).is_being_started()
    finally:
        over.set()
        onlooker.join()


def test_where_nobody_starts_one_there_is_none(home: Path, link: Link, starter: Starter) -> None:
    """Who asks how it is starts none; the right that somebody had was given back."""
    right = Home(str(home)).claim_start()
    assert right is not None
    os.close(right)

    assert link.status() is None
    assert 0 == starter.started


def test_a_home_with_a_long_path_that_is_not_there_has_no_supervisor(tmp_path: Path) -> None:
    """Nobody is asked, and nothing is made."""
    link = Link(str(tmp_path / ("x" * 120) / "home"), "1.2.3", Starter(), SystemClock())

    assert link.status() is None


# --------------------------------------------------------------------------------------- subscribing


def test_a_subscription_tells_what_changed(link: Link, listen: Listen) -> None:
    """All that is there at once; nothing where nothing came in time."""
    supervisor = listen(OK)
    with closing(link.news(frozenset({JOB}))) as news:
        peer = supervisor.peers[0]
        assert [{"op": "watch", "jobs": [JOB]}] == supervisor.heard
        assert frozenset() == news.changed(SOON)
        assert news.fileno() is not None
        peer.sendall(wire.encode({"changed": JOB}) + wire.encode({"changed": "job_2"}))
        assert {JOB, "job_2"} == news.changed(LATER)
        peer.sendall(wire.encode(OK))
        assert news.changed(LATER) is None, "any may have, where it is not said which"


def test_a_subscription_that_broke_is_made_again(
    link: Link, listen: Listen, starter: Starter
) -> None:
    """With a supervisor started for it; and the store is to be read anew, both times."""
    first = listen(OK)
    news = link.news(frozenset({JOB}))
    first.close()
    assert news.wait_changed(LATER)
    assert news.fileno() is None
    starter.start = lambda: listen(OK)
    assert news.wait_changed(LATER)
    assert news.fileno() is not None
    assert 1 == starter.started
    news.close()
    news.close()


def test_a_subscription_without_a_supervisor_does_not_spin(link: Link, starter: Starter) -> None:
    """Somebody may come by himself: it waits a moment, and says that the store is to be read."""
    clock = SystemClock()
    news = link.news(frozenset({JOB}), timeout=SOON)
    began = clock.monotonic()
    assert news.wait_changed(timedelta(seconds=1))

    assert clock.monotonic() - began >= 0.05
    assert news.fileno() is None


def test_who_hears_of_all_jobs_starts_none_for_nothing(
    link: Link, listen: Listen, starter: Starter
) -> None:
    """
    Nothing to do, nobody is started, before the first or after it has left; one that comes is heard
    of, and one that is needed is started.
    """
    work = [False]
    link.has_work = lambda: work[0]
    with closing(link.news(None)) as news:
        assert (frozenset(), None) == (news.changed(SOON), news.fileno())
        first = listen(OK)
        assert news.changed(LATER) is None
        assert [{"op": "watch", "all": True}] == first.heard
        first.close()
        assert news.changed(LATER) is None, "it has left: something may have been missed"
        assert frozenset() == news.changed(SOON)
        second: list[Supervisor] = []
        coming = threading.Timer(0.2, lambda: second.append(listen(OK)))
        coming.start()
        assert news.changed(LATER) is None
        coming.join()
        assert news.fileno() is not None
    assert 0 == starter.started

    work[0] = True
    second[0].close()
    link.news(None, timeout=SOON).close()
    assert 1 == starter.started


def test_a_subscription_at_who_hangs_up_is_broken(link: Link, listen: Listen) -> None:
    """Told at the next look, whether he went before or after he was asked."""
    listen(None)
    news = Subscription(link, frozenset({JOB}), LATER)
    assert news.wait_changed(LATER)

    assert news.fileno() is None
