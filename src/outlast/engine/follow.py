"""
Following nodes: what they print, as it comes, and how their job stands.

Woken by the files growing and by the supervisor's news; a clock only limits the stay. In the first
moments at one node, its files are looked at instead: to watch them costs more than a short command.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from ..core.job import Job, JobId
from ..errors import InvalidRequest
from ..shim import spool

if TYPE_CHECKING:
    from ..ports.clock import Clock
    from ..ports.supervision import News
    from .growth import Growth

PIECE_BYTES: Final = 1 << 20
PIECES_A_TURN: Final = 16
"""So much of one stream before the other one, and the job, are looked at again."""

COALESCE_S: Final = 0.002
"""A pause after each waking: a command that prints line by line costs a look a pause, not a line."""

SHORT_S: Final = 1.0
"""
A stay at one node that is over by then watches no file. The kernel takes some 14 ms to close an inotify that
has watched anything (it waits for all its readers, synchronize_srcu), also where a process just exits.
"""

BLIND_LOOK_S: Final = 0.05
"""Between two looks at files that are not watched, at the most; and never more than a fifth of the stay."""

RECONNECT: Final = timedelta(seconds=2)


class Follow(NamedTuple):
    """Follow the output of one node, or of *nodes*, and not longer than *timeout*."""

    job_id: JobId
    node: int = 0
    offsets: Mapping[str, int] = {spool.STDOUT: 0, spool.STDERR: 0}
    """The streams to give, and from which byte on."""

    attempt: int | None = None
    """Of which attempt, and then of those after it; None: of the current one."""

    timeout: timedelta | None = None
    tick: timedelta | None = None
    """Give the job so often, too, for those who show its progress."""

    drain: timedelta | None = None
    """After the command's own end, stay no longer than this for what its children print."""

    nodes: tuple[int, ...] = ()
    """Several at once, in place of *node*."""

    @property
    def followed(self) -> tuple[int, ...]:
        """The nodes to follow."""
        return self.nodes or (self.node,)


class Mark(NamedTuple):
    """Where a stream goes on: at this byte of what was printed in this attempt."""

    offset: int
    attempt: int = 1


class Piece(NamedTuple):
    """Some bytes of a stream, and where they begin."""

    stream: str
    offset: int
    data: bytes
    node: int = 0
    attempt: int = 1

    @property
    def end(self) -> Mark:
        """Where the stream goes on."""
        return Mark(self.offset + len(self.data), self.attempt)


def first_attempt(request: Follow, job: Job, index: int) -> int:
    """
    Return the attempt with which a node's output begins; 1 before there is any.

    Raises:
        InvalidRequest: There is no such attempt.
    """
    current = max(1, job.nodes[index].attempt)
    if request.attempt is None:
        return current
    if not 1 <= request.attempt <= current:
        raise InvalidRequest(f"{job.id} has no attempt {request.attempt}: it has 1 to {current}")
    return request.attempt


