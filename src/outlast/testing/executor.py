"""What every executor promises, as tests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

from ..core.job import JobSpec
from ..core.sight import Alive, Emptied, Exited, Gone, Sight
from ..core.state import Reason
from ..ports.executor import Captured, Executor, Handle, Launch

T = TypeVar("T")

MakeExecutor: TypeAlias = Callable[[], Executor]

PATIENCE_S = 60.0
PATH = "/usr/local/bin:/usr/bin:/bin"


class Watch:
    """One executor's stream of news, read by a test."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self._handles: asyncio.Queue[Handle | None] = asyncio.Queue()
        self.news = executor.watch(self._given())

    async def _given(self) -> AsyncIterator[Handle]:
        while (handle := await self._handles.get()) is not None:
            yield handle

    async def start(self, launch: Launch) -> Handle:
        """Launch, and watch what comes of it."""
        await self.executor.launch(launch)
        handle = Handle(launch.key)
        self.see(handle)
        return handle

    def see(self, handle: Handle) -> None:
        """Watch an attempt, whoever launched it."""
        self._handles.put_nowait(handle)

    async def until(self, *kinds: type[Sight]) -> list[Sight]:
        """Return the news up to the first of *kinds*."""
        seen: list[Sight] = []
        async with asyncio.timeout(PATIENCE_S):
            async for _, sight in self.news:
                seen.append(sight)
                if isinstance(sight, kinds):
                    break
        return seen

    async def over(self) -> list[Sight]:
        """Return the news up to the end of everything."""
        return await self.until(Emptied, Gone)

    async def close(self) -> None:
        """Watch no more."""
        self._handles.put_nowait(None)
        close: Callable[[], Awaitable[None]] | None = getattr(self.news, "aclose", None)
        if close is not None:
            await close()


