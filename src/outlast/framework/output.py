"""A job's output on our own stdout and stderr, byte for byte."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from ..core.job import Job

if TYPE_CHECKING:
    from ..engine.follow import Mark, Piece


MAX_LINE_BYTES: Final = 1 << 20
"""A line of several nodes' output that is longer is broken."""


def copy(events: Iterable[Piece | Job], marks: dict[str, Mark]) -> Job | None:
    """
    Write what is printed until there is no more. Returns the job as last seen.

    *marks* is kept up to date: where the next byte of each stream is.
    """
    job: Job | None = None
    for event in events:
        if isinstance(event, Job):
            job = event
        else:
            write(event)
            marks[event.stream] = event.end
    return job


def copy_lines(events: Iterable[Piece | Job], job: Job) -> Job:
    """
    Write what the nodes of *job* print, line by line, each behind its node's name, until there
    is no more. Returns the job as last seen.
    """
    begun: dict[tuple[int, str], bytes] = {}
    for event in events:
        if isinstance(event, Job):
            job = event
            continue
        place = (event.node, event.stream)
        *lines, rest = (begun.get(place, b"") + event.data).split(b"\n")
        begun[place] = rest
        _write_lines(job, place, lines)
        if len(rest) > MAX_LINE_BYTES:
            _write_lines(job, place, [begun.pop(place)])
    for place, rest in begun.items():
        _write_lines(job, place, [rest] if rest else [])
    return job


def _write_lines(job: Job, place: tuple[int, str], lines: Sequence[bytes]) -> None:
    index, name = place
    prefix = f"{job.nodes[index].name}: ".encode()
    stream = sys.stdout if name == "stdout" else sys.stderr
    stream.flush()
    write_all(stream.fileno(), b"".join(prefix + line + b"\n" for line in lines))


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
