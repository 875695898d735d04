"""inotify(7), by the C library: a descriptor that tells which of some files something was done to."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

WRITTEN: Final = 0x2
"""Something was written to it (IN_MODIFY)."""

CREATED: Final = 0x100
"""In it, a folder, something was created (IN_CREATE)."""

_IN_Q_OVERFLOW: Final = 0x4000
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
"""The same values as IN_NONBLOCK and IN_CLOEXEC (inotify_init(2))."""

_HEAD: Final = struct.Struct("iIII")
"""Watch, mask, cookie, and how long the name behind it is."""


class Inotify:
    """
    One instance. Where there is none to be had (another system, or the user's 128 are all in
    use), *fd* is None and nothing can be watched.
    """

    def __init__(self) -> None:
        self.fd: int | None = None
        with suppress(OSError, AttributeError):
            import ctypes

            self._libc = ctypes.CDLL(None, use_errno=True)
            fd = self._libc.inotify_init1(_FLAGS)
            self.fd = fd if fd >= 0 else None

    def add(self, path: str, what: int = WRITTEN) -> int | None:
        """Watch a file, and return the watch's number; None where it is not there, or too many are."""
        if self.fd is None:
            return None
        number = self._libc.inotify_add_watch(self.fd, os.fsencode(path), what)
        return number if number >= 0 else None

    def remove(self, watch: int) -> None:
        """Watch a file no more. Silent where it has gone meanwhile."""
        if self.fd is not None:
            self._libc.inotify_rm_watch(self.fd, watch)

    def grown(self) -> Iterator[int | None]:
        """Yield the watches to which it happened since; None for all: more than it could keep."""
        while self.fd is not None:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return
            while data:
                watch, mask, _, length = _HEAD.unpack_from(data)
                data = data[_HEAD.size + length :]
                if mask & _IN_Q_OVERFLOW:
                    yield None
                elif mask & (WRITTEN | CREATED):
                    yield watch

    def close(self) -> None:
        """Watch no more. Idempotent."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
