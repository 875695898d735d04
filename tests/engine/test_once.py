"""What is asked once in a turn of a loop, and what is asked together."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import cast

from outlast.engine.once import OncePerTurn, Together

from ..rigs.loops import LOOPS
from ..world import PATIENCE_S

NewLoop = Callable[[], asyncio.AbstractEventLoop]


def run(loop_factory: NewLoop, main: Coroutine[None, None, None]) -> None:
    """Run *main* on a loop of that kind."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main)


@LOOPS
def test_those_who_ask_in_one_turn_share_an_answer(loop_factory: NewLoop) -> None:
    """And who asks in the next one has another."""
    asked = OncePerTurn(itertools.count().__next__)
    answers: list[int] = []

    async def ask() -> None:
        answers.append(asked())
        answers.append(asked())

    async def main() -> None:
        await asyncio.gather(*(ask() for _ in range(10)))
        await ask()

    run(loop_factory, main())

    assert [0] * 20 + [1] * 2 == answers


@LOOPS
def test_a_thread_is_always_told_anew(loop_factory: NewLoop) -> None:
    """What a loop has kept is nothing to it."""
    asked = OncePerTurn(itertools.count().__next__)
    answers: list[int] = []

    async def main() -> None:
        answers.append(asked())
        answers.append(await asyncio.to_thread(asked))
        answers.append(await asyncio.to_thread(asked))

    run(loop_factory, main())

    assert [0, 1, 2] == answers


@LOOPS
def test_what_came_before_a_request_is_known_to_it(loop_factory: NewLoop) -> None:
    """However many ask beside it: a request that is sent after a write is answered after it."""
    written = 0
    asked = OncePerTurn(lambda: written)

    class Server(asyncio.Protocol):
        """Answers each request in a task of its own, as uvicorn does."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)  # uvloop's is none of its children

        def data_received(self, _: bytes) -> None:
            self.answering = asyncio.create_task(self.answer())

        async def answer(self) -> None:
            self.transport.write(f"{asked()}\n".encode())

    async def busy() -> None:
        while True:
            asked()
            await asyncio.sleep(0)

    async def main() -> None:
        nonlocal written
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        others = [asyncio.create_task(busy()) for _ in range(3)]
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for number in range(1, 101):
            written = number
            writer.write(b"?")
            async with asyncio.timeout(PATIENCE_S):
                assert f"{number}\n".encode() == await reader.readline()
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(loop_factory, main())
    assert 100 == written


@LOOPS
def test_who_comes_while_a_question_is_under_way_is_in_the_next(loop_factory: NewLoop) -> None:
    """All of them in one; a question that fails is told to those who are in it, and to nobody else."""
    questions: list[list[int]] = []
    may_answer = threading.Event()
    is_asked = threading.Event()

    def ask(about: Sequence[int]) -> list[int]:
        questions.append(list(about))
        is_asked.set()
        assert may_answer.wait(PATIENCE_S)
        if len(questions) == 2:
            raise ValueError("no answer")
        return [-each for each in about]

    async def main() -> None:
        together = Together(ask)
        first = asyncio.create_task(together(1))
        assert await asyncio.to_thread(is_asked.wait, PATIENCE_S)
        others = [asyncio.create_task(together(each)) for each in (2, 3, 4)]
        await asyncio.sleep(0)
        others[0].cancel()
        may_answer.set()
        assert -1 == await first
        gone, *failed = await asyncio.gather(*others, return_exceptions=True)
        assert isinstance(gone, asyncio.CancelledError)
        assert ["no answer"] * 2 == [str(each) for each in failed]
        assert -5 == await together(5)

    run(loop_factory, main())
    assert [[1], [2, 3, 4], [5]] == questions
