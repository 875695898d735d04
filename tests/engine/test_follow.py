"""Following a node: what it prints and how its job stands, by a scripted world and real files."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outlast.core.job import Job, JobId, JobSpec, Node
from outlast.core.state import JobStatus, NodeStatus
from outlast.engine.follow import (
    PIECE_BYTES,
    PIECES_A_TURN,
    SHORT_S,
    Follow,
    Following,
    Piece,
    pause_s,
)
from outlast.engine.inotify import Inotify
from outlast.errors import InvalidRequest
from outlast.testing.clock import FakeClock

AT = datetime(2026, 11, 20, tzinfo=UTC)
QUEUED = Job(id=JobId("job_1"), spec=JobSpec(command=("true",)), nodes=(Node(),), created_at=AT)
RUNNING = replace(
    QUEUED,
    status=JobStatus.RUNNING,
    nodes=(Node(status=NodeStatus.RUNNING, attempt=1, started_at=AT),),
)
ENDED = replace(
    RUNNING,
    status=JobStatus.COMPLETE,
    nodes=(replace(RUNNING.nodes[0], status=NodeStatus.COMPLETE, completed_at=AT),),
)
SETTLED = replace(ENDED, nodes=(replace(ENDED.nodes[0], stopped_at=AT),))
STUCK = replace(ENDED, nodes=(replace(ENDED.nodes[0], stop_error="unkillable: 1"),))
SHORT = timedelta(seconds=SHORT_S)


def two(job: Job) -> Job:
    """Return *job* with a second node like its first."""
    return replace(job, nodes=(job.nodes[0], replace(job.nodes[0], index=1)))


class World:
    """News that come when the script says so, a job that stands as it says, and real files."""

    def __init__(self, folder: Path, *acts: Callable[[World], None]) -> None:
        self.folder = folder
        self.acts = list(acts)
        self.clock = FakeClock()
        self.job = QUEUED
        self.is_broken = False
        self.asked: list[timedelta | None] = []
        self.while_waiting: list[Callable[[World], None]] = []
        self._told, self._tells = os.pipe()

    def follow(self, job: Job, **request: object) -> list[Piece | Job]:
        self.job = job
        following = Following(
            Follow(job.id, **request),  # type: ignore[arg-type]  # a test's own words
            self.clock,
            lambda: self.job,
            lambda: self,
            lambda *_: str(self.folder),
        )
        events: list[Piece | Job] = []
        for event in following.events(job):
            events.append(event)
            if isinstance(event, Job) and self.acts:
                self.acts.pop(0)(self)
        return events

    def becomes(self, job: Job) -> None:
        self.job = job
        os.write(self._tells, b".")

    # As `News` ------------------------------------------------------------------------------

    def fileno(self) -> int | None:
        if self.while_waiting:
            self.while_waiting.pop(0)(self)
        return None if self.is_broken else self._told

    def wait_changed(self, timeout: timedelta | None) -> bool:
        self.asked.append(timeout)
        if self.is_broken:
            self.is_broken = False
            return True
        os.set_blocking(self._told, False)
        try:
            return bool(os.read(self._told, 100))
        except BlockingIOError:
            return False

    def close(self) -> None:
        for fd in (self._told, self._tells):
            os.close(fd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("stdout", "stderr"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def data(events: list[Piece | Job], stream: str = "stdout") -> bytes:
    return b"".join(e.data for e in events if isinstance(e, Piece) and e.stream == stream)


def printed(text: bytes, then: Job | None = None) -> Callable[[World], None]:
    def act(world: World) -> None:
        with open(world.folder / "stdout", "ab") as file:
            file.write(text)
        if then is not None:
            world.becomes(then)

    return act


def test_what_has_ended_is_given_whole(folder: Path) -> None:
    """The job, then its files; nothing is subscribed to."""
    (folder / "stdout").write_bytes(b"out")
    (folder / "stderr").write_bytes(b"err")
    world = World(folder)
    events = world.follow(SETTLED)
    world.close()

    assert [SETTLED, Piece("stdout", 0, b"out"), Piece("stderr", 0, b"err")] == events


def test_what_never_ran_has_no_files(tmp_path: Path) -> None:
    """Cancelled in the queue: the job alone. Nor does a missing file disturb."""
    gone = replace(SETTLED, nodes=(replace(SETTLED.nodes[0], attempt=0),))
    for job in (gone, SETTLED):
        world = World(tmp_path)
        assert [job] == world.follow(job)
        world.close()


def test_output_comes_as_it_is_printed(folder: Path) -> None:
    """From the queue to the end, and the job whenever it changed."""
    world = World(
        folder,
        lambda world: world.becomes(RUNNING),
        printed(b"one", RUNNING),
        printed(b"two", SETTLED),
    )
    events = world.follow(QUEUED)

    assert [QUEUED, RUNNING, RUNNING, SETTLED] == [e for e in events if isinstance(e, Job)]
    assert b"onetwo" == data(events)


def test_growth_alone_gives_output_and_no_job(folder: Path) -> None:
    """A file that grew while nobody looked says nothing about the job."""
    world = World(folder)
    world.while_waiting = [
        printed(b"first"),
        printed(b"second"),
        lambda world: world.becomes(SETTLED),
    ]
    events = world.follow(RUNNING)

    assert [
        RUNNING,
        Piece("stdout", 0, b"first"),
        Piece("stdout", 5, b"second"),
        SETTLED,
    ] == events


def test_more_than_a_turn_is_given_in_turns(folder: Path) -> None:
    """A file that is longer than what is read at once comes whole."""
    size = PIECE_BYTES * PIECES_A_TURN + 5
    with open(folder / "stdout", "wb") as file:
        file.truncate(size)
    world = World(folder)
    events = world.follow(SETTLED)
    world.close()

    assert size == len(data(events))


def test_it_ends_when_its_time_is_over(folder: Path) -> None:
    """With what there is by then."""
    world = World(folder, lambda world: world.clock.advance(timedelta(seconds=3)))
    (folder / "stdout").write_bytes(b"so far")
    events = world.follow(RUNNING, timeout=timedelta(seconds=2))

    assert [RUNNING, Piece("stdout", 0, b"so far")] == events


def test_children_are_waited_for_no_longer_than_asked(folder: Path) -> None:
    """After the command's end, the drain limit."""
    world = World(
        folder,
        lambda world: world.becomes(ENDED),
        lambda world: world.becomes(ENDED),
        lambda world: world.clock.advance(timedelta(seconds=9)),
    )
    events = world.follow(RUNNING, drain=timedelta(seconds=5))

    assert [RUNNING, ENDED, ENDED] == [e for e in events if isinstance(e, Job)]


