"""What an executor has to tell, kept until whoever watches it has heard."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sized
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.sight import Sight
    from .executor import Handle


class News:
    """The `watch` of an executor: handles go in, what was put here comes out, in order."""

    def __init__(self) -> None:
        self._news: deque[tuple[str, Sight]] = deque()
        self._has_news = asyncio.Event()

    def put(self, key: str, seen: Sight) -> None:
        """Have it told that the attempt *key* was seen so."""
        self._news.append((key, seen))
        self._has_news.set()

    async def flow(
        self,
        handles: AsyncIterable[Handle],
        take: Callable[[str], None],
        untold: Sized,
        close: Callable[[], Awaitable[None]],
    ) -> AsyncIterator[tuple[str, Sight]]:
        """
        Yield the news, until *handles* has ended and nothing is in *untold*; then *close*.

        *take* hears the key of each handle. What it raises, this does.
        """
        taking_in = asyncio.create_task(_take_in(handles, take))
        taking_in.add_done_callback(lambda _: self._has_news.set())
        try:
            while True:
                while self._news:
                    yield self._news.popleft()
                self._has_news.clear()
                if taking_in.done():
                    taking_in.result()
                    if not untold:
                        return
                await self._has_news.wait()
        finally:
            taking_in.cancel()
            await close()


async def _take_in(handles: AsyncIterable[Handle], take: Callable[[str], None]) -> None:
    async for handle in handles:
        take(handle.key)
