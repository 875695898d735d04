"""The queue behind every `watch`: the contract of executors holds the rest of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from outlast.core.sight import Gone, Sight
from outlast.ports.executor import Handle
from outlast.ports.news import News


async def handles() -> AsyncIterator[Handle]:
    """One handle, and no more."""
    yield Handle("job_a/0/1")


def test_what_cannot_be_taken_in_is_raised_after_what_was_told() -> None:
    """A fault ends the watch loudly, though something is still to be told; and it closes."""
    told: dict[str, Sight] = {}
    closed = []

    async def watch() -> None:
        news = News()
        news.put("job_b/0/1", Gone())

        def take(key: str) -> None:
            raise OSError(key)

        async def close() -> None:
            closed.append(True)

        async for key, seen in news.flow(handles(), take, ["job_b/0/1"], close):
            told[key] = seen  # noqa: PERF403 what comes before the fault is to be kept

    with pytest.raises(OSError, match="job_a/0/1"):
        asyncio.run(watch())
    assert ({"job_b/0/1": Gone()}, [True]) == (told, closed)
