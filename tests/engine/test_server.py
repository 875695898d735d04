"""The supervisor's end of the socket, spoken to well and badly."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from outlast.core.job import JobSpec
from outlast.engine import wire
from outlast.engine.server import MAX_LINE_BYTES, Server
from outlast.engine.supervisor import Supervisor
from outlast.engine.vault import Vault
from outlast.engine.watchers import Watchers
from outlast.ports.executor import Handle
from outlast.testing import FakeExecutor, Life

from .world import PATIENCE_S, SECOND, World

LIVES = {"stays": Life(after=None), "takes a second": Life(after=SECOND)}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of the lives above."""
    world = World(tmp_path / "home", LIVES)
    yield world
    world.store.close()


class Served:
    """A supervisor behind its socket."""

    def __init__(self, world: World, supervisor: Supervisor, watchers: Watchers) -> None:
        self.world = world
        self.was_asked_to_leave = asyncio.Event()
        leave = self.was_asked_to_leave.set
        self.vault = Vault()
        self.server = Server(
            *(world.home.path, "1.2.3", supervisor, watchers, leave),
            vault=self.vault,
            in_force={"max_running": 9},
        )

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[Caller]:
        """Somebody who has connected, and read the greeting."""
        with wire.Address(self.world.home.path) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        try:
            caller = Caller(reader, writer)
            caller.greeting = await caller.hear()
            yield caller
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


class Caller:
    """One end of a connection, that of who asks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.greeting: Any = None
        self._reader = reader
        self.writer = writer

    async def hear(self) -> Any:
        """Return the next line; None once the other end has hung up."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                raw = await self._reader.readline()
            except ConnectionError:
                return None
        return json.loads(raw) if raw else None

    async def ask(self, line: object) -> Any:
        """Say *line*, and return the answer."""
        self.writer.write(json.dumps(line).encode() + b"\n")
        return await self.hear()


@asynccontextmanager
async def served(world: World, executor: FakeExecutor | None = None) -> AsyncIterator[Served]:
    """A supervisor at work that can be spoken to."""
    watchers = Watchers()
    world.told = Told(watchers)
    async with world.supervisor(executor=executor) as supervisor:
        served = Served(world, supervisor, watchers)
        await served.server.start()
        try:
            yield served
        finally:
            await served.server.stop()
            served.server.hang_up()
            await asyncio.sleep(0)


class Told(list[Any]):
    """What was told, and is told on to those who watch."""

    def __init__(self, watchers: Watchers) -> None:
        super().__init__()
        self.watchers = watchers

    def append(self, job_id: Any) -> None:
        super().append(job_id)
        self.watchers.tell_changed(job_id)


def test_who_connects_is_greeted_and_answered(world: World) -> None:
    """With the version, the pid and how much there is to do. The socket is this user's alone."""
    world.submit(JobSpec(shell="stays"))

    async def live() -> tuple[Any, Any, int]:
        async with served(world) as there, there.caller() as caller:
            mode = os.stat(f"{world.home.path}/{wire.SOCKET}").st_mode
            return caller.greeting, await caller.ask({"op": "status"}), stat.S_IMODE(mode)

    greeting, status, mode = asyncio.run(live())

    assert {"version": "1.2.3", "pid": os.getpid()} == greeting
    assert {"ok": True, "running": 1, "queued": 0, "settings": {"max_running": 9}} == {
        name: status[name] for name in ("ok", "running", "queued", "settings")
    }
    assert 0o600 == mode


