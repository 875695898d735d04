"""The fetching of files out of containers that have ended: a few at a time, beside everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from ...core.limits import format_duration
from ...shim import spool
from .collect import Fetching
from .wanted import Wanted

log = logging.getLogger("outlast.container")

WIDTH: Final = 4
"""So many at once: each is a thread, and all share one disk."""

CANCELLED: Final = "it was cancelled"


class Collecting:
    """What is known of each is in its attempt's folder: whoever comes after goes on there."""

    def __init__(self, floor_bytes: int, on_end: Callable[[str], None]) -> None:
        self._floor_bytes = floor_bytes
        self._on_end = on_end
        self._fetching: dict[str, Fetching] = {}
        self._waiting: dict[str, Wanted] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_closed = False

    def take(self, order: dict[str, Any], wanted: Wanted) -> None:
        """Fetch what is wanted of the attempt that *order* is of, unless that is done already."""
        key: str = order["key"]
        if key in self._fetching or self._is_closed:
            return
        self._fetching[key] = Fetching(order, wanted.collect, self._floor_bytes)
        self._waiting[key] = wanted
        if spool.stop_wish(wanted.folder) is not None:
            self.stop(key)
        self._start_next()

    def stop(self, key: str) -> None:
        """Fetch no more of an attempt's: what is here is all."""
        if (fetching := self._fetching.get(key)) is not None:
            fetching.stop(CANCELLED)
            if key in self._waiting:
                self._start(key)  # it is over at once, and need not wait for its turn

    async def close(self) -> None:
        """Let go. What is here stays, to be gone on with."""
        self._is_closed = True
        for fetching in self._fetching.values():
            fetching.stop(None)
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start_next(self) -> None:
        while self._waiting and len(self._tasks) < WIDTH and not self._is_closed:
            self._start(next(iter(self._waiting)))

    def _start(self, key: str) -> None:
        task = asyncio.create_task(self._collect(self._fetching[key], self._waiting.pop(key)))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._ended(key))

    async def _collect(self, fetching: Fetching, wanted: Wanted) -> None:
        limit = wanted.collect.timeout
        words = f"not all was fetched within {format_duration(limit)}"
        loop = asyncio.get_running_loop()
        timer = loop.call_later(limit.total_seconds(), fetching.stop, words)
        try:
            spool.write_phase(wanted.folder, "collecting")
            await asyncio.to_thread(fetching.run)
            spool.write_phase(wanted.folder, None)
        except OSError as error:
            log.warning(
                "%s: its files cannot be kept, and are tried again: %s", wanted.folder, error
            )
        except Exception:
            log.exception("%s could not be collected, and is tried again", wanted.folder)
        finally:
            timer.cancel()

    def _ended(self, key: str) -> None:
        del self._tasks[key], self._fetching[key]
        self._on_end(key)
        self._start_next()
