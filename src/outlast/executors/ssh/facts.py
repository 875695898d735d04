"""
What is known of an attempt on its host, in one file of its folder: lines of JSON, each of what was
learnt at once, what stands later before what stands earlier. A line without its end counts as absent.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any, Final

from ...shim import spool

REMOTE: Final = "remote"
"""The name of the file."""


class Facts(dict[str, Any]):
    """All that is known, by name. What is *known* from the start is kept with what `keep` adds first."""

    def __init__(self, folder: str, known: dict[str, Any]) -> None:
        super().__init__(known)
        self._path = f"{folder}/{REMOTE}"
        self._unkept = known
        self._has_entry = False
        """Whether its file is sure to be found in its folder, whatever becomes of this machine."""

    @classmethod
    def stored(cls, folder: str) -> Facts | None:
        """Return what *folder* knows; None if nothing was ever kept there."""
        facts = cls(folder, {})
        try:
            with open(facts._path, "rb") as file:
                *whole, last = file.read().split(b"\n")
        except FileNotFoundError:
            return None
        for line in whole or [last]:  # what earlier versions wrote has no end
            with contextlib.suppress(ValueError):  # cut off, and ended by whoever came next
                facts |= json.loads(line)
        return facts or None  # nothing was done on the strength of a first line that was cut off

    def keep(self, facts: dict[str, Any], *, synced: bool) -> None:
        """
        Add *facts*, in memory and then on disk; *synced*: with all that was kept before, whatever
        becomes of this machine. Raises OSError; then it is tried again with what comes next.
        """
        self |= facts
        self._unkept = self._unkept | facts
        _append(self._path, json.dumps(self._unkept).encode(), synced=synced)
        self._unkept = {}
        if synced and not self._has_entry:
            _sync_folder(os.path.dirname(self._path))
            self._has_entry = True


def _append(path: str, line: bytes, *, synced: bool) -> None:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    try:
        size = os.fstat(fd).st_size
        is_cut = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        spool.append(fd, b"\n" * is_cut + line + b"\n")
        if synced:
            os.fsync(fd)
    finally:
        os.close(fd)


def _sync_folder(folder: str) -> None:
    with contextlib.suppress(OSError):  # not every file system takes a folder
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
