"""What is asked once in a turn of an event loop, however many would know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
