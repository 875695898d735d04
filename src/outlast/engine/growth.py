"""Waiting for files to grow, without looking at them again and again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

_IN_MODIFY: Final = 0x2
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
"""The same values as IN_NONBLOCK and IN_CLOEXEC (inotify_init(2))."""


class Growth:
    """
    Tells when one of some files was written to, by inotify(7).

    Where there is none to be had (another system, or the user's 128 instances are all in use),
    *fd* is None, and whoever waits must look from time to time.
    """

    def __init__(self) -> None:
        self.fd: int | None = None
        self._watched: set[str] = set()
        with suppress(OSError, AttributeError):
            import ctypes

            self._libc = ctypes.CDLL(None, use_errno=True)
            fd = self._libc.inotify_init1(_FLAGS)
            self.fd = fd if fd >= 0 else None

    def watch(self, paths: Iterable[str]) -> None:
        """Watch these files, too; one that is not there yet, when it is asked for again."""
        if self.fd is None:
            return
        for path in set(paths) - self._watched:
            if self._libc.inotify_add_watch(self.fd, os.fsencode(path), _IN_MODIFY) >= 0:
                self._watched.add(path)

    def clear(self) -> None:
        """Forget what was told so far, before the files are read."""
        if self.fd is not None:
            with suppress(BlockingIOError):
                os.read(self.fd, 1 << 16)

    def close(self) -> None:
        """Watch no more. Idempotent."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
