"""What is asked once in an event loop, however many would know: in a turn of it, or together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class OncePerTurn(Generic[T]):
    """
    Asks *ask*, and answers the same until the loop's turn is over; asks each time in a thread
    without a loop.

    Nobody is told what was true before they asked: what comes in over a connection after the
    question was put is taken up behind what a turn has queued already, and so after the answer was
    forgotten. Whoever asks within the turn had come before.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._kept: tuple[asyncio.AbstractEventLoop, T] | None = None

    def __call__(self) -> T:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._ask()
        kept = self._kept
        if kept is not None and kept[0] is loop:
            return kept[1]
        answer = self._ask()
        self._kept = loop, answer
        loop.call_soon(self._forget)
        return answer

    def _forget(self) -> None:
        self._kept = None


class Together(Generic[T]):
    """
    Asks *ask* about many in one question, in a thread: whoever comes while one is under way is in
    the next. Nobody is told what was true before they asked, and one thread is all that this takes.
    """

    def __init__(self, ask: Callable[[Sequence[T]], Sequence[T]]) -> None:
        self._ask = ask
        self._next: list[tuple[T, asyncio.Future[T]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def __call__(self, about: T) -> T:
        """Return what *ask* makes of it. Raises what that raises."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._next.append((about, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._go_on())
        return await answer

    async def _go_on(self) -> None:
        try:
            while self._next:
                asked, self._next = self._next, []
                await self._tell([about for about, _ in asked], [answer for _, answer in asked])
        finally:
            self._asking = None

    async def _tell(self, about: Sequence[T], answers: Sequence[asyncio.Future[T]]) -> None:
        asking = asyncio.create_task(asyncio.to_thread(self._ask, about))
        await asyncio.wait([asking])
        error = asking.exception()
        found = about if error is not None else asking.result()
        for answer, each in zip(answers, found, strict=True):
            if answer.done():
                continue  # whoever asked has gone
            if error is None:
                answer.set_result(each)
            else:
                answer.set_exception(error)