def test_processes_that_do_not_die_are_not_waited_for(folder: Path) -> None:
    """What cannot be ended may print for ever: it is said, and that is that."""
    world = World(folder)
    events = world.follow(STUCK)
    world.close()

    assert [STUCK] == events


def test_a_broken_subscription_is_made_again(folder: Path) -> None:
    """And the job is read anew then."""

    def breaks(world: World) -> None:
        world.is_broken = True
        world.job = SETTLED

    world = World(folder, breaks)
    events = world.follow(RUNNING, timeout=timedelta(seconds=60))

    assert [RUNNING, SETTLED] == [e for e in events if isinstance(e, Job)]
    assert [timedelta(seconds=2)] == world.asked


def test_a_tick_gives_the_job(folder: Path) -> None:
    """For those who show its progress."""
    world = World(folder, lambda _: None, lambda world: world.becomes(SETTLED))
    events = world.follow(RUNNING, tick=timedelta(milliseconds=1))

    assert [RUNNING, RUNNING, SETTLED] == events


def watched(world: World) -> list[str]:
    """Return the files that this process watches, by what the kernel says (proc(5), fdinfo)."""
    names = {f"{os.stat(path).st_ino:x}": path.name for path in world.folder.iterdir()}
    told = []
    for fd in Path("/proc/self/fdinfo").iterdir():
        with suppress(FileNotFoundError):
            told += re.findall(r"^inotify wd:\S+ ino:(\w+)", fd.read_text(), re.MULTILINE)
    return sorted(names[inode] for inode in told if inode in names)