class Following:
    """One caller's stay. *read* returns the job as stored, *subscribe* makes us hear of changes."""

    def __init__(
        self,
        request: Follow,
        clock: Clock,
        read: Callable[[], Job],
        subscribe: Callable[[], News],
        folder_of: Callable[[Job, int, int], str],
    ) -> None:
        self._request = request
        self._clock = clock
        self._read = read
        self._subscribe = subscribe
        self._folder_of = folder_of
        self._growth: Growth | None = None
        self._must_look = False
        self._news: News | None = None
        self._begun = clock.monotonic()
        self._ended: float | None = None
        self._streams: list[_Stream] = []

    def events(self, job: Job) -> Iterator[Piece | Job]:
        """Yield what happens to *job*, just read; see `Service.follow`."""
        self._check(job)
        self._begun = self._clock.monotonic()
        is_sparse = job.spec.on_output_limit == "discard"
        self._streams = [
            _Stream(*each, is_sparse, node, first_attempt(self._request, job, node))
            for node in self._request.followed
            for each in self._request.offsets.items()
        ]
        try:
            if not job.is_silent:
                self._news = self._subscribe()
                job = self._read()  # what changed before we listened
            yield job
            while True:
                # Over before the files are read: then what is in them is all there will be.
                over = job.is_silent
                yield from self._pieces(job)
                has_more = any(stream.has_more for stream in self._streams)
                left = self._left(job)
                if over and not has_more:
                    return
                if left == 0:
                    # Whoever only looks, or has come to the end, is not given half of it.
                    if job.is_terminal or self._request.timeout == timedelta(0):
                        for stream in self._streams:
                            yield from stream.rest()
                    return
                if not has_more and self._news is not None and self._wait(self._news, left):
                    job = self._read()
                    yield job
        finally:
            self._close()

    def _check(self, job: Job) -> None:
        for node in self._request.followed:
            if not 0 <= node < len(job.nodes):
                raise InvalidRequest(f"{job.id} has no node {node}: 0 to {len(job.nodes) - 1}")
        for stream, offset in self._request.offsets.items():
            if stream not in (spool.STDOUT, spool.STDERR):
                raise InvalidRequest(f"there is no stream {stream!r}: stdout or stderr")
            if offset < 0:
                raise InvalidRequest("offset is not negative")

    def _pieces(self, job: Job) -> Iterator[Piece]:
        for stream in self._streams:
            while stream.attempt < job.nodes[stream.node].attempt:
                # Of which there is no more to come than is there.
                folder = self._folder_of(job, stream.node, stream.attempt)
                yield from stream.all_of(folder)
                stream.go_on()
        begun = [
            (self._folder_of(job, stream.node, stream.attempt), stream)
            for stream in self._streams
            if job.nodes[stream.node].attempt
        ]
        if self._news is not None and begun:
            self._watch([f"{folder}/{stream.name}" for folder, stream in begun])
        for folder, stream in begun:
            yield from stream.read(folder)

    def _watch(self, paths: Sequence[str]) -> None:
        """Be told of what is written from now on; else, or while that may be cheaper, look."""
        if self._growth is None and not self._may_be_short():
            from .growth import Growth  # not for who never gets here

            self._growth = Growth()
        self._must_look = self._growth is None or self._growth.fd is None
        if self._growth is not None:
            # Watched first, then read: nothing is written unseen in between.
            self._growth.watch(paths)
            self._growth.clear()

    def _may_be_short(self) -> bool:
        """Whether looking may still be cheaper: at one node's files, and at no job on every tick."""
        is_plain = len(self._request.followed) == 1 and self._request.tick is None
        return is_plain and self._clock.monotonic() - self._begun < SHORT_S

    def _left(self, job: Job) -> float | None:
        """Return how many seconds are left to stay; 0: none; None: as many as it takes."""
        now = self._clock.monotonic()
        limits = []
        if self._request.timeout is not None:
            limits.append(self._begun + self._request.timeout.total_seconds() - now)
        if job.is_terminal:
            self._ended = now if self._ended is None else self._ended
            if self._request.drain is not None:
                limits.append(self._ended + self._request.drain.total_seconds() - now)
        return max(0.0, min(limits)) if limits else None

    def _wait(self, news: News, left: float | None) -> bool:
        """Sleep until something happens; True if it may have happened to the job."""
        waits = [left] if left is not None else []
        tick = self._request.tick
        if tick is not None:
            waits.append(tick.total_seconds())
        if (fd := news.fileno()) is None:
            return news.wait_changed(min([RECONNECT, *map(_seconds, waits)]))
        listened = [fd]
        if self._growth is not None and self._growth.fd is not None:
            listened.append(self._growth.fd)
        if self._must_look and tick is None:  # each tick is a look, too
            waits.append(pause_s(self._clock.monotonic() - self._begun))
        ready, _, _ = select.select(listened, [], [], min(waits, default=None))
        if fd in ready:
            while news.wait_changed(timedelta(0)) and news.fileno() is not None:
                pass
            return True
        if ready:
            select.select([], [], [], COALESCE_S)
            return False
        return tick is not None

    def _close(self) -> None:
        if self._growth is not None:
            self._growth.close()
        for stream in self._streams:
            stream.close()
        if self._news is not None:
            self._news.close()


class _Stream:
    """One output stream's file, read from an offset on."""

    def __init__(self, name: str, offset: int, is_sparse: bool, node: int, attempt: int) -> None:
        self.name = name
        self.node = node
        self.attempt = attempt
        self._offset = offset
        self._is_sparse = is_sparse
        self._fd: int | None = None
        self.has_more = False

    def read(self, folder: str) -> Iterator[Piece]:
        """Yield what is there by now, but not without end; `has_more` says if there is more."""
        self.has_more = False
        if self._fd is None:
            try:
                self._fd = os.open(f"{folder}/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return
        for _ in range(PIECES_A_TURN):
            if (piece := self._next(self._fd)) is None:
                return
            yield piece
        self.has_more = True

    def all_of(self, folder: str) -> Iterator[Piece]:
        """Yield all that is left of an attempt that is over."""
        self.has_more = True
        while self.has_more:
            yield from self.read(folder)

    def go_on(self) -> None:
        """Begin at the next attempt's first byte."""
        self.close()
        self._offset = 0
        self.attempt += 1

    def rest(self) -> Iterator[Piece]:
        """Yield all that is there at this moment, and not what comes meanwhile."""
        size = 0 if self._fd is None else os.fstat(self._fd).st_size
        while self._fd is not None and self._offset < size:
            if (piece := self._next(self._fd)) is None:
                return
            yield piece

    def _next(self, fd: int) -> Piece | None:
        if self._is_sparse:
            self._skip_discarded(fd)
        data = os.pread(fd, PIECE_BYTES, self._offset)
        piece = Piece(self.name, self._offset, data, self.node, self.attempt)
        self._offset += len(data)
        return piece if data else None

    def _skip_discarded(self, fd: int) -> None:
        """Go to where the output begins that was kept: before it, the file has a hole."""
        with suppress(OSError):  # at its end, or on a file system that knows of no holes
            self._offset = os.lseek(fd, self._offset, os.SEEK_DATA)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def pause_s(stayed_s: float) -> float:
    """Return how long to sleep between two looks at files, after a stay of so many seconds."""
    return max(COALESCE_S, min(BLIND_LOOK_S, stayed_s / 5))


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
