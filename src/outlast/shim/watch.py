"""Watching a command's output files: their limit, the disk's floor, and silence."""

from __future__ import annotations

import fcntl
import os

from . import spool, system
from .command import Message

LOOK_MS = 50
"""Between two looks while output grows. What is written in between may pass a limit."""

LOOK_BLIND_MS = 1000
"""Between two looks where the kernel does not tell of changes."""

_BLOCK = 4096


class Output:
    """
    The output of one attempt, looked at when it grows; that was at *grown_at_ms* for the last time.

    The kernel tells of the first change (`F_NOTIFY`, one shot, SIGIO: fcntl(2)); then it is
    looked at every 50 ms until it rests. A tick for each of 2,000 quiet jobs would cost more
    than all the rest, and inotify allows a user only 128 instances.
    """

    def __init__(self, folder: str, message: Message, grown_at_ms: int) -> None:
        self._folder = folder
        self._limit: int | None = message["output_bytes"]
        self._discards = message["on_output_limit"] == "discard"
        self._floor: int = message["floor_bytes"]
        self._idle_ms: int | None = message["idle_timeout_ms"]
        self._sizes = self._look_sizes()
        self._punched = {spool.STDOUT: 0, spool.STDERR: 0}
        self._grown_at = grown_at_ms
        self._look_at: int | None = grown_at_ms
        """The first look orders the news: until then the record is written beside the output."""
        self._is_idle = False
        """Silence has been told: once is enough."""
        self._fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        """Ask for no more news."""
        os.close(self._fd)

    def next_look_ms(self) -> int | None:
        """When `look` is due, on the monotonic clock; None: at the next signal."""
        times = [] if self._look_at is None else [self._look_at]
        if self._idle_ms is not None and not self._is_idle:
            times.append(self._grown_at + self._idle_ms)
        return min(times, default=None)

    def look(self, now_ms: int, *, was_told: bool) -> tuple[str, str | None] | None:
        """
        Return the reason and words for which the command must end; None if it may go on.

        *was_told* says that the kernel told of a change, which it does once: of the output, of
        the progress, or of the record that we write beside them.
        """
        sizes = self._look_sizes()
        if sizes != self._sizes:
            self._sizes = sizes
            self._grown_at = now_ms
            self._look_at = now_ms + LOOK_MS
            return self.too_much()
        if self._look_at is not None and now_ms >= self._look_at:
            self._ask_to_be_told(now_ms)
        elif was_told and self._look_at is None:
            self._look_at = now_ms + LOOK_MS
        if self._idle_ms is None or self._is_idle:
            return None
        if now_ms - self._grown_at >= self._idle_ms:
            self._is_idle = True
            seconds = self._idle_ms / 1000
            return "idle_timeout", f"TimeoutError: No output for {seconds:g}s"
        return None

    def _ask_to_be_told(self, now_ms: int) -> None:
        if system.LINUX:
            fcntl.fcntl(self._fd, fcntl.F_NOTIFY, fcntl.DN_MODIFY)
            # What grew between the last look and this order must not be missed.
            self._look_at = None if self._look_sizes() == self._sizes else now_ms
        else:  # pragma: no cover - elsewhere than on Linux
            self._look_at = now_ms + LOOK_BLIND_MS

    def _look_sizes(self) -> tuple[int, int]:
        return (
            spool.output_size(self._folder, spool.STDOUT),
            spool.output_size(self._folder, spool.STDERR),
        )

    def too_much(self) -> tuple[str, str] | None:
        """Return the reason and words for which what is there by now is too much; None if not."""
        free = system.free_bytes(self._fd)
        if free < self._floor:
            return "disk_full", (
                f"only {free >> 20} MiB were left where the output goes;"
                f" {self._floor >> 20} must stay free"
            )
        if self._limit is None:
            return None
        for stream, size in zip((spool.STDOUT, spool.STDERR), self._sizes, strict=True):
            if size - self._punched[stream] <= self._limit:
                continue
            if self._discards and self._discard(stream, size):
                continue
            return "output_limit", f"{stream} passed its limit of {self._limit:,} bytes"
        return None

    def _discard(self, stream: str, size: int) -> bool:
        """Give the oldest output's blocks back, down to half the limit; offsets stay true."""
        keep = (self._limit or 0) // 2
        until = (size - keep) // _BLOCK * _BLOCK
        start = self._punched[stream]
        fd = os.open(f"{self._folder}/{stream}", os.O_WRONLY)
        try:
            if not system.punch_hole(fd, start, until - start):
                return False
        finally:
            os.close(fd)
        self._punched[stream] = until
        return True
