"""Who waits in a loop: woken by what happens to jobs, and by files that grow. Holds no thread."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Final, NamedTuple

from ..core.job import JobId
from .inotify import Inotify

BLIND_LOOK_S: Final = 0.25
"""Between two looks at files that cannot be watched."""


class Heard(NamedTuple):
    """What a listener was told since it last asked."""

    jobs: frozenset[JobId] | None
    """Which may have changed; None: any, since the subscription broke and was made again."""

    is_leaving: bool = False
    """This process is about to end."""


class Listener:
    """One who waits. Made by `Hub.listen`."""

    def __init__(self, growth: SharedGrowth) -> None:
        self._growth = growth
        self._watches: dict[str, int] = {}
        self._is_blind = False
        self._changed: set[JobId] = set()
        self._any = False
        self._is_leaving = False
        self._event = asyncio.Event()

    def tell(self, job_id: JobId | None) -> None:
        """A job has changed; None: any may have."""
        if job_id is None:
            self._any = True
        else:
            self._changed.add(job_id)
        self._event.set()

    def tell_grown(self) -> None:
        """A file that it watches was written to."""
        self._event.set()

    def tell_leaving(self) -> None:
        """The process is about to end: whoever waits is to answer now."""
        self._is_leaving = True
        self._event.set()

    def watch(self, paths: Iterable[str]) -> None:
        """Hear of these files growing, too; of one that is not there yet, once asked again."""
        for path in set(paths) - self._watches.keys():
            watch = self._growth.add(path, self)
            if watch is not None:
                self._watches[path] = watch
        self._is_blind = self._growth.is_full

    async def heard(self, timeout_s: float | None) -> Heard | None:
        """Sleep until something happens; None: nothing did in *timeout_s*."""
        if self._is_blind:
            timeout_s = BLIND_LOOK_S if timeout_s is None else min(timeout_s, BLIND_LOOK_S)
        if not self._event.is_set():
            try:
                async with asyncio.timeout(timeout_s):
                    await self._event.wait()
            except TimeoutError:
                return Heard(frozenset()) if self._is_blind else None
        heard = Heard(None if self._any else frozenset(self._changed), self._is_leaving)
        self._changed.clear()
        self._any = False
        if not self._is_leaving:
            self._event.clear()
        return heard

    def close(self) -> None:
        """Watch no file any more."""
        for watch in self._watches.values():
            self._growth.remove(watch, self)
        self._watches.clear()


class SharedGrowth:
    """One inotify for the files of all listeners."""

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._of: dict[int, set[Listener]] = {}
        self.is_full = self._inotify.fd is None
        """Whether some file could not be watched: who listens must look from time to time."""

    def open(self) -> None:
        """Begin to listen, in the running loop."""
        if self._inotify.fd is not None:
            asyncio.get_running_loop().add_reader(self._inotify.fd, self._tell)

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        if self._inotify.fd is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fd)
        self._inotify.close()

    def add(self, path: str, listener: Listener) -> int | None:
        """Have *listener* told of this file. None where it is not there."""
        watch = self._inotify.add(path)
        if watch is not None:
            self._of.setdefault(watch, set()).add(listener)
        else:
            self.is_full = self.is_full or os.path.exists(path)
        return watch

    def remove(self, watch: int, listener: Listener) -> None:
        """Tell it no more."""
        listeners = self._of.get(watch, set())
        listeners.discard(listener)
        if not listeners and self._of.pop(watch, None) is not None:
            self._inotify.remove(watch)

    def _tell(self) -> None:
        for watch in set(self._inotify.grown()):
            told = self._of.get(watch, set()) if watch is not None else self._all()
            for listener in tuple(told):
                listener.tell_grown()

    def _all(self) -> set[Listener]:
        return set().union(*self._of.values())