@pytest.mark.parametrize(
    "line",
    [
        None,
        7,
        "wake",
        [],
        {},
        {"op": None},
        {"op": "dance"},
        {"op": "news"},
        {"op": "news", "key": 7},
        {"op": "watch"},
        {"op": "watch", "jobs": "job_1"},
        {"op": "watch", "jobs": [["job_1"]]},
        {"op": "cancel"},
        {"op": "cancel", "job": 1, "nodes": [], "grace_ms": None},
        {"op": "cancel", "job": "job_1", "nodes": ["a"], "grace_ms": None},
        {"op": "cancel", "job": "job_1", "nodes": [], "grace_ms": "soon"},
    ],
    ids=str,
)
def test_a_request_that_is_none_is_refused(world: World, line: object) -> None:
    """It does nothing, and disturbs nobody else."""

    async def live() -> tuple[Any, Any]:
        async with served(world) as there, there.caller() as caller, there.caller() as other:
            answers = await caller.ask(line), await other.ask({"op": "sync"})
            assert not there.was_asked_to_leave.is_set()
            return answers

    answer, other = asyncio.run(live())

    assert answer in ({"error": "unknown"}, None)
    assert {"ok": True} == other


@pytest.mark.parametrize("raw", [b"{\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n"])
def test_another_language_is_hung_up_on(world: World, raw: bytes) -> None:
    """What is no JSON comes from nobody who could be answered."""

    async def live() -> tuple[Any, Any]:
        async with served(world) as there, there.caller() as caller, there.caller() as other:
            caller.writer.write(raw)
            answers = await caller.hear(), await other.ask({"op": "sync"})
            assert not there.was_asked_to_leave.is_set()
            return answers

    assert (None, {"ok": True}) == asyncio.run(live())


