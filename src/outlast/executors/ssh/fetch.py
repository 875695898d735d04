"""Output that lies on a host, fetched into the attempt's folder here, byte for byte, once."""

from __future__ import annotations

import os
from typing import Final

from ...shim import spool
from ...shim.failpoint import reach
from .answer import Told
from .attempt import STREAMS, Attempt
from .link import Link
from .order import key_on_host
from .refusal import Cut

PIECE_BYTES: Final = (1 << 15, 1 << 20)
"""The least and the most that is fetched at once: where that is cut off, half as much is tried."""

PIECES_A_LOOK: Final = 16
"""So much of one stream before the others of the host are looked at again."""

OVERSHOOT_BYTES: Final = 1 << 20
"""How much more than its limit is kept of a stream."""


class Fetcher:
    """Fetches over *link*, and leaves *floor_bytes* of this machine's disk free."""

    def __init__(self, link: Link, floor_bytes: int) -> None:
        self._link = link
        self._floor_bytes = floor_bytes
        self._piece_bytes = PIECE_BYTES[1]
        self.is_lively = False
        """Whether something has come. Whoever asks sets it back."""

        self.has_more = False
        """Whether there was more than is fetched at once. As above."""

    def keep(self, attempt: Attempt, told: Told, output: bytes) -> None:
        """Keep what has come along, if that is all of both streams and nothing is here."""
        sizes = (told.stdout_bytes, told.stderr_bytes)
        if not output or sum(sizes) != len(output) or any(map(attempt.size, STREAMS)):
            return
        for stream, begin, size in zip(STREAMS, (0, sizes[0]), sizes, strict=True):
            if self._has_room(attempt, size):
                attempt.append(stream, output[begin : begin + size])

    async def fetch(self, attempt: Attempt, told: Told) -> bool:
        """
        Fetch what is new, as *told*. Returns whether all that is to come is here.

        Raises what `Link.call` raises, and OSError: it cannot be kept here.
        """
        is_whole = True
        for stream, there in zip(STREAMS, (told.stdout_bytes, told.stderr_bytes), strict=True):
            is_whole = await self._fetch_stream(attempt, stream, there) and is_whole
        if told.progress_bytes:
            at = max(0, told.progress_bytes - spool.PROGRESS_TAIL_BYTES)
            data = await self._read(attempt, spool.PROGRESS, at, spool.PROGRESS_TAIL_BYTES)
            attempt.keep_progress(data)
        return is_whole

    async def _fetch_stream(self, attempt: Attempt, stream: str, there: int) -> bool:
        limit = attempt.output_bytes
        most = there if limit is None else min(there, limit + OVERSHOOT_BYTES)
        here = attempt.size(stream)
        for _ in range(PIECES_A_LOOK):
            if here >= most:
                return True
            size = min(self._piece_bytes, most - here)
            if not self._has_room(attempt, size):
                return not attempt.is_to_have_all
            try:
                data = await self._read(attempt, stream, here, size)
            except Cut:
                self._piece_bytes = max(self._piece_bytes // 2, PIECE_BYTES[0])
                raise
            self._piece_bytes = min(self._piece_bytes * 2, PIECE_BYTES[1])
            if not data:
                return True  # its command has cut it
            attempt.append(stream, data)
            reach("ssh.after_append")
            self.is_lively = True
            here += len(data)
        self.has_more = here < most
        return not self.has_more

    def _has_room(self, attempt: Attempt, size: int) -> bool:
        if (words := lack_of_room(attempt.folder, size, self._floor_bytes)) is not None:
            attempt.no_room(words)
        return words is None

    async def _read(self, attempt: Attempt, name: str, at: int, most: int) -> bytes:
        key = key_on_host(attempt.key)
        return await self._link.call("read", key, name, str(at), str(most), most=most)


def lack_of_room(folder: str, size: int, floor_bytes: int) -> str | None:
    """Say why *size* bytes more in *folder* are too many, if they are."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free - size >= floor_bytes:
        return None
    return (
        f"only {free >> 20} MiB were left where its output is kept;"
        f" {floor_bytes >> 20} must stay free"
    )
