"""The fake executor keeps the contract of executors, on a clock that the test drives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outlast import executors
from outlast.core.job import JobSpec, Limits
from outlast.core.sight import Alive, Emptied, Exited, Gone, Sight
from outlast.core.state import Reason
from outlast.errors import InvalidRequest
from outlast.ports.executor import Captured, Handle, Launch
from outlast.testing import ExecutorContract, FakeClock, FakeExecutor, FakeHost, Life
from outlast.testing.executor import MakeExecutor, Watch, drive, exited

SECOND = timedelta(seconds=1)

LIVES = {
    "exit 37": Life(exit_code=37),
    "kill -9 $$": Life(signal=9),
    "echo started >> starts; sleep 0.3; exit 37": Life(exit_code=37, after=0.3 * SECOND),
    "until [ -e go ]; do sleep 0.02; done; exit 37": Life(exit_code=37, after=SECOND),
    "trap '' TERM; while :; do sleep 0.02; done": Life(after=None, heeds_term=False),
    "sleep 1000": Life(after=1000 * SECOND),
    "echo never": Life(unstartable="no such directory"),
    **{f"exit {code}": Life(exit_code=code) for code in range(20)},
}
"""What the contract's commands would do."""


class TestFakeExecutor(ExecutorContract):
    """No command runs, and no time passes but the clock's."""

    @pytest.fixture
    def make_executor(self) -> MakeExecutor:
        """A fresh one each time, for the same host."""
        self.clock = FakeClock()
        self.host = FakeHost(self.clock, LIVES)
        return lambda: FakeExecutor(self.host)

    def starts(self, folder: Path) -> int:
        """The host counts them."""
        return len(self.host.started)

    def let_go(self, folder: Path) -> None:
        """What waits, waits for a second."""
        self.pass_time(SECOND)

    def pass_time(self, by: timedelta) -> None:
        """The clock is the test's."""
        self.clock.advance(by)


def live(life: Life, after: timedelta = timedelta(), **spec: Any) -> list[Sight]:
    """Return what is to be seen of *life* until *after*."""
    clock = FakeClock()
    host = FakeHost(clock, otherwise=life)
    launch = Launch(key="job_a/0/1", spec=JobSpec(shell="x", **spec), captured=Captured(env={}))

    async def story(watch: Watch) -> list[Sight]:
        await watch.start(launch)
        clock.advance(after)
        return await watch.over()

    return drive(lambda: FakeExecutor(host), story)


@pytest.mark.parametrize(
    ("life", "spec", "after", "expected"),
    [
        pytest.param(Life(exit_code=3), {}, 0, (3, None, None), id="a code, at once"),
        pytest.param(Life(exit_code=3, after=5 * SECOND), {}, 5, (3, None, None), id="later"),
        pytest.param(Life(signal=11), {}, 0, (None, 11, None), id="a signal"),
        pytest.param(
            Life(after=None), {"timeout": 9 * SECOND}, 9, (None, 15, "timeout"), id="a limit"
        ),
        pytest.param(
            Life(after=None, heeds_term=False),
            {"timeout": 9 * SECOND, "grace": SECOND},
            10,
            (None, 9, "timeout"),
            id="a limit, and the grace",
        ),
        pytest.param(
            Life(after=9 * SECOND), {"timeout": 9 * SECOND}, 9, (0, None, None), id="just in time"
        ),
        pytest.param(
            Life(after=None),
            {"idle_timeout": 2 * SECOND},
            2,
            (None, 15, "idle_timeout"),
            id="silence",
        ),
        pytest.param(
            Life(after=None, stderr=b"12345"),
            {"limits": Limits(output_bytes=4)},
            0,
            (None, 9, "output_limit"),
            id="too much output",
        ),
        pytest.param(
            Life(stdout=b"12345"),
            {"limits": Limits(output_bytes=4), "on_output_limit": "discard"},
            0,
            (0, None, None),
            id="too much output, and no matter",
        ),
    ],
)
def test_a_command_lives_as_it_was_told_to(
    life: Life, spec: dict[str, Any], after: int, expected: tuple[object, ...]
) -> None:
    """It ends on the clock: by itself, or because of a limit of its job's."""
    end = exited(live(life, after * SECOND, **spec))

    assert FakeClock().now() + after * SECOND == end.at
    assert expected == (end.exit_code, end.signal, end.reason)


def test_what_it_printed_is_measured() -> None:
    """Nothing is printed, but its size is told."""
    emptied = live(Life(stdout=b"12345", stderr=b"1"))[-1]

    assert isinstance(emptied, Emptied)
    assert (5, 1) == (emptied.stdout_bytes, emptied.stderr_bytes)


def test_what_was_launched_here_is_told_once() -> None:
    """Its handle comes in after all of it was seen: there is nothing new in that."""
    clock = FakeClock()
    executor = FakeExecutor(FakeHost(clock, otherwise=Life(after=SECOND)))
    launch = Launch(key="job_a/0/1", spec=JobSpec(shell="x"), captured=Captured(env={}))

    async def handles() -> AsyncIterator[Handle]:
        yield Handle(launch.key)

    async def story() -> list[type]:
        await executor.launch(launch)
        clock.advance(SECOND)
        return [type(seen) async for _, seen in executor.watch(handles())]

    assert [Alive, Exited, Emptied] == asyncio.run(story())


def test_what_is_lost_is_gone() -> None:
    """A life without a record of its end is told as `Gone`, which is no verdict."""
    assert Gone() == live(Life(after=SECOND, is_lost=True), SECOND)[-1]


def test_what_was_stopped_before_it_began_never_does() -> None:
    """A stop that comes before the launch is heeded by it."""
    host = FakeHost(FakeClock())

    async def story(watch: Watch) -> list[Sight]:
        host.stop("job_a/0/1", SECOND)
        launch = Launch(key="job_a/0/1", spec=JobSpec(shell="x"), captured=Captured(env={}))
        await watch.start(launch)
        return await watch.over()

    end = exited(drive(lambda: FakeExecutor(host), story))
    assert (None, Reason.CANCELLED, []) == (end.started_at, end.reason, host.started)


def test_who_watches_no_more_hears_no_more() -> None:
    """An executor that was let go is not kept by its host."""
    host = FakeHost(FakeClock(), otherwise=Life(after=SECOND))

    async def story(watch: Watch) -> int:
        await watch.start(TestFakeExecutor().launch(Path(), "x"))
        await watch.until(Alive)
        return len(host._hearers)

    assert (1, 0) == (drive(lambda: FakeExecutor(host), story), len(host._hearers))


def test_no_job_runs_there_by_accident() -> None:
    """The fake executor is none that an installation offers."""
    assert ("container", "local", "ssh") == executors.available()
    with pytest.raises(InvalidRequest, match="fake"):
        executors.load("fake")
