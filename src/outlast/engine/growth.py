"""Waiting for files to grow, without looking at them again and again."""

from __future__ import annotations

from collections.abc import Iterable

from .inotify import Inotify


class Growth:
    """
    Tells one follower when one of some files was written to.

    Where they cannot be watched, *fd* is None, and whoever waits must look from time to time.
    """

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._watched: set[str] = set()

    @property
    def fd(self) -> int | None:
        """What is readable once a file has grown."""
        return self._inotify.fd

    def watch(self, paths: Iterable[str]) -> None:
        """Watch these files, too; one that is not there yet, when it is asked for again."""
        for path in set(paths) - self._watched:
            if self._inotify.add(path) is not None:
                self._watched.add(path)

    def clear(self) -> None:
        """Forget what was told so far, before the files are read."""
        for _ in self._inotify.grown():
            pass

    def close(self) -> None:
        """Watch no more. Idempotent."""
        self._inotify.close()
