"""A container's two streams of output, taken apart as the engine sends them."""

from __future__ import annotations

import os

from . import spool

_HEAD_BYTES = 8
_ENGINES = "engine"
_STREAMS = {0: spool.STDOUT, 1: spool.STDOUT, 2: spool.STDERR, 3: _ENGINES}
"""Where the streams go. What comes in the last of them nobody printed: it is the engine's own
fault, for which it does not tell the rest of the log."""

_COMPLAINT_BYTES = 2000

_PIECE_BYTES = 1 << 14
"""Of a line that is longer, Docker's log has pieces of so many bytes; Podman's are shorter."""


class _LongLine:
    """
    Where a stream of a log is in a line that is in pieces: Docker 20.10 tells the last one
    without the line's end, which is not known to have been there until something follows.
    """

    def __init__(self) -> None:
        self._goes_on = False
        self._lacks_end = False

    def missing(self) -> bytes:
        """Return what was between the piece before and the one that comes now."""
        end = b"\n" if self._lacks_end else b""
        self._lacks_end = False
        return end

    def add(self, size: int, *, ends: bool) -> None:
        """A piece of so many bytes is over, and *ends* a line or does not."""
        self._lacks_end = self._goes_on and not ends and size < _PIECE_BYTES
        self._goes_on = not ends and size == _PIECE_BYTES


class Muxed:
    """
    Puts what an engine's log says at the end of an attempt's `stdout` and `stderr`.

    The engine always tells its log from the beginning: of each stream as much is passed over as
    the file has already, so that whoever takes over writes nothing twice. A frame is a head of
    eight bytes (the stream, three zeros, the length) and what was printed.
    """

    def __init__(self, folder: str) -> None:
        self._files: dict[str, int] = {}
        self._passed_over: dict[str, int] = {}
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        for stream in (spool.STDOUT, spool.STDERR):
            self._files[stream] = os.open(f"{folder}/{stream}", flags, 0o600)
        self._long: dict[str, _LongLine] = {}
        self._complaint = b""
        self.begin_anew()
        self._long.clear()  # what is told before that is no log, but comes as it was printed

    def begin_anew(self, *, cuts: bool = False) -> None:
        """
        The log is told from its beginning again. *cuts*: what a file has already is held against
        it, and cut off where it is something else.
        """
        self._cuts = cuts
        self._unread = b""
        self._stream = spool.STDOUT
        self._size = self._left = 0
        self._long = {stream: _LongLine() for stream in self._files}
        for stream, fd in self._files.items():
            self._passed_over[stream] = os.fstat(fd).st_size

    def take(self, data: bytes) -> None:
        """Take in what comes next of the log. Raises OSError where it cannot be written."""
        view = self._unread + data
        at = 0
        pieces: dict[str, list[bytes]] = {stream: [] for stream in (*self._files, _ENGINES)}
        while True:
            if self._left:
                piece = view[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                pieces[self._stream].append(piece)
                if not self._left and (line := self._long.get(self._stream)):
                    line.add(self._size, ends=piece.endswith(b"\n"))
                    if self._size == _PIECE_BYTES and self._has_end(pieces[self._stream]):
                        pieces[self._stream].append(b"\n")
                        line.add(0, ends=True)
            if self._left or len(view) - at < _HEAD_BYTES:
                break
            self._stream = _STREAMS.get(view[at], spool.STDOUT)
            self._size = self._left = int.from_bytes(view[at + 4 : at + 8], "big")
            at += _HEAD_BYTES
            if self._left and (line := self._long.get(self._stream)):
                pieces[self._stream].append(line.missing())
        self._unread = view[at:] if not self._left else b""
        complaint = self._complaint + b"".join(pieces.pop(_ENGINES))
        self._complaint = complaint[:_COMPLAINT_BYTES]
        for stream, found in pieces.items():
            self._write(stream, b"".join(found))

    def _has_end(self, pending: list[bytes]) -> bool:
        """
        Whether the file has a line's end behind what is told by now and not yet passed over: of a
        line of so many whole pieces Docker's log tells none, and of what is new nobody knows.
        """
        ahead = self._passed_over[self._stream] - sum(map(len, pending))
        if ahead <= 0:
            return False
        fd = self._files[self._stream]
        return os.pread(fd, 1, os.fstat(fd).st_size - ahead) == b"\n"

    def _write(self, stream: str, data: bytes) -> None:
        passed = min(self._passed_over[stream], len(data))
        if self._cuts and passed:
            passed = self._cut_what_differs(stream, data[:passed])
        self._passed_over[stream] -= min(passed, self._passed_over[stream])
        data = data[passed:]
        while data:
            data = data[os.write(self._files[stream], data) :]

    def _cut_what_differs(self, stream: str, told: bytes) -> int:
        """Return how much of what is *told* the file has at that place; cut it behind that."""
        fd = self._files[stream]
        at = os.fstat(fd).st_size - self._passed_over[stream]
        here = os.pread(fd, len(told), at)
        if here == told:
            return len(told)
        differs = (i for i, (a, b) in enumerate(zip(here, told, strict=False)) if a != b)
        same = next(differs, len(here))
        os.ftruncate(fd, at + same)
        self._passed_over[stream] = same
        return same

    @property
    def complaint(self) -> str | None:
        """Why the engine has not told all that was printed, for people; None if it has."""
        words = " ".join(self._complaint.decode(errors="replace").split())
        return f"the engine does not tell all that was printed: {words}" if words else None

    def say(self, words: str) -> None:
        """End `stderr` with a line of ours, unless it ends so already."""
        line = f"{words}\n".encode()
        path_fd = self._files[spool.STDERR]
        size = os.fstat(path_fd).st_size
        fd = os.open(f"/proc/self/fd/{path_fd}", os.O_RDONLY)
        try:
            tail = os.pread(fd, len(line) + 1, max(0, size - len(line) - 1))
        finally:
            os.close(fd)
        if tail in (line, b"\n" + line):
            return
        os.write(path_fd, (b"" if not tail or tail.endswith(b"\n") else b"\n") + line)

    def close(self) -> None:
        """Write no more."""
        for fd in self._files.values():
            os.close(fd)
