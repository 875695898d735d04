"""A page shared by launcher and shim: which attempt the shim is on, should it be killed."""

from __future__ import annotations

import mmap

_SIZE = 4096


class Slot:
    """Holds one path. Written by the shim without a system call; read after its death."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _SIZE)

    def put(self, path: str) -> None:
        """Name the attempt's folder. The length is written last, so that no half is read."""
        data = path.encode("utf-8", "surrogateescape")
        self._page[0:2] = b"\0\0"
        if len(data) <= _SIZE - 2:
            self._page[2 : 2 + len(data)] = data
            self._page[0:2] = len(data).to_bytes(2, "little")

    def clear(self) -> None:
        """Name none."""
        self._page[0:2] = b"\0\0"

    def get(self) -> str | None:
        """Return the folder of the attempt, if there is one."""
        length = int.from_bytes(self._page[0:2], "little")
        data = self._page[2 : 2 + length]
        return data.decode("utf-8", "surrogateescape") or None

    def close(self) -> None:
        """Give the page back."""
        self._page.close()
