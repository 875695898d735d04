"""The shim's pen: the attempt's record, held under its lock, and those who listen."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

from . import spool

Tell = Callable[[bytes], None]
"""Takes lines, encoded as in a record."""


class Journal:
    """
    The record of one attempt. What is published is written down first, and then told.

    On a full disk the lines wait in memory, to be tried again (`save`); they are told all the
    same, so that a supervisor that listens has them.
    """

    def __init__(self, fd: int, tell: Tell) -> None:
        self._fd = fd
        self._tell = tell
        self._unsaved = b""

    @classmethod
    def claim(cls, folder: str, tell: Tell) -> Journal | None:
        """Take the attempt in *folder*; None if somebody else has. Raises OSError."""
        spool.make_folder(folder)
        fd = spool.open_record(folder)
        return None if fd is None else cls(fd, tell)

    @property
    def fd(self) -> int:
        """The open record, whose lock is the claim."""
        return self._fd

    @property
    def is_saved(self) -> bool:
        """Whether all that was published is written down."""
        return not self._unsaved

    def read(self) -> spool.Record:
        """Return what the record says."""
        if os.fstat(self._fd).st_size == 0:
            return spool.Record()
        return spool.parse_record(os.pread(self._fd, spool.MAX_RECORD_BYTES, 0))

    def publish(self, *lines: spool.Line) -> None:
        """Write *lines* down, and tell them."""
        data = spool.encode(*lines)
        self._unsaved += data
        self.save()
        self._tell(data)

    def begin(self, line: spool.Line) -> Callable[[], None]:
        """
        Write *line* down, and return what tells it. Raises OSError where it cannot be written:
        nothing may begin that is not on record.
        """
        data = spool.encode(line)
        spool.append(self._fd, data)
        return functools.partial(self._tell, data)

    def save(self) -> None:
        """Write down what could not be until now."""
        if self._unsaved:
            try:
                spool.append(self._fd, self._unsaved)
            except OSError:
                return
            self._unsaved = b""

    def close(self) -> None:
        """Give the claim up. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