def test_a_line_without_end_is_hung_up_on(world: World) -> None:
    """Before it takes up all memory."""

    async def live() -> tuple[Any, Any]:
        async with served(world) as there, there.caller() as caller, there.caller() as other:
            piece = bytes(1 << 20).replace(b"\0", b" ")
            for _ in range(2 * MAX_LINE_BYTES // len(piece) + 2):
                caller.writer.write(piece)
                try:
                    await caller.writer.drain()
                except ConnectionError:
                    break
            return await caller.hear(), await other.ask({"op": "sync"})

    assert (None, {"ok": True}) == asyncio.run(live())


def test_who_leaves_in_the_middle_of_a_word_is_forgotten(world: World) -> None:
    """Half a line asks for nothing; one who waits for a job and dies is told nothing more."""
    (job,) = world.submit(JobSpec(shell="takes a second"))

    async def live() -> Any:
        async with served(world) as there:
            async with there.caller() as caller:
                assert {"ok": True} == await caller.ask({"op": "watch", "jobs": [job.id]})
                caller.writer.write(b'{"op": "lea')
                caller.writer.write_eof()
                while await caller.hear() is not None:
                    pass  # what had changed by then
            async with there.caller() as caller:
                caller.writer.write(b'{"op": "status"}\n' * 1000)
                caller.writer.transport.abort()
            await world.until(lambda: world.job(job).is_settled, step=SECOND)
            assert not there.was_asked_to_leave.is_set()
            async with there.caller() as caller:
                return await caller.ask({"op": "sync"})

    assert {"ok": True} == asyncio.run(live())


def test_who_watches_is_told_of_each_change_and_of_no_other_job(world: World) -> None:
    """As it is stored, to all who watch."""
    job, other = world.submit(JobSpec(shell="takes a second"), JobSpec(shell="stays"))

    async def live() -> None:
        async with served(world) as there, there.caller() as one, there.caller() as two:
            for caller in (one, two):
                await caller.ask({"op": "watch", "jobs": [job.id]})
            world.clock.advance(SECOND)
            for caller in (one, two):
                assert {"changed": job.id} == await caller.hear()
            answer = await two.ask({"op": "cancel", "job": other.id, "nodes": [0], "grace_ms": 0})
            while "changed" in answer:
                assert {"changed": job.id} == answer
                answer = await two.hear()
            assert {"ok": True} == answer

    asyncio.run(live())

    assert "cancelled" == world.job(other).status


def test_who_asks_it_to_leave_is_heard(world: World) -> None:
    """It answers, and leaves in its own time."""

    async def live() -> None:
        async with served(world) as there, there.caller() as caller:
            assert {"ok": True} == await caller.ask({"op": "leave"})
            assert there.was_asked_to_leave.is_set()

    asyncio.run(live())


def test_a_cancel_of_nothing_is_told_as_such(world: World) -> None:
    """With the code of the error and its words."""

    async def live() -> Any:
        async with served(world) as there, there.caller() as caller:
            return await caller.ask(
                {"op": "cancel", "job": "job_none", "nodes": [], "grace_ms": None}
            )

    answer = asyncio.run(live())

    assert "not_found" == answer["error"]
    assert "job_none" in answer["message"]


def test_news_from_a_shim_of_an_earlier_supervisor_is_looked_after(world: World) -> None:
    """It says whose record has grown; of what nobody knows, nothing is made."""
    (job,) = world.submit(JobSpec(shell="stays"))

    async def live() -> Any:
        async with served(world) as there, there.caller() as caller:
            await world.until(lambda: world.job(job).status == "running")
            for key in ("", "/", "job_none/0/1", f"{job.id}/0/7", f"{job.id}/0/1"):
                caller.writer.write(wire.encode({"op": "news", "key": key}))
            caller.writer.write(wire.encode({"op": "wake"}))
            return await caller.ask({"op": "sync"})

    assert {"ok": True} == asyncio.run(live())


class Broken(FakeExecutor):
    """An executor with a fault."""

    async def look(self, handle: Handle) -> Any:
        raise ZeroDivisionError("a fault of ours")


def test_a_fault_of_ours_ends_the_supervisor(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever's request met it: he is hung up on, and asks the next one."""
    (job,) = world.submit(JobSpec(shell="stays"))

    async def live() -> Any:
        async with served(world, Broken(world.host)) as there, there.caller() as caller:
            answer = await caller.ask(
                {"op": "cancel", "job": job.id, "nodes": [], "grace_ms": None}
            )
            await there.was_asked_to_leave.wait()
            return answer

    assert asyncio.run(live()) is None
    assert "a fault of ours" in caplog.text


def test_a_server_that_stops_hangs_up_afterwards(world: World) -> None:
    """It answers nobody from then on; the end of the connection says that the home is free."""

    async def live() -> None:
        async with served(world) as there, there.caller() as caller:
            assert there.server.is_bound()
            await there.server.stop()
            assert not there.server.is_bound()
            caller.writer.write(wire.encode({"op": "status"}))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await caller.hear()
            there.server.hang_up()
            assert await caller.hear() is None

    asyncio.run(live())


def test_a_server_leaves_another_one_s_socket_alone(world: World) -> None:
    """What stands under its name by then is not its own."""

    async def live() -> None:
        path = f"{world.home.path}/{wire.SOCKET}"
        async with served(world) as there:
            await there.server.start()  # anew, over its own
            os.rename(path, f"{path}.old")
            Path(path).touch()  # noqa: ASYNC240 - a test may
            assert not there.server.is_bound()
            await there.server.stop()
            assert os.path.exists(path)  # noqa: ASYNC240 - a test may
        os.unlink(path)
        os.unlink(f"{path}.old")

    asyncio.run(live())


def test_a_socket_that_cannot_be_made_is_told(world: World) -> None:
    """And nothing is left open."""

    async def live() -> None:
        os.mkdir(f"{world.home.path}/{wire.SOCKET}")
        with pytest.raises(OSError, match="directory"):
            async with served(world):
                pass

    asyncio.run(live())


ANOTHER_USER = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
print(peer.recv(1000))
"""


def test_another_user_is_not_spoken_to(world: World) -> None:
    """Not greeted even, by the kernel's word of who it is, where a mode let him through."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user takes root")
    home = Path(world.home.path)

    async def live() -> bytes:
        async with served(world):
            path = home / wire.SOCKET
            os.chmod(path, 0o666)
            for folder in (home, *list(home.parents)[:-2]):
                os.chmod(folder, os.stat(folder).st_mode | 0o011)
            process = await asyncio.create_subprocess_exec(
                "python3", "-c", ANOTHER_USER, path, stdout=asyncio.subprocess.PIPE
            )
            return (await process.communicate())[0]

    assert b"b''\n" == asyncio.run(live())