class ExecutorContract:
    """
    Inherit from this, and give a fixture `make_executor`: a function that makes the executor of
    the test's world once more, with nothing in memory. Commands are looked up on a usual PATH.

        class TestMyExecutor(ExecutorContract):
            @pytest.fixture
            def make_executor(self, tmp_path):
                return lambda: MyExecutor(tmp_path)

    A world whose commands are no real ones, or where no real time passes, says in `starts`,
    `let_go` and `pass_time` how things are there. One that knows less, or begins in another way,
    declares that in `tells_signals` and `unstartable`.
    """

    tells_signals: ClassVar[bool] = True
    """Whether a command that dies of a signal is told as that. Else its code is 128 and the
    signal's number, as a shell's would be, and as that of one that exits with it."""

    many: ClassVar[int] = 20
    """How many commands are run at once, of which each is quick to start."""

    def launch(self, folder: Path, shell: str, *, key: str = "", **spec: Any) -> Launch:
        """Return the order to run a line of shell in *folder*: a new attempt, if *key* names none."""
        captured = Captured(env={"PATH": PATH}, cwd=str(folder))
        spec.setdefault("grace", timedelta())
        spec |= {"shell": shell, "cwd": str(folder)}
        return Launch(key=key or new_key(), spec=JobSpec(**spec), captured=captured)

    def starts(self, folder: Path) -> int:
        """Return how many commands have said in *folder* that they started."""
        return len((folder / "starts").read_text().splitlines())

    def let_go(self, folder: Path) -> None:
        """Have the command go on that waits for it in *folder*."""
        (folder / "go").touch()

    def unstartable(self, folder: Path) -> tuple[Launch, Reason]:
        """Return an order that nothing comes of, and why: a directory that is not there."""
        return self.launch(folder / "nowhere", "echo never"), Reason.SPAWN_FAILED

    def pass_time(self, by: timedelta) -> None:
        """Let time pass where the commands run. Real time passes by itself."""

    def test_a_life_is_told_in_order(self, make_executor: MakeExecutor, tmp_path: Path) -> None:
        """Alive, Exited with the true code, Emptied: each once."""

        async def story(watch: Watch) -> list[Sight]:
            await watch.start(self.launch(tmp_path, "exit 37"))
            return await watch.over()

        seen = drive(make_executor, story)
        assert [Alive, Exited, Emptied] == [type(sight) for sight in seen]
        assert 37 == exited(seen).exit_code

    def test_a_signal_is_told_apart_from_a_code(
        self, make_executor: MakeExecutor, tmp_path: Path
    ) -> None:
        """A command that dies of a signal has no exit code, where signals are told."""

        async def story(watch: Watch) -> list[Sight]:
            await watch.start(self.launch(tmp_path, "kill -9 $$"))
            return await watch.over()

        end = exited(drive(make_executor, story))
        told = (None, 9, None) if self.tells_signals else (128 + 9, None, None)
        assert told == (end.exit_code, end.signal, end.reason)

    def test_a_second_launch_starts_nothing(
        self, make_executor: MakeExecutor, tmp_path: Path
    ) -> None:
        """`launch` is idempotent by its key: at once, while it runs, and when it is over."""
        order = self.launch(tmp_path, "echo started >> starts; sleep 0.3; exit 37")

        async def story(watch: Watch) -> list[Sight]:
            await watch.start(order)
            await watch.start(order)
            seen = await watch.until(Alive)
            await watch.executor.launch(order)
            self.pass_time(timedelta(seconds=0.3))
            seen += await watch.over()
            await watch.executor.launch(order)
            return seen

        seen = drive(make_executor, story)
        assert 37 == exited(seen).exit_code
        assert 1 == self.starts(tmp_path)

    def test_a_fresh_executor_knows_what_another_started(
        self, make_executor: MakeExecutor, tmp_path: Path
    ) -> None:
        """A stored handle is enough: the one that launched is gone, the command goes on."""
        order = self.launch(tmp_path, "until [ -e go ]; do sleep 0.02; done; exit 37")

        async def begin(watch: Watch) -> Handle:
            handle = await watch.start(order)
            await watch.until(Alive)
            return handle

        async def go_on(watch: Watch) -> list[Sight]:
            watch.see(handle)
            seen = await watch.until(Alive)
            self.let_go(tmp_path)
            return seen + await watch.over()

        handle = drive(make_executor, begin)
        seen = drive(make_executor, go_on)
        assert [Alive, Exited, Emptied] == [type(sight) for sight in seen]
        assert 37 == exited(seen).exit_code

    def test_a_handle_may_come_in_again(self, make_executor: MakeExecutor, tmp_path: Path) -> None:
        """It is looked at again, and nothing is told twice."""
        order = self.launch(tmp_path, "until [ -e go ]; do sleep 0.02; done; exit 37")

        async def story(watch: Watch) -> list[Sight]:
            handle = await watch.start(order)
            seen = await watch.until(Alive)
            watch.see(handle)
            watch.see(handle)
            await asyncio.sleep(0)
            self.let_go(tmp_path)
            return seen + await watch.over()

        seen = drive(make_executor, story)
        assert [Alive, Exited, Emptied] == [type(sight) for sight in seen]

    def test_what_is_over_is_told_as_well(
        self, make_executor: MakeExecutor, tmp_path: Path
    ) -> None:
        """The first news of a handle says how things stand, the end included."""

        async def begin(watch: Watch) -> Handle:
            handle = await watch.start(self.launch(tmp_path, "exit 37"))
            await watch.over()
            return handle

        async def come_late(watch: Watch) -> list[Sight]:
            watch.see(handle)
            seen = await watch.over()
            look = await watch.executor.look(handle)
            assert isinstance(look, Exited)
            assert 37 == look.exit_code
            return seen

        handle = drive(make_executor, begin)
        assert 37 == exited(drive(make_executor, come_late)).exit_code

    def test_what_nobody_knows_is_gone(self, make_executor: MakeExecutor) -> None:
        """A handle that nothing is behind is told as `Gone`, which is no verdict."""

        async def story(watch: Watch) -> tuple[list[Sight], Sight | None]:
            handle = Handle("job_none/0/1")
            watch.see(handle)
            return await watch.over(), await watch.executor.look(handle)

        assert ([Gone()], None) == drive(make_executor, story)

    def test_a_stop_ends_it(self, make_executor: MakeExecutor, tmp_path: Path) -> None:
        """With a reason, after TERM and its grace by force; asking again changes nothing."""

        async def story(watch: Watch) -> list[Sight]:
            script = "trap '' TERM; while :; do sleep 0.02; done"
            handle = await watch.start(self.launch(tmp_path, script))
            await watch.until(Alive)
            grace = timedelta(milliseconds=100)
            await watch.executor.stop(handle, grace=grace)
            await watch.executor.stop(handle, grace=grace)
            self.pass_time(grace)
            seen = await watch.over()
            await watch.executor.stop(handle, grace=timedelta())
            return seen

        assert Reason.CANCELLED == exited(drive(make_executor, story)).reason

    def test_a_timeout_is_the_executor_s(self, make_executor: MakeExecutor, tmp_path: Path) -> None:
        """The limit of time that the spec gives is kept where the command runs."""

        async def story(watch: Watch) -> list[Sight]:
            limit = timedelta(milliseconds=200)
            await watch.start(self.launch(tmp_path, "sleep 1000", timeout=limit))
            self.pass_time(limit)
            return await watch.over()

        assert Reason.TIMEOUT == exited(drive(make_executor, story)).reason

    def test_what_cannot_start_is_told_as_an_end(
        self, make_executor: MakeExecutor, tmp_path: Path
    ) -> None:
        """Such as for want of its directory: never started, with a reason and words."""
        order, reason = self.unstartable(tmp_path)

        async def story(watch: Watch) -> list[Sight]:
            await watch.start(order)
            return await watch.over()

        end = exited(drive(make_executor, story))
        assert (None, reason) == (end.started_at, end.reason)
        assert end.error

    def test_releasing_is_done_once_or_often(
        self, make_executor: MakeExecutor, tmp_path: Path
    ) -> None:
        """What is over may be forgotten, any number of times."""

        async def story(watch: Watch) -> None:
            handle = await watch.start(self.launch(tmp_path, "true"))
            await watch.over()
            await watch.executor.release(handle)
            await watch.executor.release(handle)

        drive(make_executor, story)

    def test_many_are_watched_at_once(self, make_executor: MakeExecutor, tmp_path: Path) -> None:
        """The news of each of them comes under its own key."""
        keys = [new_key() for _ in range(self.many)]

        async def story(watch: Watch) -> dict[str, int | None]:
            for number, key in enumerate(keys):
                await watch.start(self.launch(tmp_path, f"exit {number}", key=key))
            codes: dict[str, int | None] = {}
            left = set(keys)
            async with asyncio.timeout(PATIENCE_S):
                async for key, sight in watch.news:
                    if isinstance(sight, Exited):
                        codes[key] = sight.exit_code
                    if isinstance(sight, Emptied):
                        left.discard(key)
                        if not left:
                            break
            return codes

        assert {key: n for n, key in enumerate(keys)} == drive(make_executor, story)


def new_key() -> str:
    """
    Return an attempt's key that no other has, as jobs' ids are. Executors end what bears the key
    on the whole machine, by its cgroup or its mark: also that of another test beside this one.
    """
    return f"job_{os.urandom(10).hex()}/0/1"


def exited(seen: list[Sight]) -> Exited:
    """Return the one end in *seen*."""
    (end,) = [sight for sight in seen if isinstance(sight, Exited)]
    return end


def drive(make_executor: MakeExecutor, story: Callable[[Watch], Coroutine[Any, Any, T]]) -> T:
    """Run *story* in a loop of its own, on a fresh executor, and let go of it at the end."""

    async def run() -> T:
        watch = Watch(make_executor())
        try:
            return await story(watch)
        finally:
            await watch.close()

    return asyncio.run(run())