def test_only_what_lasts_is_watched(folder: Path) -> None:
    """Closing an inotify costs more than a short command: until then its files are looked at."""
    seen: list[list[str]] = []

    def look(world: World) -> None:
        seen.append(watched(world))

    def last(world: World) -> None:
        world.clock.advance(SHORT)

    world = World(folder)

    def look_and_print(world: World) -> None:
        look(world)
        printed(b"late")(world)

    world.while_waiting = [
        look,
        printed(b"early"),
        last,
        look_and_print,
        lambda world: world.becomes(SETTLED),
    ]
    events = world.follow(RUNNING)

    assert ([], ["stderr", "stdout"]) == (seen[0], seen[-1])
    assert b"earlylate" == data(events)
    assert [] == watched(world)


@pytest.mark.parametrize("request_", [{"tick": timedelta(seconds=9)}, {"nodes": (0, 1)}])
def test_many_nodes_or_progress_are_watched_at_once(
    folder: Path, request_: dict[str, object]
) -> None:
    """To look at them again and again would cost more than to watch them."""
    seen: list[list[str]] = []

    def look_and_end(world: World) -> None:
        seen.append(watched(world))
        world.becomes(two(SETTLED))

    world = World(folder)
    world.while_waiting = [look_and_end]
    world.follow(two(RUNNING), **request_)

    assert [["stderr", "stdout"]] == seen


@pytest.mark.timeout(30)
@pytest.mark.parametrize("request_", [{}, {"tick": timedelta(milliseconds=1)}])
def test_what_cannot_be_watched_is_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, request_: dict[str, object]
) -> None:
    """Where there is no inotify, from time to time, and however long the stay."""

    def blind(self: Inotify) -> None:
        self.fd = None

    monkeypatch.setattr(Inotify, "__init__", blind)
    world = World(folder, lambda world: world.clock.advance(SHORT))
    world.while_waiting = [
        printed(b"one"),
        printed(b"two"),
        lambda world: world.becomes(SETTLED),
    ]
    events = world.follow(RUNNING, **request_)

    assert b"onetwo" == data(events)


@pytest.mark.parametrize("request_", [{}, {"tick": timedelta(seconds=9)}])
def test_before_anything_has_begun_nothing_is_looked_at(
    folder: Path, request_: dict[str, object]
) -> None:
    """A job may wait for hours: until it begins, its news alone wake who follows it."""
    looks: list[World] = []
    world = World(folder)

    def end_later(world: World) -> None:
        threading.Timer(0.3, lambda: world.becomes(SETTLED)).start()

    world.while_waiting = [end_later, *[looks.append] * 9]
    world.follow(QUEUED, **request_)

    assert [world] == looks  # that of taking in what woke it


@pytest.mark.parametrize(
    ("stayed_s", "expected"), [(0.0, 0.002), (0.1, 0.02), (0.25, 0.05), (3600.0, 0.05)]
)
def test_looks_become_rarer_as_the_stay_goes_on(stayed_s: float, expected: float) -> None:
    """Output is late by a fifth of the stay, and by a twentieth of a second, at the most."""
    assert expected == pytest.approx(pause_s(stayed_s))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"node": 1}, "has no node 1"),
        ({"offsets": {"stdin": 0}}, "no stream 'stdin'"),
        ({"offsets": {"stdout": -1}}, "not negative"),
    ],
)
def test_what_is_not_there_cannot_be_followed(
    folder: Path, request_: dict[str, object], words: str
) -> None:
    """Told before anything is opened."""
    world = World(folder)
    with pytest.raises(InvalidRequest, match=words):
        world.follow(SETTLED, **request_)
    world.close()


def test_a_hole_is_passed_over(folder: Path) -> None:
    """With `discard`, the output that was let go is a hole at the file's beginning."""
    with open(folder / "stdout", "wb") as file:
        file.seek(1 << 20)
        file.write(b"kept")
    job = replace(SETTLED, spec=replace(SETTLED.spec, on_output_limit="discard"))
    world = World(folder)
    events = world.follow(job)
    world.close()

    assert b"kept" == data(events).lstrip(b"\0")
    assert len(data(events)) < 1 << 20
