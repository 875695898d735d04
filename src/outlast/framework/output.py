"""A job's output on our own stdout and stderr, byte for byte."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..core.job import Job

if TYPE_CHECKING:
    from ..engine.follow import Piece


def copy(events: Iterable[Piece | Job], offsets: dict[str, int]) -> Job | None:
    """
    Write what is printed until there is no more. Returns the job as last seen.

    *offsets* is kept up to date: where the next byte of each stream is.
    """
    job: Job | None = None
    for event in events:
        if isinstance(event, Job):
            job = event
        else:
            write(event)
            offsets[event.stream] = event.offset + len(event.data)
    return job


def write(piece: Piece) -> None:
    """Write a piece of a stream to ours of the same name."""
    stream = sys.stdout if piece.stream == "stdout" else sys.stderr
    stream.flush()
    write_all(stream.fileno(), piece.data)


def write_all(fd: int, data: bytes) -> None:
    """Write all of *data*, also to a descriptor that somebody made non-blocking."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            select.select([], [fd], [])
